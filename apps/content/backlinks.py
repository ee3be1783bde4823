"""Backlinks as work: prospects are proposed, asked by approved mails, followed up by a person, and looked for.

A mail is sent at most once. The step that sends says so before anything leaves, in a transaction of its own; a mail
whose outcome nobody knows is never sent again, a person looks into it. Whether a link is there, the product sees for
itself; only that makes it published.
"""

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from apps import storage
from apps.activities import material
from apps.activities import operations as work
from apps.activities.models import Activity
from apps.activities.prompting import DataBlock
from apps.activities.queries import output_of
from apps.activities.registry import Kept
from apps.activities.statuses import SubjectType
from apps.shared import journal
from apps.shared.actors import Actor
from apps.shared.errors import InvalidInput, NotAllowed, NotFound, OperationRefused
from apps.shared.ids import is_ref_id
from apps.tenants import queries as tenant_queries
from apps.tenants.models import Tenant
from apps.tenants.permissions import require

from . import operations, outside
from .backlink_bodies import LinkCheck, LinkReview, OutreachMail, OutreachMails, Prospects
from .models import Backlink
from .reports import NotApproved, tell_reviewer
from .statuses import BACKLINK_MOVES, OutreachStatus

U = OutreachStatus
OPEN = (U.PROSPECTING, U.OUTREACH_SENT, U.RESPONDED, U.AGREED, U.NO_RESPONSE)
# What a person may record. Only a look at the page makes a link published.
BY_HAND = ("ask", "answer", "agree", "reject", "give_up")


class ProspectUnusable(OperationRefused):
    """A prospect is known already, or would link to a page that is not the client's. Have the step tried again."""

    code = "prospect_unusable"


class MailUnusable(OperationRefused):
    """A mail is written to somebody who is no prospect of this unit. Have the step tried again."""

    code = "mail_unusable"


class NobodyAsked(OperationRefused):
    """Nobody was asked: no mail was taken. Look at the tasks about them, record what you know, then retry or cancel."""

    code = "nobody_asked"


class MailServerAway(OperationRefused):
    """The mail server does not take mails at the moment. They are sent when it does."""

    code = "mail_server_away"
    http_status = 503


class NobodyAgreed(OperationRefused):
    """No site has agreed to link yet. Record under Backlinks what came of the mails, then retry or cancel this step."""

    code = "nobody_agreed"


class LinkNotThere(OperationRefused):
    """The link is not on its page. Ask the site again, then retry this step; or cancel it."""

    code = "link_not_there"


def links_of(unit: Activity) -> QuerySet[Backlink]:
    return Backlink.objects.filter(activity__parent_activity=unit).order_by("ref_id")


def backlink_for(actor: Actor, ref_id: str, *, to: str) -> Backlink:
    """`to`: "read" or "move"."""
    require(actor, f"backlink.{to}")
    found = Backlink.objects.select_related("tenant", "activity").filter(ref_id=ref_id) if is_ref_id(ref_id) else []
    for link in found:
        return link
    raise NotFound


# Prospects


def gather_prospects(activity: Activity) -> list[DataBlock]:
    known = Backlink.objects.order_by("-ref_id").values_list("target_url", "outreach_status")[:200]
    return [
        material.context(),
        *material.promise(activity),
        DataBlock("known_links", "\n".join(f"- {page} ({status})" for page, status in known)),
        *material.previous(activity),
    ]


def receive_prospects(output: Prospects, *, activity: Activity, kept: Kept, by: Actor, at: datetime) -> None:
    """Each prospect becomes a row; a second proposal takes the place of the first. Raises ProspectUnusable."""
    unit, site = activity.unit, Tenant.objects.get(pk=activity.tenant_id).website
    for former in links_of(unit).filter(outreach_status=U.PROSPECTING):
        BACKLINK_MOVES.perform(former, "reject", by=by, at=at)
    # A page that was never asked may be proposed again; one that was asked is left in peace, whatever it answered.
    never_asked = {"outreach_status": U.REJECTED, "outreach_sent_on__isnull": True}
    known = set(Backlink.objects.exclude(**never_asked).values_list("target_url", flat=True))
    outreach, contacts = unit.steps.get(pipeline_step="send"), {}
    for prospect in output.prospects:
        if prospect.source_url in known or not outside.is_on_site(prospect.target_page, site):
            raise ProspectUnusable
        link = operations.add_prospect(
            outreach, target_url=prospect.source_url, source_url=prospect.target_page, by=by, at=at
        )
        contacts[link.ref_id] = prospect.contact_email
    activity.output_summary = {**activity.output_summary, "contacts": contacts}
    activity.save(update_fields=["output_summary"])


# Mails


def gather_mails(activity: Activity) -> list[DataBlock]:
    unit = activity.unit
    contacts = _contacts(unit)
    prospects = [
        {"prospect": link.ref_id, "to": contacts[link.ref_id], "theirPage": link.target_url, "ourPage": link.source_url}
        for link in _prospects(unit)
    ]
    return [
        material.context(),
        DataBlock("prospects", json.dumps(prospects, ensure_ascii=False, indent=2)),
        DataBlock("research", output_of(unit, "prospects")),
        *material.previous(activity),
    ]


