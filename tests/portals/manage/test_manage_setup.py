"""Recurring tasks, agents and providers in Manage; and work that a person tries again or stops."""

import json
from decimal import Decimal

import pytest
from django.db import connection
from django.utils import timezone

from apps.activities import operations
from apps.activities.models import (
    Activity,
    AgentConfig,
    LlmProvider,
    ModelPrice,
    RecurringTaskTemplate,
)
from apps.activities.statuses import ACTIVITY_MOVES
from apps.shared.actors import Actor
from apps.shared.errors import InvalidInput
from apps.shared.models import JournalEntry
from apps.shared.scoping import tenant_scope
from apps.tenants.models import Tenant

KEY = "sk-ant-a-key-that-nobody-sees-0123456789"


def address(row, task: str = "") -> str:
    return f"/manage/{row._meta.app_label}/{row._meta.model_name}/{row.ref_id}/{task}"


def form_of(sam, row) -> dict:
    form = sam.get(address(row, "edit/")).context["form"]
    values = {field.name: field.value() for field in form}
    return {name: value for name, value in values.items() if value not in (None, False)}


@pytest.fixture
def agent(world, everything) -> AgentConfig:
    return AgentConfig.objects.select_related("tenant").get(tenant=world.tenant("drafts"), agent_role="copywriter")


def test_an_agent_is_switched_off_and_given_other_limits(sam, agent, journal):
    form = form_of(sam, agent)
    form.pop("is_enabled")

    response = sam.post(address(agent, "edit/"), {**form, "max_concurrent": "2", "monthly_cap_usd": "3.25"})

    agent.refresh_from_db()
    entry = JournalEntry.objects.get(code="agent_config.edited")
    assert response.status_code == 302
    assert (agent.is_enabled, agent.max_concurrent, agent.monthly_cap_usd) == (False, 2, Decimal("3.25"))
    assert (entry.tenant_id, entry.after) == (
        agent.tenant_id,
        {"is_enabled": False, "max_concurrent": 2, "monthly_cap_usd": "3.25"},
    )
    assert journal() == ["agent_config.edited"]


def test_an_agent_is_allowed_to_look_things_up(sam, agent, journal):
    form = form_of(sam, agent)

    response = sam.post(address(agent, "edit/"), {**form, "tool_names": ["website", "skills"]})

    assert response.status_code == 302
    assert AgentConfig.objects.get(pk=agent.pk).tool_names == ["skills", "website"]
    assert JournalEntry.objects.get(code="agent_config.edited").after == {"tool_names": ["skills", "website"]}
    assert 'value="skills"' in sam.get(address(agent, "edit/")).text


@pytest.mark.parametrize("names", [["shell"], ["skills", "razorpay"], ["search_skills"]])
def test_tools_that_do_not_exist_are_allowed_by_no_operation(sam, agent, journal, names):
    settings = operations.AgentSettings(
        is_enabled=True, adapter_type=agent.adapter_type, model_id=agent.model_id, tool_names=names, max_concurrent=1,
        timeout_ms=agent.timeout_ms, max_cost_usd_per_activity=agent.max_cost_usd_per_activity,
        escalation_after_failures=3, monthly_cap_usd=None,
    )  # fmt: skip

    with pytest.raises(InvalidInput) as refusal:
        operations.edit_agent_config(agent, settings, by=sam.actor, at=timezone.now(), seen_on=agent.updated_on)

    assert refusal.value.errors == {"tool_names": [f"There are no tools called {names[-1]}."]}
    assert (AgentConfig.objects.get(pk=agent.pk).tool_names, journal()) == ([], [])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model_id", "gpt-5-secret"),
        ("model_id", ""),
        ("max_concurrent", "-1"),
        ("max_concurrent", "32768"),
        ("max_concurrent", "٣"),
        ("timeout_ms", "999"),
        ("timeout_ms", "1e5"),
        ("max_cost_usd_per_activity", "10000"),
        ("max_cost_usd_per_activity", "Infinity"),
        ("monthly_cap_usd", "1,000"),
        ("escalation_after_failures", "0"),
        ("tool_names", "shell"),
        ("agent_role", "publisher"),
    ],
)
def test_settings_out_of_range_are_refused(sam, agent, journal, field, value):
    before = AgentConfig.objects.values().get(pk=agent.pk)

    response = sam.post(address(agent, "edit/"), {**form_of(sam, agent), field: value})

    assert response.status_code == 422
    assert AgentConfig.objects.values().get(pk=agent.pk) == before
    assert journal() == []


