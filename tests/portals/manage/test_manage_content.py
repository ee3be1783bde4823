"""Social requests, social posts and backlinks as Manage shows them."""

import pytest
from django.utils import timezone

from apps.channels.models import Channel, MediaAsset
from apps.content.models import (
    Backlink,
    SocialMediaRequest,
    SocialMediaRequestChannel,
    SocialPost,
    SocialPostMedia,
)
from apps.shared.ids import new_id, spell

NOW = timezone.now()


@pytest.fixture
def post(acme):
    """A post for X with a picture, of a request for that channel."""
    channel = Channel.objects.create(
        platform="x_twitter", channel_type="social", name="@acme", external_id="1", created_on=NOW
    )
    request = SocialMediaRequest.objects.create(
        topic="The monsoon is near", requested_by_type="agent", requested_by_id="copywriter", created_on=NOW
    )
    SocialMediaRequestChannel.objects.create(social_media_request=request, channel=channel, created_on=NOW)
    post = SocialPost.objects.create(
        social_media_request=request, channel=channel, platform="x_twitter", char_count=218, created_on=NOW
    )
    picture = MediaAsset.objects.create(
        kind="image",
        file_name="roof.png",
        content_type="image/png",
        bytes=10,
        s3_key=f"{spell(new_id())}/media/{spell(new_id())}.png",
        s3_version_id="1",
        sha256="0" * 64,
        created_on=NOW,
    )
    SocialPostMedia.objects.create(social_post=post, media_asset=picture, created_on=NOW)
    return post


@pytest.fixture
def backlink(acme):
    return Backlink.objects.create(
        target_url="https://news.example/pipes",
        source_url="javascript:alert(1)",
        is_live=False,
        outreach_status="published",
        dataforseo_check_result={"status_code": 20000},
        created_on=NOW,
    )


def test_a_request_shows_its_channels_and_posts(sam, post):
    request = post.social_media_request

    listed = sam.get("/manage/content/socialmediarequest/")
    page = sam.get(f"/manage/content/socialmediarequest/{request.ref_id}/")

    assert "The monsoon is near" in listed.text
    assert "@acme" in page.text
    assert f"/manage/content/socialpost/{post.ref_id}/" in page.text


def test_a_post_shows_its_length_beside_the_limit_and_its_media(sam, post):
    listed = sam.get("/manage/content/socialpost/", {"platform__exact": "x_twitter"})
    page = sam.get(f"/manage/content/socialpost/{post.ref_id}/")

    assert "218 of 280" in listed.text
    assert "218 of 280" in page.text
    assert "roof.png" in page.text


def test_a_backlink_speaks_of_the_linking_page_and_your_page(sam, backlink):
    page = sam.get(f"/manage/content/backlink/{backlink.ref_id}/")

    assert "Linking page" in page.text and "Your page" in page.text
    assert 'href="https://news.example/pipes"' in page.text
    assert "javascript:" not in page.text  # nothing is linked that a browser should not open
    assert "20000" in page.text


@pytest.mark.parametrize(("asked", "found"), [("no", True), ("yes", False), ("never", False), ("other", True)])
def test_backlinks_are_found_by_their_last_check(sam, backlink, asked, found):
    listed = sam.get("/manage/content/backlink/", {"live": asked})

    assert (backlink in listed.context["cl"].result_list) is found
