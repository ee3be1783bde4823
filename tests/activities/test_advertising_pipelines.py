"""Ads and landing pages, from the plan to the unit that counts."""

import pytest
from pydantic import ValidationError

from apps.activities.models import Activity, Approval
from apps.ads.bodies import GoogleAds, MetaAds
from apps.content.landing_pages import LandingPage
from apps.strategy.models import DeliverablePeriod
from tests.activities.advertising import agents_work, plan, promised, text_of, units_of
from tests.activities.promises import asked_at, decide, step_of
from tests.activities.work import fresh

GOOGLE = {
    "headlines": ["Fresh beans", "Roasted today", "Order online"],
    "descriptions": ["Roasted in small batches.", "Order today, brew tomorrow."],
    "paths": ["beans"],
}
META = {
    "primaryTexts": ["Beans that were green this week.", "Two minutes to a better cup."],
    "headlines": ["Fresh beans", "Better coffee"],
    "descriptions": [],
    "callToAction": "SHOP_NOW",
}
PAGE = {
    "headline": "Fresh beans",
    "subheadline": "For offices",
    "sections": [
        {"heading": "What you get", "bodyMarkdown": "Beans, roasted on the day they leave us."},
        {"heading": "How it works", "bodyMarkdown": "You order, we roast, you brew your coffee."},
    ],
    "faq": [],
    "cta": {"label": "Order beans", "leadsTo": "/order/"},
    "metaTitle": "Fresh beans",
    "metaDescription": "Beans for offices, roasted on the day they leave us and sent the same evening.",
    "slug": "fresh-beans",
}


@pytest.fixture
def alice(world):
    return world.alice("topics")


def counted(kind: str) -> int:
    return DeliverablePeriod.objects.get(deliverable__type=kind).completed_count


@pytest.mark.acceptance("FLOW-sub-activities")
def test_a_set_of_ads_goes_from_the_plan_to_the_person_who_places_it(db, sandbox, rita, alice):
    with promised("ad_copy_sets", platforms=["google_ads"]) as tenant:
        (unit,) = units_of("ad_copy_sets")
        assert [(s.pipeline_step, s.assignee_agent_role) for s in unit.steps.order_by("due_date", "ref_id")] == [
            ("audience_and_offer", "ads_analyst"),
            ("draft", "google_ads_writer"),
            ("dm_review", ""),
            ("client_approval", ""),
            ("hand_over", ""),
        ]

        agents_work()

        draft = step_of(unit, "draft")
        assert asked_at(unit, "dm_review").subject_ref == draft.ref_id
        decide(unit, "dm_review", rita)
        decide(unit, "client_approval", alice)
        task = step_of(unit, "hand_over")
        assert (task.status, task.assignee_user, counted("ad_copy_sets")) == ("assigned", rita.user, 0)
        page = rita.get(f"/dm/c/{tenant.slug}/activities/{task.ref_id}/").text
        assert "Headlines" in page and "A person puts this out by hand." in page
        rita.post(f"/dm/c/{tenant.slug}/activities/{task.ref_id}/done/")

        assert (fresh(task).status, fresh(unit).status, counted("ad_copy_sets")) == ("completed", "completed", 1)


def test_planning_again_adds_no_ads(db, sandbox):
    with promised("ad_copy_sets", platforms=["google_ads"], quantity=2) as tenant:
        before = Activity.objects.count()

        assert plan(tenant) == 0
        assert (Activity.objects.count(), len(units_of("ad_copy_sets"))) == (before, 2)


def test_ads_are_written_by_the_writer_of_the_promised_platform(db, sandbox):
    with promised("ad_copy_sets", platforms=["meta_ads"]):
        (unit,) = units_of("ad_copy_sets")
        assert step_of(unit, "draft").assignee_agent_role == "meta_ads_writer"

        agents_work()

        text = text_of(step_of(unit, "draft"))
        assert "## Primary texts" in text and "## Call to action" in text


def test_with_two_platforms_the_writers_take_turns_and_each_unit_says_something_else(db, sandbox):
    with promised("ad_copy_sets", platforms=["google_ads", "meta_ads", "wordpress"], quantity=3):
        units = units_of("ad_copy_sets")
        writers = [step_of(unit, "draft").assignee_agent_role for unit in units]
        assert writers == ["google_ads_writer", "meta_ads_writer", "google_ads_writer"]

        agents_work()

        assert text_of(step_of(units[0], "draft")) != text_of(step_of(units[2], "draft"))


@pytest.mark.acceptance("FLOW-reject-rerun")
def test_ads_that_are_sent_back_come_again_with_what_was_asked_for(db, sandbox, rita, alice):
    with promised("ad_copy_sets", platforms=["google_ads"]):
        (unit,) = units_of("ad_copy_sets")
        agents_work()
        first = text_of(step_of(unit, "draft"))
        decide(unit, "dm_review", rita)

        decide(unit, "client_approval", alice, note="Mention free delivery.")
        agents_work()

        draft = step_of(unit, "draft")
        assert text_of(draft) != first and "free delivery" in text_of(draft).lower()
        assert draft.output_summary["version"] == 2
        assert asked_at(unit, "dm_review").content_ref == draft.output_ref
        assert step_of(unit, "client_approval").status == "created"
        assert step_of(unit, "hand_over").status == "created"


