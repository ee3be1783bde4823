from decimal import Decimal
from typing import get_args

import pytest
from pydantic import ValidationError

from apps.channels import statuses as channel_statuses
from apps.content import bodies, newsletters, video_scripts
from apps.content import statuses as content_statuses
from apps.strategy import bodies as strategy_bodies
from apps.strategy import statuses as strategy_statuses

RESEARCH = {
    "businessSummary": "Acme repairs pipes in Pune.",
    "products": ["Leak repair"],
    "audiences": ["Home owners with a leak"],
    "toneSamples": ["We come\nthe same day."],
    "channelsFound": ["https://www.instagram.com/acme"],
    "competitorResearch": "The site names none.",
    "industryContext": "Demand rises with the monsoon.",
    "rawNotes": "## Home\n\nProof needed for “fastest in town”.",
    "sources": ["https://acme.example/"],
}
CONTEXT_FILE = {"markdown": "Acme.\n\n## A\n\n## B\n\n## C\n\n" + "word " * 100, "openQuestions": []}
STRATEGY = {
    "strategyMarkdown": "## Where you stand\n\n" + "word " * 400,
    "summary": "Fewer, better articles.",
    "rationale": "Search is where the buyers are.",
    "periodMonths": 6,
    "goals": [
        {
            "name": "200 visits a month from search by June",
            "description": "Measured in the first month.",
            "metric": "organic_sessions",
            "baselineValue": 0,
            "targetValue": "200.50",
            "period": "monthly",
            "targetMonths": 6,
            "priority": 1,
        }
    ],
    "deliverables": [
        {
            "goalIndex": 0,
            "type": "blog_posts",
            "name": "Blog posts",
            "quantityPerPeriod": 4,
            "period": "monthly",
            "platforms": ["wordpress"],
        }
    ],
}
KEYWORDS = {
    "clusters": [
        {
            "name": "Stopping a leak",
            "primary": "how to stop a leak",
            "secondary": ["pipe leak repair"],
            "intent": "informational",
            "volume": None,
            "difficulty": 40,
        }
    ]
}
BRIEF = {
    "workingTitle": "How to stop a leak",
    "angle": "From a plumber's van.",
    "primaryKeyword": "how to stop a leak",
    "secondaryKeywords": [],
    "searchIntent": "informational",
    "targetAudience": "Home owners",
    "recommendedOutline": ["Turn off the water"],
    "internalLinkTargets": ["https://acme.example/repair"],
    "competitorUrls": [],
    "targetWordCount": 1200,
}
ARTICLE = {
    "title": "How to stop a leak",
    "slug": "how-to-stop-a-leak",
    "categories": ["Repairs"],
    "tags": [],
    "metaDescription": "Five steps that stop most leaks until the plumber comes, with the tools you have at home.",
    "bodyMarkdown": "## Turn off the water\n\n" + "word " * 50,
    "internalLinksUsed": [],
}
LIVE_CHECK = {"isLive": True, "titleMatches": False, "findings": ["The title reads “How to stop”."]}
CALENDAR_ENTRY = {
    "theme": "What to do before the plumber comes",
    "brief": "Three steps that stop most leaks. The picture shows the main tap.",
    "postType": "standard",
    "platforms": ["linkedin", "facebook"],
    "date": "2026-06-03",
    "time": "09:30",
    "notes": "Show the van.",
}
SOCIAL_POST = {
    "platform": "linkedin",
    "bodyText": "Turn off the water first.\n\nThen call us.",
    "hashtags": ["Plumbing", "Pune", "LeakRepair"],
    "emojiUsed": False,
    "altText": "A hand at the main tap.",
    "linkUrl": "https://acme.example/repair",
}
LISTING_POST = {
    "topic": "Emergency repairs at weekends",
    "body": "Our vans are out at weekends too. Call and we are there within two hours.",
    "ctaType": "learn_more",
    "ctaUrl": "https://acme.example/weekend",
    "event": {
        "title": "Open day",
        "startsOn": "2026-06-03",
        "endsOn": "2026-06-04",
        "startsAt": "10:00",
        "endsAt": "09:00",
    },
    "offer": {"couponCode": "PIPE10", "redeemUrl": "https://acme.example/10", "terms": "One per house."},
}
VIDEO_IDEA = {
    "title": "The main tap in ten seconds",
    "angle": "A hand finds it and turns it off.",
    "targetAudience": "Home owners",
    "platform": "instagram",
    "lengthSeconds": 20,
    "needs": ["A main tap"],
}
VIDEO_SCRIPT = {
    "title": "The main tap in ten seconds",
    "hook": "Water on the floor.",
    "scenes": [
        {"seconds": 3, "visual": "Water on the floor.", "voice": None, "caption": "What now?"},
        {"seconds": 9, "visual": "A hand turns the tap.", "voice": "First the main tap.", "caption": None},
    ],
    "cta": "Then call us.",
    "hashtags": ["Plumbing"],
}
NEWSLETTER_TOPIC = {
    "title": "Before the monsoon",
    "angle": "Three things to look at.",
    "targetAudience": "Home owners",
    "offer": "A check of the pipes.",
    "sections": ["What to look at"],
}
NEWSLETTER = {
    "subjectLine": "Before the monsoon: three things to look at",
    "subjectVariants": ["Three things before the rain"],
    "previewText": "They take ten minutes.",
    "htmlBody": '<h2>Before the rain</h2><p>Look at the <a href="https://acme.example/tap">main tap</a> first.</p>',
    "plainText": "Before the rain\n\nLook at the main tap first: https://acme.example/tap",
}
ENGAGEMENT_CHECK = {"figuresKnown": True, "findings": ["900 people saw it."], "recommendations": ["Ask again."]}