def test_an_agent_behind_a_webhook_gets_no_more_time_than_its_token_lives(sam, agent, journal):
    AgentConfig.objects.filter(pk=agent.pk).update(adapter_type="webhook")

    response = sam.post(address(agent, "edit/"), {**form_of(sam, agent), "timeout_ms": "3600001"})

    assert response.status_code in (400, 422) and "An agent behind a webhook has an hour at most" in response.text
    assert (AgentConfig.objects.get(pk=agent.pk).timeout_ms, journal()) == (agent.timeout_ms, [])
    assert sam.post(address(agent, "edit/"), {**form_of(sam, agent), "timeout_ms": "3600000"}).status_code == 302


def test_a_model_without_a_price_is_refused_even_when_a_provider_lists_it(sam, agent, journal):
    sam.post(
        "/manage/activities/llmprovider/add/",
        {
            "name": "Lab",
            "adapter_type": "claude",
            "base_url": "",
            "api_key": "",
            "models": "homemade-1 8000",
            "is_enabled": "on",
        },
    )

    response = sam.post(address(agent, "edit/"), {**form_of(sam, agent), "model_id": "homemade-1"})

    agent.refresh_from_db()
    assert response.status_code == 400
    assert "There is no price for this model" in response.context["form"].errors["model_id"][0]
    assert (agent.model_id, journal()) == ("claude-sonnet-4-6", ["provider.added"])


@pytest.mark.parametrize("kind", ["openai", "ollama"])
def test_an_agent_is_set_to_a_model_of_another_kind_of_service(sam, agent, journal, kind):
    model_id = {"openai": "gpt-5.4-mini", "ollama": "gpt-oss:20b"}[kind]
    form = form_of(sam, agent)
    page = sam.get(address(agent, "edit/")).text

    mixed = sam.post(address(agent, "edit/"), {**form, "model_id": model_id})  # no such model at Claude's
    saved = sam.post(address(agent, "edit/"), {**form, "adapter_type": kind, "model_id": model_id})

    agent.refresh_from_db()
    assert "gpt-5.4-mini (OpenAI)" in page and "gpt-oss:20b (Ollama)" in page
    assert (mixed.status_code, saved.status_code) == (400, 302)
    assert "No enabled provider of this kind" in mixed.context["form"].errors["model_id"][0]
    assert (agent.adapter_type, agent.model_id) == (kind, model_id)
    assert journal() == ["agent_config.edited"]


@pytest.mark.acceptance("FLOW-privacy")
def test_an_agent_of_a_client_with_local_models_only_is_set_to_no_other(sam, agent, journal):
    Tenant.objects.filter(pk=agent.tenant_id).update(data_privacy_level="local_only")
    form = form_of(sam, agent)

    cloud = sam.post(address(agent, "edit/"), {**form, "adapter_type": "openai", "model_id": "gpt-5.4-mini"})
    refused = AgentConfig.objects.get(pk=agent.pk).model_id
    local = sam.post(address(agent, "edit/"), {**form, "adapter_type": "ollama", "model_id": "gpt-oss:20b"})

    agent.refresh_from_db()
    assert (cloud.status_code, refused, local.status_code, agent.model_id) == (
        400,
        "claude-sonnet-4-6",
        302,
        "gpt-oss:20b",
    )
    assert "allows local models only" in cloud.context["form"].errors["model_id"][0]


