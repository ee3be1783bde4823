"""Home, strategy, content and progress at every stage of a client."""

import re
from datetime import UTC, datetime

import pytest
from django.utils import timezone

from apps.content.models import BlogPost, BlogRequest
from apps.shared.actors import Actor
from apps.strategy import operations as strategies
from apps.strategy.models import Strategy
from apps.tenants.models import Tenant, User
from tests.portals.app.conftest import NOWHERE
from tests.world import STAGES

JOINED = [stage for stage in STAGES if stage != "created"]
PAGES = ("/app/", "/app/approvals/", "/app/strategy/", "/app/content/", "/app/progress/")


def words(response) -> str:
    """The text of a page without tags, on one line."""
    main = response.text[response.text.index("<main") :]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", main)).strip()


@pytest.mark.parametrize("stage", JOINED)
def test_every_page_stands_at_every_stage_within_its_budgets(world, stage, django_assert_max_num_queries):
    for person in (world.alice(stage), world.mark(stage)):
        for path in PAGES:
            with django_assert_max_num_queries(12):
                response = person.get(path)
            assert response.status_code == 200
            assert len(response.content) < 60_000
            assert response["Cache-Control"] == "no-store"


def test_a_brand_new_client_reads_what_happens_and_what_comes(gate):
    alice = gate.alice
    alice.post("/app/contract/accept/", {"agree": "on", "shown_sha256": gate.contract.pdf_sha256})

    home = words(alice.get("/app/"))
    assert "Hello Alice" in home
    assert "Nothing right now. What needs you appears here." in home
    assert "Getting to know your business step 1 of 4 Read your website , running" in home
    assert "There is no strategy yet" in words(alice.get("/app/strategy/"))
    assert "Nothing is written yet" in words(alice.get("/app/content/"))
    assert "Nothing is promised for this month yet" in words(alice.get("/app/progress/"))
    assert "Nothing waits for you" in words(alice.get("/app/approvals/"))


@pytest.mark.parametrize(
    ("stage", "says"),
    [
        ("context", "step 4 of 4"),
        ("topics", "Your agency checks the topic"),
        ("drafts", "Your agency reviews it"),
    ],
)
def test_home_says_what_happens_now(world, stage, says):
    assert says in words(world.alice(stage).get("/app/"))


def test_home_asks_for_its_living_part_while_something_is_under_way(world):
    busy, done = world.alice("drafts"), world.alice("live")

    part = busy.get("/app/", **{"HX-Request": "true"})

    assert 'hx-trigger="every 5s"' in busy.get("/app/").text
    assert part.text.strip().startswith('<div class="grid gap-8" id="live"')
    assert "<html" not in part.text
    assert "hx-trigger" not in done.get("/app/").text[done.get("/app/").text.index("<main") :]


def test_home_shows_what_waits_with_a_line_of_it(world):
    with world.at("client"):
        post = BlogPost.objects.order_by("ref_id").first()
    home = words(world.alice("client").get("/app/"))

    assert post.title in home
    assert post.meta_description in home
    assert home.count("Read and decide") == 2
    assert "Happening now" not in home  # it would say the same again


def test_what_is_published_is_linked_and_the_promise_is_kept_in_words(world):
    with world.at("live"):
        posts = list(BlogPost.objects.all())
    alice = world.alice("live")

    home, progress = alice.get("/app/"), words(alice.get("/app/progress/"))

    assert "2 of 2 blog posts published" in words(home)
    assert "2 of 2 blog posts published Done" in progress
    for post in posts:
        assert f'href="{post.published_url}" target="_blank" rel="noopener noreferrer nofollow"' in home.text
        assert f'href="{post.published_url}"' in alice.get(f"/app/content/{post.ref_id}/").text


def test_goals_are_said_with_figures_and_without_jargon(world):
    home = words(world.alice("live").get("/app/"))

    assert re.search(r"\d+ of \d+ · organic sessions · began at \d+", home)
    assert "_" not in home


def test_the_strategy_page_shows_the_waiting_one_and_later_the_active_one(world):
    waiting, active = world.alice("strategy").get("/app/strategy/"), world.alice("live").get("/app/strategy/")

    assert "This strategy waits for you" in waiting.text
    assert 'href="/app/approvals/"' in waiting.text
    assert "This strategy waits for you" not in active.text
    assert "approved" in words(active)
    for page in (waiting, active):
        assert "The strategy in full" in page.text
        assert len(re.findall(r"<h2[^>]*>", page.text)) > 5  # the narrative's own headings


def test_a_new_version_under_way_leaves_the_active_one_in_sight(world):
    with world.at("live") as tenant:
        strategies.begin_strategy(tenant.id, by=Actor.system("tests"), at=timezone.now())
        page = world.alice("live").get("/app/strategy/")

    assert "A new version is being written." in page.text
    assert "The strategy in full" in page.text


