"""Leads come in: whoever has one calls `receive_lead`; many at once, and the job that reads them from a file."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from django.db import transaction
from django.db.models import Value
from django.db.models.functions import Greatest

from apps import storage
from apps.activities import operations as work
from apps.activities.bodies import IMPORT_LEADS
from apps.activities.models import Activity
from apps.shared import journal, locks
from apps.shared.actors import Actor
from apps.shared.errors import OperationRefused
from apps.shared.scoping import only_tenant
from apps.shared.transitions import touched

from .bodies import DETAILS, ORIGIN, ImportPlan
from .contacts import Contact, is_e164
from .models import Lead, LeadActivity, LeadTouch
from .statuses import ActorType, LeadActivityType

ACTOR_TYPES = {"human": ActorType.HUMAN, "agent": ActorType.AGENT}

Outcome = Literal["added", "known", "unchanged"]


class ImportFileGone(OperationRefused):
    """The file is not there: files to import are removed after seven days. Upload it again."""

    code = "import_file_gone"
    http_status = 410


@dataclass(frozen=True)
class Received:
    """What became of a contact: a new lead, a touch of a known one, or nothing, for an event received before."""

    outcome: Outcome
    lead: Lead | None


def receive_lead(contact: Contact, *, by: Actor, at: datetime) -> Received:
    """A contact of the client in scope: a new lead, or one touch more of the lead with this e-mail or phone.

    The lead keeps what its first touch said; blank columns about the person are filled in. An event that was received
    before changes nothing, however often it is delivered.
    """
    with transaction.atomic():
        (received,) = _receive([contact], by=by, at=at)
        if received.lead is not None:
            code = "lead.received" if received.outcome == "added" else "lead.touched"
            journal.record(code, received.lead, by=by, at=at, after={"source": contact.source})
    return received


def receive_leads(contacts: Sequence[Contact], *, by: Actor, at: datetime) -> list[Received]:
    """The same for many in few statements, in their order, with one journal entry: how many leads, and their digest."""
    with transaction.atomic():
        received = _receive(contacts, by=by, at=at)
        refs = {each.lead.ref_id for each in received if each.lead is not None}
        journal.record_batches("lead.imported", Lead, {only_tenant().id: refs}, by=by, at=at)
    return received


def begin_import(
    tenant_id: UUID, upload: storage.imports.Upload, *, plan: ImportPlan, by: Actor, at: datetime
) -> Activity:
    """Have the rows of an uploaded file received as leads. A file is imported once: a second call gets the first's job."""
    key = f"import/{upload.ref_id}"
    try:
        return work.begin_job(
            tenant_id,
            role=IMPORT_LEADS,
            title=f"Import of {upload.name}",
            origin_key=key,
            journal_code="import.begun",
            input_data={"file": upload.model_dump(), "plan": plan.model_dump()},
            by=by,
            at=at,
        )
    except work.JobBegun:  # a second click, or the page sent again
        return Activity.with_deleted.get(tenant_id=tenant_id, origin_key=key)


