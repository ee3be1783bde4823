"""What waits for the client: reading the whole of it and deciding."""

import re

import pytest
from django.test import Client
from django.utils import timezone

from apps.activities import operations as work
from apps.activities import queries as work_queries
from apps.activities.models import Approval
from apps.activities.statuses import APPROVAL_MOVES
from apps.content.models import BlogPost
from apps.shared.actors import Actor
from apps.shared.models import JournalEntry
from apps.strategy.models import Strategy
from apps.tenants.models import User
from tests.portals.app.conftest import NOWHERE


@pytest.fixture
def client(world):
    """The client whose two articles wait for its admin, in scope."""
    with world.at("client") as tenant:
        yield tenant


@pytest.fixture
def alice(world):
    return world.alice("client")


@pytest.fixture
def mark(world):
    return world.mark("client")


@pytest.fixture
def article(client) -> Approval:
    return Approval.objects.filter(status="pending", required_role="admin").order_by("expires_at", "ref_id").first()


def path(approval: Approval, action: str = "") -> str:
    return f"/app/approvals/{approval.ref_id}/{action}"


def decided(approval: Approval) -> tuple:
    approval.refresh_from_db()
    return approval.status, approval.decided_by, approval.decision_note


def unmoved(approval: Approval) -> bool:
    """Nothing was decided, and the article is where it was."""
    return (
        decided(approval) == ("pending", None, "")
        and BlogPost.objects.get(ref_id=approval.subject_ref).status == "review"
    )


def test_the_list_offers_reading_and_no_approving(alice, article, django_assert_max_num_queries):
    with django_assert_max_num_queries(12):
        page = alice.get("/app/approvals/")

    assert page.text.count("Read and decide") == 2
    assert path(article) in page.text
    assert article.shown_snapshot["subject"]["title"] in page.text
    assert "/approve/" not in page.text


def test_the_page_shows_the_whole_article_with_the_decision_below_it(alice, article, django_assert_max_num_queries):
    whole = work_text(article)
    with django_assert_max_num_queries(12):
        page = alice.get(path(article))

    last_words = re.findall(r"[A-Za-z]{4,}", whole)[-3:]
    assert all(word in page.text for word in last_words)
    assert article.shown_snapshot["subject"]["meta_description"] in page.text
    assert page.text.count(f'value="{article.content_sha256}"') == 2  # approving, and asking for a change
    assert page.text.index(last_words[-1]) < page.text.index(f'action="{path(article, "approve/")}"')


def work_text(approval: Approval) -> str:
    return work_queries.text_of(approval.content_ref)


def test_reading_changes_nothing_and_the_page_itself_says_that_it_was_opened(alice, article):
    entries = JournalEntry.objects.count()

    alice.get(path(article))
    alice.get(path(article, "approve/"))
    alice.get(path(article, "reject/"))
    article.refresh_from_db()
    assert article.opened_on is None
    assert (unmoved(article), JournalEntry.objects.count()) == (True, entries)

    assert alice.post(path(article, "opened/")).status_code == 204
    article.refresh_from_db()
    assert article.opened_on is not None


def test_approving_releases_the_article_and_goes_on_to_the_next(alice, article):
    response = alice.post(path(article, "approve/"), {"shown_sha256": article.content_sha256})

    other = Approval.objects.get(status="pending", required_role="admin")
    assert (response.status_code, response["Location"]) == (302, path(other))
    assert decided(article) == ("approved", alice.user, "")
    assert (article.decision_ip, article.decision_user_agent) == ("127.0.0.1", "")
    assert BlogPost.objects.get(ref_id=article.subject_ref).status == "approved"
    assert "It goes out next" in alice.get(path(other)).text

    last = alice.post(path(other, "approve/"), {"shown_sha256": other.content_sha256})
    assert last["Location"] == "/app/"


def test_the_strategy_is_approved_on_its_own_page(world):
    with world.at("strategy"):
        alice, approval = world.alice("strategy"), Approval.objects.get(status="pending")
        page = alice.get(path(approval))
        response = alice.post(path(approval, "approve/"), {"shown_sha256": approval.content_sha256})

        assert "Goals for" in page.text
        assert (response.status_code, response["Location"]) == (302, "/app/")
        assert Strategy.objects.get().status == "active"


def test_asking_for_a_change_sends_the_words_to_the_writer(alice, article):
    note = "Say when we open.\nAnd drop the last paragraph."

    response = alice.post(path(article, "reject/"), {"shown_sha256": article.content_sha256, "note": note})

    assert response.status_code == 302
    assert decided(article) == ("rejected", alice.user, note)
    assert BlogPost.objects.get(ref_id=article.subject_ref).status == "rejected"
    draft = article.activity.parent_activity.steps.get(pipeline_step="draft")
    assert (draft.status, draft.revision_note) == ("assigned", note)


@pytest.mark.parametrize("note", ["", "   ", "\n\t"])
def test_a_change_without_words_is_refused_beside_the_field(alice, article, note):
    response = alice.post(path(article, "reject/"), {"shown_sha256": article.content_sha256, "note": note})

    assert response.status_code == 422
    assert "Say what should change." in response.text
    assert 'decision-ask" open' in response.text
    assert unmoved(article)


@pytest.mark.parametrize("action", ["approve/", "reject/"])
@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"shown_sha256": "", "note": "Shorter."},
        {"shown_sha256": "abc", "note": "Shorter."},
        {"shown_sha256": "0" * 63 + "\n", "note": "Shorter."},
        {"shown_sha256": "٠" * 64, "note": "Shorter."},
        {"shown_sha256": "0" * 64 + "\0", "note": "Shorter."},
        {"shown_sha256": "RIGHT", "note": "x" * 4_001},
        {"shown_sha256": "RIGHT", "note": "nul \0 inside"},
    ],
)
def test_a_form_that_does_not_fit_decides_nothing(alice, article, action, sent):
    sent = {name: article.content_sha256 if value == "RIGHT" else value for name, value in sent.items()}

    response = alice.post(path(article, action), sent)

    assert response.status_code == 422
    assert unmoved(article)


