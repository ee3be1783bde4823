"""Recording what a sync found on an ads platform: each list is written whole or refused whole, and a second time adds nothing.

    record_campaigns(channel, [SyncedCampaign("123", "Brand", AdStatus.ACTIVE, ...)], by=by, at=at)

A row is known by its id on the platform. What is known already is brought up to date, its status by a move.
"""

import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any, TypeAlias

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.backends.postgresql.psycopg_any import DateRange

from apps.channels.models import Channel
from apps.shared import journal
from apps.shared.actors import Actor
from apps.shared.batches import BATCH
from apps.shared.errors import InvalidInput, OperationRefused
from apps.shared.ids import spell
from apps.shared.transitions import MoveRefused, Moves, touched

from ..models import REPORTED_BETWEEN, AdCampaign, AdCampaignDay, AdKeyword, SearchTermReport
from ..statuses import AdsPlatform

# What a sync brings up to date of a row that is there; statuses follow by moves.
UPDATED: dict[type[models.Model], list[str]] = {
    AdCampaign: "channel name campaign_type budget_amount budget_currency total_spend performance_snapshot "
    "last_synced_on".split(),
    AdKeyword: "channel text match_type bid_amount performance_snapshot last_synced_on".split(),
    AdCampaignDay: "impressions clicks conversions cost currency".split(),
    SearchTermReport: "channel impressions clicks conversions cost ctr synced_on".split(),
}
FAULTS_NAMED = 20  # of a list with more, the first ones say enough
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
CURRENCY = re.compile("[A-Z]{3}")
FIGURE = re.compile("[a-z_]{1,50}")


class NotAnAdsAccount(OperationRefused):
    """This channel is no account on an ads platform."""

    code = "not_an_ads_account"


@dataclass(frozen=True)
class SyncedCampaign:
    external_campaign_id: str
    name: str
    status: str
    campaign_type: str = ""
    budget_amount: Decimal | None = None
    budget_currency: str = ""
    total_spend: Decimal = Decimal(0)
    performance_snapshot: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class SyncedKeyword:
    external_campaign_id: str
    external_keyword_id: str
    text: str
    match_type: str
    status: str
    bid_amount: Decimal | None = None
    performance_snapshot: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class SyncedDay:
    external_campaign_id: str
    day: date
    impressions: int
    clicks: int
    conversions: Decimal
    cost: Decimal
    currency: str


@dataclass(frozen=True)
class SyncedSearchTerm:
    external_campaign_id: str
    search_term: str
    first_day: date
    last_day: date
    impressions: int
    clicks: int
    conversions: Decimal
    cost: Decimal
    ctr: Decimal


WithCampaign: TypeAlias = SyncedKeyword | SyncedDay | SyncedSearchTerm


@dataclass(frozen=True)
class Recorded:
    added: int
    updated: int


def record_campaigns(channel: Channel, found: Sequence[SyncedCampaign], *, by: Actor, at: datetime) -> Recorded:
    """Write the campaigns of this ads account. Raises InvalidInput for the rows that cannot be, MoveRefused when one
    that was removed is said to be back; nothing is stored then."""
    platform = _platform_of(channel)
    rows = [
        AdCampaign(channel=channel, platform=platform, last_synced_on=at, **_values(AdCampaign, one)) for one in found
    ]
    return _record(channel, rows, ("platform", "external_campaign_id"), "ad_campaign.recorded", by=by, at=at)


def record_keywords(channel: Channel, found: Sequence[SyncedKeyword], *, by: Actor, at: datetime) -> Recorded:
    """Write keywords of campaigns that are recorded already. Refuses as `record_campaigns` does."""
    campaigns = _campaigns_of(channel, found)
    rows = [
        AdKeyword(channel=channel, ad_campaign=campaign, last_synced_on=at, **_values(AdKeyword, one))
        for campaign, one in zip(campaigns, found, strict=True)
    ]
    return _record(channel, rows, ("ad_campaign", "external_keyword_id"), "ad_keyword.recorded", by=by, at=at)


def record_campaign_days(channel: Channel, found: Sequence[SyncedDay], *, by: Actor, at: datetime) -> Recorded:
    """Write the figures of days; a day's later figures replace the earlier ones. Raises InvalidInput."""
    campaigns = _campaigns_of(channel, found)
    rows = [
        AdCampaignDay(ad_campaign=campaign, **_values(AdCampaignDay, one))
        for campaign, one in zip(campaigns, found, strict=True)
    ]
    return _record(channel, rows, ("ad_campaign", "day"), "ad_campaign_day.recorded", by=by, at=at)


def record_search_terms(channel: Channel, found: Sequence[SyncedSearchTerm], *, by: Actor, at: datetime) -> Recorded:
    """Write what people searched for between two days, both included. Raises InvalidInput."""
    _refuse(
        {
            f"{n}.last_day": ["The range ends before it starts, or lies outside what is kept."]
            for n, one in enumerate(found)
            if not REPORTED_BETWEEN[0] <= one.first_day <= one.last_day < REPORTED_BETWEEN[1]
        }
    )
    campaigns = _campaigns_of(channel, found)
    rows = [
        SearchTermReport(
            channel=channel,
            ad_campaign=campaign,
            report_date_range=DateRange(one.first_day, one.last_day + timedelta(days=1)),  # as PostgreSQL prints it
            synced_on=at,
            **_values(SearchTermReport, one),
        )
        for campaign, one in zip(campaigns, found, strict=True)
    ]
    key = ("ad_campaign", "search_term", "report_date_range")
    return _record(channel, rows, key, "search_term.recorded", by=by, at=at)


def _platform_of(channel: Channel) -> str:
    if channel.platform not in AdsPlatform.values:
        raise NotAnAdsAccount
    return channel.platform


