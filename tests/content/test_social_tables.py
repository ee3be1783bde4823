"""Social media requests, social posts, media of posts and backlinks: what PostgreSQL keeps and what it refuses."""

from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, transaction

from apps.activities.models import Activity
from apps.channels.models import Channel, MediaAsset
from apps.content.models import (
    Backlink,
    BlogPost,
    BlogPostMedia,
    SocialMediaRequest,
    SocialMediaRequestChannel,
    SocialPost,
    SocialPostMedia,
)
from apps.content.statuses import BACKLINK_MOVES, REQUEST_MOVES, SOCIAL_POST_MOVES
from apps.shared.actors import Actor
from apps.shared.ids import new_id, spell
from apps.strategy.models import Deliverable, DeliverablePeriod

AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def add(model, **values):
    return model.objects.create(created_on=AT, **values)


def a_request(**values) -> SocialMediaRequest:
    given = {"topic": "The monsoon is near", "requested_by_type": "agent", "requested_by_id": "social_calendar_planner"}
    return add(SocialMediaRequest, **{**given, **values})


def a_channel(name: str, platform: str = "linkedin") -> Channel:
    return add(Channel, platform=platform, channel_type="social", name=name, external_id=name)


def a_post(request, channel, **values) -> SocialPost:
    return add(SocialPost, social_media_request=request, channel=channel, platform=channel.platform, **values)


def an_asset(name: str) -> MediaAsset:
    return add(
        MediaAsset,
        kind="image",
        file_name=name,
        content_type="image/png",
        bytes=10,
        s3_key=f"{spell(new_id())}/media/{spell(new_id())}.png",
        s3_version_id="1",
        sha256="0" * 64,
    )


def a_backlink(**values) -> Backlink:
    given = {"target_url": "https://news.example/pipes", "source_url": "https://acme.example/repair"}
    return add(Backlink, **{**given, **values})


@pytest.fixture
def request_row(acme):
    return a_request()


@pytest.fixture
def page(acme):
    return a_channel("Company page")


def refused_by(insert, *args, **values) -> str:
    """The constraint that refuses the row; nothing of it stays."""
    with pytest.raises(IntegrityError) as refused, transaction.atomic():
        insert(*args, **values)
    return refused.value.__cause__.diag.constraint_name


def full_rows(acme):
    """One row of each table with every column of its own filled."""
    deliverable = Deliverable.objects.order_by("ref_id").first()
    period = DeliverablePeriod.objects.filter(deliverable=deliverable).first()
    activity, channel, asset = Activity.objects.first(), a_channel("Page", "x_twitter"), an_asset("a.png")
    request = {
        "deliverable": deliverable,
        "deliverable_period": period,
        "activity": activity,
        "requested_by_type": "human",
        "requested_by_id": "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "topic": "t" * 500,
        "content_brief": "Key messages",
        "post_type": "gbp_update",
        "scheduled_for": AT,
        "notes": "#pune",
        "priority": "urgent",
        "status": "approved",
        "rejection_notes": "Shorter.",
    }
    of_request = add(SocialMediaRequest, **request)
    post = {
        "social_media_request": of_request,
        "channel": channel,
        "platform": "x_twitter",
        "content_ref": "0" * 24,
        "char_count": 280,
        "status": "published",
        "scheduled_for": AT,
        "published_on": AT,
        "published_url": "https://x.com/" + "a" * 986,
        "platform_post_id": "1" * 255,
        "engagement_snapshot": {"likes": 3, "comments": 0, "shares": 1, "impressions": 90},
        "last_engagement_on": AT,
    }
    link = {
        "activity": activity,
        "deliverable": deliverable,
        "target_url": "https://news.example/" + "a" * 979,
        "source_url": "https://acme.example/" + "a" * 979,
        "anchor_text": "a" * 500,
        "domain_authority": 61,
        "link_type": "sponsored",
        "outreach_status": "published",
        "outreach_sent_on": AT,
        "link_published_on": AT,
        "last_checked_on": AT,
        "is_live": True,
        "is_indexed": False,
        "dataforseo_check_result": {"tasks": [{"status_code": 20000}]},
        "notes": "By mail.",
    }
    return {
        SocialMediaRequest: request,
        SocialMediaRequestChannel: {"social_media_request": of_request, "channel": channel},
        SocialPost: post,
        SocialPostMedia: {
            "social_post": lambda: a_post(a_request(), channel),
            "media_asset": asset,
            "position": 32_767,
        },
        BlogPostMedia: {"blog_post": BlogPost.objects.first(), "media_asset": asset, "position": 0},
        Backlink: link,
    }


