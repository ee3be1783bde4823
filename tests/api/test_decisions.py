"""Deciding: what is shown is what is decided on, once."""

import threading

import pytest
from django.db import connection

from apps.activities.models import Activity, Approval
from apps.content.models import BlogPost, BlogRequest
from apps.shared.models import JournalEntry
from apps.tenants.models import Contract, User
from tests.activities.work import a_deadlock_is_lost
from tests.api.routes import SHA, random_ref, records_in_scope, state_of
from tests.conftest import Person, World


def path_of(approval: Approval, move: str = "") -> str:
    return f"/api/v1/approvals/{approval.ref_id}/{move + '/' if move else ''}"


def first_pending() -> Approval:
    return Approval.objects.filter(status="pending").order_by("ref_id").first()


def test_what_is_decided_on_is_shown_in_full(rita, acme, at_drafts):
    approval, post = first_pending(), BlogPost.objects.get(ref_id=at_drafts.blog_post)

    told = rita.get(path_of(approval)).json()["data"]

    assert told["shown"] == {
        "blog_post": post.ref_id,
        "title": post.title,
        "slug": post.slug,
        "meta_description": post.meta_description,
        "channel": at_drafts.channel,
        "scheduled_for": None,
    }
    assert told["content_type"] == "text/markdown"
    assert told["text"] == rita.get(f"/api/v1/blog-posts/{post.ref_id}/").json()["data"]["markdown"]
    assert (told["content_sha256"], told["available_moves"]) == (approval.content_sha256, ["approve", "reject"])
    assert told["assigned_to"] == {"ref_id": rita.user.ref_id, "name": rita.user.name}


def test_a_topic_without_a_channel_says_so(rita, world):
    with world.at("topics"):
        approval = first_pending()
        snapshot = approval.shown_snapshot
        snapshot["subject"]["target_channel"] = "None"
        Approval.objects.filter(pk=approval.pk).update(shown_snapshot=snapshot)

        told = rita.get(path_of(approval)).json()["data"]

    assert (told["shown"]["target_channel"], told["content_type"]) == (None, "application/json")


def test_moves_are_offered_to_those_who_may_make_them(alice, mark, rita, world):
    with world.at("client"):
        path = path_of(first_pending())
        offered = {
            name: person.get(path).json()["data"]["available_moves"]
            for name, person in {"alice": world.alice("client"), "mark": world.mark("client"), "rita": rita}.items()
        }

    assert offered == {"alice": ["approve", "reject"], "mark": [], "rita": []}


def test_approving_says_who_and_when_and_moves_the_work_on(rita, acme, at_drafts):
    approval = first_pending()

    response = rita.send(
        "POST", path_of(approval, "approve"), {"shown_sha256": approval.content_sha256, "note": "Good."}
    )

    told = response.json()["data"]
    assert (response.status_code, told["status"], told["decision_note"]) == (200, "approved", "Good.")
    assert (told["decided_by"]["ref_id"], told["available_moves"]) == (rita.user.ref_id, [])
    assert Approval.objects.get(pk=approval.pk).decision_ip == "127.0.0.1"
    steps = dict(
        Activity.objects.filter(parent_activity=approval.activity.parent_activity).values_list(
            "pipeline_step", "status"
        )
    )
    assert (steps["dm_review"], steps["client_approval"]) == ("completed", "awaiting_approval")


def test_asking_for_a_change_hands_the_note_to_whoever_does_it_again(rita, acme, at_drafts):
    approval = first_pending()

    response = rita.send(
        "POST", path_of(approval, "reject"), {"shown_sha256": approval.content_sha256, "note": "Shorter."}
    )

    draft = Activity.objects.get(parent_activity=approval.activity.parent_activity, pipeline_step="draft")
    assert (response.status_code, response.json()["data"]["status"]) == (200, "rejected")
    assert (draft.status, draft.revision_note) == ("assigned", "Shorter.")
    assert BlogPost.objects.get(ref_id=at_drafts.blog_post).status == "rejected"


@pytest.mark.parametrize("move", ["approve", "reject"])
def test_another_version_than_the_one_shown_is_not_decided_on(move, rita, acme, at_drafts, problem):
    before = state_of(acme)

    response = rita.send("POST", path_of(first_pending(), move), {"shown_sha256": SHA, "note": "x"})

    assert "edited after you opened it" in problem(response, 409, "approval_stale")["detail"]
    assert state_of(acme) == before