def test_a_provider_is_called_local_only_if_it_is_a_server_of_our_own(sam, everything, journal, running_sandbox):
    form = {"name": "Rack", "adapter_type": "ollama", "api_key": "", "models": "llama3.2 131072", "is_enabled": "on"}
    path = "/manage/activities/llmprovider/add/"

    elsewhere = sam.post(path, {**form, "is_local": "on", "base_url": "https://ollama.com"})
    nothing_written = journal()
    here = sam.post(path, {**form, "is_local": "on", "base_url": f"{running_sandbox.url}/ollama"})

    assert (elsewhere.status_code, nothing_written) == (400, [])
    assert "EGRESS_ALLOW_HOSTS" in elsewhere.context["form"].errors["is_local"][0]
    provider = LlmProvider.objects.get(name="Rack")
    assert (here.status_code, provider.is_local) == (302, True)
    assert journal() == ["provider.added", "price.set"]  # which is nothing: a model of our own is free
    assert list(ModelPrice.objects.filter(llm_provider=provider).values_list("output_usd_per_million", flat=True)) == [
        0
    ]


def test_a_provider_is_added_with_its_key_sealed_and_shown_nowhere(sam, everything, journal):
    response = sam.post(
        "/manage/activities/llmprovider/add/",
        {
            "name": "Second",
            "adapter_type": "openai",
            "base_url": "",
            "api_key": KEY,
            "models": "gpt-4o 128000\n\ngpt-4o-mini",
            "is_enabled": "on",
        },
    )

    provider = LlmProvider.objects.get(name="Second")
    pages = [
        response.headers["Location"],
        address(provider, "edit/"),
        "/manage/activities/llmprovider/",
        "/manage/shared/journalentry/",
    ]
    assert provider.models == [{"model_id": "gpt-4o", "context_tokens": 128_000}, {"model_id": "gpt-4o-mini"}]
    assert (provider.api_key.open(), provider.is_local) == (KEY, False)
    assert [KEY in sam.get(page).text for page in pages] == [False] * 4
    assert journal() == ["provider.added", "price.set", "price.set"]  # both are publicly known
    assert KEY not in str(JournalEntry.objects.get(code="provider.added").after)


def test_a_providers_key_is_kept_replaced_and_forgotten(sam, everything, journal):
    provider = LlmProvider.objects.get(name="Anthropic")

    sam.post(address(provider, "edit/"), {**form_of(sam, provider), "api_key": KEY})
    provider.refresh_from_db()
    stored = provider.api_key.open()
    sam.post(address(provider, "edit/"), {**form_of(sam, provider), "name": "Anthropic PBC"})
    provider.refresh_from_db()
    kept = provider.api_key.open()
    sam.post(address(provider, "edit/"), {**form_of(sam, provider), "forget_key": "on"})

    provider.refresh_from_db()
    assert (stored, kept, provider.api_key, provider.name) == (KEY, KEY, None, "Anthropic PBC")
    assert journal() == ["provider.edited"] * 3
    assert KEY not in str(list(JournalEntry.objects.filter(code="provider.edited").values_list("before", "after")))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "Anthropic"),
        ("base_url", "http://metadata.google.internal/"),
        ("models", "a b c"),
        ("models", "a -5"),
        ("adapter_type", "magic"),
    ],
)
def test_a_provider_that_cannot_be_used_is_not_stored(sam, everything, journal, field, value):
    form = {"name": "Second", "adapter_type": "openai", "base_url": "", "api_key": "", "models": "", "is_enabled": "on"}

    before = LlmProvider.objects.count()

    response = sam.post("/manage/activities/llmprovider/add/", {**form, field: value})

    assert response.status_code in (400, 422)
    assert field in response.context["form"].errors
    assert (LlmProvider.objects.count(), journal()) == (before, [])


@pytest.fixture
def failed(world) -> Activity:
    """A step that failed for good."""
    with world.at("topics") as tenant, tenant_scope(tenant.facts):
        activity = Activity.objects.filter(status="created", assignee_type="agent").order_by("ref_id").first()
        by, at = Actor.system("tests"), timezone.now()
        for move in ("ready", "start", "fail"):
            activity = ACTIVITY_MOVES.perform(activity, move, by=by, at=at)
    return activity


