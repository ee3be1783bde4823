"""Every write of channels, publish attempts and media."""

import unicodedata
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, BinaryIO

from django.conf import settings
from django.db import IntegrityError, transaction

from apps import storage
from apps.shared import journal
from apps.shared.actors import Actor
from apps.shared.encryption import Undecryptable
from apps.shared.errors import InvalidInput, OperationRefused
from apps.shared.redaction import redact
from apps.shared.transitions import touched

from .models import Channel, ChannelScore, MediaAsset, PublishAttempt
from .platforms.base import Connection, ConnectionCheck, Source
from .scoring import Scored
from .statuses import (
    ATTEMPT_MOVES,
    CHANNEL_MOVES,
    AttemptStatus,
    ChannelStatus,
    ChannelType,
    MediaKind,
    Platform,
)


class ChannelDisconnected(OperationRefused):
    """This channel is disconnected. Connect the site again first."""

    code = "channel_disconnected"


class SecretUnreadable(OperationRefused):
    """The stored password cannot be read any more. Make a new one on the platform and connect the channel again."""

    code = "secret_unreadable"


class AttemptUnderWay(OperationRefused):
    """This is being published on this channel at the moment."""

    code = "attempt_under_way"


@dataclass(frozen=True)
class WordPressSite:
    """What a person enters to connect a WordPress site. `application_password` empty keeps the stored one."""

    name: str
    site_url: str
    username: str
    application_password: str = field(repr=False)
    publish_as: str = "publish"


def connect_wordpress(tenant_id, site: WordPressSite, *, by: Actor, at: datetime) -> Channel:
    """Keep a WordPress site as a channel; the password is sealed. A disconnected one of the same site and user comes back.

    Raises InvalidInput when the site is connected already.
    """
    external_id = f"{site.site_url.rstrip('/')}|{site.username}"
    entered: dict[str, Any] = {
        "name": site.name,
        "external_url": site.site_url,
        "access_token": site.application_password,
        "metadata": {"username": site.username, "publish_as": site.publish_as},
    }
    former = Channel.objects.filter(
        tenant_id=tenant_id, platform=Platform.WORDPRESS, external_id=external_id, status=ChannelStatus.REVOKED
    ).first()
    if former is not None:
        return CHANNEL_MOVES.perform(
            former, "connect", by=by, at=at, error_message="", last_verified_at=None, **entered
        )
    channel = Channel(
        tenant_id=tenant_id,
        platform=Platform.WORDPRESS,
        channel_type=ChannelType.CMS,
        external_id=external_id,
        created_by=by.user,
        created_on=at,
        **entered,
    )
    return _added(channel, taken="This site is connected with this user already.", by=by, at=at)


@dataclass(frozen=True)
class Account:
    """A client's account on a platform to which people publish by hand: nothing of ours signs in there."""

    platform: str
    name: str
    address: str


TYPE_OF_PLATFORM = {
    Platform.LINKEDIN: ChannelType.SOCIAL,
    Platform.FACEBOOK: ChannelType.SOCIAL,
    Platform.INSTAGRAM: ChannelType.SOCIAL,
    Platform.X_TWITTER: ChannelType.SOCIAL,
    Platform.TIKTOK: ChannelType.SOCIAL,
    Platform.GOOGLE_BUSINESS_PROFILE: ChannelType.LOCAL,
    Platform.MAILCHIMP: ChannelType.EMAIL,
    Platform.KLAVIYO: ChannelType.EMAIL,
}


def name_account(tenant_id, account: Account, *, by: Actor, at: datetime) -> Channel:
    """Keep an account as a channel without any credential: posts are planned for it, and people put them out.

    Raises InvalidInput for a platform that takes no posts, and for an account that is there already.
    """
    if account.platform not in TYPE_OF_PLATFORM:
        raise InvalidInput({"platform": ["Nothing is published by hand on this platform."]})
    channel = Channel(
        tenant_id=tenant_id,
        platform=account.platform,
        channel_type=TYPE_OF_PLATFORM[Platform(account.platform)],
        name=account.name,
        external_id=account.address.rstrip("/"),
        external_url=account.address,
        created_by=by.user,
        created_on=at,
    )
    return _added(channel, taken="This account is there already.", by=by, at=at)


