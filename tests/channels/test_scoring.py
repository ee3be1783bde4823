"""What channels score: the arithmetic by hand-made facts, and what is read of each platform, from the rehearsal and fixtures."""

import json
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from werkzeug import Response

from apps.channels import outside
from apps.channels.platforms import READERS, google_search_console
from apps.channels.platforms.base import Connection, SearchSeen, Source, Unscored
from apps.channels.platforms.google_search_console import covers
from apps.channels.platforms.google_search_console.metrics import Sitemap, sitemaps
from apps.channels.platforms.wordpress import score as wordpress_score
from apps.channels.scoring import RUBRICS, Fact, at_least, at_most, change, lin, periods, scored
from sandbox.faults import Fault
from sandbox.wordpress.records import Post, blog

AT = datetime(2026, 4, 15, 9, 0, tzinfo=UTC)
NOTHING = Fact(None, "Nothing is known.")
PASSWORD = "rehearsal application password"


def facts_of(platform: str, **values: float) -> dict[str, Fact]:
    """A fact for each part: of the named ones these values, of the others no data."""
    return {
        part.key: Fact(values[part.key], "") if part.key in values else NOTHING for _, part in RUBRICS[platform].parts
    }


def points(platform: str, **values: float) -> dict[str, float]:
    parts = scored(platform, facts_of(platform, **values)).breakdown["parts"]
    return {part["key"]: part["value"] for part in parts if part["key"] in values}


# Arithmetic


@pytest.mark.parametrize(("x", "share"), [(0, 0), (-3, 0), (2, 0.25), (8, 1), (9, 1)])
def test_a_figure_earns_its_share_up_to_the_full_one_and_never_less_than_nothing(x, share):
    assert lin(x, 8) == share


def test_every_rubric_sums_up_to_100_and_has_a_reader():
    assert {name: sum(part.maximum for _, part in rubric.parts) for name, rubric in RUBRICS.items()} == {
        "wordpress": 100, "google_search_console": 100, "google_analytics": 100
    }  # fmt: skip
    assert set(RUBRICS) == set(READERS)


@pytest.mark.acceptance("channel_scores")
def test_parts_are_kept_with_value_and_maximum_and_their_sum_is_rounded_once():
    result = scored("wordpress", facts_of("wordpress", https=1, posts=3, updated_posts=1, clicks_change=0.05))

    assert points("wordpress", posts=3, updated_posts=1, clicks_change=0.05) == {
        "posts": 11.25, "updated_posts": 5, "clicks_change": 7.5
    }  # fmt: skip
    assert result.score == 29  # 5 + 11.25 + 5 + 7.5 = 28.75
    assert {part["key"]: part["maximum"] for part in result.breakdown["parts"]}["posts"] == 30
    assert (
        scored("wordpress", facts_of("wordpress", posts=2, clicks_change=0.02)).score == 11
    )  # 7.5 + 3 = 10.5: half up


def test_a_channel_without_any_data_scores_0_and_says_why_for_each_part():
    result = scored("google_analytics", facts_of("google_analytics"))

    assert result.score == 0
    assert {(part["value"], part["has_data"], part["told"]) for part in result.breakdown["parts"]} == {
        (0.0, False, "Nothing is known.")
    }


def test_the_rubric_that_was_applied_is_kept_with_its_version():
    criteria = scored("google_search_console", facts_of("google_search_console")).criteria

    assert (criteria["platform"], criteria["version"], criteria["period_days"]) == ("google_search_console", 1, 30)
    assert [(part["maximum"], part["rule"]) for part in criteria["parts"]] == [
        (10, "yes"), (10, "yes"), (10, "x >= 0.9"), (15, "lin(change, +0.05)"), (15, "lin(x, 10)"),
        (20, "lin(change, +0.1)"), (10, "lin(x, 0.03)"), (10, "x <= 10: 1, x <= 20: 0.5"),
    ]  # fmt: skip
    assert json.loads(json.dumps(criteria)) == criteria


def test_thresholds_count_at_their_very_edge():
    assert [at_least(0.9).share(x) for x in (0.899, 0.9, 1)] == [0, 1, 1]
    assert [at_most((10, 1.0), (20, 0.5)).share(x) for x in (1, 10, 10.1, 20, 20.1)] == [1, 1, 0.5, 0.5, 0]


