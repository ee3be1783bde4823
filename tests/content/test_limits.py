"""How long a post is, counted as its platform counts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.channels.statuses import Platform
from apps.content.limits import CHARACTERS, count_characters

pytestmark = pytest.mark.acceptance("MISC-char-limits")

FAMILY = "👨\u200d👩\u200d👧\u200d👦"
LONG_LINK = "https://acme.example/blog/" + "why-pipes-leak/" * 20
SOCIAL = [*CHARACTERS]
OTHERS = [platform for platform in SOCIAL if platform != Platform.X_TWITTER]


def on_x(text: str) -> int:
    return count_characters(text, Platform.X_TWITTER)


def test_every_platform_that_takes_social_posts_has_its_limit():
    assert CHARACTERS == {
        "linkedin": 3000,
        "facebook": 63_206,
        "instagram": 2200,
        "x_twitter": 280,
        "tiktok": 2200,
        "google_business_profile": 1500,
    }


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("", 0),
        ("This is a test.", 15),
        ("two\nlines", 9),
        ("café", 4),
        ("cafe\u0301", 4),  # composed before it is counted
        ("ӑ", 1),  # Cyrillic
        ("ა", 1),  # Georgian, the end of the first range: U+10D0
        ("\u10ff\u1100", 3),
        ("“well…”", 8),  # the ellipsis is outside the ranges, the quotation marks are inside
        ("नमस्ते", 6),
        ("のの", 4),
        ("저찀", 4),
        ("₹500", 5),
        ("𠮷", 2),  # beyond the first plane, and no emoji
    ],
)
def test_x_weighs_characters_by_its_ranges(text, length):
    assert on_x(text) == length


@pytest.mark.parametrize(
    "emoji",
    ["👾", "🙋🏽", "👨\u200d🎤", FAMILY, "❤️", "🇮🇳", "1️⃣", "#️⃣", "©️", "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "🕵🏽\u200d♂️", "☺"],
)  # fmt: skip
def test_on_x_an_emoji_counts_two_however_it_is_composed(emoji):
    assert on_x(emoji) == 2
    assert on_x(f"So {emoji}{emoji}!") == 3 + 4 + 1


def test_on_x_a_sign_that_is_also_a_letter_is_an_emoji_only_when_asked_for():
    assert (on_x("©"), on_x("™"), on_x("7")) == (1, 2, 1)


@pytest.mark.parametrize(
    "link",
    [
        "http://t.co",
        "https://acme.example",
        "HTTPS://www.ACME.com/index.html",
        LONG_LINK,
        "https://acme.com:8080/a?b=c&d=%20#top",
        "https://acme.com/Русские_слова",
        "https://☃.net/",
        "https://пример.рф",
        "https://xn--e1afmkfd.xn--p1ai/a",
        "test.com",
        "www.acme.co.in",
        "acme.in/offers/monsoon-service-for-all-of-pune?from=x",
        "acme.restaurant",
    ],
)
def test_on_x_a_link_counts_23_whatever_its_length(link):
    assert on_x(link) == 23
    assert on_x(f"Read {link}, now ({link}).") == 5 + 23 + 7 + 23 + 2


def test_on_x_several_links_count_each():
    assert on_x("Test https://test.com test https://test.com test.com test") == 86


def test_on_x_a_link_ends_where_other_writing_begins():
    assert on_x("見てhttps://acme.com/aのの") == 4 + 23 + 4


@pytest.mark.parametrize(
    "text", ["hello@acme.com", "@acme.com", "#acme.com", "-acme.com", "e.g. this", "at 3.30", "Done.", "https://", "a..b"]
)  # fmt: skip
def test_on_x_what_is_no_link_counts_as_it_stands(text):
    assert on_x(text) == len(text)


def test_on_x_what_may_be_a_link_counts_as_the_longer_of_both():
    assert on_x("Node.final") == 23
    assert on_x("a-name-longer-than-a-link.someending") == len("a-name-longer-than-a-link.someending")


@pytest.mark.parametrize("platform", OTHERS)
def test_the_others_count_code_units_and_links_as_they_stand(platform):
    assert count_characters("Plain text\n", platform) == 11
    assert count_characters(LONG_LINK, platform) == len(LONG_LINK)
    assert count_characters("नमस्ते", platform) == 6
    assert count_characters("👾", platform) == 2
    assert count_characters(FAMILY, platform) == 11


@pytest.mark.parametrize("platform", SOCIAL)
def test_a_text_at_the_limit_fits_and_one_letter_more_does_not(platform):
    limit = CHARACTERS[platform]

    assert count_characters("a" * limit, platform) == limit
    assert count_characters("a" * (limit + 1), platform) == limit + 1
    assert count_characters("👾" * (limit // 2), platform) == limit


@given(st.text(), st.sampled_from(SOCIAL))
def test_any_text_can_be_counted_and_more_text_is_never_shorter(text, platform):
    length = count_characters(text, platform)

    assert length >= 0
    assert count_characters(text + " more", platform) >= length
