"""Lists: pages, cursors, filters, and what reading them costs."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.activities.models import Activity, ActivityRun, Approval
from apps.channels.models import Channel, ChannelScore
from apps.content.models import BlogPost, BlogRequest, SocialMediaRequest, SocialPost
from apps.shared.ids import new_id, spell
from apps.strategy.models import Deliverable, DeliverablePeriod, Goal, GoalReading, OnboardingRun, Strategy
from tests.api.routes import LISTS, LISTS_OF_ROWS, Records, copy_of, named, random_ref

FILTERS = {
    "/onboarding-runs/": ("status",),
    "/strategies/": ("status",),
    "/goals/": ("status", "period"),
    "/deliverables/": ("type", "period"),
    "/deliverable-periods/": ("status",),
    "/channels/": ("platform", "channel_type", "status"),
    "/activities/": ("status", "type"),
    "/approvals/": ("status", "subject_type", "required_role"),
    "/blog-requests/": ("status", "priority", "search_intent"),
    "/blog-posts/": ("status",),
    "/social-media-requests/": ("status", "priority", "post_type"),
    "/social-posts/": ("status", "platform"),
}
REF_FILTERS = {
    "/goals/": ("strategy",),
    "/deliverables/": ("strategy", "goal"),
    "/deliverable-periods/": ("deliverable",),
    "/activities/": ("parent",),
    "/approvals/": ("subject_ref", "activity"),
    "/blog-posts/": ("blog_request", "channel"),
    "/social-posts/": ("social_media_request", "channel"),
}
CHOICE_FILTERS = [(path, name) for path, names in FILTERS.items() for name in names]
EVERY_REF_FILTER = [(path, name) for path, names in REF_FILTERS.items() for name in names]
NO_REFS = [
    "1",
    "",
    "00000000-0000-0000-0000-000000000000",
    "507f1f77bcf86cd799439011",
    "0" * 25,
    "0" * 27,
    "01ARZ3NDEKTSV4RRFFQ69G5FAI",
    "01ARZ3NDEKTSV4RRFFQ69G5FAL",
    "01ARZ3NDEKTSV4RRFFQ69G5FAU",
    "8ZZZZZZZZZZZZZZZZZZZZZZZZZ",
    "01arz3ndektsv4rrffq69g5fav",
    "٠" * 26,
    "' OR 1=1--",
    "%00",
]


def refs(response) -> list[str]:
    assert response.status_code == 200, response.content
    return [row["ref_id"] for row in response.json()["data"]]


def test_a_page_has_25_rows_unless_told_otherwise(rita, at_drafts):
    page = rita.get("/api/v1/activities/").json()

    assert (len(page["data"]), page["pagination"]["limit"]) == (25, 25)
    assert set(page) == {"data", "pagination"}
    assert set(page["pagination"]) == {"next_cursor", "limit"}


def test_pages_follow_each_other_without_gap_or_double(alice, at_drafts):
    wanted = list(Activity.objects.order_by("ref_id").values_list("ref_id", flat=True))
    found, cursor = [], ""

    while cursor is not None:
        page = alice.get("/api/v1/activities/", {"limit": 7, **({"cursor": cursor} if cursor else {})}).json()
        found += [row["ref_id"] for row in page["data"]]
        cursor = page["pagination"]["next_cursor"]

    assert found == wanted
    assert len(wanted) > 14


def test_a_limit_of_100_is_the_largest(rita, at_drafts):
    assert rita.get("/api/v1/activities/?limit=100").json()["pagination"]["limit"] == 100


@pytest.mark.parametrize("route", LISTS, ids=named(LISTS))
def test_a_limit_that_is_no_number_from_1_to_100_is_400(route, rita, at_drafts, problem):
    for limit in ("0", "-1", "101", "abc", "", "٣", "1.0", "1e1", " 1", "1 ", "0x1", "1_0", "9" * 50, "%00", "+1"):
        errors = problem(rita.get(at_drafts.of(route) + f"?limit={limit}"), 400, "invalid_input")["errors"]
        assert errors == {"limit": ["A number from 1 to 100."]}


@pytest.mark.parametrize("route", LISTS, ids=named(LISTS))
def test_what_is_not_offered_is_400(route, rita, at_drafts, problem):
    for name in (
        "ordering",
        "offset",
        "page",
        "search",
        "tenant",
        "tenant__name",
        "id",
        "status__in",
        "created_by__email",
        "x" * 300,
    ):
        errors = problem(rita.get(at_drafts.of(route), {name: "password"}), 400, "invalid_input")["errors"]
        assert errors == {name[:100]: ["Unknown parameter."]}


@pytest.mark.parametrize("route", LISTS, ids=named(LISTS))
def test_a_parameter_given_twice_is_400(route, rita, at_drafts, problem):
    problem(rita.get(at_drafts.of(route) + "?limit=1&limit=2"), 400, "invalid_input")


@pytest.mark.parametrize(("path", "name"), CHOICE_FILTERS)
def test_a_word_that_is_not_on_the_list_is_400(path, name, rita, problem):
    for value in (
        "",
        "nonsense",
        "' OR 1=1--",
        '"; DROP TABLE users',
        "%25",
        "_",
        "\\",
        "PENDING",
        "null",
        "%00",
        "%ff",
        "9" * 9_000,
    ):
        errors = problem(rita.get(f"/api/v1{path}?{name}={value}"), 400, "invalid_input")["errors"]
        assert errors == {name: ["Unknown value."]}


@pytest.mark.parametrize(("path", "name"), CHOICE_FILTERS)
def test_a_filter_leaves_out_what_does_not_match(path, name, alice, acme, at_drafts):
    every = alice.get(f"/api/v1{path}?limit=100").json()["data"]
    words = {row[name] for row in every}

    for word in words:
        found = alice.get(f"/api/v1{path}?limit=100&{name}={word}").json()["data"]
        assert found == [row for row in every if row[name] == word]
    assert words


@pytest.mark.parametrize("step", ["' OR 1=1--", "%25", "_____", "dr%", "DRAFT", "%F0%9F%92%A9", "%ff", "x" * 5_000])
def test_a_pipeline_step_is_literal_text(step, alice, acme):
    assert refs(alice.get(f"/api/v1/activities/?pipeline_step={step}")) == []


def test_activities_are_found_by_their_step(alice, acme):
    wanted = list(
        Activity.objects.filter(pipeline_step="topic_request").order_by("ref_id").values_list("ref_id", flat=True)
    )

    assert refs(alice.get("/api/v1/activities/?pipeline_step=topic_request")) == wanted
    assert len(wanted) == 2


@pytest.mark.parametrize(("path", "name"), EVERY_REF_FILTER)
def test_a_filter_by_another_record_wants_a_ref_id(path, name, rita, problem):
    for value in NO_REFS:
        errors = problem(rita.get(f"/api/v1{path}?{name}={value}"), 400, "invalid_input")["errors"]
        assert errors == {name: ["A ref_id has 26 characters."]}


@pytest.mark.parametrize(("path", "name"), EVERY_REF_FILTER)
def test_a_filter_by_another_record_finds_its_own_and_nobody_elses(path, name, alice, mallory, acme, at_drafts):
    every = [row for row in alice.get(f"/api/v1{path}?limit=100").json()["data"] if row[name]]
    (wanted,) = {every[0][name]}

    assert refs(alice.get(f"/api/v1{path}?limit=100&{name}={wanted}")) == [
        r["ref_id"] for r in every if r[name] == wanted
    ]
    assert refs(mallory.get(f"/api/v1{path}?{name}={wanted}")) == []
    assert refs(alice.get(f"/api/v1{path}?{name}={random_ref()}")) == []


def cursor_of(person, path: str, **headers) -> str:
    return person.get(path, **headers).json()["pagination"]["next_cursor"]


def test_a_cursor_belongs_to_its_list_person_client_and_filter(
    alice, mark, mallory, rita, sam, acme, world, at_drafts, problem
):
    mine = cursor_of(alice, "/api/v1/activities/?limit=1")
    filtered = cursor_of(alice, "/api/v1/activities/?limit=1&pipeline_step=draft")
    of_one_client = cursor_of(rita, "/api/v1/activities/?limit=1", **{"X-Tenant": acme.ref_id})
    of_all = cursor_of(rita, "/api/v1/activities/?limit=1")
    elsewhere = {"X-Tenant": world.tenant("rival").ref_id}

    for person, path, cursor, headers in (
        (alice, "/api/v1/approvals/?", mine, {}),
        (alice, "/api/v1/activities/?pipeline_step=draft&", mine, {}),
        (alice, "/api/v1/activities/?", filtered, {}),
        (alice, "/api/v1/activities/?pipeline_step=publish&", filtered, {}),
        (alice, f"/api/v1/activities/{at_drafts.activity}/runs/?", mine, {}),
        (mark, "/api/v1/activities/?", mine, {}),
        (mallory, "/api/v1/activities/?", mine, {}),
        (rita, "/api/v1/activities/?", mine, {}),
        (sam, "/api/v1/activities/?", of_all, {}),
        (rita, "/api/v1/activities/?", of_one_client, {}),
        (rita, "/api/v1/activities/?", of_one_client, elsewhere),
        (rita, "/api/v1/activities/?", of_all, elsewhere),
    ):
        problem(person.get(f"{path}cursor={cursor}", **headers), 400, "invalid_cursor")

    assert len(refs(alice.get(f"/api/v1/activities/?limit=2&cursor={mine}"))) == 2  # another size of page is all right


def test_a_cursor_of_one_activitys_runs_does_not_open_anothers(alice, acme, problem):
    first, second = Activity.objects.filter(assignee_agent_role="copywriter").order_by("ref_id")
    run = ActivityRun.objects.get(activity=first)
    copy_of(run, attempt=2)
    cursor = cursor_of(alice, f"/api/v1/activities/{first.ref_id}/runs/?limit=1")

    problem(alice.get(f"/api/v1/activities/{second.ref_id}/runs/?cursor={cursor}"), 400, "invalid_cursor")
    assert len(refs(alice.get(f"/api/v1/activities/{first.ref_id}/runs/?cursor={cursor}"))) == 1


@pytest.mark.parametrize("route", LISTS, ids=named(LISTS))
def test_a_damaged_cursor_is_400(route, rita, at_drafts, problem):
    for cursor in (
        "",
        "x",
        "%00",
        "%ff",
        ":",
        "a:b",
        random_ref(),
        random_ref() + ":" + "A" * 43,
        "x" * 9_000,
        "٣",
        "eyJhIjoxfQ==",
    ):
        problem(rita.get(at_drafts.of(route) + f"?cursor={cursor}"), 400, "invalid_cursor")


def test_every_altered_character_spoils_a_cursor(alice, acme, problem):
    cursor = cursor_of(alice, "/api/v1/activities/?limit=1")

    for position in range(len(cursor)):
        altered = cursor[:position] + ("A" if cursor[position] != "A" else "B") + cursor[position + 1 :]
        problem(alice.get("/api/v1/activities/", {"cursor": altered}), 400, "invalid_cursor")
        problem(alice.get("/api/v1/activities/", {"cursor": cursor[:position]}), 400, "invalid_cursor")


def test_a_cursor_signed_with_a_retired_key_is_400(alice, acme, problem, settings):
    cursor = cursor_of(alice, "/api/v1/activities/?limit=1")
    session = dict(alice.client.session)
    settings.SECRET_KEY = "another key that is long enough to be one, and more"
    alice.client.force_login(alice.user)

    problem(alice.get("/api/v1/activities/", {"cursor": cursor}), 400, "invalid_cursor")
    assert session


def nine_more(route_path: str, records: Records) -> None:
    """Nine more rows for a list, as different from each other as the tables want them."""
    day = timedelta(days=400)
    for number in range(1, 10):
        match route_path:
            case "/onboarding-runs/":
                copy_of(OnboardingRun.objects.get(ref_id=records.onboarding_run))
            case "/strategies/":
                copy_of(Strategy.objects.get(ref_id=records.strategy), version=100 + number, status="archived")
            case "/goals/":
                copy_of(Goal.objects.first())
            case "/goals/{ref}/readings/":
                copy_of(GoalReading.objects.first(), read_on=timezone.now() - number * day)
            case "/deliverables/":
                copy_of(Deliverable.objects.first())
            case "/deliverable-periods/":
                period = DeliverablePeriod.objects.order_by("ref_id").first()
                start, end = period.period_start + number * day, period.period_end + number * day
                copy_of(period, period_start=start, period_end=end)
            case "/channels/":
                copy_of(
                    Channel.objects.get(ref_id=records.channel), external_id=f"site {number}", access_token="secret"
                )
            case "/channels/{ref}/scores/":
                ChannelScore.objects.create(
                    channel=Channel.objects.get(ref_id=records.channel),
                    score=number,
                    period="2026-04",
                    scored_on=timezone.now(),
                    created_on=timezone.now(),
                )
            case "/social-media-requests/":
                copy_of(SocialMediaRequest.objects.first())
            case "/social-posts/":
                request = copy_of(SocialMediaRequest.objects.first())
                copy_of(SocialPost.objects.get(ref_id=records.social_post), social_media_request=request)
            case "/activities/":
                copy_of(Activity.objects.filter(pipeline_step="dm_review").first(), origin_key=f"copy {number}")
            case "/activities/{ref}/runs/":
                copy_of(ActivityRun.objects.filter(activity__ref_id=records.activity).first(), attempt=100 + number)
            case "/approvals/":
                copy_of(Approval.objects.get(ref_id=records.approval), subject_ref=spell(new_id()))
            case "/blog-requests/":
                copy_of(BlogRequest.objects.get(ref_id=records.blog_request))
            case "/blog-posts/":
                request = copy_of(BlogRequest.objects.get(ref_id=records.blog_request))
                copy_of(BlogPost.objects.get(ref_id=records.blog_post), blog_request=request)


UNREAD = (
    "access_token",
    "refresh_token",
    "shown_snapshot",
    "input_data",
    "output_summary",
    "password",
    "email",
    "decision_ip",
)


@pytest.mark.acceptance("PERF-columns")
@pytest.mark.parametrize("route", LISTS_OF_ROWS, ids=named(LISTS_OF_ROWS))
def test_a_list_selects_the_columns_it_shows(route, alice, acme, at_drafts):
    with CaptureQueriesContext(connection) as queries:
        refs(alice.get(at_drafts.of(route)))
    (page,) = [query["sql"] for query in queries if "LIMIT 26" in query["sql"]]

    assert "*" not in page
    assert [name for name in UNREAD if f'"{name}"' in page] == []
    assert page.endswith('"ref_id" ASC LIMIT 26')
    assert '"tenant_id" = ' in page


@pytest.mark.acceptance("PERF-no-n1", "PERF-no-offset", "TEST-n1")
@pytest.mark.parametrize("route", LISTS_OF_ROWS, ids=named(LISTS_OF_ROWS))
def test_ten_rows_cost_as_many_queries_as_one(route, alice, acme, at_drafts):
    nine_more(route.path, at_drafts)
    path = at_drafts.of(route)
    alice.get(path)

    with CaptureQueriesContext(connection) as for_one:
        one = refs(alice.get(path, {"limit": 1}))
    with CaptureQueriesContext(connection) as for_ten:
        ten = refs(alice.get(path, {"limit": 10}))

    assert (len(one), len(ten)) == (1, 10)
    assert len(for_ten) == len(for_one) <= 6
    assert not [query["sql"] for query in for_ten if "OFFSET" in query["sql"]]


@pytest.mark.acceptance("TEST-soft-delete", "CONV-deleted")
def test_what_was_deleted_is_not_listed(alice, acme, at_drafts):
    post = BlogPost.objects.get(ref_id=at_drafts.blog_post)
    BlogPost.objects.filter(pk=post.pk).update(deleted_on=post.created_on)

    assert at_drafts.blog_post not in refs(alice.get("/api/v1/blog-posts/"))
    assert alice.get(f"/api/v1/blog-posts/{at_drafts.blog_post}/").status_code == 404
