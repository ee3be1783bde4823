"""Posts: reading one with its text, and changing one in review."""

import threading
from datetime import timedelta

from django.db import connection
from django.utils import timezone

from apps.activities import queries as work_queries
from apps.activities.models import Approval
from apps.content.models import BlogPost
from apps.shared.models import JournalEntry
from apps.storage import BodyMissing
from apps.tenants.models import User
from tests.api.routes import records_in_scope, state_of
from tests.conftest import Person, World

TEXT = "## Water\n\nUse soft water.\n\n## Grinder\n\nGrind right before you brew."
STALE = '"' + "0" * 64 + '"'


def path_of(records) -> str:
    return f"/api/v1/blog-posts/{records.blog_post}/"


def tag(records) -> str:
    return f'"{records.content_sha256}"'


def test_a_post_in_review_carries_its_text_and_the_tag_that_editing_needs(alice, acme, at_drafts):
    post = BlogPost.objects.get(ref_id=at_drafts.blog_post)

    response = alice.get(path_of(at_drafts))

    told = response.json()["data"]
    assert response["ETag"] == tag(at_drafts)
    assert told["markdown"] == work_queries.text_of(post.content_ref)
    assert told["pending_approval"] == {
        "ref_id": at_drafts.approval,
        "required_role": "reviewer",
        "content_sha256": at_drafts.content_sha256,
    }
    assert (told["title"], told["status"], told["channel"]) == (post.title, "review", at_drafts.channel)


def test_a_published_post_has_no_tag(world):
    with world.at("live"):
        post = BlogPost.objects.order_by("ref_id").first()

        response = world.alice("live").get(f"/api/v1/blog-posts/{post.ref_id}/")

    assert "ETag" not in response
    assert (response.json()["data"]["pending_approval"], response.json()["data"]["published_url"]) == (
        None,
        post.published_url,
    )


def test_an_edit_is_a_new_version_and_the_decision_is_about_that_one(rita, acme, at_drafts):
    before = BlogPost.objects.get(ref_id=at_drafts.blog_post)
    entries, former = JournalEntry.objects.count(), work_queries.next_version(at_drafts.blog_post) - 1

    response = rita.send(
        "PATCH", path_of(at_drafts), {"body_markdown": TEXT, "change_note": "Shorter."}, **{"If-Match": tag(at_drafts)}
    )

    told, approval = response.json()["data"], Approval.objects.get(ref_id=at_drafts.approval)
    assert response.status_code == 200
    assert (told["markdown"], told["title"], told["word_count"]) == (TEXT, before.title, 10)
    assert response["ETag"] == f'"{approval.content_sha256}"' != tag(at_drafts)
    assert (approval.status, approval.content_ref) == ("pending", BlogPost.objects.get(pk=before.pk).content_ref)
    newest = work_queries.versions_of(at_drafts.blog_post)[0]
    assert (newest.version, newest.author_type, newest.change_note) == (former + 1, "human", "Shorter.")
    assert JournalEntry.objects.count() == entries + 2
    assert list(JournalEntry.objects.order_by("-ref_id").values_list("code", flat=True)[:2]) == [
        "approval.redigested",
        "blog_post.edited",
    ]


def test_whoever_still_has_the_old_text_can_neither_edit_nor_approve_it(rita, acme, at_drafts, problem):
    rita.send("PATCH", path_of(at_drafts), {"title": "Another title"}, **{"If-Match": tag(at_drafts)})
    before = state_of(acme)

    edit = rita.send("PATCH", path_of(at_drafts), {"title": "A third title"}, **{"If-Match": tag(at_drafts)})
    approve = rita.send(
        "POST", f"/api/v1/approvals/{at_drafts.approval}/approve/", {"shown_sha256": at_drafts.content_sha256}
    )

    problem(edit, 412, "version_stale")
    problem(approve, 409, "approval_stale")
    assert state_of(acme) == before


def test_an_edit_that_does_not_say_of_which_version_is_428(rita, acme, at_drafts, problem):
    before = state_of(acme)

    problem(rita.send("PATCH", path_of(at_drafts), {"title": "Another title"}), 428, "if_match_missing")

    assert state_of(acme) == before


def test_a_tag_that_is_not_exactly_the_one_that_was_read_is_412(rita, acme, at_drafts, problem):
    before = state_of(acme)
    right = tag(at_drafts)
    for given in (
        STALE,
        f"W/{right}",
        f"{right}, {STALE}",
        "*",
        "",
        '""',
        right.strip('"'),
        right.upper(),
        right[:-2] + '"',
        "x" * 8_000,
    ):
        problem(
            rita.send("PATCH", path_of(at_drafts), {"title": "Another title"}, **{"If-Match": given}),
            412,
            "version_stale",
        )

    assert state_of(acme) == before


def test_another_posts_tag_is_412(rita, acme, at_drafts, problem):
    other = Approval.objects.exclude(ref_id=at_drafts.approval).get(status="pending")

    response = rita.send(
        "PATCH", path_of(at_drafts), {"title": "Another title"}, **{"If-Match": f'"{other.content_sha256}"'}
    )

    problem(response, 412, "version_stale")