def test_a_change_is_against_what_was_and_unknown_where_there_was_nothing():
    assert (change(110, 100), change(90, 100), change(0, 50), change(5, 0), change(0, 0)) == (0.1, -0.1, -1, None, None)
    assert points("google_analytics", sessions_change=-0.4) == {"sessions_change": 0}


def test_a_period_is_30_days_with_both_ends_and_the_one_before_touches_it():
    now, before = periods(date(2026, 3, 1))

    assert (now.first, now.last, before.first, before.last) == (
        date(2026, 1, 31), date(2026, 3, 1), date(2026, 1, 1), date(2026, 1, 30)
    )  # fmt: skip


# WordPress


@pytest.fixture
def plan(sandbox):
    def plan(target: str, fault: str, **more) -> None:
        with sandbox.world.lock:
            sandbox.world.planned.append(Fault.from_order({"target": target, "fault": fault, **more}))

    return plan


def site_source(sandbox, name: str) -> Source:
    return Source(Connection(f"{sandbox.url}/wordpress/{name}", "editor", PASSWORD, {}), "")


def publish(sandbox, name: str, slug: str, *, days_ago: int, changed_days_ago: int | None = None, **more) -> str:
    """A post that has been out for so many days; its address."""
    with sandbox.world.lock:
        site = blog(sandbox.world, name)
        published = AT.replace(tzinfo=UTC) - timedelta(days=days_ago)
        changed = AT - timedelta(days=days_ago if changed_days_ago is None else changed_days_ago)
        text = {"title": slug.title(), "content": "<p>Coffee.</p>", "excerpt": "About coffee.", **more}
        post = Post(site.next_id(), 1, published, changed, status="publish", slug=slug, **text)
        site.posts[post.id] = post
        return site.link(post)


def told(facts) -> dict[str, tuple[float | None, str]]:
    assert not isinstance(facts, Unscored), facts
    return {key: (fact.value, fact.told) for key, fact in facts.items()}


def test_a_site_is_scored_by_its_posts_and_a_sample_of_its_pages(sandbox):
    publish(sandbox, "measured", "new", days_ago=2)
    publish(sandbox, "measured", "newer", days_ago=29)
    publish(sandbox, "measured", "older", days_ago=31)
    publish(sandbox, "measured", "oldest", days_ago=300, changed_days_ago=3)

    found = told(outside.read_facts("wordpress", site_source(sandbox, "measured"), at=AT))

    assert found == {
        "https": (False, "The address is http://."),
        "sitemap": (1, "Found at /wp-sitemap.xml."),
        "analytics_tag": (True, "On the home page."),
        "meta": (1.0, "5 of 5 pages have both."),
        "links": (1, found["links"][1]),
        "posts": (2, "2 published."),
        "updated_posts": (1, "1 of the older posts."),
        "indexed": (None, wordpress_score.SEARCH_MISSING),
        "clicks_change": (None, wordpress_score.SEARCH_MISSING),
    }
    assert found["links"][1].endswith("links within the site were followed.")
    assert {entry["method"] for entry in sandbox.world.entries(target="wordpress")} <= {"GET", "HEAD"}


def test_what_a_site_lacks_is_named(sandbox):
    publish(
        sandbox,
        "plain",
        "one",
        days_ago=1,
        content='<p><a href="../gone/">gone</a> <a href="https://a.example/">x</a></p>',
    )
    publish(sandbox, "plain", "two", days_ago=1, content="", excerpt="")

    found = told(outside.read_facts("wordpress", site_source(sandbox, "plain"), at=AT))

    assert found["analytics_tag"] == (False, "None of Google's tags is on the home page.")
    assert found["meta"] == (2 / 3, "2 of 3 pages have both.")
    assert found["links"][0] == 0
    assert found["links"][1].endswith("lead nowhere: /wordpress/plain/gone/")
    assert not [entry for entry in sandbox.world.entries() if "a.example" in entry["path"]]


