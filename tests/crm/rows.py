"""Leads and what belongs to them, as PostgreSQL takes them, for tests that change one thing about them."""

from apps.crm.models import Lead, LeadActivity, LeadForm, LeadMerge, LeadTouch
from tests.ads.rows import AT


def lead(**changes) -> Lead:
    values = {
        "source": "website_form",
        "first_name": "Nadia",
        "last_name": "Noor",
        "email": "nadia@visitors.test",
        "phone": "+919812345678",
        "created_on": AT,
    }
    return Lead.objects.create(**{**values, **changes})


def entry(of: Lead | None = None, **changes) -> LeadActivity:
    values = {"lead": of or lead(), "type": "note", "description": "Called back.", "actor_type": "system"}
    return LeadActivity.objects.create(**{**values, "created_on": AT, **changes})


def touch(of: Lead | None = None, **changes) -> LeadTouch:
    values = {"lead": of or lead(), "source": "website_form", "external_event_id": "e-1", "occurred_on": AT}
    return LeadTouch.objects.create(**{**values, "created_on": AT, **changes})


def form(**changes) -> LeadForm:
    return LeadForm.objects.create(**{"form_key": "k3y_of-a-form", "name": "Contact", "created_on": AT, **changes})


def merge(kept: Lead | None = None, merged: Lead | None = None, **changes) -> LeadMerge:
    values = {"kept_lead": kept or lead(), "merged_lead": merged or lead(), "matched_on": ["email"], "created_on": AT}
    return LeadMerge.objects.create(**{**values, **changes})