@pytest.mark.parametrize(
    "model",
    [
        pytest.param(model, marks=pytest.mark.acceptance(model._meta.db_table), id=model._meta.db_table)
        for model in (
            SocialMediaRequest,
            SocialMediaRequestChannel,
            SocialPost,
            SocialPostMedia,
            BlogPostMedia,
            Backlink,
        )
    ],
)
def test_a_row_keeps_every_column_and_belongs_to_its_client(acme, model):
    given = {name: value() if callable(value) else value for name, value in full_rows(acme)[model].items()}

    row = model.objects.get(pk=add(model, **given).pk)

    assert {name: getattr(row, name) for name in given} == given
    assert row.tenant_id == acme.id


@pytest.mark.acceptance("REL-04")
@pytest.mark.acceptance("REL-10")
@pytest.mark.acceptance("REL-19")
@pytest.mark.parametrize(
    ("make", "name", "model"),
    [
        (a_request, "deliverable_id", Deliverable),
        (a_request, "deliverable_period_id", DeliverablePeriod),
        (a_request, "activity_id", Activity),
        (a_backlink, "activity_id", Activity),
        (a_backlink, "deliverable_id", Deliverable),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_another_clients_row_cannot_be_named(world, make, name, model):
    with world.at("rival"):
        theirs = model.objects.values_list("pk", flat=True).first()
    assert theirs

    with world.at("drafts"):
        assert refused_by(make, **{name: theirs}).endswith(f"{name}_same_tenant")


@pytest.mark.acceptance("social_media_requests.deliverable_id")
@pytest.mark.acceptance("social_media_requests.deliverable_period_id")
def test_a_request_may_be_ad_hoc(acme):
    request = a_request()

    assert (request.deliverable, request.deliverable_period) == (None, None)
    assert (request.status, request.post_type, request.priority) == ("draft", "standard", "normal")


@pytest.mark.acceptance("social_media_requests.target_channel_ids")
def test_a_request_asks_for_several_channels_and_for_each_of_them_once(request_row, page):
    add(SocialMediaRequestChannel, social_media_request=request_row, channel=page)
    add(SocialMediaRequestChannel, social_media_request=request_row, channel=a_channel("Other page"))
    add(SocialMediaRequestChannel, social_media_request=a_request(), channel=page)

    again = refused_by(add, SocialMediaRequestChannel, social_media_request=request_row, channel=page)
    assert again == "uniq_social_media_request_channels_pair"
    assert SocialMediaRequestChannel.objects.filter(social_media_request=request_row).count() == 2


@pytest.mark.acceptance("IDX-32")
def test_a_channel_has_one_live_post_per_request(request_row, page):
    first = a_post(request_row, page)
    a_post(request_row, a_channel("Other page"))
    a_post(a_request(), page)

    assert refused_by(a_post, request_row, page) == "uniq_social_posts_request_channel"

    SocialPost.objects.filter(pk=first.pk).update(deleted_on=AT)
    a_post(request_row, page)
    assert SocialPost.with_deleted.filter(social_media_request=request_row, channel=page).count() == 2


@pytest.mark.acceptance("social_posts.char_count")
def test_no_post_is_shorter_than_nothing(request_row, page):
    assert refused_by(a_post, request_row, page, char_count=-1) == "social_posts_char_count_not_negative"
    assert not SocialPost.objects.filter(social_media_request=request_row).exists()

    assert a_post(request_row, page, char_count=0).char_count == 0
    assert a_post(a_request(), page).char_count is None


@pytest.mark.parametrize("kind", ["blog", "social"])
def test_an_asset_goes_out_once_with_a_post_and_with_as_many_posts_as_wanted(request_row, page, kind):
    asset = an_asset("roof.png")
    if kind == "blog":
        model, name, (one, other) = BlogPostMedia, "blog_post", BlogPost.objects.order_by("ref_id")[:2]
    else:
        model, name, one, other = SocialPostMedia, "social_post", a_post(request_row, page), a_post(a_request(), page)
    add(model, media_asset=asset, **{name: one})
    add(model, media_asset=asset, **{name: other})
    table = model._meta.db_table

    assert refused_by(add, model, media_asset=asset, position=1, **{name: one}) == f"uniq_{table}_pair"
    negative = refused_by(add, model, media_asset=an_asset("b.png"), position=-1, **{name: one})
    assert negative == f"{table}_position_not_negative"
    assert model.objects.filter(**{name: one}).count() == 1


@pytest.mark.acceptance("backlinks.domain_authority")
def test_the_authority_of_a_site_is_0_to_100(acme):
    known_before = Backlink.objects.count()
    for outside in (-1, 101):
        assert refused_by(a_backlink, domain_authority=outside) == "backlinks_domain_authority_in_range"
    assert Backlink.objects.count() == known_before

    assert [a_backlink(domain_authority=known).domain_authority for known in (0, 100, None)] == [0, 100, None]


@pytest.mark.acceptance("backlinks.is_live")
@pytest.mark.acceptance("backlinks.is_indexed")
def test_a_link_that_was_never_checked_is_neither_up_nor_down(acme):
    link = Backlink.objects.get(pk=a_backlink().pk)

    assert (link.is_live, link.is_indexed, link.last_checked_on, link.dataforseo_check_result) == (None,) * 4
    assert (link.outreach_status, link.link_type) == ("prospecting", None)


def pairs(text: str) -> set[tuple[str, str]]:
    """`a, b > c, d` on each line: from every left status to every right one."""
    found = set()
    for line in text.strip().splitlines():
        left, right = (side.replace(" ", "").split(",") for side in line.split(">"))
        found |= {(old, new) for old in left for new in right}
    return found


@pytest.mark.acceptance("SM-requests")
def test_a_request_moves_as_a_blog_request_does():
    assert SocialMediaRequest.moves is REQUEST_MOVES
    assert REQUEST_MOVES.allowed_pairs() == pairs("""
        draft, rejected > pending_approval
        pending_approval > approved, rejected
        approved > in_progress
        in_progress > completed
    """)


@pytest.mark.acceptance("SM-social_posts")
def test_a_post_moves_as_a_blog_post_does_and_may_fail():
    assert SOCIAL_POST_MOVES.allowed_pairs() == BlogPost.moves.allowed_pairs() | pairs("""
        approved, scheduled > failed
        failed > scheduled, published
    """)


@pytest.mark.acceptance("SM-social_posts")
def test_an_unpublished_post_keeps_its_id_on_the_platform(request_row, page, rita):
    post = a_post(request_row, page, status="published", platform_post_id="urn:li:share:7")

    back = SOCIAL_POST_MOVES.perform(post, "unpublish", by=Actor.human(rita.user), at=AT)

    assert (back.status, back.platform_post_id) == ("approved", "urn:li:share:7")


@pytest.mark.acceptance("SM-backlinks")
def test_a_backlink_moves_from_prospect_to_published():
    assert BACKLINK_MOVES.field == "outreach_status"
    assert BACKLINK_MOVES.allowed_pairs() == pairs("""
        prospecting > outreach_sent
        outreach_sent > responded, no_response
        responded > agreed
        agreed > published
        prospecting, outreach_sent, responded, agreed > rejected
        no_response > outreach_sent, responded
    """)