def test_nothing_is_handed_over_before_the_client_has_approved(db, sandbox, rita, alice):
    with promised("ad_copy_sets", platforms=["google_ads"]) as tenant:
        (unit,) = units_of("ad_copy_sets")
        agents_work()
        decide(unit, "dm_review", rita)
        task = step_of(unit, "hand_over")

        answer = rita.post(f"/dm/c/{tenant.slug}/activities/{task.ref_id}/done/")

        assert answer.status_code == 409
        assert (fresh(task).status, counted("ad_copy_sets")) == ("created", 0)


def test_a_landing_page_goes_from_its_brief_to_the_website(db, sandbox, rita, alice):
    with promised("landing_pages", platforms=["wordpress"]) as tenant:
        (unit,) = units_of("landing_pages")
        agents_work()
        brief = step_of(unit, "brief")
        assert asked_at(unit, "brief_approval").subject_ref == brief.ref_id
        assert step_of(unit, "draft").status == "created"

        decide(unit, "brief_approval", rita)
        agents_work()

        draft = step_of(unit, "draft")
        assert draft.output_summary["title"] in text_of(draft)
        decide(unit, "dm_review", rita)
        decide(unit, "client_approval", alice)
        task = step_of(unit, "publish")
        rita.post(f"/dm/c/{tenant.slug}/activities/{task.ref_id}/done/")
        assert (fresh(unit).status, counted("landing_pages")) == ("completed", 1)


def test_a_refused_brief_is_proposed_again_before_anything_is_written(db, sandbox, rita):
    with promised("landing_pages"):
        (unit,) = units_of("landing_pages")
        agents_work()
        first = text_of(step_of(unit, "brief"))

        decide(unit, "brief_approval", rita, note="Add a section about opening hours.")
        agents_work()

        again = text_of(step_of(unit, "brief"))
        assert again != first and "opening hours" in again.lower()
        assert step_of(unit, "draft").status == "created"


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("ad_copy_sets", ("Headlines", "of 30)", "Descriptions", "of 90)", "Paths of the shown address")),
        ("landing_pages", ("Questions and answers", "Send an enquiry", "For search engines", "of 160 characters")),
    ],
)
def test_everything_that_is_decided_on_is_shown_at_every_door(db, sandbox, rita, alice, kind, words):
    with promised(kind, platforms=["google_ads"]) as tenant:
        (unit,) = units_of(kind)
        agents_work()
        for approval in Approval.objects.filter(status="pending", activity__pipeline_step="brief_approval"):
            decide(approval.activity.unit, "brief_approval", rita)
        agents_work()
        title = step_of(unit, "draft").output_summary["title"]
        shown = asked_at(unit, "dm_review")
        page = rita.get(f"/dm/c/{tenant.slug}/approvals/{shown.ref_id}/").text
        assert all(word in page for word in (*words, title))

        decide(unit, "dm_review", rita)

        shown = asked_at(unit, "client_approval")
        page = alice.get(f"/app/approvals/{shown.ref_id}/").text
        assert all(word in page for word in (*words, title))
        answer = alice.send("GET", f"/api/v1/approvals/{shown.ref_id}/")
        assert answer.status_code == 200 and all(word in str(answer.json()) for word in words)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"headlines": ["x" * 31, "Roasted today", "Order online"]}, "at most 30"),
        (
            {"headlines": ["新鲜的咖啡豆每天早上烘焙好了送", "新鲜的咖啡豆每天早上烘焙好了送到", "Order"]},
            "as Google counts",
        ),
        ({"headlines": ["Fresh beans", "fresh beans", "Order online"]}, "occur twice"),
        ({"headlines": ["Fresh beans!", "Roasted today", "Order online"]}, "exclamation"),
        ({"descriptions": ["One."]}, "at least 2"),
        ({"paths": ["a", "b", "c"]}, "at most 2"),
        ({"bid": "1"}, "not permitted"),
    ],
)
def test_ads_that_google_would_refuse_are_refused_here(change, problem):
    assert GoogleAds.model_validate(GOOGLE)
    with pytest.raises(ValidationError, match=problem):
        GoogleAds.model_validate(GOOGLE | change)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"primaryTexts": ["x" * 126, "Two."]}, "at most 125"),
        ({"headlines": ["x" * 41, "Two."]}, "at most 40"),
        ({"headlines": ["Same", "same"]}, "occur twice"),
        ({"callToAction": "CALL_ME"}, "Input should be"),
    ],
)
def test_ads_that_meta_would_cut_are_refused_here(change, problem):
    assert MetaAds.model_validate(META)
    with pytest.raises(ValidationError, match=problem):
        MetaAds.model_validate(META | change)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"sections": [PAGE["sections"][0]]}, "at least 2"),
        (
            {"sections": [{"heading": "A", "bodyMarkdown": "## Twenty characters at least"}] * 2},
            "must not hold headings",
        ),
        ({"metaTitle": "x" * 61}, "at most 60"),
        ({"slug": "Fresh Beans"}, "match pattern"),
        ({"cta": {"label": "Order"}}, "leadsTo"),
    ],
)
def test_a_page_that_does_not_fit_is_refused(change, problem):
    assert LandingPage.model_validate(PAGE)
    with pytest.raises(ValidationError, match=problem):
        LandingPage.model_validate(PAGE | change)
