"""Search terms that an agent judges: each once, kept for a person to review, and nothing pushed."""

from decimal import Decimal

import pytest
from django.utils import timezone
from pydantic import ValidationError

from apps.activities.models import Activity
from apps.ads import operations
from apps.ads.bodies import TermVerdict, TermVerdicts
from apps.ads.models import SearchTermClassification
from apps.shared.actors import Actor
from apps.shared.models import JournalEntry
from tests.activities.advertising import agents_work
from tests.activities.work import due_at, fresh, put_off

from . import rows

BY = Actor.agent("search_term_classifier")
TERMS = {"coffee jobs": (9, 0), "fresh coffee beans": (12, 2), "coffee": (1, 0), "beans for espresso": (7, 0)}


@pytest.fixture
def campaign(db, sandbox):
    """A campaign with four search terms that nobody judged, in scope; no agent has anything to do."""
    with due_at("topics"):
        for step in Activity.objects.filter(assignee_type="agent", status="assigned"):
            put_off(step)
        campaign = rows.ad_campaign()
        for term, (clicks, conversions) in TERMS.items():
            rows.search_term(campaign, search_term=term, clicks=clicks, conversions=Decimal(conversions))
        yield campaign


def ask(campaign, person) -> Activity:
    return operations.ask_for_verdicts(campaign, by=person.actor, at=timezone.now())


def verdict(term: str, **changes) -> TermVerdict:
    values = {"term": term, "classification": "watch", "recommendedMatchType": None, "reasoning": "Few clicks."}
    return TermVerdict.model_validate({**values, **changes})


def test_search_terms_are_judged_by_an_agent_and_wait_for_a_person(campaign, rita):
    task = ask(campaign, rita)
    assert (task.assignee_agent_role, task.title) == ("search_term_classifier", "Judge 4 search terms of Brand")

    agents_work()

    kept = SearchTermClassification.objects.select_related("search_term_report")
    assert fresh(task).status == "completed"
    assert {row.search_term_report.search_term: (row.classification, row.recommended_match_type) for row in kept} == {
        "coffee jobs": ("negative_keyword", "phrase"),
        "fresh coffee beans": ("keyword", "exact"),
        "coffee": ("watch", None),
        "beans for espresso": ("skip", None),
    }
    assert {(row.status, row.activity, row.reviewed_by, row.pushed_on) for row in kept} == {
        ("pending_review", task, None, None)
    }


def test_the_same_terms_are_not_asked_about_twice(campaign, rita):
    ask(campaign, rita)
    before = Activity.objects.count()

    with pytest.raises(operations.NothingToClassify):
        ask(campaign, rita)

    assert Activity.objects.count() == before


def test_judged_terms_are_not_asked_about_again_and_new_ones_are(campaign, rita):
    ask(campaign, rita)
    agents_work()
    with pytest.raises(operations.NothingToClassify):
        ask(campaign, rita)

    rows.search_term(campaign, search_term="coffee course")

    assert ask(campaign, rita).title == "Judge 1 search term of Brand"


def test_a_verdict_on_a_term_nobody_asked_about_is_refused_with_the_whole_list(campaign, rita):
    task, entries = ask(campaign, rita), JournalEntry.objects.count()

    with pytest.raises(operations.UnknownTerm, match="tea"):
        operations.keep_verdicts(task, [verdict("coffee"), verdict("tea")], by=BY, at=timezone.now())

    assert not SearchTermClassification.objects.exists()
    assert JournalEntry.objects.count() == entries


def test_a_term_that_was_judged_meanwhile_keeps_its_verdict(campaign, rita):
    task = ask(campaign, rita)
    how = {"by": BY, "at": timezone.now()}
    (first,) = operations.keep_verdicts(task, [verdict("coffee")], **how)

    later = operations.keep_verdicts(task, [verdict("coffee", classification="skip"), verdict("coffee jobs")], **how)

    assert [row.search_term_report.search_term for row in later] == ["coffee jobs"]
    assert fresh(first).classification == "watch"


def test_in_manage_a_super_admin_has_terms_judged(campaign, sam, rita):
    address = f"/manage/ads/adcampaign/{campaign.ref_id}/"
    assert "Have search terms judged" in sam.get(address).text

    answers = [person.post(f"{address}judge/").status_code for person in (rita, sam, sam)]

    assert answers[:2] == [404, 302] and answers[2] in (302, 409)
    assert Activity.objects.filter(assignee_agent_role="search_term_classifier").count() == 1


@pytest.mark.parametrize(
    "change",
    [
        {"classification": "keyword"},
        {"recommendedMatchType": "exact"},
        {"classification": "push"},
        {"term": ""},
        {"reasoning": "x" * 2_001},
    ],
)
def test_a_verdict_that_does_not_fit_is_no_answer(change):
    with pytest.raises(ValidationError):
        TermVerdict.model_validate(verdict("coffee").model_dump(mode="json") | change)


def test_a_term_is_judged_once_in_an_answer():
    one = verdict("coffee").model_dump(mode="json")
    with pytest.raises(ValidationError, match="occur twice"):
        TermVerdicts.model_validate({"items": [one, one], "summary": "Two."})
