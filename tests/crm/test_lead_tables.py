"""What the tables of leads refuse, and where the data of the people in them may not go."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from apps.crm.models import Lead, LeadActivity, LeadForm, LeadMerge, LeadTouch
from apps.shared import edits, journal
from apps.shared.actors import Actor
from apps.shared.models import JournalEntry
from tests.ads.rows import AT, ad_campaign, ads_account, refused_by

from . import rows

pytestmark = pytest.mark.usefixtures("acme")
MODELS = [Lead, LeadActivity, LeadForm, LeadMerge, LeadTouch]


@pytest.mark.acceptance("leads.source_channel_id")
@pytest.mark.parametrize("source", ["manual", "import"])
@pytest.mark.parametrize(
    ("make", "constraint"),
    [(rows.lead, "leads_channel_fits_source"), (rows.touch, "lead_touches_channel_fits_source")],
    ids=["leads", "lead_touches"],
)
def test_what_was_typed_in_or_imported_came_through_no_channel(make, constraint, source):
    channel = ads_account("meta_ads")

    with refused_by(constraint):
        make(source=source, source_channel=channel)

    assert make(source=source).source_channel is None


@pytest.mark.acceptance("REL-16")
def test_a_lead_of_an_ad_names_its_channel_its_campaign_and_who_looks_after_it(alice):
    campaign = ad_campaign(ads_account("meta_ads"))

    lead = rows.lead(
        source="facebook_lead_ad",
        source_channel=campaign.channel,
        source_campaign=campaign,
        assigned_to=alice.user,
    )

    assert Lead.objects.get(source_campaign=campaign) == lead


@pytest.mark.acceptance("lead_forms")
def test_the_key_of_a_form_is_handed_out_once_and_stays():
    form = rows.form()
    LeadForm.objects.filter(pk=form.pk).update(deleted_on=AT)

    with refused_by("lead_forms_form_key_key"):
        rows.form(name="Another form")
    with refused_by("guard_immutable"):
        LeadForm.with_deleted.filter(pk=form.pk).update(form_key="another")


@pytest.mark.acceptance("lead_forms")
@pytest.mark.parametrize("key", ["", "with space", "../up", "sch%C3%B6n", "k\n"])
def test_a_key_is_part_of_an_address(key):
    with refused_by("lead_forms_key_url_safe"):
        rows.form(form_key=key)


@pytest.mark.acceptance("lead_touches")
def test_an_event_of_a_source_is_one_touch():
    lead = rows.lead()
    rows.touch(lead)

    with refused_by("uniq_lead_touches_event"):
        rows.touch(rows.lead(email="another@visitors.test"))

    rows.touch(lead, source="facebook_lead_ad")
    for _ in range(2):
        rows.touch(lead, source="manual", external_event_id=None)


def test_an_event_without_an_id_has_none_rather_than_an_empty_one():
    with refused_by("lead_touches_event_null_or_named"):
        rows.touch(external_event_id="")


@pytest.mark.acceptance("lead_merges")
def test_a_merge_is_of_two_leads():
    lead = rows.lead()

    with refused_by("lead_merges_two_leads"):
        rows.merge(lead, lead)


@pytest.mark.acceptance("lead_merges")
def test_a_merge_is_undone_by_a_row_of_its_own_and_once():
    merge = rows.merge()
    undone = rows.merge(merge.kept_lead, merge.merged_lead, reverts_merge=merge)

    with refused_by("uniq_lead_merges_reverted_once"):
        rows.merge(merge.kept_lead, merge.merged_lead, reverts_merge=merge)

    rows.merge(merge.kept_lead, merge.merged_lead)
    assert undone.reverts_merge == merge


@pytest.mark.acceptance("lead_merges")
def test_leads_match_by_mail_or_phone():
    lead, other = rows.lead(), rows.lead()

    with refused_by("lead_merges_matched_on_listed"):
        rows.merge(lead, other, matched_on=["email", "name"])

    rows.merge(lead, other, matched_on=["email", "phone"])


@pytest.mark.acceptance("SEC-append-only")
@pytest.mark.parametrize("make", [rows.entry, rows.touch, rows.merge])
def test_timeline_touches_and_merges_are_only_added_to(make):
    row = make()
    table = row._meta.db_table

    for statement in (f"UPDATE {table} SET created_on = now()", f"DELETE FROM {table}"):
        with pytest.raises(DatabaseError) as refused, transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
        assert refused.value.__cause__.sqlstate == "42501"


@pytest.mark.acceptance("TEST-soft-delete")
def test_a_deleted_lead_is_not_shown_and_still_there():
    lead = rows.lead()
    Lead.objects.filter(pk=lead.pk).update(deleted_on=AT)

    assert not Lead.objects.exists()
    assert Lead.with_deleted.get() == lead


# The data of people.


def test_every_column_about_a_person_exists():
    for model in MODELS:
        assert set(model.personal) <= {field.name for field in model._meta.fields}, model


def test_an_edit_is_journalled_without_what_it_said(alice):
    lead = rows.lead()
    changes = {"email": "nadia.noor@visitors.test", "phone": "", "notes": "Prefers mornings.", "utm_source": "spring"}

    edits.edit(lead, "lead.edited", changes, by=alice.actor, at=AT + timedelta(days=1), seen_on=None)

    entry = JournalEntry.objects.get(code="lead.edited")
    assert entry.before == {"email": "set", "phone": "set", "notes": "not set", "utm_source": ""}
    assert entry.after == {"email": "set", "phone": "not set", "notes": "set", "utm_source": "spring"}
    assert (entry.subject_ref, Lead.objects.get().email) == (lead.ref_id, "nadia.noor@visitors.test")


def test_whatever_is_journalled_of_a_lead_holds_nothing_personal():
    lead = rows.lead(
        **{name: f"personal {name}" for name in Lead.personal if name not in ("enrichment_data", "phone")},
        phone="personal phone",
        enrichment_data={"personal": "personal"},
    )
    everything = {field.name: str(getattr(lead, field.attname)) for field in Lead._meta.fields}

    entry = journal.record("lead.created", lead, by=Actor.system("tests"), at=AT, after=everything)

    assert "personal" not in str(entry.before) + str(entry.after)
    assert entry.after["email"] == "set"


def test_a_lead_is_called_by_its_reference():
    lead = rows.lead()

    assert str(lead) == f"Lead {lead.ref_id}"
    for row in (rows.entry(lead), rows.touch(lead), rows.merge(lead, rows.lead())):
        assert "Nadia" not in repr(row)
