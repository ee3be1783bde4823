"""Every write of backlinks: prospects, what became of a mail and of asking, and whether the link is there."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.db import transaction

from apps.activities import operations as work
from apps.activities.models import Activity
from apps.shared import journal, locks
from apps.shared.actors import Actor
from apps.shared.errors import InvalidInput, NotAllowed

from .. import queries
from ..backlink_bodies import OutreachMail, Prospect
from ..models import Backlink
from ..outcomes import LinkSeen, NotSent, Outcome, Sent, Unsure
from ..statuses import BACKLINK_MOVES, OutreachStatus

U = OutreachStatus
OPEN = (U.PROSPECTING, U.OUTREACH_SENT, U.RESPONDED, U.AGREED, U.NO_RESPONSE)
# What a person may record. Only a look at the page makes a link published.
BY_HAND = ("ask", "answer", "agree", "reject", "give_up")


# Prospects


def replace_prospects(step: Activity, prospects: Iterable[Prospect], *, by: Actor, at: datetime) -> None:
    """Each becomes a row of the unit, in place of those proposed before; the step keeps whom to write to."""
    unit = step.unit
    for former in queries.links_of(unit).filter(outreach_status=U.PROSPECTING):
        BACKLINK_MOVES.perform(former, "reject", by=by, at=at)
    outreach = unit.steps.get(pipeline_step="send")
    contacts = {_add_prospect(outreach, each, by=by, at=at).ref_id: each.contact_email for each in prospects}
    work.keep_outcome(step, contacts=contacts)


def _add_prospect(outreach: Activity, prospect: Prospect, *, by: Actor, at: datetime) -> Backlink:
    """A page of another site that could link to the client's, and the activity that is to win it."""
    link = Backlink.objects.create(
        tenant_id=outreach.tenant_id,
        activity=outreach,
        deliverable_id=outreach.deliverable_id,
        target_url=prospect.source_url,
        source_url=prospect.target_page,
        created_by=by.user,
        created_on=at,
    )
    journal.record("backlink.found", link, by=by, at=at, after={"target_url": link.target_url})
    return link


# Mails


def let_mail_leave(mail: OutreachMail, *, claim: work.Claim, by: Actor, at: datetime) -> str:
    """Write down that a mail is about to leave: 'leaving'; or what became of it already, and then it must not be sent.

    Raises LeaseLost, ClientStopped.
    """
    with transaction.atomic():
        _, step, _ = work.held_to_send(claim)
        state = step.output_summary.get("mails", {}).get(mail.prospect, {}).get("state")
        if state == "leaving":  # whoever sent it died before it heard the answer
            return _unsure(step, mail, "The attempt to send it ended without an answer.", by=by, at=at)
        if state not in (None, "put_off"):
            return state
        link = Backlink.objects.select_for_update(of=("self",)).get(ref_id=mail.prospect)
        if link.outreach_status not in (U.PROSPECTING, U.NO_RESPONSE):
            return _note(step, mail, "left_out", at=at)  # a person has dealt with it meanwhile
        return _note(step, mail, "leaving", at=at)


def settle_mail(mail: OutreachMail, outcome: Outcome, *, claim: work.Claim, by: Actor, at: datetime) -> str:
    """Write down what became of a mail that was leaving: the state it is in now. Kept even when the step was cancelled
    meanwhile: what left has left. Raises LeaseLost when a later attempt has asked a person about this mail already."""
    with transaction.atomic():
        step = Activity.objects.select_related("parent_activity").get(pk=claim.activity_id)
        _, step = locks.take(step.parent_activity, step)
        if step.output_summary["mails"][mail.prospect]["state"] != "leaving":
            raise work.LeaseLost
        match outcome:
            case Sent():
                link = Backlink.objects.get(ref_id=mail.prospect)
                BACKLINK_MOVES.perform(link, "ask", by=by, at=at, outreach_sent_on=at)
                return _note(step, mail, "sent", at=at)
            case NotSent(is_passing=True):
                return _note(step, mail, "put_off", at=at)
            case NotSent(cause=cause):
                _ask_person(step, mail, "This outreach mail was refused", cause, by=by, at=at)
                return _note(step, mail, "refused", at=at)
            case Unsure(cause=cause):
                return _unsure(step, mail, cause, by=by, at=at)


def _unsure(step: Activity, mail: OutreachMail, cause: str, *, by: Actor, at: datetime) -> str:
    _ask_person(step, mail, "Did this outreach mail leave?", cause, by=by, at=at)
    return _note(step, mail, "unsure", at=at)


def _note(step: Activity, mail: OutreachMail, state: str, *, at: datetime) -> str:
    mails = step.output_summary.get("mails", {})
    work.keep_outcome(step, mails={**mails, mail.prospect: {"state": state, "on": at.isoformat()}})
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


def keep_looks(step: Activity, looks: Mapping[Backlink, LinkSeen], *, by: Actor, at: datetime) -> None:
    """What was seen on the pages of these links. A page that could not be read says nothing about its link."""
    checks = [{"link": link.ref_id, "page": link.target_url, **asdict(look)} for link, look in looks.items()]
    with transaction.atomic():
        work.keep_input(step, checks=checks, at=at)
        for link, look in looks.items():
            if look.is_live is not None:
                _keep_look(link, look, by=by, at=at)


def _keep_look(link: Backlink, look: LinkSeen, *, by: Actor, at: datetime) -> None:
    link = Backlink.objects.select_for_update(of=("self",)).get(pk=link.pk)
    before = link.is_live
    link.is_live, link.last_checked_on, link.updated_by, link.updated_on = look.is_live, at, by.user, at
    link.save(update_fields=["is_live", "last_checked_on", "updated_by", "updated_on"])
    journal.record("backlink.checked", link, by=by, at=at, before={"is_live": before}, after={"is_live": link.is_live})


def publish_seen(step: Activity, *, by: Actor, at: datetime) -> None:
    """Agreed links that were seen on their pages are published from now on."""
    for check in step.input_data["checks"]:
        link = Backlink.objects.get(ref_id=check["link"])
        if check["is_live"] and link.outreach_status == U.AGREED:
            seen = {name: check[name] for name in ("anchor_text", "link_type")}
            BACKLINK_MOVES.perform(link, "publish", by=by, at=at, link_published_on=at, **seen)