def test_a_post_that_is_not_in_review_cannot_be_edited(rita, world, problem):
    with world.at("live") as tenant:
        post = BlogPost.objects.order_by("ref_id").first()
        before = state_of(tenant)

        response = rita.send("PATCH", f"/api/v1/blog-posts/{post.ref_id}/", {"title": "Another"}, **{"If-Match": STALE})

        problem(response, 409, "not_editable")
        assert state_of(tenant) == before


def test_only_what_is_named_changes(rita, acme, at_drafts):
    before = rita.get(path_of(at_drafts)).json()["data"]

    after = rita.send("PATCH", path_of(at_drafts), {"slug": "another-address"}, **{"If-Match": tag(at_drafts)}).json()[
        "data"
    ]

    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"slug", "pending_approval"}


def test_a_time_within_two_years_is_kept_and_one_that_has_passed_means_now(rita, acme, at_drafts, problem):
    soon = (timezone.now() + timedelta(days=30)).replace(microsecond=0)

    kept = rita.send("PATCH", path_of(at_drafts), {"scheduled_for": soon.isoformat()}, **{"If-Match": tag(at_drafts)})
    passed = rita.send(
        "PATCH", path_of(at_drafts), {"scheduled_for": "1900-01-01T00:00:00Z"}, **{"If-Match": kept["ETag"]}
    )

    assert kept.json()["data"]["scheduled_for"] == soon.isoformat().replace("+00:00", "Z")
    assert (passed.status_code, passed.json()["data"]["scheduled_for"]) == (200, None)


def test_longest_texts_are_taken_and_returned_as_they_are(rita, acme, at_drafts):
    family = "👨\u200d👩\u200d👧\u200d👦"
    title = (family * 100)[:499] + "é"
    meta = ("e\u0301" * 100)[:160]
    body = ("न" + family) * 7_500

    response = rita.send(
        "PATCH",
        path_of(at_drafts),
        {"title": title, "meta_description": meta, "body_markdown": body, "slug": "a" * 100},
        **{"If-Match": tag(at_drafts)},
    )

    told = response.json()["data"]
    assert (len(title), len(meta), len(body)) == (500, 160, 60_000)
    assert (told["title"], told["meta_description"], told["markdown"], told["slug"]) == (title, meta, body, "a" * 100)
    assert rita.get(path_of(at_drafts)).json()["data"]["title"] == title


def test_markup_and_templates_are_kept_as_typed(rita, acme, at_drafts):
    typed = "<script>alert(1)</script> {{7*7}} {% debug %} ${7*7} <%= 1 %> [x](javascript:alert(1)) ' OR 1=1--"

    told = rita.send(
        "PATCH", path_of(at_drafts), {"title": typed, "body_markdown": typed}, **{"If-Match": tag(at_drafts)}
    ).json()

    assert (told["data"]["title"], told["data"]["markdown"]) == (typed, typed)


def test_a_text_that_cannot_be_had_is_503_and_nothing_changes(rita, acme, at_drafts, problem, documents_away):
    before = state_of(acme)
    documents_away()

    read = rita.get(path_of(at_drafts))
    edit = rita.send("PATCH", path_of(at_drafts), {"body_markdown": TEXT}, **{"If-Match": tag(at_drafts)})

    for answer in (read, edit):
        problem(answer, 503, "storage_unavailable")
        assert answer["Retry-After"] == "60"
    assert state_of(acme) == before
    assert rita.get("/api/v1/blog-posts/").status_code == 200  # lists need no text


def test_a_text_that_is_gone_is_a_500_that_says_no_more(rita, acme, at_drafts, problem):
    BlogPost.objects.filter(ref_id=at_drafts.blog_post).update(content_ref="0" * 24)

    body = problem(rita.get(path_of(at_drafts)), 500, "body_missing")

    assert body["detail"] == BodyMissing.__doc__


def test_of_two_who_edit_at_once_one_wins(own_database):
    """Both read the same version; the other one is told to read again, and no text is lost or doubled."""
    world = World()
    with world.at("drafts"):
        records = records_in_scope()
    people = [Person(person.user) for person in (_rita(), _rita())]
    barrier, answers = threading.Barrier(2), {}

    def edit(number: int) -> None:
        barrier.wait()
        answers[number] = people[number].send(
            "PATCH", path_of(records), {"title": f"Title {number}", "body_markdown": TEXT}, **{"If-Match": tag(records)}
        )
        connection.close()

    threads = [threading.Thread(target=edit, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answer.status_code for answer in answers.values()) == [200, 412]
    (winner,) = [number for number, answer in answers.items() if answer.status_code == 200]
    with world.at("drafts"):
        assert BlogPost.objects.get(ref_id=records.blog_post).title == f"Title {winner}"
        assert JournalEntry.objects.filter(code="blog_post.edited").count() == 1


def _rita() -> Person:
    return Person(User.objects.get(email="rita@leadmetrics.test"))