SOUND = [
    (strategy_bodies.Research, RESEARCH),
    (strategy_bodies.ContextFile, CONTEXT_FILE),
    (strategy_bodies.StrategyDraft, STRATEGY),
    (bodies.KeywordResearch, KEYWORDS),
    (bodies.TopicBrief, BRIEF),
    (bodies.Article, ARTICLE),
    (bodies.LiveCheck, LIVE_CHECK),
    (bodies.CalendarEntry, CALENDAR_ENTRY),
    (bodies.SocialPostDraft, SOCIAL_POST),
    (bodies.ListingPost, LISTING_POST),
    (bodies.EngagementCheck, ENGAGEMENT_CHECK),
    (video_scripts.VideoIdea, VIDEO_IDEA),
    (video_scripts.VideoScript, VIDEO_SCRIPT),
    (newsletters.NewsletterTopic, NEWSLETTER_TOPIC),
    (newsletters.Newsletter, NEWSLETTER),
]
COUNTED = {"wordCount", "charCount"}  # by us, whatever the answer says
each_shape = pytest.mark.parametrize(("shape", "answer"), SOUND, ids=lambda value: getattr(value, "__name__", ""))


def paths_of(value, path=()):
    """The path of every text in an answer."""
    if isinstance(value, str):
        yield path
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from paths_of(inner, (*path, name))
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from paths_of(inner, (*path, position))


def with_change(value, path, change):
    if not path:
        return change(value)
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = with_change(value[path[0]], path[1:], change)
    return copy


def goal(**changes):
    return STRATEGY | {"goals": [STRATEGY["goals"][0] | changes]}


def deliverable(**changes):
    return STRATEGY | {"deliverables": [STRATEGY["deliverables"][0] | changes]}


def cluster(**changes):
    return {"clusters": [KEYWORDS["clusters"][0] | changes]}


@each_shape
def test_a_sound_answer_is_read_and_written_back_in_camel_case(shape, answer):
    read = shape.model_validate(answer)

    written = read.model_dump(mode="json")
    assert set(written) - COUNTED == set(answer)
    assert shape.model_validate(written) == read
    assert shape.model_validate_json(read.model_dump_json()) == read


@each_shape
def test_an_answer_with_a_field_too_many_or_too_few_is_refused(shape, answer):
    for changed in [answer | {"status": "approved"}, {k: v for k, v in answer.items() if k != next(iter(answer))}]:
        with pytest.raises(ValidationError):
            shape.model_validate(changed)