def _receive(contacts: Sequence[Contact], *, by: Actor, at: datetime) -> list[Received]:
    """One receives at a time per client, so no two make the same lead; it ends with the caller's transaction."""
    locks.take_turns(f"leads of {only_tenant().ref_id}")
    events = _events_known(contacts)
    by_email, by_phone = _leads_known([c for c in contacts if (c.source, c.external_event_id) not in events])
    made: list[Lead] = []
    new: set[UUID] = set()
    touches: list[LeadTouch] = []
    entries: list[LeadActivity] = []
    filled: dict[UUID, Lead] = {}  # known leads only: what is made here is saved whole
    met_on: dict[datetime, set[UUID]] = {}
    received: list[Received] = []
    for contact in contacts:
        event = (contact.source, contact.external_event_id)
        if contact.external_event_id is not None:
            if event in events:
                received.append(Received("unchanged", None))
                continue
            events.add(event)
        lead = by_email.get(contact.email) or by_phone.get(contact.phone)
        outcome: Outcome = "known" if lead else "added"
        if lead is None:
            lead = _new_lead(contact, by=by, at=at)
            made.append(lead)
            new.add(lead.pk)
        else:
            has_more = _fill(
                lead, contact, taken={"email": contact.email in by_email, "phone": contact.phone in by_phone}
            )
            if lead.pk not in new:
                met_on.setdefault(contact.occurred_on, set()).add(lead.pk)
                if has_more:
                    filled[lead.pk] = lead
        if lead.email:
            by_email.setdefault(lead.email, lead)
        if is_e164(lead.phone):
            by_phone.setdefault(lead.phone, lead)
        touches.append(_touch(lead, contact, by=by, at=at))
        entries.append(_entry(lead, contact, by=by, at=at))
        received.append(Received(outcome, lead))
    Lead.objects.bulk_create(made)
    if filled:
        Lead.objects.bulk_update(filled.values(), DETAILS)
    for occurred_on, keys in met_on.items():
        known = Lead.objects.filter(pk__in=keys)
        known.update(last_activity_on=Greatest("last_activity_on", Value(occurred_on)), **touched(Lead, by=by, at=at))
    LeadTouch.objects.bulk_create(touches)
    LeadActivity.objects.bulk_create(entries)
    return received


def _events_known(contacts: Sequence[Contact]) -> set[tuple[str, str | None]]:
    ids = {contact.external_event_id for contact in contacts} - {None}
    return set(LeadTouch.objects.filter(external_event_id__in=ids).values_list("source", "external_event_id"))


def _leads_known(contacts: Sequence[Contact]) -> tuple[dict[str, Lead], dict[str, Lead]]:
    """The oldest lead of each e-mail and of each phone, locked: what is filled in must not undo an edit."""
    found: list[dict[str, Lead]] = []
    for column in ("email", "phone"):
        wanted = {getattr(contact, column) for contact in contacts} - {""}
        rows = Lead.objects.filter(**{f"{column}__in": wanted}).select_for_update(of=("self",)).order_by("id")
        leads: dict[str, Lead] = {}
        for lead in rows:
            leads.setdefault(getattr(lead, column), lead)
        found.append(leads)
    by_email, by_phone = found
    one_of_each = {lead.pk: lead for lead in by_email.values()}
    return by_email, {phone: one_of_each.get(lead.pk, lead) for phone, lead in by_phone.items()}


def _new_lead(contact: Contact, *, by: Actor, at: datetime) -> Lead:
    return Lead(
        source=contact.source,
        source_channel=contact.source_channel,
        source_campaign=contact.source_campaign,
        last_activity_on=contact.occurred_on,
        created_by=by.user,
        created_on=at,
        **contact.details,
        **contact.origin,
    )


def _fill(lead: Lead, contact: Contact, *, taken: dict[str, bool]) -> bool:
    """Blank columns about the person, but no address by which another lead is known. Whether any was filled."""
    names = [
        name for name in DETAILS if contact.details.get(name) and not getattr(lead, name) and not taken.get(name, False)
    ]
    for name in names:
        setattr(lead, name, contact.details[name])
    return bool(names)


def _touch(lead: Lead, contact: Contact, *, by: Actor, at: datetime) -> LeadTouch:
    origin = {name: contact.origin.get(name, "") for name in ORIGIN}
    return LeadTouch(
        lead=lead,
        source=contact.source,
        source_channel=contact.source_channel,
        source_campaign=contact.source_campaign,
        external_event_id=contact.external_event_id,
        consent=contact.consent,
        occurred_on=contact.occurred_on,
        raw_summary=contact.raw_summary,
        created_by=by.user,
        created_on=at,
        **origin,
    )


def _entry(lead: Lead, contact: Contact, *, by: Actor, at: datetime) -> LeadActivity:
    return LeadActivity(
        lead=lead,
        type=LeadActivityType.NOTE,
        description=contact.told,
        actor_type=ACTOR_TYPES.get(by.kind, ActorType.SYSTEM),
        actor_id=by.ref,
        metadata={"source": contact.source},
        created_by=by.user,
        created_on=at,
    )
