"""Deciding: once, by a person, on exactly what was shown; of two at once one wins and the other is told."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.activities import operations as work
from apps.activities.models import Activity, Approval
from apps.activities.operations import ApprovalHeld, ApprovalStale
from apps.content import operations as content
from apps.content.models import BlogPost, BlogRequest
from apps.shared.actors import Actor
from apps.shared.errors import InvalidInput, NotAllowed, OperationRefused
from apps.shared.models import JournalEntry
from apps.shared.scoping import only_tenant
from apps.shared.transitions import MoveRefused
from apps.storage import VersionTaken
from apps.tenants.models import User
from tests.activities.work import fresh, pending, together
from tests.conftest import Person, World


def everything() -> tuple:
    """What a refusal may not change."""
    return (
        list(Approval.objects.order_by("id").values()),
        list(Activity.objects.order_by("id").values()),
        list(BlogPost.objects.order_by("id").values()),
        list(BlogRequest.objects.order_by("id").values()),
        JournalEntry.objects.count(),
    )


def approve(approval, person, **more):
    shown = more.pop("shown_sha256", approval.content_sha256)
    return work.grant_approval(approval, by=person.actor, at=timezone.now(), shown_sha256=shown, **more)


def refuse(approval, person, note="Warmer, please."):
    return work.refuse_approval(
        approval, by=person.actor, at=timezone.now(), shown_sha256=approval.content_sha256, note=note
    )


def codes_about(approval) -> list[str]:
    """What the journal tells about the decision, its gate and the post behind it, without the asking."""
    gate = approval.activity
    refs = [approval.ref_id, gate.ref_id, approval.subject_ref]
    entries = JournalEntry.objects.filter(subject_ref__in=refs, created_on__gte=approval.created_on).order_by("ref_id")
    asked = {"approval.asked", "activity.approval_asked", "blog_post.submitted"}
    return [entry.code for entry in entries if entry.code not in asked]


@pytest.fixture
def approval(acme) -> Approval:
    """A draft that waits for the reviewer."""
    return pending()[0]


def test_an_approval_says_who_decided_when_and_from_where(approval, rita):
    work.mark_opened(approval, by=rita.actor, at=timezone.now() - timedelta(seconds=90))
    decided = approve(fresh(approval), rita, note="Good.")

    assert (decided.status, decided.decided_by, decided.decision_note) == ("approved", rita.user, "Good.")
    assert (decided.decision_ip, decided.decision_user_agent) == ("127.0.0.1", "tests")
    assert 90 <= decided.review_seconds <= 120
    assert codes_about(approval) == ["approval.granted", "activity.approved", "activity.gate_closed"]


def test_the_same_person_deciding_twice_decided_once(approval, rita):
    approve(approval, rita)
    before = everything()

    for again in (approve, refuse):
        with pytest.raises(MoveRefused):
            again(approval, rita)

    assert everything() == before


@pytest.mark.parametrize("actor", [Actor.agent("copywriter"), Actor.system("sweep"), Actor("integration", "webhook")])
def test_nobody_but_a_person_decides(approval, actor):
    before = everything()
    for decide in (work.grant_approval, work.refuse_approval):
        with pytest.raises(NotAllowed):
            decide(approval, by=actor, at=timezone.now(), shown_sha256=approval.content_sha256, note="x")
    assert everything() == before


@pytest.mark.parametrize("note", ["", "   ", "\n"])
def test_asking_for_a_change_needs_words(approval, rita, note):
    before = everything()
    with pytest.raises(InvalidInput):
        refuse(approval, rita, note=note)
    assert everything() == before


@pytest.mark.parametrize("shown", ["", "0" * 64])
def test_a_decision_on_something_else_than_is_shown_is_refused(approval, rita, shown):
    before = everything()
    with pytest.raises(ApprovalStale):
        approve(approval, rita, shown_sha256=shown)
    assert everything() == before


@pytest.mark.parametrize("change", [{"title": "Another title"}, {"slug": "another"}, {"content_ref": "f" * 24}])
def test_a_post_that_was_changed_behind_the_approval_cannot_be_approved(approval, rita, change):
    BlogPost.objects.filter(ref_id=approval.subject_ref).update(**change)
    before = everything()
    with pytest.raises(ApprovalStale):
        approve(approval, rita)
    assert everything() == before


def edit(approval, person, title="Edited by Rita"):
    post = BlogPost.objects.get(ref_id=approval.subject_ref)
    wanted = content.PostEdit(
        title=title,
        slug="edited-by-rita",
        meta_description="A description of fifty characters or a few more.",
        body_markdown="## New\n\nText.",
    )
    return content.edit_post(post, wanted, by=person.actor, at=timezone.now(), shown_sha256=approval.content_sha256)


def test_an_edit_voids_what_others_have_open_and_the_same_approval_is_asked_for_the_new_text(approval, rita):
    old = approval.content_sha256

    edit(approval, rita)

    now = fresh(approval)
    assert (now.status, now.content_sha256 != old) == ("pending", True)
    with pytest.raises(ApprovalStale):
        approve(approval, rita, shown_sha256=old)
    with pytest.raises(ApprovalStale):
        edit(approval, rita, title="From an old page")
    assert approve(now, rita).status == "approved"


def test_what_somebody_else_holds_back_waits_until_the_hold_ends(approval, rita, sam):
    Approval.objects.filter(pk=approval.pk).update(held_by=sam.user, held_until=timezone.now() + timedelta(hours=1))
    with pytest.raises(ApprovalHeld):
        approve(fresh(approval), rita)
    Approval.objects.filter(pk=approval.pk).update(held_until=timezone.now() - timedelta(seconds=1))
    assert approve(fresh(approval), rita).status == "approved"


@pytest.fixture
def race(own_database, running_sandbox):
    """Committed rows: (approvals of the two drafts, Rita)."""
    running_sandbox.world.reset()
    with World().at("drafts"):
        yield Person(User.objects.get(email="rita@leadmetrics.test"))


def one_of(answers: list) -> tuple[list, list]:
    """(those who did it, those who were refused); anything else fails."""
    did = [answer for answer in answers if not isinstance(answer, Exception)]
    refused = [answer for answer in answers if isinstance(answer, OperationRefused)]
    assert len(did) + len(refused) == len(answers), answers
    return did, refused


@pytest.mark.acceptance("SM-approvals")
def test_of_32_approvals_at_once_one_counts(race):
    for approval in pending():
        did, refused = one_of(together(*[lambda: approve(approval, race)] * 32))  # noqa: B023

        assert (len(did), len(refused)) == (1, 31)
        assert {type(each) for each in refused} == {MoveRefused}
        assert codes_about(approval) == ["approval.granted", "activity.approved", "activity.gate_closed"]
        assert (
            Approval.objects.filter(subject_ref=approval.subject_ref, status="pending").count() == 1
        )  # the client's turn


def test_of_approval_and_rejection_at_once_one_counts(race):
    for approval in pending():
        did, refused = one_of(together(*[lambda: approve(approval, race), lambda: refuse(approval, race)] * 8))  # noqa: B023

        assert (len(did), len(refused)) == (1, 15)
        told = codes_about(approval)
        if did[0].status == "approved":
            assert told == ["approval.granted", "activity.approved", "activity.gate_closed"]
        else:
            assert told[:3] == ["approval.refused", "activity.rejected", "blog_post.rejected"]
        steps = dict(approval.activity.parent_activity.steps.values_list("pipeline_step", "status"))
        wanted = (
            ("completed", "completed", "awaiting_approval")
            if did[0].status == "approved"
            else ("assigned", "created", "created")
        )
        assert (steps["draft"], steps["dm_review"], steps["client_approval"]) == wanted


def test_of_approval_and_edit_at_once_what_is_approved_is_what_was_shown(race):
    for approval in pending():
        shown = approval.content_sha256

        did, refused = one_of(together(lambda: approve(approval, race), lambda: edit(approval, race)))  # noqa: B023

        assert (len(did), len(refused)) == (1, 1)
        now, post = fresh(approval), BlogPost.objects.get(ref_id=approval.subject_ref)
        if isinstance(did[0], Approval):
            assert (now.status, now.content_sha256, post.title != "Edited by Rita") == ("approved", shown, True)
        else:
            assert (now.status, now.content_sha256 != shown, post.title) == ("pending", True, "Edited by Rita")


def test_of_approval_and_cancelling_at_once_one_wins_and_nothing_is_left_half_done(race):
    for approval in pending():
        unit = approval.activity.parent_activity

        one_of(
            together(
                lambda: approve(approval, race),  # noqa: B023
                lambda: work.cancel_unit(unit, by=race.actor, at=timezone.now()),  # noqa: B023
            )
        )

        steps = dict(unit.steps.values_list("pipeline_step", "status"))
        assert fresh(unit).status == "cancelled"
        assert (fresh(approval).status, steps["dm_review"]) in [("approved", "completed"), ("withdrawn", "cancelled")]
        assert steps["client_approval"] == steps["publish"] == "cancelled"
        assert not Approval.objects.filter(activity__parent_activity=unit, status="pending").exists()


def test_two_edits_at_once_lose_nothing(race):
    (approval, _) = pending()

    did, refused = one_of(together(*[lambda n=n: edit(approval, race, title=f"Edit {n}") for n in range(8)]))

    assert (len(did), {type(each) for each in refused} <= {ApprovalStale, VersionTaken}) == (1, True)
    assert BlogPost.objects.get(ref_id=approval.subject_ref).title == did[0].title
    assert codes_about(approval) == ["blog_post.edited", "approval.redigested"]


@pytest.mark.acceptance("FLOW-blog-request")
def test_of_32_who_approve_a_topic_at_once_one_makes_its_post(own_database, running_sandbox):
    with World().at("topics"):
        rita = Person(User.objects.get(email="rita@leadmetrics.test"))
        for approval in pending():
            did, _ = one_of(together(*[lambda: approve(approval, rita)] * 32))  # noqa: B023

            assert len(did) == 1
            assert BlogPost.objects.filter(blog_request__ref_id=approval.subject_ref).count() == 1


def ask_overdue(at) -> int:
    return work.ask_overdue_anew(only_tenant(), by=Actor.system("activities.ask_overdue_anew"), at=at)


@pytest.mark.acceptance("SM-approvals")
def test_what_nobody_decided_in_time_is_asked_anew_and_counts_as_nothing(approval, rita):
    handed_to = User.objects.get(email="sam@leadmetrics.test")
    Approval.objects.filter(pk=approval.pk).update(assigned_to=handed_to)
    gate, post = approval.activity, BlogPost.objects.get(ref_id=approval.subject_ref)
    others = len(pending()) - 1

    assert ask_overdue(approval.expires_at) >= 1
    assert ask_overdue(approval.expires_at) == 0

    former, anew = fresh(approval), next(a for a in pending() if a.subject_ref == approval.subject_ref)
    assert (former.status, former.decided_by, former.decided_on) == ("expired", None, None)
    assert len(pending()) - 1 == others
    assert (anew.activity, anew.assigned_to, anew.required_role) == (gate, handed_to, approval.required_role)
    assert (anew.content_ref, anew.content_sha256) == (approval.content_ref, approval.content_sha256)
    assert anew.expires_at - anew.created_on == approval.expires_at - approval.created_on
    assert (anew.requested_by_type, anew.requested_by_id) == (approval.requested_by_type, approval.requested_by_id)
    assert (fresh(gate).status, fresh(post).status) == ("awaiting_approval", post.status)
    with pytest.raises(MoveRefused):  # the tab that was left open
        approve(approval, rita)
    assert approve(anew, rita).status == "approved"


def test_before_its_time_and_while_it_is_held_back_nothing_expires(approval, rita):
    later = approval.expires_at + timedelta(days=1)
    Approval.objects.exclude(pk=approval.pk).filter(status="pending").update(expires_at=later + timedelta(days=9))
    Approval.objects.filter(pk=approval.pk).update(held_until=later, held_by=rita.user, hold_note="The client is away.")
    before = everything()

    assert ask_overdue(approval.expires_at) == 0
    assert everything() == before
    assert ask_overdue(later) == 1
    assert fresh(approval).status == "expired"
