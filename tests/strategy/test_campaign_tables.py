"""Campaigns and the deliverables that belong to them: what PostgreSQL takes and what it refuses."""

from datetime import date, timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.strategy.models import Campaign, CampaignDeliverable, Deliverable
from apps.strategy.statuses import CAMPAIGN_MOVES

NOW = timezone.now()
TODAY = date(2026, 4, 1)


def refused_by(write) -> str:
    """The name of the constraint that refuses the write; nothing of it stays."""
    with pytest.raises(IntegrityError) as error, transaction.atomic():
        write()
    return error.value.__cause__.diag.constraint_name


def campaign(**changes) -> Campaign:
    values = {"name": "Spring", "type": "content", "objective": "leads", "created_on": NOW, **changes}
    return Campaign.objects.create(**values)


@pytest.mark.acceptance("campaigns")
def test_a_campaign_needs_a_name_a_type_and_an_objective_and_begins_as_a_draft(acme):
    made = campaign()

    made.refresh_from_db()
    assert (made.status, made.brief, made.brief_ref, made.deliverable_lines) == ("draft", "", None, [])
    assert (made.strategy_id, made.goal_id, made.budget_amount, made.budget_currency) == (None, None, None, "")


@pytest.mark.acceptance("campaigns")
@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"start_date": TODAY, "end_date": TODAY - timedelta(days=1)}, "campaigns_end_after_start"),
        ({"budget_amount": "-0.01", "budget_currency": "INR"}, "campaigns_budget_in_range"),
        ({"budget_amount": "9999999999.01", "budget_currency": "INR"}, "campaigns_budget_in_range"),
        ({"budget_amount": "500"}, "campaigns_budget_has_a_currency"),
        ({"approved_on": NOW}, "campaigns_approval_is_whole"),
    ],
)
def test_a_campaign_that_cannot_be_is_refused(acme, changes, constraint):
    assert refused_by(lambda: campaign(**changes)) == constraint
    assert not Campaign.objects.exists()


def test_an_approval_without_its_moment_is_refused(acme, rita):
    assert refused_by(lambda: campaign(approved_by=rita.user)) == "campaigns_approval_is_whole"


def test_a_campaign_may_be_of_one_day_and_cost_nothing(acme):
    made = campaign(start_date=TODAY, end_date=TODAY, budget_amount=0, budget_currency="INR")

    assert Campaign.objects.get() == made


@pytest.mark.acceptance("campaigns")
def test_a_name_is_free_again_once_its_campaign_is_deleted(acme):
    first = campaign()

    assert refused_by(campaign) == "uniq_campaigns_name"
    Campaign.objects.filter(pk=first.pk).update(deleted_on=NOW)
    second = campaign()
    assert [c.pk for c in Campaign.objects.all()] == [second.pk]


@pytest.mark.acceptance("campaign_deliverables")
def test_a_deliverable_belongs_to_a_campaign_once(acme):
    pair = {"campaign": campaign(), "deliverable": Deliverable.objects.first()}
    CampaignDeliverable.objects.create(created_on=NOW, **pair)

    again = refused_by(lambda: CampaignDeliverable.objects.create(created_on=NOW, **pair))
    assert again == "uniq_campaign_deliverables_pair"
    assert CampaignDeliverable.objects.count() == 1


@pytest.mark.acceptance("SM-campaigns")
def test_campaigns_move_as_specified():
    everything = "draft pending_approval approved active paused completed rejected"
    pairs = (
        "draft-pending_approval pending_approval-approved pending_approval-rejected pending_approval-draft "
        "rejected-draft approved-active active-paused paused-active active-completed paused-completed "
    ) + " ".join(f"{status}-archived" for status in everything.split())

    assert CAMPAIGN_MOVES.allowed_pairs() == {tuple(pair.split("-")) for pair in pairs.split()}