@each_shape
@pytest.mark.parametrize("bad", ["\x00", "\ud800"], ids=["NUL", "lone surrogate"])
def test_text_that_postgresql_cannot_hold_is_refused_in_every_field(shape, answer, bad):
    for path in paths_of(answer):
        with pytest.raises(ValidationError):
            shape.model_validate(with_change(answer, path, lambda text: text[:20] + bad + text[20:]))


@each_shape
def test_no_text_is_without_a_limit(shape, answer):
    for path in paths_of(answer):
        with pytest.raises(ValidationError):
            shape.model_validate(with_change(answer, path, lambda text: "a" * 200_000))


@each_shape
@pytest.mark.parametrize("answer_of_another_shape", [None, [], "text", 1, {}, {"": {}}])
def test_anything_but_the_object_asked_for_is_refused(shape, answer, answer_of_another_shape):
    with pytest.raises(ValidationError):
        shape.model_validate(answer_of_another_shape)


@pytest.mark.parametrize(
    ("shape", "answer"),
    [
        (strategy_bodies.ContextFile, CONTEXT_FILE | {"markdown": "## A\n\n## B\n\n" + "word " * 200}),
        (strategy_bodies.ContextFile, CONTEXT_FILE | {"markdown": "```\n## A\n## B\n## C\n```\n" + "word " * 200}),
        (strategy_bodies.ContextFile, CONTEXT_FILE | {"markdown": "## A\n## B\n## C\n" + "w" * 400}),
        (strategy_bodies.StrategyDraft, deliverable(goalIndex=1)),
        (strategy_bodies.StrategyDraft, deliverable(goalIndex=-1)),
        (strategy_bodies.StrategyDraft, deliverable(type="podcasts")),
        (strategy_bodies.StrategyDraft, deliverable(platforms=["myspace"])),
        (strategy_bodies.StrategyDraft, deliverable(quantityPerPeriod=201)),
        (strategy_bodies.StrategyDraft, deliverable(quantityPerPeriod=0)),
        (strategy_bodies.StrategyDraft, deliverable(quantityPerPeriod="4")),
        (strategy_bodies.StrategyDraft, deliverable(period="annual")),
        (strategy_bodies.StrategyDraft, STRATEGY | {"goals": []}),
        (strategy_bodies.StrategyDraft, STRATEGY | {"goals": STRATEGY["goals"] * 11}),
        (strategy_bodies.StrategyDraft, STRATEGY | {"deliverables": []}),
        (strategy_bodies.StrategyDraft, STRATEGY | {"periodMonths": 25}),
        (strategy_bodies.StrategyDraft, STRATEGY | {"periodMonths": True}),
        (strategy_bodies.StrategyDraft, goal(targetMonths=0)),
        (strategy_bodies.StrategyDraft, goal(priority=11)),
        (strategy_bodies.StrategyDraft, goal(name="two\nlines")),
        *[
            (strategy_bodies.StrategyDraft, goal(targetValue=value))
            for value in [
                "NaN",
                float("nan"),
                float("inf"),
                "Infinity",
                -1,
                "1.005",
                10**10,
                "12,5",
                "₹5",
                True,
                None,
                [1],
            ]
        ],
        (bodies.KeywordResearch, {"clusters": []}),
        (bodies.KeywordResearch, cluster(difficulty=101)),
        (bodies.KeywordResearch, cluster(volume=-1)),
        (bodies.KeywordResearch, cluster(volume=12.5)),
        (bodies.KeywordResearch, cluster(intent="curious")),
        (bodies.TopicBrief, BRIEF | {"targetWordCount": 299}),
        (bodies.TopicBrief, BRIEF | {"targetWordCount": 5001}),
        (bodies.TopicBrief, BRIEF | {"workingTitle": "a" * 501}),
        (bodies.TopicBrief, BRIEF | {"primaryKeyword": "a" * 256}),
        (bodies.Article, ARTICLE | {"metaDescription": "a" * 49}),
        (bodies.Article, ARTICLE | {"metaDescription": "a" * 161}),
        *[
            (bodies.Article, ARTICLE | {"slug": slug})
            for slug in ["", "Leak", "a b", "a--b", "-a", "a-", "é", "../a", "a" * 101, "a_b", "%2e"]
        ],
        (bodies.Article, ARTICLE | {"bodyMarkdown": "# Title\n\n" + "word " * 50}),
        (bodies.Article, ARTICLE | {"bodyMarkdown": "Title\n=====\n\n" + "word " * 50}),
        (bodies.Article, ARTICLE | {"bodyMarkdown": "> # Title\n\n" + "word " * 50}),
        (bodies.Article, ARTICLE | {"bodyMarkdown": "a" * 199}),
        (bodies.Article, ARTICLE | {"categories": ["a"] * 6}),
        (bodies.Article, ARTICLE | {"tags": ["a"] * 11}),
        (bodies.Article, ARTICLE | {"title": "  "}),
        (bodies.LiveCheck, LIVE_CHECK | {"isLive": "yes"}),
        (bodies.LiveCheck, LIVE_CHECK | {"isLive": 1}),
        (bodies.CalendarEntry, CALENDAR_ENTRY | {"platforms": []}),
        (bodies.CalendarEntry, CALENDAR_ENTRY | {"platforms": ["wordpress"]}),
        (bodies.CalendarEntry, CALENDAR_ENTRY | {"postType": "poll"}),
        (bodies.CalendarEntry, CALENDAR_ENTRY | {"date": "2026-02-30"}),
        (bodies.CalendarEntry, CALENDAR_ENTRY | {"time": "25:00"}),
        (video_scripts.VideoIdea, VIDEO_IDEA | {"lengthSeconds": 601}),
        (video_scripts.VideoScript, VIDEO_SCRIPT | {"scenes": []}),
        (video_scripts.VideoScript, VIDEO_SCRIPT | {"scenes": VIDEO_SCRIPT["scenes"][:1]}),
        (video_scripts.VideoScript, VIDEO_SCRIPT | {"scenes": [VIDEO_SCRIPT["scenes"][1] | {"seconds": 120}] * 6}),
        (newsletters.Newsletter, NEWSLETTER | {"subjectLine": "a" * 151}),
        *[
            (newsletters.Newsletter, NEWSLETTER | {"htmlBody": NEWSLETTER["htmlBody"] + more})
            for more in (
                "<script>alert(1)</script>",
                '<img src="https://pixel.example/">',
                '<p style="color:red">x</p>',
                '<p onclick="x()">x</p>',
                '<a href="javascript:alert(1)">x</a>',
                '<a href="/x">x</a>',
                "<form></form>",
                "<!-- note -->",
                "<!doctype html>",
                "<?php ?>",
                "<![CDATA[x]]>",
                "<style>p{}</style>",
            )
        ],
        (newsletters.Newsletter, NEWSLETTER | {"htmlBody": "<p> </p>" * 20}),
        (bodies.ListingPost, LISTING_POST | {"body": "a" * 1_501}),
        (bodies.ListingPost, LISTING_POST | {"body": "💩" * 751}),
        (bodies.ListingPost, LISTING_POST | {"ctaUrl": None}),
        (bodies.ListingPost, LISTING_POST | {"ctaType": "call"}),
        (bodies.ListingPost, LISTING_POST | {"event": None}),
        (bodies.ListingPost, LISTING_POST | {"event": LISTING_POST["event"] | {"endsOn": "2026-06-02"}}),
        (bodies.ListingPost, LISTING_POST | {"event": LISTING_POST["event"] | {"endsOn": "2026-06-03"}}),
        (bodies.ListingPost, LISTING_POST | {"event": LISTING_POST["event"] | {"title": "a" * 59}}),
        (bodies.SocialPostDraft, SOCIAL_POST | {"hashtags": ["a", "b"]}),
        (bodies.SocialPostDraft, SOCIAL_POST | {"hashtags": ["#a", "b", "c"]}),
        (bodies.SocialPostDraft, SOCIAL_POST | {"hashtags": ["two words", "b", "c"]}),
        (bodies.SocialPostDraft, SOCIAL_POST | {"linkUrl": "javascript:alert(1)"}),
        (bodies.SocialPostDraft, SOCIAL_POST | {"platform": "x_twitter", "bodyText": "a" * 281}),
        (bodies.SocialPostDraft, SOCIAL_POST | {"platform": "x_twitter", "bodyText": "a" * 240}),
        (bodies.SocialPostDraft, SOCIAL_POST | {"bodyText": "a" * 2_990}),
    ],
)
def test_an_answer_beyond_its_limits_is_refused(shape, answer):
    with pytest.raises(ValidationError):
        shape.model_validate(answer)


