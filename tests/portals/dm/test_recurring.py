"""Recurring tasks in the DM Portal: what waits for values, filling them, settings, and making one by hand."""

from dataclasses import replace

import pytest
from django.utils import timezone

from apps.activities import operations
from apps.activities.models import Activity, RecurringTaskTemplate
from apps.shared.actors import Actor
from apps.shared.models import JournalEntry


@pytest.fixture
def call(acme) -> RecurringTaskTemplate:
    return RecurringTaskTemplate.objects.get(tenant=acme, name="Kick-off call")


def path_of(template, action: str = "") -> str:
    return f"/dm/c/acme-drafts/recurring/{template.ref_id}/{action}"


def settings_of(rita, template) -> dict:
    form = rita.get(path_of(template)).context["settings_form"]
    values = {field.name: field.value() for field in form}
    return {name: value for name, value in values.items() if value not in (None, False)}


@pytest.mark.acceptance("MISC-checklist")
def test_the_list_says_which_tasks_wait_for_which_values(rita, call):
    page = rita.get("/dm/c/acme-drafts/recurring/").text

    assert "Some tasks wait for values" in page
    assert "Missing: Whom to call." in page
    assert "Once, when a strategy is approved" in page


def test_values_are_filled_in_and_the_task_that_waited_is_made(rita, call):
    response = rita.post(path_of(call, "values/"), {"value_contact_name": "Priya", "value_preferred_time": ""})

    call.refresh_from_db()
    assert (response.status_code, response["Location"]) == (302, path_of(call))
    assert call.variable_values == {"contact_name": "Priya", "preferred_time": ""}
    task = Activity.objects.get(input_data__template=call.ref_id)  # the strategy was approved before
    story = rita.get(f"/dm/c/acme-drafts/activities/{task.ref_id}/").text
    assert "Arrange the kick-off call with Priya, preferably (not given)." in story
    assert "Kick-off call" in rita.get(path_of(call)).text.split("Made of it lately")[1]


def test_a_value_with_markup_is_text_on_every_page(rita, call):
    rita.post(path_of(call, "values/"), {"value_contact_name": "<script>alert(1)</script>{{preferred_time}}"})

    task = Activity.objects.get(input_data__template=call.ref_id)
    for path in (path_of(call), f"/dm/c/acme-drafts/activities/{task.ref_id}/"):
        assert "<script>alert(1)" not in rita.get(path).text
    assert (
        "&lt;script&gt;alert(1)&lt;/script&gt;{{preferred_time}}"
        in rita.get(f"/dm/c/acme-drafts/activities/{task.ref_id}/").text
    )


@pytest.mark.parametrize("value", ["", "x" * 501, "a\nb", "a\x00b"])
def test_a_value_that_does_not_fit_is_refused_beside_its_field(rita, call, value):
    entries = JournalEntry.objects.count()

    response = rita.post(path_of(call, "values/"), {"value_contact_name": value})

    call.refresh_from_db()
    assert response.status_code == 422
    assert "field-error" in response.text
    assert (call.variable_values, JournalEntry.objects.count()) == ({}, entries)


def test_what_was_typed_over_what_somebody_saved_meanwhile_is_kept_beside_it(rita, call):
    sent = {**settings_of(rita, call), "description": "Mine, which took a while."}
    theirs = replace(operations.RecurringSettings.of(call), description="Theirs.")
    operations.edit_recurring_task(call, theirs, by=Actor.system("tests"), at=timezone.now(), seen_on=call.updated_on)

    refused = rita.post(path_of(call, "settings/"), sent)

    call.refresh_from_db()
    assert (refused.status_code, call.description) == (409, "Theirs.")
    assert "Mine, which took a while." in refused.text and "Saved meanwhile: Theirs." in refused.text
    form = refused.context["settings_form"]
    again = rita.post(path_of(call, "settings/"), {**sent, "seen_on": form.data["seen_on"]})
    call.refresh_from_db()
    assert (again.status_code, call.description) == (302, "Mine, which took a while.")


def test_settings_are_changed_and_a_task_is_switched_off(rita, call):
    form = settings_of(rita, call)
    del form["is_active"]

    response = rita.post(path_of(call, "settings/"), {**form, "name": "Welcome call"})

    call.refresh_from_db()
    assert (response.status_code, call.name, call.is_active) == (302, "Welcome call", False)
    assert call.source_template.name == "Kick-off call"
    assert "Switched off" in rita.get(path_of(call)).text


def test_an_absurd_schedule_is_refused_beside_its_field(rita, call):
    form = settings_of(rita, call) | {"trigger": "cron", "periodicity": "daily", "cron_expression": "* * * * *"}

    response = rita.post(path_of(call, "settings/"), form)

    call.refresh_from_db()
    assert (response.status_code, call.trigger) == (422, "on_strategy_approval")
    assert "every 15 minutes at most" in response.text


def test_a_form_from_before_somebody_elses_edit_is_refused(rita, call):
    form = settings_of(rita, call)
    rita.post(path_of(call, "settings/"), {**form, "name": "Theirs"})

    response = rita.post(path_of(call, "settings/"), {**form, "name": "Mine"})

    call.refresh_from_db()
    assert (response.status_code, call.name) == (409, "Theirs")


def test_a_task_is_made_by_hand_once(rita, acme):
    template = RecurringTaskTemplate.objects.get(tenant=acme, name="Upload brand assets")
    assert "Make one now" in rita.get(path_of(template)).text

    made = rita.post(path_of(template, "now/"))
    again = rita.post(path_of(template, "now/"))

    task = Activity.objects.get(input_data__template=template.ref_id)
    assert (made.status_code, made["Location"]) == (302, f"/dm/c/acme-drafts/activities/{task.ref_id}/")
    assert again.status_code == 409


def test_what_waits_for_values_is_not_made_by_hand(rita, call):
    assert "Make one now" not in rita.get(path_of(call)).text

    response = rita.post(path_of(call, "now/"))

    assert response.status_code == 409
    assert "Missing: Whom to call." in response.text
    assert not Activity.objects.filter(input_data__template=call.ref_id).exists()


def test_a_global_template_has_no_page_here(rita, call):
    assert rita.get(path_of(call.source_template)).status_code == 404
    assert rita.post(path_of(call.source_template, "now/")).status_code == 404
