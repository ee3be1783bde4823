"""The setup checklist in the dashboard: what the client's admin has to tell us, and nobody else may."""

import pytest

from apps.activities.models import RecurringTaskTemplate
from apps.shared.models import JournalEntry


@pytest.fixture
def call(acme) -> RecurringTaskTemplate:
    return RecurringTaskTemplate.objects.get(tenant=acme, name="Kick-off call")


@pytest.mark.acceptance("FLOW-recurring-fill", "MISC-checklist")
def test_the_admin_sees_what_waits_and_fills_it_in(alice, call):
    before = alice.get("/app/setup/").text
    assert "11 tasks cannot begin" in before
    assert "Missing: Whom to call." in before
    assert 'name="value_contact_name"' in before

    response = alice.post(f"/app/setup/{call.ref_id}/", {"value_contact_name": "Priya"})

    call.refresh_from_db()
    assert (response.status_code, response["Location"]) == (302, "/app/setup/")
    assert (call.variable_values["contact_name"], call.updated_by) == ("Priya", alice.user)
    assert "10 tasks cannot begin" in alice.get("/app/setup/").text


def test_every_type_of_variable_has_its_own_field(alice, acme):
    page = alice.get("/app/setup/").text

    assert 'type="date" name="value_renewal_date"' in page
    assert 'inputmode="decimal"' in page.split('name="value_response_hours"')[1].split(">")[0]
    assert 'inputmode="url"' in page.split('name="value_listing_url"')[1].split(">")[0]
    assert '<textarea name="value_opening_hours"' in page


def test_a_value_that_does_not_fit_comes_back_with_what_was_typed(alice, call, acme):
    listing = RecurringTaskTemplate.objects.get(tenant=acme, name="Update Google Business Profile listing")

    response = alice.post(
        f"/app/setup/{listing.ref_id}/", {"value_listing_url": "javascript:alert(1)", "value_opening_hours": "9 to 5"}
    )

    listing.refresh_from_db()
    assert response.status_code == 422
    assert "Enter a whole web address" in response.text
    assert "9 to 5" in response.text
    assert listing.variable_values == {}


def test_values_typed_while_a_reviewer_changed_the_task_are_not_lost(alice, rita, call):
    seen = alice.get("/app/setup/").context["tasks"]
    form = next(task["form"] for task in seen if task["ref_id"] == call.ref_id)
    rita.post(f"/dm/c/acme-drafts/recurring/{call.ref_id}/values/", {"value_contact_name": "Ravi"})

    sent = {"value_contact_name": "Priya of the front desk", "seen_on": form["seen_on"].value() or ""}
    refused = alice.post(f"/app/setup/{call.ref_id}/", sent)

    call.refresh_from_db()
    assert (refused.status_code, call.variable_values["contact_name"]) == (409, "Ravi")
    assert "Priya of the front desk" in refused.text and "Saved meanwhile: Ravi" in refused.text


@pytest.mark.parametrize("person", ["mark", "mallory", "rita"])
def test_nobody_but_the_admin_fills_it_in(request, call, person):
    entries = JournalEntry.objects.count()

    response = request.getfixturevalue(person).post(f"/app/setup/{call.ref_id}/", {"value_contact_name": "Priya"})

    call.refresh_from_db()
    assert response.status_code == {"mark": 403}.get(person, 404)
    assert (call.variable_values, JournalEntry.objects.count()) == ({}, entries)


def test_a_member_reads_the_checklist_without_forms(mark, call):
    page = mark.get("/app/setup/").text

    assert "An admin of your company fills this in." in page
    assert "value_contact_name" not in page
