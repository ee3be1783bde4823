"""One approval: what is shown, what a decision does, and what refusals leave as it was."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from apps import storage
from apps.activities import operations
from apps.activities.models import Approval
from apps.content import operations as content
from apps.content.models import BlogPost
from apps.shared.models import JournalEntry
from tests.portals.dm.conftest import page_of, standing

BODY = "## Why\n\n" + "Plain words about coffee. " * 20
HOSTILE = (
    """## Title

<script>alert(1)</script> <img src=x onerror=alert(2)> {{ 7*7 }} {% debug %}

[click](javascript:alert(3)) ![pixel](https://outside.example/p.png?who=rita) [fine](https://good.example/a)

</textarea><iframe src="//evil.example"></iframe>

"""
    + "Words to fill it. " * 20
)


def edited(draft, person, body: str = BODY, **changes) -> None:
    post = BlogPost.objects.get(ref_id=draft.subject_ref)
    facts = {"title": post.title, "slug": post.slug, "meta_description": post.meta_description, **changes}
    content.edit_post(
        post,
        content.PostEdit(body_markdown=body, **facts),
        by=person.actor,
        at=timezone.now(),
        shown_sha256=draft.content_sha256,
    )


def text_of(draft) -> str:
    return storage.read_one(storage.ActivityOutput, draft.content_ref).text


# What is shown


def test_it_shows_the_whole_article_with_all_that_goes_out(rita, draft):
    last_heading = [line for line in text_of(draft).splitlines() if line.startswith("## ")][-1]
    response = rita.get(page_of(draft))
    shown = draft.shown_snapshot["subject"]

    assert response.status_code == 200
    for part in (
        shown["title"],
        f"/{shown['slug']}/",
        f"{len(shown['meta_description'])} of 160 characters",
        "Company blog",
        f"<h2>{last_heading[3:]}</h2>",
    ):
        assert part in response.text
    assert response.text.count(f'name="shown_sha256" value="{draft.content_sha256}"') == 2


def test_opening_it_is_noted_once(rita, sam, draft):
    rita.get(page_of(draft))
    first = Approval.objects.get(pk=draft.pk).opened_on
    sam.get(page_of(draft))

    assert first is not None
    assert Approval.objects.get(pk=draft.pk).opened_on == first


def test_reading_along_at_the_clients_gate_is_no_opening_and_no_decision(rita, world):
    with world.at("client"):
        asked = Approval.objects.filter(status="pending").select_related("tenant").first()
        response = rita.get(page_of(asked))

        assert response.status_code == 200
        assert "The client decides this" in response.text
        assert "/approve/" not in response.text
        assert rita.post(page_of(asked, "approve/"), {"shown_sha256": asked.content_sha256}).status_code == 403
        assert Approval.objects.get(pk=asked.pk).opened_on is None
        assert Approval.objects.get(pk=asked.pk).status == "pending"


@pytest.mark.parametrize(
    ("stage", "words"),
    [("context", "Every agent of this client"), ("topics", "A proposed topic"), ("strategy", "What is promised")],
)
def test_every_kind_of_decision_has_its_page(rita, world, stage, words):
    with world.at(stage):
        asked = Approval.objects.filter(status="pending").select_related("tenant").first()

    assert words in rita.get(page_of(asked)).text
    assert rita.get(page_of(asked) + "?view=changes").status_code == 200


def test_text_of_models_runs_nothing_and_loads_nothing(rita, draft):
    edited(draft, rita, HOSTILE, title="<b>Bold</b> & {{ title }}")

    for path in (page_of(draft), page_of(draft) + "?view=changes", page_of(draft, "edit/")):
        page = rita.get(path).text
        assert "<script>alert" not in page
        assert "<img" not in page
        assert "<iframe" not in page
        assert "<b>Bold" not in page
        assert 'href="javascript:' not in page
        assert "{{ 7*7 }}" in re.sub(r"</?(ins|del)>", "", page)  # printed as typed
    assert 'href="https://good.example/a"' in rita.get(page_of(draft)).text


def test_what_a_person_changed_is_shown_against_the_version_before(rita, draft):
    old_title = draft.shown_snapshot["subject"]["title"]
    edited(draft, rita, title="A better title")
    page = rita.get(page_of(draft) + "?view=changes").text

    assert re.search(r"Version \d+ → version \d+", page)
    assert "<ins>" in page and "<del>" in page
    assert old_title.split()[0] in page
    assert "edited it: version" in page


@pytest.mark.parametrize("against", ["0", "-1", "99999999999999999999", "x", "1;drop", "%00"])
def test_an_unknown_version_to_compare_with_falls_back_to_the_one_before(rita, draft, against):
    edited(draft, rita)

    one_before = re.search(r"Version \d+ → version \d+", rita.get(page_of(draft) + "?view=changes").text)[0]

    assert one_before in rita.get(page_of(draft), {"view": "changes", "against": against}).text


def test_approve_is_not_offered_while_the_text_cannot_be_loaded(rita, draft, documents_away):
    documents_away()
    response = rita.get(page_of(draft))

    assert response.status_code == 200
    assert "The article cannot be shown at the moment" in response.text
    assert "The text cannot be loaded at the moment. Try again in a minute." in response.text
    assert re.search(r"<button[^>]*\bdisabled[^>]*>[^<]*<svg.*?</svg>Approve", response.text, re.S)
    assert 'data-key="a"' not in response.text
    assert "/reject/" not in response.text


# Deciding


def test_approving_decides_and_opens_the_next(rita, drafts):
    first, second = drafts
    rita.get(page_of(first))
    response = rita.post(page_of(first, "approve/"), {"shown_sha256": first.content_sha256, "note": ""})
    decided = Approval.objects.get(pk=first.pk)

    assert (response.status_code, response["Location"]) == (302, page_of(second))
    assert (decided.status, decided.decided_by_id, decided.decision_ip) == ("approved", rita.user.pk, "127.0.0.1")
    assert decided.review_seconds is not None
    assert Approval.objects.get(subject_ref=first.subject_ref, status="pending").required_role == "admin"
    assert f"Approved: {first.shown_snapshot['subject']['title']}" in rita.get(page_of(second)).text


def test_htmx_is_told_where_to_go_next(rita, drafts):
    response = rita.post(
        page_of(drafts[0], "approve/"), {"shown_sha256": drafts[0].content_sha256}, **{"HX-Request": "true"}
    )

    assert (response.status_code, response["HX-Redirect"]) == (204, page_of(drafts[1]))


def test_the_last_decision_of_a_filtered_queue_leads_on(rita, drafts):
    query = "?client=acme-drafts"
    for draft, following in ((drafts[0], page_of(drafts[1]) + query), (drafts[1], "/dm/inbox/")):
        response = rita.post(page_of(draft, "approve/") + query, {"shown_sha256": draft.content_sha256})
        assert response["Location"] == following


def test_asking_for_a_change_sends_the_words_to_the_writer(rita, draft):
    response = rita.post(
        page_of(draft, "reject/"), {"shown_sha256": draft.content_sha256, "note": "Shorter.\r\nAnd warmer."}
    )
    decided = Approval.objects.select_related("activity__parent_activity").get(pk=draft.pk)
    writer = decided.activity.parent_activity.steps.get(pipeline_step="draft")

    assert response.status_code == 302
    assert (decided.status, decided.decision_note) == ("rejected", "Shorter.\nAnd warmer.")
    assert (writer.status, writer.revision_note) == ("assigned", "Shorter.\nAnd warmer.")


def test_a_second_click_is_told_that_the_first_one_counted(rita, draft):
    sent = {"shown_sha256": draft.content_sha256}
    rita.post(page_of(draft, "approve/"), sent)
    before = standing()
    response = rita.post(page_of(draft, "approve/"), sent)

    assert response.status_code == 409
    assert "You approved this already" in response.text
    assert standing() == before
    assert JournalEntry.objects.filter(code="approval.granted", subject_ref=draft.ref_id).count() == 1


def test_whoever_comes_second_is_told_who_decided_what(rita, sam, draft):
    sam.post(page_of(draft, "reject/"), {"shown_sha256": draft.content_sha256, "note": "Not yet"})
    before = standing()
    response = rita.post(page_of(draft, "approve/"), {"shown_sha256": draft.content_sha256})

    assert response.status_code == 409
    assert "Sam Iyer asked for a change already" in response.text
    assert "Go on with the next one" in response.text
    assert standing() == before


@pytest.mark.parametrize("action", ["approve/", "reject/"])
def test_whoever_still_has_the_old_text_open_reads_the_new_one_first(rita, sam, draft, action):
    old = draft.content_sha256
    edited(draft, sam, title="A better title")
    before = standing()
    response = rita.post(page_of(draft, action), {"shown_sha256": old, "note": "as before"}, **{"HX-Request": "true"})
    fresh = Approval.objects.get(pk=draft.pk)

    assert response.status_code == 409
    assert "This was edited after you opened it" in response.text
    assert "A better title" in response.text
    assert f'value="{fresh.content_sha256}"' in response.text
    assert f'value="{old}"' not in response.text
    assert "<!doctype" not in response.text  # only the panes
    assert standing() == before
    assert (
        rita.post(page_of(draft, action), {"shown_sha256": fresh.content_sha256, "note": "as before"}).status_code
        == 302
    )


def test_what_somebody_holds_back_is_not_decided(rita, sam, draft):
    Approval.objects.filter(pk=draft.pk).update(
        held_by=sam.user, held_until=timezone.now() + timedelta(hours=2), hold_note="I ask the client about the price"
    )
    before = standing()
    page, response = (
        rita.get(page_of(draft)),
        rita.post(page_of(draft, "approve/"), {"shown_sha256": draft.content_sha256}),
    )

    assert "Sam Iyer holds this back." in page.text
    assert "I ask the client about the price" in page.text
    assert 'data-key="a"' not in page.text
    assert response.status_code == 409
    assert "Somebody holds this back" in response.text
    assert standing() == before


@pytest.mark.parametrize(
    ("action", "sent"),
    [
        ("approve/", {}),
        ("approve/", {"shown_sha256": ""}),
        ("approve/", {"shown_sha256": "A" * 64}),
        ("approve/", {"shown_sha256": "0" * 63}),
        ("approve/", {"shown_sha256": "0" * 64 + "\n"}),
        ("approve/", {"shown_sha256": "\x00"}),
        ("approve/", {"shown_sha256": ..., "note": "n" * 4_001}),
        ("approve/", {"shown_sha256": ..., "note": "a\x00b"}),
        ("reject/", {"shown_sha256": ...}),
        ("reject/", {"shown_sha256": ..., "note": ""}),
        ("reject/", {"shown_sha256": ..., "note": " \n\t "}),
        ("reject/", {"shown_sha256": ..., "note": "n" * 4_001}),
        ("reject/", {"shown_sha256": ..., "note": "a\x00b"}),
        ("reject/", {"note": "without what was shown"}),
    ],
)
def test_a_form_that_makes_no_sense_decides_nothing(rita, draft, action, sent):
    rita.get(page_of(draft))
    before = standing()
    sent = {name: draft.content_sha256 if value is ... else value for name, value in sent.items()}
    response = rita.post(page_of(draft, action), sent)

    assert response.status_code == 422
    assert "field-error" in response.text or "Nothing was decided" in response.text
    assert standing() == before


def test_a_digest_that_was_never_shown_decides_nothing(rita, draft):
    before = standing()

    assert rita.post(page_of(draft, "approve/"), {"shown_sha256": "0" * 64}).status_code == 409
    assert standing() == before


@pytest.mark.parametrize("action", ["approve/", "reject/"])
def test_following_the_address_of_an_action_only_leads_to_the_page(rita, draft, action):
    before = standing()

    assert rita.get(page_of(draft, action))["Location"] == page_of(draft)
    assert standing() == before


def test_what_was_decided_can_be_read_afterwards(rita, draft):
    operations.refuse_approval(
        draft, by=rita.actor, at=timezone.now(), shown_sha256=draft.content_sha256, note="Too long"
    )
    page = rita.get(page_of(draft)).text

    assert "Rita Rao asked for a change" in page
    assert "Too long" in page
    assert "/approve/" not in page
