"""The editor: what it takes, what it refuses, and that two people never overwrite each other unseen."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from apps import storage
from apps.activities.models import Approval
from apps.activities.queries import versions_of
from apps.content.forms import PostForm
from apps.content.models import BlogPost
from apps.shared.models import JournalEntry
from tests.portals.dm.conftest import page_of, standing

AT = datetime(2026, 5, 6, 8, 40, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
BODY = "## Mine\n\n" + "A sentence of my own. " * 20


def sent(draft, **changes) -> dict:
    answers = {
        "shown_sha256": draft.content_sha256,
        "title": "A title of mine",
        "slug": "a-title-of-mine",
        "meta_description": "What people read below the title in search results, in one sentence.",
        "scheduled_for": "",
        "body_markdown": BODY,
        "change_note": "Said it shorter",
    }
    return {name: value for name, value in {**answers, **changes}.items() if value is not None}


def notes_on(approval) -> list[str]:
    """What the versions say they changed. Documents of other tests stay in MongoDB, so notes are asked for, not counts."""
    return [version.change_note for version in versions_of(approval.subject_ref)]


def test_it_opens_with_everything_as_it_stands(rita, draft):
    page, post = rita.get(page_of(draft, "edit/")).text, BlogPost.objects.get(ref_id=draft.subject_ref)

    assert f'value="{post.title}"' in page
    assert f'value="{post.slug}"' in page
    assert post.meta_description in page
    assert f'value="{draft.content_sha256}"' in page


def test_saving_makes_a_version_and_binds_the_decision_to_it(rita, draft):
    response = rita.post(
        page_of(draft, "edit/"), sent(draft, body_markdown=BODY.replace("\n", "\r\n"), scheduled_for="2027-06-01T09:30")
    )
    approval, post = Approval.objects.get(pk=draft.pk), BlogPost.objects.get(ref_id=draft.subject_ref)

    assert (response.status_code, response["Location"]) == (302, page_of(draft))
    assert (post.title, post.slug) == ("A title of mine", "a-title-of-mine")
    assert post.scheduled_for == datetime(2027, 6, 1, 4, 0, tzinfo=UTC)  # 09:30 on the client's clock
    assert (approval.status, approval.content_ref) == ("pending", post.content_ref)
    assert approval.content_sha256 != draft.content_sha256
    assert storage.read_one(storage.ActivityOutput, post.content_ref).text == BODY.strip()
    newest = versions_of(post.ref_id)[0]
    assert (newest.pointer, newest.author_type, newest.change_note) == (post.content_ref, "human", "Said it shorter")
    assert JournalEntry.objects.filter(code="blog_post.edited", subject_ref=post.ref_id).count() == 1


def test_two_editors_never_overwrite_each_other_unseen(rita, sam, draft):
    sam.post(
        page_of(draft, "edit/"), sent(draft, title="The title of Sam", body_markdown=BODY + "And this is from Sam.")
    )
    before = standing()
    response = rita.post(
        page_of(draft, "edit/"), sent(draft, body_markdown=BODY + "And this is from Rita.", change_note="Came too late")
    )
    fresh = Approval.objects.get(pk=draft.pk)

    assert response.status_code == 409
    assert "somebody edited this after you opened it" in response.text
    assert "<del>" in response.text and "<ins>" in response.text
    assert "And this is from Rita." in response.text  # nothing typed is lost
    assert "The title of Sam" in response.text
    assert f'value="{fresh.content_sha256}"' in response.text
    assert standing() == before
    assert "Came too late" not in notes_on(draft)

    again = rita.post(page_of(draft, "edit/"), sent(fresh, body_markdown=BODY + "And this is from Rita."))
    assert again.status_code == 302
    assert storage.read_one(
        storage.ActivityOutput, BlogPost.objects.get(ref_id=draft.subject_ref).content_ref
    ).text.endswith("Rita.")


def test_a_decision_that_was_made_meanwhile_keeps_what_was_typed(rita, sam, draft):
    sam.post(page_of(draft, "reject/"), {"shown_sha256": draft.content_sha256, "note": "No"})
    before = standing()
    response = rita.post(page_of(draft, "edit/"), sent(draft, body_markdown=BODY + "Still here."))

    assert response.status_code == 409
    assert "This can only be edited while it is in review" in response.text
    assert "Still here." in response.text
    assert standing() == before
    assert rita.get(page_of(draft, "edit/")).status_code == 409


def test_a_store_that_is_away_keeps_what_was_typed(rita, draft, documents_away):
    before = standing()
    documents_away()
    response = rita.post(page_of(draft, "edit/"), sent(draft, body_markdown=BODY + "Still here."))

    assert response.status_code == 503
    assert "Still here." in response.text
    assert rita.get(page_of(draft, "edit/")).status_code == 503
    assert standing() == before


def test_a_preview_saves_and_complains_about_nothing(rita, draft):
    before = standing()
    answers = {**sent(draft, slug="BAD SLUG", body_markdown="## Seen\n\n<script>x</script>"), "preview": "1"}
    part = rita.post(page_of(draft, "edit/"), answers, **{"HX-Request": "true"})
    page = rita.post(page_of(draft, "edit/"), answers)

    assert part.status_code == page.status_code == 200
    assert "<h2>Seen</h2>" in part.text
    assert "<script>" not in part.text
    assert "<form" not in part.text
    assert "field-error" not in page.text
    assert standing() == before


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", None), ("title", ""), ("title", "   "), ("title", "t" * 501), ("title", "a\x00b"), ("title", "a\x07b"),
        ("slug", None), ("slug", "Bad"), ("slug", "two words"), ("slug", "-x"), ("slug", "x--y"), ("slug", "../x"), ("slug", "x\n"),
        ("slug", "x" * 101), ("slug", "café"), ("slug", "%2e%2e"), ("slug", "a\x00"),
        ("meta_description", None), ("meta_description", "d" * 161), ("meta_description", "a\x00b"),
        ("body_markdown", None), ("body_markdown", ""), ("body_markdown", "b" * 60_001), ("body_markdown", "a\x00b"),
        ("body_markdown", "# A first-level heading\n\nText"),
        ("scheduled_for", "tomorrow"), ("scheduled_for", "2026-13-01T10:00"), ("scheduled_for", "9999-12-31T23:59"),
        ("scheduled_for", "2026-11-05"  * 40), ("scheduled_for", "\x00"),
        ("change_note", "n" * 501), ("change_note", "a\x00b"),
        ("shown_sha256", None), ("shown_sha256", "x"), ("shown_sha256", "F" * 64),
    ],
)  # fmt: skip
def test_what_cannot_be_published_is_not_saved(rita, draft, field, value):
    if (field, value) == ("slug", "x\n"):
        value = "x\ny"
    before = standing()
    response = rita.post(page_of(draft, "edit/"), sent(draft, **{"change_note": "Cannot be kept", field: value}))

    assert response.status_code == 422
    assert "field-error" in response.text or "Read it again, then decide" in response.text
    assert standing() == before
    assert "Cannot be kept" not in notes_on(draft)


def scheduled(text: str, *, zone=BERLIN):
    form = PostForm({"scheduled_for": text}, zone=zone, at=AT)
    return form.errors.get("scheduled_for", [None])[0] or form.cleaned_data["scheduled_for"]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("2026-07-01T09:00", datetime(2026, 7, 1, 7, 0, tzinfo=UTC)),
        ("2026-12-01T09:00", datetime(2026, 12, 1, 8, 0, tzinfo=UTC)),
        ("2026-07-01T09:00+05:30", datetime(2026, 7, 1, 3, 30, tzinfo=UTC)),
        ("1900-01-01T00:00", None),
        ("0001-01-01T00:00", None),
        ("2026-05-06T10:39", None),  # a minute ago in Berlin
        ("", None),
        ("2027-03-28T02:30", "The clocks in Europe/Berlin go forward then: this time does not exist. Choose another."),
        ("2026-10-25T02:30", "The clocks in Europe/Berlin go back then: this time comes twice. Choose another."),
        ("2028-05-08T10:00", "Choose a time within the next two years."),
        ("2076-05-06T10:00", "Choose a time within the next two years."),
        ("9999-12-31T23:59", "Choose a time within the next two years."),
    ],
)
def test_a_time_is_read_on_the_clients_clock(typed, expected):
    assert scheduled(typed) == expected


class TestContextFile:
    @pytest.fixture
    def asked(self, world):
        with world.at("context"):
            yield Approval.objects.select_related("tenant").get(status="pending")

    def answers(self, asked, **changes) -> dict:
        markdown = "## Who\n\nA roaster.\n\n## Voice\n\nCalm.\n\n## Rules\n\nNo superlatives."
        values = {"shown_sha256": asked.content_sha256, "markdown": markdown, "change_note": "", **changes}
        return {name: value for name, value in values.items() if value is not None}

    def test_saving_makes_a_version_and_the_client_is_told_that_one_when_it_is_approved(self, rita, asked):
        response = rita.post(page_of(asked, "edit/"), self.answers(asked))
        fresh = Approval.objects.get(pk=asked.pk)

        assert (response.status_code, response["Location"]) == (302, page_of(asked))
        assert storage.read_one(storage.ActivityOutput, fresh.content_ref).text.startswith("## Who")
        assert rita.post(page_of(asked, "approve/"), {"shown_sha256": asked.content_sha256}).status_code == 409
        assert rita.post(page_of(asked, "approve/"), {"shown_sha256": fresh.content_sha256}).status_code == 302

    @pytest.mark.parametrize(
        "changes",
        [
            {"markdown": None},
            {"markdown": " "},
            {"markdown": "m" * 40_001},
            {"markdown": "a\x00"},
            {"change_note": "n" * 501},
            {"shown_sha256": "1"},
        ],
    )
    def test_what_makes_no_sense_is_not_saved(self, rita, asked, changes):
        before = standing()

        assert (
            rita.post(
                page_of(asked, "edit/"), self.answers(asked, **{"change_note": "Cannot be kept", **changes})
            ).status_code
            == 422
        )
        assert standing() == before
        assert "Cannot be kept" not in notes_on(asked)

    def test_a_stale_editor_is_refused_and_leaves_no_version_behind(self, rita, sam, asked):
        sam.post(page_of(asked, "edit/"), self.answers(asked))
        before, late = standing(), self.answers(asked, markdown="## Other\n\nText", change_note="Came too late")

        assert rita.post(page_of(asked, "edit/"), late).status_code == 409
        assert standing() == before
        assert "Came too late" not in notes_on(asked)


def test_what_has_no_editor_says_so(rita, world):
    with world.at("topics"):
        asked = Approval.objects.filter(status="pending").select_related("tenant").first()
    response = rita.get(page_of(asked, "edit/"))

    assert response.status_code == 409
    assert "ask for a change instead" in response.text
