import pytest

from apps.channels.addresses import BadAddress, address_of


@pytest.mark.parametrize(
    ("platform", "url", "external_id"),
    [
        ("linkedin", "https://www.linkedin.com/feed/update/urn:li:share:7001", "urn:li:share:7001"),
        ("linkedin", "https://www.linkedin.com/feed/update/urn:li:ugcPost:7002/?x=1", "urn:li:ugcPost:7002"),
        ("linkedin", "https://in.linkedin.com/posts/acme_leak-activity-7003-AbCd", "activity-7003"),
        ("linkedin", "https://lnkd.in/gAbC12", ""),
        ("facebook", "https://www.facebook.com/acme/posts/pfbid02AbC", "pfbid02AbC"),
        ("facebook", "https://m.facebook.com/story.php?story_fbid=123&id=9", "123"),
        ("facebook", "https://www.facebook.com/reel/456/", "456"),
        ("instagram", "https://www.instagram.com/p/C_a-b1/", "C_a-b1"),
        ("instagram", "https://www.instagram.com/reel/C9x/?igsh=1", "C9x"),
        ("x_twitter", "https://x.com/acme/status/1790", "1790"),
        ("x_twitter", "https://mobile.twitter.com/acme/status/1790?s=20", "1790"),
        ("tiktok", "https://www.tiktok.com/@acme/video/734", "734"),
        ("google_business_profile", "https://posts.gle/AbC", ""),
        ("google_business_profile", "https://www.google.co.in/maps/place/acme", ""),
        ("google_business_profile", "https://maps.app.goo.gl/AbC", ""),
        ("mailchimp", "https://mailchi.mp/acme/june", ""),
        (None, " https://münchen.example/brief?x=1 ", ""),
    ],
)
def test_the_address_of_a_post_holds_its_id_where_the_platform_puts_it_there(platform, url, external_id):
    found = address_of(url, platform)

    assert (found.url, found.external_id) == (url.strip(), external_id)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "   ",
        "linkedin.com/x",
        "ftp://linkedin.com/x",
        "javascript:alert(1)",
        "https://",
        "https://localhost/x",
        "https://10.0.0.1/x",
        "https://[::1]/x",
        "https://2130706433/x",
        "https://a b.example/",
        "https://a.example/\x00",
        "https://a.example\\@b.example/",
        "https://user:word@a.example/",
        "https://a.example:port/",
        "https://-a.example/",
        "https://" + "a" * 1_000 + ".example/",
        'https://a.example/"><script>',
    ],
)
@pytest.mark.parametrize("platform", ["linkedin", None])
def test_what_is_no_public_web_address_is_refused(url, platform):
    with pytest.raises(BadAddress):
        address_of(url, platform)


@pytest.mark.parametrize(
    ("platform", "url"),
    [
        ("linkedin", "https://linkedin.com.evil.example/x"),
        ("linkedin", "https://notlinkedin.com/x"),
        ("x_twitter", "https://xx.com/a/status/1"),
        ("facebook", "https://www.instagram.com/p/x"),
        ("google_business_profile", "https://google.evil.example/x"),
        ("google_business_profile", "https://evilgoogle.com/x"),
    ],
)
def test_an_address_on_another_platform_is_refused(platform, url):
    with pytest.raises(BadAddress):
        address_of(url, platform)
