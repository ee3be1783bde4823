"""Agents that ask DataForSEO: what is asked for whom, what it costs, and who may not."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest
from django.utils import timezone

from apps import storage
from apps.activities import integrity, registry, spending
from apps.activities.models import ActivityRun, AgentConfig, LlmCall, ToolCall
from apps.billing.models import SpendCounter, SpendReservation
from apps.tenants.models import Tenant
from tests.activities.test_tools import allow, ask, bodies, calls, inner, money_is_settled, refusal_of, results
from tests.activities.work import CLAUDE, OLLAMA, attempt, fresh, set_agent

ROLE = "copywriter"
ASKED = ("keyword_volumes", {"searches": ["coffee subscription", "unheard of"], "country": "GB"})
PAID = Decimal("0.075")


def paid_for_tools() -> list[Decimal]:
    return list(SpendReservation.objects.filter(model_id="dataforseo").values_list("settled_usd", flat=True))


def nothing_was_asked(sandbox) -> bool:
    return sandbox.world.entries(target="dataforseo") == []


@pytest.mark.acceptance("FLOW-tool-audit")
def test_what_is_asked_is_told_kept_and_paid(draft, order, sandbox, settings):
    allow("dataforseo")
    order(CLAUDE, ASKED)

    step = attempt(draft)

    assert step.status == "completed"
    (asked,) = sandbox.world.entries(target="dataforseo", full=True)
    assert json.loads(asked["body"]) == [
        {"keywords": ["coffee subscription", "unheard of"], "location_code": 2826, "language_code": "en"}
    ]
    found = json.loads(inner(results(bodies(sandbox, CLAUDE)[1])[0]))["searches"]
    assert [row["keyword"] for row in found] == ["coffee subscription", "unheard of"]
    assert found[0]["searches"] > 0 and found[1]["searches"] is None
    call = ToolCall.objects.get()
    assert (call.tool_name, call.method, call.status) == ("dataforseo", "keyword_volumes", "success")
    assert (call.output["rows"], Decimal(call.output["cost_usd"])) == (2, PAID)
    ((_, log),) = storage.find(storage.ToolCallLog, {"toolCallId": call.ref_id})
    assert log.statusCode == 200
    assert settings.DATAFORSEO_PASSWORD not in log.model_dump_json() + json.dumps(bodies(sandbox, CLAUDE))


@pytest.mark.acceptance("FLOW-spend-cap")
def test_what_it_costs_counts_wherever_models_count(draft, order):
    allow("dataforseo")
    before = SpendCounter.objects.get(scope="tenant").settled_usd
    order(CLAUDE, ASKED)

    step = attempt(draft)

    models = sum(LlmCall.objects.filter(activity_run__activity=step).values_list("cost_usd", flat=True))
    assert models > 0
    assert ActivityRun.objects.get(activity=step).cost_usd == models + PAID
    assert SpendCounter.objects.get(scope="activity", scope_key=step.ref_id).settled_usd == models + PAID
    assert SpendCounter.objects.get(scope="tenant").settled_usd == before + models + PAID
    assert money_is_settled()
    facts = Tenant.objects.get(pk=step.tenant_id).facts
    shown = spending.spend_by_agent(facts, timezone.localdate().replace(day=1))
    assert [(row.agent_role, row.calls, row.cost_usd) for row in shown if row.model_id == "dataforseo"] == [
        (ROLE, 1, PAID)
    ]
    assert [found for found in integrity.of_tenant(facts, at=timezone.now()) if found.code == "spend_drift"] == []


@pytest.mark.parametrize("fault", ["no_usage", "wrong_usage", "negative_usage", "reset_after_accept", "500"])
def test_where_no_price_is_told_the_largest_one_counts(draft, order, plan, fault):
    allow("dataforseo")
    plan("dataforseo", fault)
    order(CLAUDE, ASKED)

    step = attempt(draft)

    assert (step.status, paid_for_tools()) == ("completed", [Decimal("0.10")])
    assert Decimal(ToolCall.objects.get().output["cost_usd"]) == Decimal("0.10")
    assert money_is_settled()


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("401", "DataForSEO does not accept the agency's credentials. An operator has to look at them."),
        ("429", "DataForSEO asks for fewer requests. Try again later."),
        ("reset", "DataForSEO cannot be reached at the moment. Try again later."),
    ],
)
def test_a_refusal_is_told_with_what_to_do(draft, order, plan, fault, sentence):
    allow("dataforseo")
    plan("dataforseo", fault)
    order(CLAUDE, ASKED)

    step = attempt(draft)

    assert (step.status, calls()) == ("completed", [("dataforseo", "keyword_volumes", sentence)])
    assert paid_for_tools() == [Decimal("0.10") if fault == "reset" else Decimal(0)]


@pytest.mark.acceptance("FLOW-spend-cap")
def test_a_use_beyond_the_cap_is_refused_and_the_run_goes_on(draft, order, sandbox, monkeypatch):
    allow("dataforseo")
    dear = replace(registry.TOOLS["keyword_volumes"], most_usd=Decimal(20))
    monkeypatch.setitem(registry.TOOLS, "keyword_volumes", dear)
    order(CLAUDE, ASKED)

    step = attempt(draft)

    assert step.status == "completed"
    ((*_, error),) = calls()
    assert error.startswith("cap_reached: ")
    assert nothing_was_asked(sandbox)
    assert (paid_for_tools(), "cost_usd" in ToolCall.objects.get().output) == ([], False)
    cap = fresh(AgentConfig.objects.get(agent_role=ROLE)).max_cost_usd_per_activity
    assert ActivityRun.objects.get(activity=step).cost_usd < cap


@pytest.mark.acceptance("FLOW-privacy")
def test_nothing_is_asked_for_a_client_with_local_models_only(draft, order, sandbox):
    set_agent(ROLE, OLLAMA)
    Tenant.objects.filter(pk=draft.tenant_id).update(data_privacy_level="local_only")
    allow("dataforseo", "outputs")
    order(
        OLLAMA,
        ASKED,
        ("search_results", {"search": "coffee", "country": "GB"}),
        ("backlink_summary", {}),
    )

    step = attempt(draft)

    assert step.status == "completed"
    assert {error for *_, error in calls()} == {
        "This client's data is not shown to third parties, so this tool is not allowed."
    }
    offered = [tool["function"]["name"] for tool in bodies(sandbox, OLLAMA)[0]["tools"]]
    assert offered == ["read_past_outputs"]
    assert (nothing_was_asked(sandbox), paid_for_tools()) == (True, [])


def test_without_an_account_the_agent_hears_that_there_is_none(draft, order, sandbox, settings):
    settings.DATAFORSEO_LOGIN = ""
    allow("dataforseo")
    order(CLAUDE, ASKED)

    step = attempt(draft)

    assert (step.status, [error for *_, error in calls()]) == (
        "completed", ["The agency has not connected DataForSEO."]
    )  # fmt: skip
    assert (nothing_was_asked(sandbox), paid_for_tools()) == (True, [Decimal(0)])


def test_hostile_arguments_are_refused_and_cost_nothing(draft, order, sandbox):
    allow("dataforseo")
    words = {"searches": ["coffee"], "country": "GB"}
    order(
        CLAUDE,
        ("keyword_volumes", {**words, "login": "rival"}),
        ("keyword_volumes", {**words, "location_code": 2840}),
        ("keyword_volumes", {**words, "country": "Atlantis"}),
        ("keyword_volumes", {"searches": ["coffee"]}),
        ("keyword_volumes", {**words, "searches": []}),
        ("keyword_volumes", {**words, "searches": ["coffee"] * 101}),
        ("keyword_volumes", {**words, "searches": [" ".join("abcdefghijk")]}),
        ("keyword_volumes", {**words, "searches": ["cof\x00fee"]}),
        ("keyword_volumes", {**words, "searches": ["coffee; drop table"]}),
        ("keyword_volumes", {**words, "searches": "coffee"}),
        ("search_results", {"search": "coffee", "country": "GB", "rows": 700}),
        ("search_results", {"search": " ", "country": "GB"}),
        ("backlink_summary", {"target": "rival.example"}),
    )

    step = attempt(draft)

    errors = [error for *_, error in calls()]
    assert (step.status, len(errors)) == ("completed", 13)
    assert [error for error in errors if not error.startswith("These arguments do not fit: ")] == []
    assert (nothing_was_asked(sandbox), paid_for_tools()) == (True, [])


def test_links_are_counted_of_sites_that_people_named(draft, sandbox):
    Tenant.objects.filter(pk=draft.tenant_id).update(website="https://www.harbour-coffee.example/")
    draft.input_data = {
        **draft.input_data,
        "values": {"competitors": "https://rival-roasters.example/about and others"},
    }

    (own,) = ask("backlink_summary", draft)["summary"]
    (theirs,) = ask("backlink_summary", draft, url="https://rival-roasters.example")["summary"]

    assert [own["target"], theirs["target"]] == ["harbour-coffee.example", "rival-roasters.example"]
    assert own["backlinks"] >= own["referring_sites"] > 0
    for elsewhere in ("https://elsewhere.example/", "rival-roasters.example", "file:///etc/passwd", "http://[::1"):
        assert refusal_of("backlink_summary", draft, url=elsewhere).startswith("Only these sites can be looked at: ")
    assert len(sandbox.world.entries(target="dataforseo")) == 2


def test_results_of_a_search_come_without_advertisements_and_may_be_none(draft):
    found = ask("search_results", draft, search="office coffee", country="IN", rows=3)["results"]

    assert [row["rank"] for row in found] == [1, 2, 3]
    assert set(found[0]) == {"rank", "url", "title", "description"}
    assert ask("search_results", draft, search="nothing at all", country="IN") == {"results": []}
