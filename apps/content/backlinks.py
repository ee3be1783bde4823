"""Backlinks as work: prospects are proposed, asked by approved mails, followed up by a person, and looked for.

A mail is sent at most once. The step that sends says so before anything leaves, in a transaction of its own; a mail
whose outcome nobody knows is never sent again, a person looks into it. Whether a link is there, the product sees for
itself; only that makes it published.
"""

import json
from datetime import datetime
from typing import Any

from django.conf import settings
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
from apps.shared.actors import Actor
from apps.shared.errors import OperationRefused
from apps.tenants import queries as tenant_queries
from apps.tenants.models import Tenant

from . import operations, outside, queries
from .backlink_bodies import LinkCheck, LinkReview, OutreachMail, OutreachMails, Prospects
from .models import Backlink
from .outcomes import LinkSeen, Mail
from .reports import NotApproved, tell_reviewer
from .statuses import OutreachStatus

U = OutreachStatus


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


class LookYourself(OperationRefused):
    """For this client no page of others is opened. Look yourself, record under Backlinks what is there, then retry or cancel."""

    code = "look_yourself"


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
    # A page that was never asked may be proposed again; one that was asked is left in peace, whatever it answered.
    never_asked = {"outreach_status": U.REJECTED, "outreach_sent_on__isnull": True}
    former = {link.pk for link in _prospects(unit)}
    others = Backlink.objects.exclude(**never_asked).exclude(pk__in=former)
    known = set(others.values_list("target_url", flat=True))
    for prospect in output.prospects:
        if prospect.source_url in known or not outside.is_on_site(prospect.target_page, site):
            raise ProspectUnusable
    operations.replace_prospects(activity, output.prospects, by=by, at=at)


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
    return queries.links_of(unit).filter(outreach_status=U.PROSPECTING)


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
    if not queries.links_of(activity.unit).exclude(outreach_status__in=[U.PROSPECTING, U.REJECTED]).exists():
        raise NobodyAsked
    return {"mails": tried, "sent": sum(each["state"] == "sent" for each in tried.values())}


def _send_once(activity: Activity, mail: OutreachMail, *, claim: work.Claim, by: Actor) -> str:
    """One mail: written down as leaving, sent, written down as it came out. The state it is in afterwards."""
    state = operations.let_mail_leave(mail, claim=claim, by=by, at=timezone.now())
    if state != "leaving":
        return state
    reviewer = tenant_queries.reviewer_of(activity.tenant_id)
    host = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].strip("> ")
    outcome = outside.send_mail(
        Mail(
            to=mail.to,
            subject=mail.subject,
            body=mail.body,
            reply_to=reviewer.email if reviewer else "",
            message_id=f"<lm-{mail.prospect.lower()}@{host}>",
        )
    )
    return operations.settle_mail(mail, outcome, claim=claim, by=by, at=timezone.now())


# Looking for the link


def check_links(activity: Activity, *, by: Actor, at: datetime) -> None:
    """Look at the page of every site that agreed, before a model is asked what it thinks of the links.

    A page that cannot be read says nothing about its link, which stays as it was. Raises NobodyAgreed, LinkNotThere, and
    LookYourself for a client whose agreed pages are for a person to look at.
    """
    links = list(queries.links_of(activity.unit).filter(outreach_status__in=[U.AGREED, U.PUBLISHED]))
    if not links:
        raise NobodyAgreed
    seen = {link: _look(link) for link in links}
    operations.keep_looks(activity, seen, by=by, at=timezone.now())
    if not any(look.is_live for look in seen.values()):
        refusal = LookYourself if tenant_queries.is_local_only() else LinkNotThere
        told = " ".join(f"{link.target_url}: {look.sentence}" for link, look in seen.items())
        raise refusal(f"{refusal().detail} {told}")


def _look(link: Backlink) -> LinkSeen:
    """What its page shows, unless somebody has recorded that already or the page may not be opened."""
    if link.outreach_status == U.PUBLISHED:
        return LinkSeen(link.is_live, "As it was recorded.", link.anchor_text, link.link_type or "")
    if tenant_queries.is_local_only():
        return LinkSeen(None, "The page was not opened.")
    return outside.find_link(link.target_url, link.source_url)


def gather_check(activity: Activity) -> list[DataBlock]:
    checks = json.dumps(activity.input_data["checks"], ensure_ascii=False, indent=2)
    return [material.context(), DataBlock("checks", checks)]


def receive_check(output: LinkCheck, *, activity: Activity, kept: Kept, by: Actor, at: datetime) -> None:
    """Links that were seen are published from now on; what is odd about them is told to a reviewer."""
    operations.publish_seen(activity, by=by, at=at)
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