def test_whoever_still_has_the_old_text_open_reads_the_new_one_first(alice, article):
    response = alice.post(path(article, "approve/"), {"shown_sha256": "0" * 64})

    assert response.status_code == 409
    assert "This was edited after you opened it. Read the new version and decide again." in response.text
    assert f'value="{article.content_sha256}"' in response.text  # the form below decides on what is shown now
    assert unmoved(article)


def test_a_second_decision_is_told_who_decided_what(alice, article):
    alice.post(path(article, "reject/"), {"shown_sha256": article.content_sha256, "note": "Say when we open."})
    entries = JournalEntry.objects.count()

    for action in ("approve/", "reject/"):
        response = alice.post(path(article, action), {"shown_sha256": article.content_sha256, "note": "Too late."})
        assert response.status_code == 409
        assert "You asked for a change on" in response.text
        assert "Say when we open." in response.text
        assert 'href="/app/"' in response.text
        assert path(article, "approve/") not in response.text
    assert decided(article) == ("rejected", alice.user, "Say when we open.")
    assert JournalEntry.objects.count() == entries


def test_another_admin_reads_the_name_of_who_decided(alice, article, client):
    second = User.objects.create(
        tenant=client, email="anna@acme-client.test", name="Anna Arora", role="admin", app_access=["dashboard"],
        status="active", created_on=timezone.now(),
    )  # fmt: skip
    work.grant_approval(article, by=Actor.human(second), at=timezone.now(), shown_sha256=article.content_sha256)

    got = alice.get(path(article))
    late = alice.post(path(article, "approve/"), {"shown_sha256": article.content_sha256})

    assert (got.status_code, late.status_code) == (200, 409)
    assert "Anna Arora approved this on" in got.text
    assert "Anna Arora approved this on" in late.text


@pytest.mark.parametrize("move", ["expire", "withdraw"])
def test_what_is_no_longer_open_says_so(alice, article, move):
    APPROVAL_MOVES.perform(article, move, by=Actor.system("tests"), at=timezone.now())

    got = alice.get(path(article))
    late = alice.post(path(article, "approve/"), {"shown_sha256": article.content_sha256})

    assert (got.status_code, late.status_code) == (200, 409)
    assert "This is no longer open" in late.text
    assert "your agency asks again" in late.text


def test_a_member_reads_everything_decides_nothing_and_is_told_who_does(mark, article):
    page = mark.get(path(article))
    answers = [
        mark.post(path(article, action), {"shown_sha256": article.content_sha256, "note": "x"}).status_code
        for action in ("approve/", "reject/", "opened/")
    ]

    assert "Alice Ahuja decides for your company." in page.text
    assert "decision-ask" not in page.text
    assert "/approve/" not in page.text
    assert answers == [403, 403, 403]
    assert unmoved(article)
    article.refresh_from_db()
    assert article.opened_on is None


def test_what_reviewers_still_work_on_is_not_there(world):
    with world.at("drafts"):
        alice = world.alice("drafts")
        internal = list(Approval.objects.filter(required_role="reviewer"))

        assert {approval.status for approval in internal} >= {"pending", "approved"}
        for approval in internal:
            sent = {"shown_sha256": approval.content_sha256, "note": "x"}
            assert alice.get(path(approval)).status_code == 404
            assert [
                alice.post(path(approval, action), sent).status_code for action in ("approve/", "reject/", "opened/")
            ] == [404] * 3


def test_without_a_csrf_token_nothing_is_decided(alice, article):
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice.user)

    for action in ("approve/", "reject/", "opened/"):
        sent = {"shown_sha256": article.content_sha256, "note": "x"}
        assert client.post(path(article, action), sent).status_code == 403
    assert unmoved(article)
    article.refresh_from_db()
    assert article.opened_on is None


def test_nothing_can_be_approved_while_the_text_cannot_be_had(alice, article, documents_away):
    documents_away()

    page = alice.get(path(article))

    assert page.status_code == 200
    assert "The text cannot be shown at the moment" in page.text
    assert path(article, "approve/") not in page.text


@pytest.mark.parametrize(
    "ref_id",
    [
        NOWHERE,
        NOWHERE.lower(),
        "1",
        "0" * 25,
        "0" * 27,
        "I" * 26,
        "8" * 26,
        "..",
        "%00",
        "6a2f3b0e-4a2b-7d0c-8b1e-000000000000",
    ],
)
def test_an_address_of_nothing_is_a_404(alice, client, ref_id):
    answers = [
        alice.get(f"/app/approvals/{ref_id}/"),
        alice.post(f"/app/approvals/{ref_id}/approve/", {"shown_sha256": "0" * 64}),
    ]

    assert [response.status_code for response in answers] == [404, 404]


def test_hostile_words_stay_words(alice, article):
    note = "<script>alert(1)</script>{{7*7}}{% debug %}"
    alice.post(path(article, "reject/"), {"shown_sha256": article.content_sha256, "note": note})

    text = alice.get(path(article)).text

    assert "<script>alert(1)" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;{{7*7}}{% debug %}" in text


def test_somebody_signed_out_comes_back_to_the_page_after_signing_in(article):
    response = Client().post(path(article, "approve/"), {"shown_sha256": article.content_sha256})

    assert response["Location"] == f"/account/login/?next={path(article, 'approve/')}"