def _added(channel: Channel, *, taken: str, by: Actor, at: datetime) -> Channel:
    try:
        with transaction.atomic():
            channel.save()
            journal.record(
                "channel.added", channel, by=by, at=at, after={"name": channel.name, "platform": channel.platform}
            )
    except IntegrityError as error:
        raise InvalidInput({"site_url": [taken]}) from error
    return channel


def edit_wordpress(channel: Channel, site: WordPressSite, *, by: Actor, at: datetime) -> Channel:
    """Change the settings of a WordPress channel; an empty password keeps the stored one. Raises InvalidInput."""
    with transaction.atomic():
        channel = Channel.objects.select_for_update(of=("self",)).get(pk=channel.pk)
        before = {"name": channel.name, "external_url": channel.external_url, **channel.metadata}
        channel.name, channel.external_url = site.name, site.site_url
        channel.external_id = f"{site.site_url.rstrip('/')}|{site.username}"
        channel.metadata = {**channel.metadata, "username": site.username, "publish_as": site.publish_as}
        changed = ["name", "external_url", "external_id", "metadata"]
        if site.application_password:
            channel.access_token = site.application_password
            changed.append("access_token")
        for column, value in touched(Channel, by=by, at=at).items():
            setattr(channel, column, value)
            changed.append(column)
        try:
            with transaction.atomic():
                channel.save(update_fields=changed)
        except IntegrityError as error:
            raise InvalidInput({"site_url": ["This site is connected with this user already."]}) from error
        after = {"name": channel.name, "external_url": channel.external_url, **channel.metadata}
        journal.record("channel.edited", channel, by=by, at=at, before=before, after=after)
    return channel


def record_check(channel: Channel, check: ConnectionCheck, *, by: Actor, at: datetime) -> Channel:
    """Keep what a connection test found: the channel is connected, or in error with the cause a person can act on."""
    if check.ok:
        if channel.status != ChannelStatus.CONNECTED:
            return CHANNEL_MOVES.perform(channel, "connect", by=by, at=at, last_verified_at=at, error_message="")
        Channel.objects.filter(pk=channel.pk).update(last_verified_at=at, **touched(Channel, by=by, at=at))
        channel.refresh_from_db()
        return channel
    if channel.status == ChannelStatus.CONNECTED:
        return CHANNEL_MOVES.perform(channel, "report_error", by=by, at=at, error_message=check.detail)
    Channel.objects.filter(pk=channel.pk).update(error_message=check.detail, **touched(Channel, by=by, at=at))
    channel.refresh_from_db()
    return channel


def disconnect(channel: Channel, *, by: Actor, at: datetime) -> Channel:
    """Nothing more is sent to this channel; its secrets are forgotten."""
    return CHANNEL_MOVES.perform(channel, "disconnect", by=by, at=at, access_token=None, refresh_token=None)


def connection_of(channel: Channel) -> Connection:
    """How to reach the channel, its secret opened for the one call that needs it.

    Raises ChannelDisconnected when it has none, SecretUnreadable when it does not open.
    """
    if channel.status == ChannelStatus.REVOKED:
        raise ChannelDisconnected
    try:
        secret = channel.access_token.open() if channel.access_token else ""
    except Undecryptable as error:
        raise SecretUnreadable from error
    address: dict[str, str] = {
        Platform.WORDPRESS: settings.WORDPRESS_BASE_URL or channel.external_url,
        Platform.GOOGLE_SEARCH_CONSOLE: settings.GOOGLE_APIS_BASE_URL,
        Platform.GOOGLE_ANALYTICS: settings.GOOGLE_ANALYTICS_BASE_URL,
    }
    return Connection(
        base_url=address.get(channel.platform, channel.external_url),
        username=channel.metadata.get("username", ""),
        secret=secret,
        settings={key: value for key, value in channel.metadata.items() if key != "username"},
    )


