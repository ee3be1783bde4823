"""What an agent proposes to change in ads: rows that wait for a person, never the same one twice, and nothing pushed."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from apps.activities import operations as work
from apps.activities.models import Activity, RecurringTaskTemplate
from apps.ads import operations, queries
from apps.ads.bodies import Recommendation
from apps.ads.models import AdOptimizationRecommendation
from apps.shared.actors import Actor
from apps.shared.models import JournalEntry
from apps.shared.scoping import tenant_scope
from tests.activities.advertising import agents_work
from tests.activities.work import due_at, fresh, put_off

from . import rows

BY = Actor.agent("ads_analyst")
PROPOSAL = {
    "type": "budget_change",
    "campaign": "c-1",
    "title": "Raise the budget to 46",
    "reasoning": "It earns.",
    "impactEstimate": {"impressionsDelta": 100, "spendDelta": 6, "convDelta": None},
    "changePayload": {"keyword": "", "text": "", "matchType": None, "currentValue": 40, "newValue": 46},
    "priority": "low",
}


@pytest.fixture
def account(db, sandbox):
    """A client with a campaign and a keyword, in scope; no agent has anything to do."""
    with due_at("topics") as tenant:
        for step in Activity.objects.filter(assignee_type="agent", status="assigned"):
            put_off(step)
        campaign = rows.ad_campaign()
        rows.keyword(campaign)
        rows.day(campaign, day=timezone.localdate(), clicks=9, conversions=Decimal(2))
        yield tenant


def proposal(**changes) -> Recommendation:
    return Recommendation.model_validate_json(json.dumps({**PROPOSAL, **changes}))


def propose(*proposed: Recommendation) -> list[AdOptimizationRecommendation]:
    some = Activity.objects.order_by("ref_id").first()
    return operations.propose_changes(some, proposed, by=BY, at=timezone.now())


def budget_check(tenant, person) -> Activity:
    template = RecurringTaskTemplate.objects.get(tenant=tenant, name="Weekly ads budget check")
    how = {"by": person.actor, "at": timezone.now()}
    values = {"monthly_budget": "1000", "currency": "INR"}
    template = work.fill_variables(template, values, seen_on=template.updated_on, **how)
    return work.spawn_now(template, **how)


def test_the_weekly_budget_check_leaves_proposals_that_wait_for_a_person(account, rita):
    task = budget_check(account, rita)
    assert task.assignee_agent_role == "ads_analyst"

    agents_work()

    assert fresh(task).status == "completed"
    found = AdOptimizationRecommendation.objects.order_by("ref_id")
    assert [(r.type, r.status, r.platform, r.activity, r.reviewed_by) for r in found] == [
        ("budget_change", "pending_review", "google_ads", task, None),
        ("pause_keyword", "pending_review", "google_ads", task, None),
        ("add_negative", "pending_review", "google_ads", task, None),
    ]
    assert float(found[0].change_payload["currentValue"]) == 40
    assert rita.get(f"/dm/c/{account.slug}/activities/{task.ref_id}/").status_code == 200


def test_the_next_check_does_not_propose_the_same_again(account, rita):
    budget_check(account, rita)
    agents_work()
    before = AdOptimizationRecommendation.objects.count()

    budget_check(account, rita)
    agents_work()

    assert AdOptimizationRecommendation.objects.count() == before


def test_without_an_ads_account_nothing_is_proposed(db, sandbox, rita):
    with due_at("topics") as tenant:
        for step in Activity.objects.filter(assignee_type="agent", status="assigned"):
            put_off(step)
        task = budget_check(tenant, rita)

        agents_work()

        assert fresh(task).status == "completed"
        assert not AdOptimizationRecommendation.objects.exists()


def test_a_proposal_for_a_campaign_of_nobody_is_refused_with_the_whole_list(account):
    entries = JournalEntry.objects.count()

    with pytest.raises(operations.UnknownCampaign, match="campaign c-9"):
        propose(proposal(), proposal(campaign="c-9"))

    assert not AdOptimizationRecommendation.objects.exists()
    assert JournalEntry.objects.count() == entries


def test_a_campaign_of_another_client_is_a_campaign_of_nobody(account, world):
    with world.at("rival") as rival, tenant_scope(rival.facts):
        rows.ad_campaign(external_campaign_id="c-rival")

    with pytest.raises(operations.UnknownCampaign):
        propose(proposal(campaign="c-rival"))


def test_proposals_of_one_list_are_one_entry_of_the_journal_and_one_row_each(account):
    entries = JournalEntry.objects.filter(code="recommendation.proposed").count()

    made = propose(proposal(), proposal(title="The same again"), proposal(type="pause_ad"))

    assert [row.title for row in made] == ["Raise the budget to 46"] * 2
    assert JournalEntry.objects.filter(code="recommendation.proposed").count() == entries + 1


def test_a_decided_proposal_may_be_made_again(account, rita):
    (first,) = propose(proposal())
    AdOptimizationRecommendation.moves.perform(
        first, "reject", by=rita.actor, at=timezone.now(), reviewed_by=rita.user, reviewed_on=timezone.now()
    )

    assert len(propose(proposal())) == 1


def test_a_change_of_more_than_a_fifth_is_looked_at_first(account):
    large = {**PROPOSAL["changePayload"], "newValue": 49}

    (small, big) = propose(proposal(), proposal(changePayload=large))

    assert (small.priority, big.priority) == ("low", "high")


@pytest.mark.parametrize(
    "change",
    [
        {"changePayload": {**PROPOSAL["changePayload"], "newValue": None}},
        {"changePayload": {**PROPOSAL["changePayload"], "newValue": -1}},
        {"type": "add_keyword"},
        {"type": "pause_keyword"},
        {"type": "delete_campaign"},
        {"impactEstimate": {"impressionsDelta": 1e300, "spendDelta": None, "convDelta": None}},
        {"priority": "urgent"},
    ],
)
def test_a_proposal_that_does_not_say_what_to_change_is_no_answer(change):
    assert proposal()
    with pytest.raises(ValueError):
        proposal(**change)


def test_an_agent_is_told_the_figures_from_the_first_of_the_month_to_today(account):
    today = timezone.localdate()
    campaign = rows.AdCampaign.objects.get()
    rows.day(campaign, day=today.replace(day=1) - timedelta(days=1), clicks=500)

    (told,) = queries.figures_of_month(today)

    assert (told["campaign"], told["clicks"], told["cost"], told["budget"]) == ("c-1", 9, 12.5, 40)
    assert [row["keyword"] for row in queries.keywords_told()] == ["k-1"]