def test_what_failed_is_on_the_first_page_and_is_tried_again_from_its_own(sam, failed, everything, journal):
    home = sam.get("/manage/")

    sam.post(address(failed, "retry/"))

    failed.refresh_from_db()
    assert [group.title for group in home.context["groups"]] == ["Work that failed"]
    assert address(failed) in home.text
    assert (failed.status, journal()) == ("assigned", ["activity.retried"])
    assert "Nothing needs you." in sam.get("/manage/").text


def test_a_unit_is_cancelled_with_its_open_steps(sam, world, everything, journal):
    unit = Activity.objects.filter(tenant=world.tenant("drafts"), parent_activity=None, status="in_progress").first()

    sam.post(address(unit, "cancel/"))

    unit.refresh_from_db()
    statuses = set(Activity.objects.filter(parent_activity=unit).values_list("status", flat=True))
    assert unit.status == "cancelled"
    assert statuses == {"completed", "cancelled"}
    assert journal().count("activity.cancelled") == 2  # the open steps in one entry, the unit in its own


def test_finished_work_is_not_tried_again(sam, world, everything, journal):
    done = Activity.objects.filter(tenant=world.tenant("drafts"), status="completed").first()

    response = sam.post(address(done, "retry/"))

    assert (response.status_code, journal()) == (409, [])


def test_channels_in_error_and_failing_deliveries_are_on_the_first_page(sam, world, everything):
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE channels SET status = 'error', error_message = 'No.' WHERE tenant_id = %s",
            [world.tenant("drafts").pk],
        )
    sam.post(f"/manage/tenants/tenant/{world.tenant('drafts').ref_id}/suspend/")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE journal_deliveries SET last_error = 'OSError: no route', attempts = 3")

    groups = {group.title: group for group in sam.get("/manage/").context["groups"]}

    assert list(groups) == ["Channels that do not work", "Deliveries that fail"]
    assert [row[4] for row in groups["Deliveries that fail"].rows] == ["OSError: no route"]


@pytest.mark.acceptance("FLOW-recurring-own")
def test_an_edited_recurring_task_leaves_its_copies_as_they_are(sam, journal):
    template = RecurringTaskTemplate.objects.get(tenant=None, name="Kick-off call")
    copies = list(RecurringTaskTemplate.objects.filter(source_template=template).order_by("ref_id").values())
    variables = [{**template.variables[0], "label": "Who picks up"}, template.variables[1]]

    response = sam.post(
        address(template, "edit/"),
        {**form_of(sam, template), "name": "Welcome call", "variables": json.dumps(variables)},
    )

    template.refresh_from_db()
    assert (response.status_code, template.name) == (302, "Welcome call")
    assert template.parsed_variables[0].label == "Who picks up"
    assert list(RecurringTaskTemplate.objects.filter(source_template=template).order_by("ref_id").values()) == copies
    assert journal() == ["recurring_task.edited"]


def test_a_recurring_task_with_an_absurd_schedule_is_refused(sam, journal):
    template = RecurringTaskTemplate.objects.get(tenant=None, name="Daily lead follow-up reminder")

    response = sam.post(address(template, "edit/"), {**form_of(sam, template), "cron_expression": "*/5 * * * *"})

    template.refresh_from_db()
    assert "every 15 minutes at most" in response.content.decode()
    assert (template.cron_expression, journal()) == ("0 9 * * 1-5", [])


def test_a_clients_recurring_task_is_made_by_hand_in_manage(sam, everything):
    template = RecurringTaskTemplate.objects.get(tenant__slug="acme-drafts", name="Upload brand assets")

    response = sam.post(address(template, "spawn/"))

    assert response.status_code == 302
    assert Activity.objects.get(input_data__template=template.ref_id).tenant == template.tenant