def test_posts_that_google_shows_and_clicks_come_from_the_property_that_covers_the_site(sandbox, settings):
    first = publish(sandbox, "searched", "shown", days_ago=20)
    publish(sandbox, "searched", "new", days_ago=1)
    settings.EGRESS_ALLOW_HOSTS = [sandbox.url.removeprefix("http://")]
    search = Source(Connection(f"{sandbox.url}/google", "", "ya29.token"), f"{sandbox.url}/wordpress/searched/")
    source = site_source(sandbox, "searched")

    found = told(outside.read_facts("wordpress", source, at=AT, search=search))

    seen = google_search_console.seen(search, at=AT)
    assert isinstance(seen, SearchSeen) and first in seen.pages
    assert found["indexed"] == (1.0, "1 of 1 posts were shown in search results.")
    assert found["clicks_change"][0] == pytest.approx(seen.clicks / seen.clicks_before - 1)
    away = Source(Connection(f"{sandbox.url}/google", "", "revoked"), search.name)
    without = told(outside.read_facts("wordpress", source, at=AT, search=away))
    assert without["indexed"][0] is None
    assert without["indexed"][1].startswith("Search Console: Google no longer accepts the connection.")


@pytest.mark.parametrize(
    ("fault", "match", "cause"),
    [
        ("401", "", "wrong_credentials"),
        ("reset", "", "not_reachable"),
        ("garbage", "", "not_wordpress"),
        ("wrong_types", "/wp/v2/posts", "broken_answer"),
    ],
)
def test_a_site_that_does_not_answer_has_no_score(sandbox, plan, fault, match, cause):
    publish(sandbox, "away", "one", days_ago=1)
    plan("wordpress", fault, match=match, times=9)

    found = outside.read_facts("wordpress", site_source(sandbox, "away"), at=AT)

    assert isinstance(found, Unscored)
    assert found.cause == cause
    assert found.sentence


def test_pages_that_cannot_be_read_are_no_data_and_no_fault(sandbox, plan):
    publish(sandbox, "measured", "one", days_ago=1)
    for page in ("/wordpress/measured/\n", "/wordpress/measured/one/"):  # the API answers
        plan("wordpress", "500", match=f"GET {page}", times=9)

    found = told(outside.read_facts("wordpress", site_source(sandbox, "measured"), at=AT))

    assert found["analytics_tag"] == (None, "The home page could not be read.")
    assert found["meta"] == found["links"] == (None, "No page could be read.")
    assert found["posts"] == (1, "1 published.")


# Search Console


@pytest.fixture
def google(httpserver, settings):
    settings.EGRESS_ALLOW_HOSTS = [f"{httpserver.host}:{httpserver.port}"]
    return httpserver


def test_sitemaps_are_those_of_the_answer(google):
    fixture = Path(google_search_console.__file__).parent / "fixtures" / "sitemaps.json"
    google.expect_request("/webmasters/v3/sites/https://www.example.com//sitemaps", method="GET").respond_with_response(
        Response(fixture.read_text(), content_type="application/json")
    )

    found = sitemaps(Connection(google.url_for(""), "", "ya29.token"), site="https://www.example.com/")

    assert found.rows == (
        Sitemap("https://www.example.com/sitemap.xml", 0),
        Sitemap("https://www.example.com/old.xml", 3),
    )
    ((request, _),) = google.log
    assert request.environ["RAW_URI"] == "/webmasters/v3/sites/https%3A%2F%2Fwww.example.com%2F/sitemaps"
    assert request.headers["Authorization"] == "Bearer ya29.token"


def a_day(day: str, clicks: int, impressions: int, position: float) -> dict:
    return {"keys": [day], "clicks": clicks, "impressions": impressions, "ctr": 0, "position": position}


