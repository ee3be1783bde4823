"""What share of an agent's work is approved as it was handed in, the first time a person reads it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.activities import operations
from apps.activities.first_pass import FirstPass, VersionPass, first_pass, first_pass_of_skill, in_words
from apps.activities.models import Approval
from apps.content.models import BlogPost
from tests.activities.skills import SYSTEM, a_name, a_text, global_skill, names_that_go, own_skill
from tests.activities.test_checking import edit
from tests.activities.work import CLAUDE, attempt, hurry

LONG_AGO = timezone.now() - timedelta(days=400)


def of_copywriter() -> list[FirstPass]:
    return [row for row in first_pass(since=LONG_AGO) if row.role == "copywriter"]


@pytest.fixture
def written(drafts):
    for draft in drafts:
        attempt(draft)
    return drafts


def decide(draft, person, decision, **how) -> None:
    approval = Approval.objects.get(subject_ref=draft.subject_ref, status="pending")
    decision(approval, by=person.actor, at=timezone.now(), shown_sha256=approval.content_sha256, **how)


def test_work_nobody_has_decided_on_does_not_count(written):
    assert of_copywriter() == []


def test_the_first_decision_counts_and_a_second_gate_does_not(written, rita, world):
    decide(written[0], rita, operations.grant_approval)
    decide(written[0], world.alice("topics"), operations.refuse_approval, note="Shorter.")
    decide(written[1], rita, operations.refuse_approval, note="Longer.")

    (row,) = of_copywriter()

    assert row == FirstPass("copywriter", CLAUDE.model_id, as_written=1, after_an_edit=0, sent_back=1)
    assert (row.decided, row.share) == (2, 0.5)


def test_what_is_right_the_second_time_was_not_the_first_time(written, rita):
    decide(written[0], rita, operations.refuse_approval, note="Longer.")
    hurry()
    attempt(written[0])
    decide(written[0], rita, operations.grant_approval)

    assert [(row.as_written, row.sent_back) for row in of_copywriter()] == [(0, 1)]


def test_what_a_person_changed_before_approving_was_not_approved_as_written(written, rita):
    edit(written[0])
    decide(written[0], rita, operations.grant_approval)

    assert [(row.as_written, row.after_an_edit, row.share) for row in of_copywriter()] == [(0, 1, 0.0)]


def test_it_counts_from_a_day_on_and_only_the_clients_in_scope(written, rita, world):
    decide(written[0], rita, operations.grant_approval)

    assert first_pass(since=timezone.now() + timedelta(days=1)) == []
    with world.at("rival"):
        assert of_copywriter() == []


def test_the_clients_page_shows_it(written, rita):
    decide(written[0], rita, operations.grant_approval)

    page = rita.get(f"/dm/c/{BlogPost.objects.get(ref_id=written[0].subject_ref).tenant.slug}/").text

    assert "Approved as written" in page
    assert "1 of 1" in page


@pytest.fixture
def names():
    with names_that_go() as taken:
        taken += [a_name("voice"), a_name("craft")]
        yield taken


def assign(skill, person) -> None:
    operations.assign_skill(skill, ["copywriter"], seen=[], by=person.actor, at=timezone.now())


def test_versions_of_a_skill_stand_side_by_side_with_the_difference(
    drafts, rita, sam, names, django_assert_num_queries
):
    """Two articles: one with the first version and sent back, one with the second and approved; both with a global skill."""
    own, craft = names
    first, shared = own_skill(own), global_skill(craft)
    for skill in (first, shared):
        assign(skill, rita)
    attempt(drafts[0])
    operations.edit_skill(first, a_text(own, body="Warmer."), seen_version=1, by=SYSTEM, at=timezone.now())
    attempt(drafts[1])
    decide(drafts[0], rita, operations.refuse_approval, note="Too cold.")
    decide(drafts[1], rita, operations.grant_approval)

    with django_assert_num_queries(1):
        passed = first_pass_of_skill(own, is_global=False, since=LONG_AGO)
    assert passed == [
        VersionPass(2, as_written=1, after_an_edit=0, sent_back=0),
        VersionPass(1, as_written=0, after_an_edit=0, sent_back=1),
    ]
    assert in_words(passed) == {
        2: "1 of 1 approved as written (100%), +100 points against version 1",
        1: "0 of 1 approved as written (0%)",
    }
    assert first_pass_of_skill(craft, is_global=False, since=LONG_AGO) == []
    assert first_pass_of_skill(own, is_global=False, since=timezone.now() + timedelta(days=1)) == []
    assert first_pass_of_skill(craft, is_global=True, since=LONG_AGO) == [
        VersionPass(1, as_written=1, after_an_edit=0, sent_back=1)
    ]
    slug = BlogPost.objects.get(ref_id=drafts[0].subject_ref).tenant.slug
    assert "100%), +100 points against version 1" in rita.get(f"/dm/c/{slug}/skills/{own}/").text
    assert "1 of 2 approved as written (50%)" in sam.get(f"/manage/skills/s/{craft}/").text


def test_what_became_of_a_clients_skill_is_counted_at_that_client_alone(written, rita, world, names):
    shared = global_skill(names[1])
    assign(shared, rita)
    decide(written[0], rita, operations.refuse_approval, note="Again, with the guidance.")
    hurry()
    attempt(written[0])
    decide(written[0], rita, operations.grant_approval)

    assert first_pass_of_skill(names[1], is_global=True, since=LONG_AGO) == []  # it was there the second time only
    with world.at("rival"):
        assert first_pass_of_skill(names[1], is_global=True, since=LONG_AGO) == []