@pytest.mark.parametrize(
    ("status", "label"),
    [
        ("draft", "Being written"),
        ("writing", "Being written"),
        ("rejected", "Being rewritten"),
        ("review", "In review"),
        ("approved", "Approved"),
        ("scheduled", "Scheduled"),
        ("published", "Published"),
    ],
)
def test_posts_carry_a_label_a_client_understands(world, status, label):
    with world.at("drafts"):
        post = make_post(title="Only this one", status=status)
        alice = world.alice("drafts")

        assert re.search(rf"Only this one .*?{label}", words(alice.get("/app/content/")))
        assert f"Only this one {label}" in words(alice.get(f"/app/content/{post.ref_id}/"))


def test_a_post_that_waits_for_the_client_says_so(world):
    page = world.alice("client").get("/app/content/")

    assert words(page).count("Waiting for you Read and decide") == 2


def test_an_article_without_text_yet_says_that_it_is_being_written(world):
    with world.at("drafts"):
        post = make_post(title="Soon", status="writing")

        assert "This article is being written" in words(world.alice("drafts").get(f"/app/content/{post.ref_id}/"))


def test_older_posts_are_a_page_further(world):
    with world.at("live"):
        first = BlogPost.objects.order_by("ref_id").first()
        for number in range(27):
            make_post(title=f"Post {number}", status="draft", copy_of=first.blog_request)
        alice = world.alice("live")
        newest = alice.get("/app/content/")
        older = alice.get("/app/content/", {"before": re.search(r"\?before=([0-9A-Z]{26})", newest.text)[1]})

        assert (newest.text.count("data-row"), older.text.count("data-row")) == (25, 4)
        assert first.title in older.text
        assert "There is nothing older" in alice.get("/app/content/", {"before": "00000000000000000000000000"}).text


@pytest.mark.parametrize("before", ["", "x", "' OR 1=1--", "\0", NOWHERE + "A", "-1"])
def test_a_page_that_begins_nowhere_is_refused(world, before):
    response = world.alice("live").get("/app/content/", {"before": before})

    assert response.status_code == 400
    assert "Begin at the first one" in response.text


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "//evil.example",
        "https://user@evil.example/",
        "data:text/html,x",
        "https:\\\\evil.example",
    ],
)
def test_an_address_that_is_none_does_not_become_a_link(world, url):
    with world.at("live"):
        post = BlogPost.objects.first()
        BlogPost.objects.filter(pk=post.pk).update(published_url=url)
        alice = world.alice("live")

        for path in ("/app/", "/app/content/", f"/app/content/{post.ref_id}/"):
            assert f'href="{url}"' not in alice.get(path).text


def test_hostile_names_are_inert_everywhere(world):
    hostile = "<script>alert(1)</script>{{7*7}}<img src=x onerror=alert(2)>"
    with world.at("client") as tenant:
        Tenant.objects.filter(pk=tenant.pk).update(name=hostile)
        User.objects.filter(tenant=tenant).update(name=hostile)
        BlogPost.objects.update(title=hostile, meta_description=hostile)
        Strategy.objects.update(summary=hostile)
        post = BlogPost.objects.first()
        alice = world.alice("client")

        for path in (*PAGES, f"/app/content/{post.ref_id}/", "/app/contract/"):
            text = alice.get(path).text
            assert "<script>alert(1)" not in text
            assert "<img src=x" not in text
            assert "{{7*7}}" in text


def test_times_are_those_of_the_viewer(world):
    with world.at("live"):
        post = BlogPost.objects.first()
        BlogPost.objects.filter(pk=post.pk).update(published_on=datetime(2025, 3, 1, 20, 0, tzinfo=UTC))
        alice = world.alice("live")
        page = f"/app/content/{post.ref_id}/"

        assert "Live since 2 Mar 2025, 01:30" in words(alice.get(page))  # Asia/Kolkata, the client's
        User.objects.filter(pk=alice.user.pk).update(timezone="America/New_York")
        assert "Live since 1 Mar 2025, 15:00" in words(alice.get(page))


def test_pages_stand_while_the_content_store_is_away(world, documents_away):
    with world.at("live"):
        post = BlogPost.objects.first()
    documents_away()
    alice = world.alice("live")

    assert alice.get("/app/").status_code == 200
    for path in ("/app/strategy/", f"/app/content/{post.ref_id}/"):
        response = alice.get(path)
        assert response.status_code == 200
        assert "The text cannot be shown at the moment" in response.text


def make_post(*, title: str, status: str, copy_of: BlogRequest | None = None) -> BlogPost:
    """A post in this status, with a request of its own, made past the operations."""
    request = copy_of or BlogRequest.objects.first()
    fields = {"created_on": timezone.now()}
    request = BlogRequest.objects.create(title=title, requested_by_type="agent", requested_by_id="tests", **fields)
    moment = timezone.now() if status == "published" else None
    return BlogPost.objects.create(blog_request=request, title=title, status=status, published_on=moment, **fields)