def source_of(channel: Channel) -> Source:
    """The channel as it is read: its connection, and what its platform calls it. Raises what `connection_of` raises."""
    return Source(connection_of(channel), channel.name_there)


def record_score(channel: Channel, scored: Scored, *, period: str, since: datetime, by: Actor, at: datetime) -> Channel:
    """Keep what the channel scored in the month `period` (YYYY-MM), and what it scored before, for the difference.

    Whoever asked for it at `since` gets one score: one of this month that the channel was given meanwhile stands. Raises
    ChannelDisconnected for a channel that is not connected any more.
    """
    with transaction.atomic():
        channel = Channel.objects.select_for_update(of=("self",)).get(pk=channel.pk)
        if channel.status != ChannelStatus.CONNECTED:
            raise ChannelDisconnected
        if is_scored(channel, period=period, since=since):
            return channel
        at = max(at, since)  # of two machines, the one that asked may be ahead
        before = {"score": channel.score}
        ChannelScore.objects.create(
            tenant_id=channel.tenant_id,
            channel=channel,
            score=scored.score,
            score_breakdown=scored.breakdown,
            scoring_criteria=scored.criteria,
            scored_on=at,
            period=period,
            created_by=by.user,
            created_on=at,
        )
        changes = {
            "score": scored.score,
            "score_previous": channel.score,
            "score_breakdown": scored.breakdown,
            "score_calculated_at": at,
            **touched(Channel, by=by, at=at),
        }
        for column, value in changes.items():
            setattr(channel, column, value)
        channel.save(update_fields=list(changes))
        journal.record(
            "channel.scored", channel, by=by, at=at, before=before, after={"score": scored.score, "period": period}
        )
    return channel


def is_scored(channel: Channel, *, period: str, since: datetime) -> bool:
    """Whether it has a score of this month from then or later."""
    return ChannelScore.objects.filter(channel=channel, period=period, scored_on__gte=since).exists()


def open_attempt(subject_ref: str, channel: Channel) -> PublishAttempt | None:
    """The attempt that is prepared, sent or unknown for this subject and channel; there is one at most."""
    return PublishAttempt.objects.filter(
        subject_ref=subject_ref,
        channel=channel,
        status__in=[AttemptStatus.PREPARED, AttemptStatus.SENT, AttemptStatus.UNKNOWN],
    ).first()


def prepare_attempt(
    *,
    subject_type: str,
    subject_ref: str,
    channel: Channel,
    approval_ref: str,
    content_sha256: str,
    request_summary: dict[str, Any],
    by: Actor,
    at: datetime,
) -> PublishAttempt:
    """Write down what is going to be sent, before anything is. Marker and key follow from the row's own ref_id."""
    attempt = PublishAttempt(
        tenant_id=channel.tenant_id,
        subject_type=subject_type,
        subject_ref=subject_ref,
        channel=channel,
        approval_ref=approval_ref,
        content_sha256=content_sha256,
        request_summary=redact(request_summary),
        created_by=by.user,
        created_on=at,
    )
    attempt.marker = attempt.idempotency_key = f"lm-{attempt.ref_id.lower()}"
    try:
        with transaction.atomic():
            attempt.save()
            journal.record("publish.prepared", attempt, by=by, at=at, after={"subject": subject_ref})
    except IntegrityError as error:
        raise AttemptUnderWay from error
    return attempt


def mark_sent(attempt: PublishAttempt, *, by: Actor, at: datetime) -> PublishAttempt:
    """The irreversible request leaves next. From here on only the platform knows whether it arrived."""
    return ATTEMPT_MOVES.perform(
        attempt, "send", by=by, at=at, sent_on=at, settle_until=at + timedelta(seconds=settings.SETTLE_SECONDS)
    )