def _prospects(unit: Activity) -> QuerySet[Backlink]:
    return links_of(unit).filter(outreach_status=U.PROSPECTING)


def _contacts(unit: Activity) -> dict[str, str]:
    return unit.steps.get(pipeline_step="prospects").output_summary["contacts"]


def receive_mails(output: OutreachMails, *, activity: Activity, kept: Kept, by: Actor, at: datetime) -> None:
    """Mails change no row: the reviewer decides on them. Raises MailUnusable."""
    contacts = _contacts(activity.unit)
    asked = {link.ref_id: contacts[link.ref_id] for link in _prospects(activity.unit)}
    if any(asked.get(mail.prospect) != mail.to for mail in output.mails):
        raise MailUnusable


def title_of_mails(output: OutreachMails) -> str:
    count = len(output.mails)
    return f"{count} outreach mail{'' if count == 1 else 's'}"


def approved_mails(unit: Activity) -> list[OutreachMail]:
    """The mails exactly as they were approved, from the store. Raises NotApproved, and what reading raises."""
    written = unit.steps.get(pipeline_step="outreach_mail")
    approval = work.approved_snapshot(unit, SubjectType.ACTIVITY, written.ref_id)
    if approval is None or work.digest_of(work.shown_at(approval.activity)) != approval.content_sha256:
        raise NotApproved
    body = storage.read_one(storage.ActivityOutput, approval.content_ref)
    if body.sha256 != approval.shown_snapshot["body"]["sha256"]:
        raise NotApproved
    return list(OutreachMails.model_validate_json(body.text).mails)


def send_mails(activity: Activity, *, claim: work.Claim, by: Actor) -> dict[str, Any]:
    """Send every approved mail that was not tried yet; what each came to is on the step.

    Raises MailServerAway to be tried again, NobodyAsked while no site of the unit was asked in any way.
    """
    mails = approved_mails(activity.unit)
    away = False
    for mail in mails:
        away |= _send_once(activity, mail, claim=claim, by=by) == "put_off"
    if away:
        raise MailServerAway
    tried = Activity.objects.get(pk=activity.pk).output_summary.get("mails", {})
    if not links_of(activity.unit).exclude(outreach_status__in=[U.PROSPECTING, U.REJECTED]).exists():
        raise NobodyAsked
    return {"mails": tried, "sent": sum(each["state"] == "sent" for each in tried.values())}


def _send_once(activity: Activity, mail: OutreachMail, *, claim: work.Claim, by: Actor) -> str:
    """One mail: written down as leaving, sent, written down as it came out. The state it is in afterwards."""
    at = timezone.now()
    with transaction.atomic():
        _, step, _ = work.held(claim)
        state = step.output_summary.get("mails", {}).get(mail.prospect, {}).get("state")
        if state == "leaving":  # whoever sent it died before it heard the answer
            return _unsure(step, mail, "The attempt to send it ended without an answer.", by=by, at=at)
        if state not in (None, "put_off"):
            return state
        link = Backlink.objects.select_for_update(of=("self",)).get(ref_id=mail.prospect)
        if link.outreach_status not in (U.PROSPECTING, U.NO_RESPONSE):
            return _note(step, mail, "left_out", at=at)  # a person has dealt with it meanwhile
        _note(step, mail, "leaving", at=at)
    reviewer = tenant_queries.reviewer_of(activity.tenant_id)
    host = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].strip("> ")
    outcome = outside.send_mail(
        outside.Mail(
            to=mail.to,
            subject=mail.subject,
            body=mail.body,
            reply_to=reviewer.email if reviewer else "",
            message_id=f"<lm-{mail.prospect.lower()}@{host}>",
        )
    )
    at = timezone.now()
    with transaction.atomic():
        _, step, _ = work.held(claim)
        match outcome:
            case outside.Sent():
                link = Backlink.objects.get(ref_id=mail.prospect)
                BACKLINK_MOVES.perform(link, "ask", by=by, at=at, outreach_sent_on=at)
                return _note(step, mail, "sent", at=at)
            case outside.NotSent(is_passing=True):
                return _note(step, mail, "put_off", at=at)
            case outside.NotSent(cause=cause):
                _ask_person(step, mail, "This outreach mail was refused", cause, by=by, at=at)
                return _note(step, mail, "refused", at=at)
            case outside.Unsure(cause=cause):
                return _unsure(step, mail, cause, by=by, at=at)


def _unsure(step: Activity, mail: OutreachMail, cause: str, *, by: Actor, at: datetime) -> str:
    _ask_person(step, mail, "Did this outreach mail leave?", cause, by=by, at=at)
    return _note(step, mail, "unsure", at=at)


def _note(step: Activity, mail: OutreachMail, state: str, *, at: datetime) -> str:
    mails = {**step.output_summary.get("mails", {}), mail.prospect: {"state": state, "on": at.isoformat()}}
    step.output_summary = {**step.output_summary, "mails": mails}
    step.save(update_fields=["output_summary"])
    return state