@pytest.mark.parametrize("value", [200.5, "200.5", "200.50"])
def test_a_figure_is_an_exact_decimal_whether_written_as_number_or_text(value):
    draft = strategy_bodies.StrategyDraft.model_validate(goal(targetValue=value))

    assert draft.goals[0].target_value == Decimal("200.5")
    assert isinstance(draft.goals[0].target_value, Decimal)


@pytest.mark.parametrize("stated", [9_999, -1, "many", None])
def test_the_word_count_is_counted_and_a_stated_one_is_not_believed(stated):
    article = bodies.Article.model_validate(ARTICLE | {"wordCount": stated})

    assert article.word_count == 54
    assert article.model_dump()["wordCount"] == 54


@pytest.mark.parametrize(
    ("markdown", "words"),
    [
        ("", 0),
        ("## Hello **big**world\n\nSee [the link](https://x.example/a-b) - a\n`code x`", 8),
        ("| a | b |\n|---|---|\n| c | d |\n\n* one\n* दो शब्द", 7),
        ("![a picture](i.png)\n\n---\n\n```\nx y\n```", 2),
        ("a<br>b & c", 2),
    ],
)
def test_words_are_counted_as_a_reader_sees_them(markdown, words):
    assert bodies.count_words(markdown) == words


def test_a_hash_in_a_code_block_is_no_title():
    body = "## Steps\n\n```\n# a comment\n```\n\n" + "word " * 50

    assert bodies.Article.model_validate(ARTICLE | {"bodyMarkdown": body}).body_markdown == body.strip()