@pytest.mark.parametrize("move", ["approve", "reject"])
def test_what_was_decided_is_not_decided_again(move, rita, acme, at_drafts, problem):
    approval = first_pending()
    body = {"shown_sha256": approval.content_sha256, "note": "x"}
    rita.send("POST", path_of(approval, "approve"), body)
    before = state_of(acme)

    problem(rita.send("POST", path_of(approval, move), body), 409, "move_refused")

    assert state_of(acme) == before


def test_of_many_who_decide_at_once_one_does(own_database):
    """Approving and asking for a change at one moment: one decision, and everybody else is told."""
    world = World()
    with world.at("drafts"):
        records = records_in_scope()
    people = [_fresh_rita() for _ in range(4)]
    barrier, answers = threading.Barrier(4), []

    def decide(number: int) -> None:
        barrier.wait()
        move = ("approve", "reject")[number % 2]
        body = {"shown_sha256": records.content_sha256, "note": "x"}
        answers.append(people[number].send("POST", f"/api/v1/approvals/{records.approval}/{move}/", body))
        connection.close()

    threads = [threading.Thread(target=decide, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    with world.at("drafts"):
        decided = JournalEntry.objects.filter(
            code__in=["approval.granted", "approval.refused"], subject_ref=records.approval
        )
        assert decided.count() == 1


def _fresh_rita():
    return Person(User.objects.get(email="rita@leadmetrics.test"))


def test_a_decision_that_loses_a_deadlock_is_made_all_the_same(own_database):
    """PostgreSQL gives up the decision for the sake of somebody else; the door asks it again."""
    world = World()
    with world.at("drafts"):
        records = records_in_scope()
    rita = _fresh_rita()
    path, body = f"/api/v1/approvals/{records.approval}/approve/", {"shown_sha256": records.content_sha256}

    with a_deadlock_is_lost(at=Approval):
        answer = rita.send("POST", path, body)

    assert (answer.status_code, answer.json()["data"]["status"]) == (200, "approved")
    with world.at("drafts"):
        assert JournalEntry.objects.filter(code="approval.granted", subject_ref=records.approval).count() == 1


def test_the_contract_is_accepted_once_by_whom_it_says(alice, acme, at_drafts, problem):
    """A second click changes nothing; another PDF than the one shown is not accepted."""
    path = "/api/v1/contract/accept/"
    before = state_of(acme)

    again = alice.send("POST", path, {"shown_sha256": at_drafts.contract_sha256, "agree": True})
    other = alice.send("POST", path, {"shown_sha256": SHA, "agree": True})

    assert (again.status_code, again.json()["data"]["status"]) == (200, "accepted")
    assert again.json()["data"]["accepted_by"]["ref_id"] == alice.user.ref_id
    problem(other, 409, "contract_changed")
    assert state_of(acme) == before


@pytest.mark.parametrize("agree", [False, None, "true", 1, 0, "", "yes", [], {}, [True]])
def test_only_true_is_agreement(agree, alice, acme, at_drafts, problem):
    body = {"shown_sha256": at_drafts.contract_sha256, "agree": agree}

    errors = problem(alice.send("POST", "/api/v1/contract/accept/", body), 400, "invalid_input")["errors"]

    assert set(errors) == {"agree"}


def test_a_contract_that_is_not_made_yet_is_404_with_a_word_of_its_own(alice, acme, problem):
    Contract.objects.update(status="superseded")

    problem(alice.get("/api/v1/contract/"), 404, "contract_not_ready")
    problem(
        alice.send("POST", "/api/v1/contract/accept/", {"shown_sha256": SHA, "agree": True}), 404, "contract_not_ready"
    )


def test_a_request_shows_its_brief(alice, acme, at_drafts):
    request = BlogRequest.objects.get(ref_id=at_drafts.blog_request)

    told = alice.get(f"/api/v1/blog-requests/{at_drafts.blog_request}/").json()["data"]

    assert (told["title"], told["topic_brief"]) == (request.title, request.topic_brief)
    assert (told["target_channel"], told["requested_by"]) == (at_drafts.channel, "content_brief_writer")
    assert alice.get(f"/api/v1/blog-requests/{random_ref()}/").status_code == 404