def _ask_person(step: Activity, mail: OutreachMail, title: str, cause: str, *, by: Actor, at: datetime) -> None:
    work.raise_task(
        tenant_id=step.tenant_id,
        title=f"{title}: {mail.to}",
        note=f"{cause} It is not sent again by itself. “{mail.subject}” to {mail.to}.\n\n"
        "If it left, or if you send it yourself, record that under Backlinks.",
        origin=f"mail:{step.ref_id}/{mail.prospect}",
        by=by,
        at=at,
        about={"checked": step.ref_id},
    )


# What people record


def move_backlink(
    link: Backlink, move: str, *, by: Actor, at: datetime, target_url: str = "", notes: str = ""
) -> Backlink:
    """Record what came of asking: asked by hand, answered, agreed, declined, no answer.

    `target_url` is the page that will carry the link, where the site named another one when it agreed. Raises
    MoveRefused, NotAllowed for what only the product records, InvalidInput for a page that another link has.
    """
    if move not in BY_HAND:
        raise NotAllowed("Only a look at the page can say that a link is published.")
    changes: dict[str, Any] = {}
    if move == "ask":
        changes["outreach_sent_on"] = at
    if move == "agree" and target_url:
        if Backlink.objects.filter(target_url=target_url, outreach_status__in=OPEN).exclude(pk=link.pk).exists():
            raise InvalidInput({"target_url": ["Another link of this client is on that page."]})
        changes["target_url"] = target_url
    if notes:
        changes["notes"] = notes
    return BACKLINK_MOVES.perform(link, move, by=by, at=at, **changes)


# Looking for the link


def check_links(activity: Activity, *, by: Actor, at: datetime) -> None:
    """Look at the page of every site that agreed, before a model is asked what it thinks of the links.

    A page that cannot be read says nothing about its link, which stays as it was. Raises NobodyAgreed, LinkNotThere.
    """
    links = list(links_of(activity.unit).filter(outreach_status=U.AGREED))
    if not links:
        raise NobodyAgreed
    seen = {link: outside.find_link(link.target_url, link.source_url) for link in links}
    at = timezone.now()
    with transaction.atomic():
        for link, look in seen.items():
            if look.is_live is not None:
                _keep_look(link, look, by=by, at=at)
        checks = [{"link": link.ref_id, "page": link.target_url, **asdict(look)} for link, look in seen.items()]
        step = Activity.objects.select_for_update(of=("self",)).get(pk=activity.pk)
        step.input_data = {**step.input_data, "checks": checks}
        step.save(update_fields=["input_data"])
    activity.input_data = step.input_data
    if not any(look.is_live for look in seen.values()):
        told = " ".join(f"{link.target_url}: {look.sentence}" for link, look in seen.items())
        raise LinkNotThere(f"{LinkNotThere().detail} {told}")


def _keep_look(link: Backlink, look: outside.LinkSeen, *, by: Actor, at: datetime) -> None:
    link = Backlink.objects.select_for_update(of=("self",)).get(pk=link.pk)
    before = link.is_live
    link.is_live, link.last_checked_on, link.updated_by, link.updated_on = look.is_live, at, by.user, at
    link.save(update_fields=["is_live", "last_checked_on", "updated_by", "updated_on"])
    journal.record("backlink.checked", link, by=by, at=at, before={"is_live": before}, after={"is_live": link.is_live})


def gather_check(activity: Activity) -> list[DataBlock]:
    checks = json.dumps(activity.input_data["checks"], ensure_ascii=False, indent=2)
    return [material.context(), DataBlock("checks", checks)]


def receive_check(output: LinkCheck, *, activity: Activity, kept: Kept, by: Actor, at: datetime) -> None:
    """Links that were seen are published from now on; what is odd about them is told to a reviewer."""
    for check in activity.input_data["checks"]:
        link = Backlink.objects.get(ref_id=check["link"])
        if check["is_live"] and link.outreach_status == U.AGREED:
            BACKLINK_MOVES.perform(
                link,
                "publish",
                by=by,
                at=at,
                link_published_on=at,
                anchor_text=check["anchor_text"],
                link_type=check["link_type"],
            )
    tell_reviewer(activity, output.oddities, by=by, at=at)


# Clean-up


def gather_review(activity: Activity) -> list[DataBlock]:
    links = [
        {"link": link.ref_id, "page": link.target_url, "anchor": link.anchor_text, "type": link.link_type or ""}
        | {"isLive": link.is_live, "authority": link.domain_authority}
        for link in Backlink.objects.filter(outreach_status=U.PUBLISHED).order_by("ref_id")[:500]
    ]
    return [material.context(), DataBlock("links", json.dumps(links, ensure_ascii=False, indent=2))]


def receive_review(output: LinkReview, *, activity: Activity, kept: Kept, by: Actor, at: datetime) -> None:
    """Harmful links are told to a reviewer, who decides what to do; a link nobody knows is left out."""
    pages = dict(Backlink.objects.filter(outreach_status=U.PUBLISHED).values_list("ref_id", "target_url"))
    found = [f"{pages[harm.link]}: {harm.reason}" for harm in output.harmful if harm.link in pages]
    tell_reviewer(activity, found, by=by, at=at)