def _campaigns_of(channel: Channel, found: Sequence[WithCampaign]) -> list[AdCampaign]:
    """The recorded campaign of each row."""
    platform, wanted = _platform_of(channel), {one.external_campaign_id for one in found}
    recorded = AdCampaign.objects.filter(channel=channel, platform=platform, external_campaign_id__in=wanted)
    known = {campaign.external_campaign_id: campaign for campaign in recorded}
    _refuse(
        {
            f"{n}.external_campaign_id": ["No such campaign is recorded. Sync the campaigns first."]
            for n, one in enumerate(found)
            if one.external_campaign_id not in known
        }
    )
    return [known[one.external_campaign_id] for one in found]


def _values(model: type[models.Model], one: SyncedCampaign | WithCampaign) -> dict[str, Any]:
    """The columns that a synced row tells of, each number with as many decimals as its column keeps."""
    columns = {column.name: column for column in model._meta.local_fields}
    return {name: _kept(columns[name], value) for name, value in vars(one).items() if name in columns}


def _kept(column: models.Field, value: Any) -> Any:
    if isinstance(column, models.DecimalField) and isinstance(value, Decimal) and value.is_finite():
        return round(value, column.decimal_places) if abs(value) < 10**column.max_digits else value
    return dict(value) if isinstance(value, Mapping) else value


def _record(
    channel: Channel, rows: Sequence[Any], key: tuple[str, ...], code: str, *, by: Actor, at: datetime
) -> Recorded:
    """Insert the rows, or bring those of the same key up to date; one journal entry for all, and one per kind of move."""
    if not rows:
        return Recorded(0, 0)
    model = type(rows[0])
    for row in rows:
        row.tenant_id, row.created_by, row.created_on = channel.tenant_id, by.user, at
    _refuse({f"{n}.{name}": texts for n, row in enumerate(rows) for name, texts in _faults(row).items()})
    by_key: dict[tuple[str, ...], Any] = {}
    for n, row in enumerate(rows):
        place = tuple(str(getattr(row, model._meta.get_field(name).attname)) for name in key)
        if by_key.setdefault(place, row) is not row:
            _refuse({f"{n}.{key[-1]}": ["The list names this twice."]})
    ordered = [by_key[place] for place in sorted(by_key)]  # two syncs at once lock in the same order
    with transaction.atomic():
        model.objects.bulk_create(
            ordered,
            batch_size=BATCH,
            update_conflicts=True,
            unique_fields=["tenant", *key],
            update_fields=UPDATED[model],
        )
        # The database answers with the ref_id that is stored: another one than the row was made with if it was there.
        known = {row.ref_id: row for row in ordered if row.ref_id != spell(row.pk)}
        model.objects.filter(ref_id__in=known).update(**touched(model, by=by, at=at))
        if model.moves is not None:
            _follow(model, {ref_id: row.status for ref_id, row in known.items()}, by=by, at=at)
        refs = sha256("\n".join(sorted(row.ref_id for row in ordered)).encode()).hexdigest()
        journal.record_batch(
            code, model, tenant_id=channel.tenant_id, by=by, at=at, count=len(ordered), refs_sha256=refs
        )
    return Recorded(added=len(ordered) - len(known), updated=len(known))


def _follow(model: Any, wanted: dict[str, str], *, by: Actor, at: datetime) -> None:
    """Move each row, named by its ref_id, to the status the platform says."""
    moves: Moves = model.moves
    refs_by_move = defaultdict(list)
    for ref_id, status in model.objects.filter(ref_id__in=wanted).values_list("ref_id", "status"):
        if status == wanted[ref_id]:
            continue
        move = next((move for move in moves.open_from(status) if move.target == wanted[ref_id]), None)
        if move is None:
            was, says = moves.statuses(status).label.lower(), moves.statuses(wanted[ref_id]).label.lower()
            raise MoveRefused(f"{ref_id} is {was}, and the platform says {says}: that cannot be. Nothing was recorded.")
        refs_by_move[move.name].append(ref_id)
    for name, refs in sorted(refs_by_move.items()):
        moves.perform_many(model.objects.filter(ref_id__in=refs), name, by=by, at=at)


def _faults(row: Any) -> dict[str, list[str]]:
    """What keeps a row from being stored, by column. Keys to other rows are not looked at: they were read before."""
    columns = [column for column in row._meta.local_fields if not column.is_relation]
    try:
        row.clean_fields(exclude={column.name for column in row._meta.local_fields if column.is_relation})
        faults: dict[str, list[str]] = {}
    except ValidationError as error:
        faults = error.message_dict
    for column in columns:
        value = getattr(row, column.attname)
        if column.name in faults:
            continue
        if isinstance(value, (int, Decimal)) and value < 0:
            faults[column.name] = ["This cannot be negative."]
        elif isinstance(value, str) and UNSTORABLE.search(value):
            faults[column.name] = ["This holds characters that cannot be stored."]
        elif isinstance(value, dict) and not all(map(_is_figure, value.items())):
            faults[column.name] = ["Every figure needs a plain name and a number that is not negative."]
        elif column.name == "currency" and not CURRENCY.fullmatch(value):
            faults[column.name] = ["A currency is three capital letters, such as INR."]
    return faults


def _is_figure(named: tuple[Any, Any]) -> bool:
    name, value = named
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return isinstance(name, str) and bool(FIGURE.fullmatch(name)) and is_number and value >= 0


def _refuse(errors: dict[str, list[str]]) -> None:
    """Raise InvalidInput if there are any; a row is named by its place in the list."""
    if errors:
        raise InvalidInput(dict(list(errors.items())[:FAULTS_NAMED]))