def mark_confirmed(
    attempt: PublishAttempt, *, external_id: str, url: str, response_summary: dict, by: Actor, at: datetime
) -> PublishAttempt:
    return ATTEMPT_MOVES.perform(
        attempt,
        "confirm",
        by=by,
        at=at,
        external_object_id=external_id,
        external_url=url,
        response_summary=redact(response_summary),
        confirmed_on=at,
    )


def mark_unknown(
    attempt: PublishAttempt, *, cause: str, response_summary: dict, by: Actor, at: datetime
) -> PublishAttempt:
    """No trustworthy answer came: it is looked up on the platform after the settle time, before anything else."""
    return ATTEMPT_MOVES.perform(
        attempt,
        "lose",
        by=by,
        at=at,
        failure_cause=cause[:100],
        response_summary=redact(response_summary),
        settle_until=at + timedelta(seconds=settings.SETTLE_SECONDS),
    )


def mark_failed(
    attempt: PublishAttempt, *, cause: str, next_step: str, response_summary: dict, by: Actor, at: datetime
) -> PublishAttempt:
    """Nothing is on the platform: it refused, or the request never left."""
    move = "stop" if attempt.status == AttemptStatus.PREPARED else "fail"
    return ATTEMPT_MOVES.perform(
        attempt,
        move,
        by=by,
        at=at,
        failure_cause=cause[:100],
        next_step=next_step[:255],
        response_summary=redact(response_summary),
    )


def prepare_again(attempt: PublishAttempt, *, by: Actor, at: datetime) -> PublishAttempt:
    """The platform says it is not there, after the settle time: the same attempt may be sent once more."""
    return ATTEMPT_MOVES.perform(attempt, "prepare_again", by=by, at=at, settle_until=None)


LONGEST_FILE_NAME = 255
KINDS = {"image": MediaKind.IMAGE, "video": MediaKind.VIDEO}  # by the first half of the content type


def add_media(file: BinaryIO, *, file_name: str, alt_text: str = "", by: Actor, at: datetime) -> MediaAsset:
    """Keep a file of the one client in scope: the body first, the row second. Call it outside a transaction.

    Type, size and digest are taken from the bytes, the key from the row's own ref_id. Raises InvalidInput for a name or
    text that cannot be kept, and what `storage.media.store` raises.
    """
    _refuse_unkeepable(file_name=file_name, alt_text=alt_text)
    asset = MediaAsset(file_name=file_name, alt_text=alt_text, created_by=by.user, created_on=at)
    stored = storage.media.store(file, asset_ref=asset.ref_id)
    asset.kind = KINDS.get(stored.content_type.partition("/")[0], MediaKind.DOCUMENT)
    asset.content_type, asset.bytes, asset.sha256 = stored.content_type, stored.size, stored.sha256
    asset.s3_key, asset.s3_version_id = stored.key, stored.version_id
    with transaction.atomic():
        asset.save(force_insert=True)
        journal.record(
            "media.added",
            asset,
            by=by,
            at=at,
            after={"file_name": file_name, "content_type": asset.content_type, "sha256": asset.sha256},
        )
    return asset


def _refuse_unkeepable(*, file_name: str, alt_text: str) -> None:
    """Before the body is written, so that nothing is left behind for a row that PostgreSQL would not take."""
    errors = {}
    if not file_name.strip() or len(file_name) > LONGEST_FILE_NAME:
        errors["file_name"] = [f"A file name has 1 to {LONGEST_FILE_NAME} characters."]
    elif any(unicodedata.category(character) in ("Cc", "Cs") for character in file_name):
        errors["file_name"] = ["Leave out control characters and line breaks."]
    if any(character == "\0" or unicodedata.category(character) == "Cs" for character in alt_text):
        errors["alt_text"] = ["Leave out control characters."]
    if errors:
        raise InvalidInput(errors)