def test_a_property_is_scored_against_the_30_days_before(google):
    """On April 15th the last day is the 12th, the period begins on March 14th, the one before on February 12th."""

    def answer(request):
        asked = request.get_json(silent=True)
        if asked is None:
            return Response("{}", content_type="application/json")
        first, (dimension,) = asked["startDate"], asked["dimensions"]
        rows = {
            ("date", "2026-02-12"): [
                a_day("2026-02-12", 40, 900, 30), a_day("2026-03-13", 60, 900, 30),
                a_day("2026-03-14", 50, 1_000, 8), a_day("2026-04-12", 55, 3_000, 12),
            ],
            ("page", "2026-03-14"): [a_day("/a", 9, 9, 1), a_day("/b", 0, 4, 50), a_day("/c", 0, 0, 0)],
            ("page", "2026-02-12"): [a_day("/a", 9, 9, 1)],
            ("query", "2026-03-14"): [a_day("beans", 9, 9, 3), a_day("tea", 1, 9, 20), a_day("far", 1, 9, 20.1)],
            ("query", "2026-02-12"): [a_day("beans", 9, 9, 19), a_day("tea", 1, 9, 21)],
        }[dimension, first]  # fmt: skip
        return Response(json.dumps({"rows": rows}), content_type="application/json")

    google.expect_request(re.compile(".*")).respond_with_handler(answer)
    source = Source(Connection(google.url_for(""), "", "ya29.token"), "https://www.example.com/")

    found = told(outside.read_facts("google_search_console", source, at=AT))

    assert found == {
        "verified": (1, "Search Console answers for this property."),
        "sitemaps": (False, "No sitemap is submitted."),
        "coverage": (None, "Search Console does not tell other programs how many pages are indexed."),
        "pages_change": (1.0, "2 pages, 1 in the 30 days before."),
        "new_queries": (1, "1 among the first 20 that were not before."),
        "clicks_change": (pytest.approx(0.05), "105 clicks, 100 in the 30 days before."),
        "click_rate": (105 / 4_000, "105 clicks of 4,000 impressions."),
        "position": (11.0, "On average at place 11.0."),
    }
    result = scored("google_search_console", {key: Fact(*fact) for key, fact in found.items()})
    # 10 + 0 + no data + 15 + 1.5 + 10 + 8.75 + 5
    assert result.score == 50


@pytest.mark.parametrize(
    ("site", "sitemap"),
    [
        ("sc-domain:example.com", (True, "0 of 1 submitted sitemaps have errors.")),
        ("sc-domain:faulty.com", (False, "1 of 1 submitted sitemaps have errors.")),
        ("sc-domain:bare.com", (False, "No sitemap is submitted.")),
    ],
)
def test_the_rehearsals_properties_can_be_scored(sandbox, site, sitemap):
    source = Source(Connection(f"{sandbox.url}/google", "", "ya29.token"), site)

    found = told(outside.read_facts("google_search_console", source, at=AT))

    assert found["sitemaps"] == sitemap
    assert found["clicks_change"][0] is not None


def test_a_property_that_may_not_be_seen_has_no_score_and_is_asked_once(sandbox):
    source = Source(Connection(f"{sandbox.url}/google", "", "ya29.token"), "sc-domain:forbidden.com")

    found = outside.read_facts("google_search_console", source, at=AT)

    assert found == Unscored(
        "not_allowed", "The connected account may not see this property. Give it access at Google."
    )
    assert len(sandbox.world.entries(target="google")) == 1


@pytest.mark.parametrize(
    ("name", "address", "is_covered"),
    [
        ("sc-domain:example.com", "https://www.example.com/blog", True),
        ("sc-domain:example.com", "https://example.com", True),
        ("sc-domain:example.com", "https://badexample.com", False),
        ("https://www.example.com/", "https://www.example.com", True),
        ("https://www.example.com/", "http://www.example.com", False),
        ("https://www.example.com/shop/", "https://www.example.com/", False),
        ("", "https://www.example.com/", False),
    ],
)
def test_a_property_covers_what_google_says_it_does(name, address, is_covered):
    assert covers(name, address) is is_covered


# Analytics


def test_analytics_is_scored_by_its_days_and_says_what_it_cannot_tell(sandbox):
    source = Source(Connection(f"{sandbox.url}/analytics", "", "ya29.token"), "properties/90210")

    found = told(outside.read_facts("google_analytics", source, at=AT))

    (asked,) = sandbox.world.entries(target="analytics", full=True)
    span = json.loads(asked["body"])["dateRanges"]
    assert span == [{"startDate": "2026-02-13", "endDate": "2026-04-13"}]
    assert found["arriving"][0] is True
    assert found["days"] == (1.0, "30 of 30 days.")
    assert found["linked"] == (None, "Analytics does not tell here what it is linked to.")
    assert 0.3 <= found["engagement_rate"][0] <= 0.8
    assert found["sessions_change"][0] is not None


def test_a_property_without_data_says_so(sandbox, plan):
    plan("analytics", "empty")
    source = Source(Connection(f"{sandbox.url}/analytics", "", "ya29.token"), "90210")

    facts = outside.read_facts("google_analytics", source, at=AT)

    found = told(facts)
    assert found["arriving"] == (False, "0 sessions in 30 days.")
    assert {key for key, (value, _) in found.items() if value is None} == {
        "conversions", "linked", "sessions_change", "engagement_rate", "conversion_rate"
    }  # fmt: skip
    assert scored("google_analytics", facts).score == 0