@pytest.mark.parametrize("piece", ["[", "![](", "> ", "*a ", "`", "|a", "&#", "\\"])
def test_markdown_made_to_stall_a_parser_is_read_all_the_same(piece):

    body = (piece * 60_000)[:59_000] + "a"

    assert bodies.Article.model_validate(ARTICLE | {"bodyMarkdown": body}).body_markdown == body.strip()


def test_the_value_lists_are_those_of_the_columns_that_receive_them():
    assert set(get_args(strategy_bodies.DeliverableType)) == set(strategy_statuses.DeliverableType.values)
    assert set(get_args(strategy_bodies.Platform)) == set(channel_statuses.Platform.values)
    assert set(get_args(bodies.SearchIntent)) == set(content_statuses.SearchIntent.values)


@each_shape
def test_the_json_schema_names_the_camel_case_fields_and_refuses_others(shape, answer):
    schema = shape.model_json_schema()

    assert set(schema["properties"]) == set(answer)
    assert schema["additionalProperties"] is False


def test_a_post_is_counted_whole_with_link_and_hashtags_and_a_stated_count_is_not_believed():
    post = bodies.SocialPostDraft.model_validate(SOCIAL_POST | {"charCount": 3})

    assert post.text == (
        "Turn off the water first.\n\nThen call us.\n\nhttps://acme.example/repair\n\n#Plumbing #Pune #LeakRepair"
    )
    assert post.char_count == len(post.text)


def test_a_link_that_is_in_the_text_is_not_put_below_it_again():
    text = "More: https://acme.example/repair"

    post = bodies.SocialPostDraft.model_validate(SOCIAL_POST | {"bodyText": text})

    assert post.text == f"{text}\n\n#Plumbing #Pune #LeakRepair"
