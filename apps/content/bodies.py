"""What the agents that write content hand in. Shapes and rules of the base are those of `apps.strategy.bodies`."""

from datetime import date, time
from typing import Annotated, Any, Literal, Self

from markdown_it import MarkdownIt
from markdown_it.token import Token
from pydantic import AfterValidator, Field, computed_field, model_validator

from apps.strategy.bodies import Line, RoleOutput, Text, heading_levels

from . import limits

SearchIntent = Literal["informational", "commercial", "navigational", "transactional"]
Keyword = Annotated[Line, Field(max_length=255)]
Slug = Annotated[str, Field(max_length=100, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]


def _is_a_day(text: str) -> str:
    date.fromisoformat(text)
    return text


def _is_a_time(text: str) -> str:
    time.fromisoformat(text)
    return text


Day = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$"), AfterValidator(_is_a_day)]
TimeOfDay = Annotated[str, Field(pattern=r"^\d{2}:\d{2}$"), AfterValidator(_is_a_time)]
WebAddress = Annotated[str, Field(max_length=1_000, pattern=r"^https?://[^\s\x00-\x1f\x7f\\]+$")]
Hashtag = Annotated[str, Field(max_length=100, pattern=r"^\w+$")]  # without the #
FIGURES = ("impressions", "likes", "comments", "shares", "clicks")  # of a published post
MOST_OF_A_FIGURE = 10_000_000_000
SocialPlatform = Literal["linkedin", "facebook", "instagram", "x_twitter", "tiktok"]


class KeywordCluster(RoleOutput):
    """`volume` in searches per month, `difficulty` 0-100; null where no search data was given."""

    name: Annotated[Line, Field(max_length=255)]
    primary: Keyword
    secondary: Annotated[list[Keyword], Field(max_length=30)]
    intent: SearchIntent
    volume: Annotated[int, Field(ge=0, le=2_000_000_000)] | None
    difficulty: Annotated[int, Field(ge=0, le=100)] | None


class KeywordResearch(RoleOutput):
    """keyword_researcher: groups of searches that one article each can answer."""

    clusters: Annotated[list[KeywordCluster], Field(min_length=1, max_length=10)]


class TopicBrief(RoleOutput):
    """content_brief_writer: one article, proposed for a person to approve before anything is written."""

    working_title: Line
    angle: Annotated[Text, Field(max_length=4_000)]
    primary_keyword: Keyword
    secondary_keywords: Annotated[list[Keyword], Field(max_length=20)]
    search_intent: SearchIntent
    target_audience: Annotated[Text, Field(max_length=2_000)]
    recommended_outline: Annotated[list[Line], Field(min_length=1, max_length=30)]
    internal_link_targets: Annotated[list[Line], Field(max_length=20)]
    competitor_urls: Annotated[list[Line], Field(max_length=20)]
    target_word_count: Annotated[int, Field(ge=300, le=5_000)]


class Article(RoleOutput):
    """copywriter: the finished article. The title stands apart, so the body has no first-level heading.

    `word_count` is counted here; a number the model states is dropped.
    """

    title: Line
    meta_description: Annotated[Line, Field(min_length=50, max_length=160)]
    slug: Slug
    body_markdown: Annotated[Text, Field(min_length=200, max_length=60_000)]
    categories: Annotated[list[Annotated[Line, Field(max_length=100)]], Field(max_length=5)]
    tags: Annotated[list[Annotated[Line, Field(max_length=100)]], Field(max_length=10)]
    internal_links_used: Annotated[list[Line], Field(max_length=50)]

    @model_validator(mode="before")
    @classmethod
    def without_a_stated_word_count(cls, answer: Any) -> Any:
        if isinstance(answer, dict):
            return {name: value for name, value in answer.items() if name != "wordCount"}
        return answer

    @model_validator(mode="after")
    def leaves_the_title_to_the_page(self) -> Self:
        if 1 in heading_levels(self.body_markdown):
            raise ValueError("bodyMarkdown must not hold a first-level heading: the title stands apart. Begin at ##.")
        return self

    @computed_field  # type: ignore[prop-decorator]
    @property
    def word_count(self) -> int:
        return count_words(self.body_markdown)


class CalendarEntry(RoleOutput):
    """social_calendar_planner: one topic of the month, proposed for a person to approve before a post is written.

    `date` and `time` are on the client's clock; a null date means as soon as it is approved, a null time nine o'clock.
    """

    theme: Line
    brief: Annotated[Text, Field(max_length=4_000)]
    post_type: Literal["standard", "carousel", "reel", "story", "article"]
    platforms: Annotated[list[SocialPlatform], Field(min_length=1, max_length=5)]
    date: Day | None
    time: TimeOfDay | None
    notes: Annotated[Text, Field(max_length=2_000)] | None


class SocialPostDraft(RoleOutput):
    """social_post_writer: one post for one platform, within the length of that platform.

    `char_count` is counted here as the platform counts; a number the model states is dropped.
    """

    platform: SocialPlatform
    body_text: Annotated[Text, Field(max_length=10_000)]
    hashtags: Annotated[list[Hashtag], Field(min_length=3, max_length=5)]
    emoji_used: bool
    alt_text: Annotated[Line, Field(max_length=1_000)] | None
    link_url: WebAddress | None

    @model_validator(mode="before")
    @classmethod
    def without_a_stated_count(cls, answer: Any) -> Any:
        return _without(answer, "charCount")

    @model_validator(mode="after")
    def fits_its_platform(self) -> Self:
        _refuse_longer(self.char_count, self.platform)
        return self

    @property
    def text(self) -> str:
        """The post as it appears: the text, the link where it is not in it, the hashtags."""
        link = self.link_url if self.link_url and self.link_url not in self.body_text else ""
        return "\n\n".join(filter(None, [self.body_text, link, " ".join(f"#{tag}" for tag in self.hashtags)]))

    @computed_field  # type: ignore[prop-decorator]
    @property
    def char_count(self) -> int:
        return limits.count_characters(self.text, self.platform)


class ListingEvent(RoleOutput):
    """When something takes place. Days on the client's clock; without a time it lasts the whole day."""

    title: Annotated[Line, Field(max_length=58)]
    starts_on: Day
    ends_on: Day
    starts_at: TimeOfDay | None
    ends_at: TimeOfDay | None

    @model_validator(mode="after")
    def ends_after_it_starts(self) -> Self:
        if (self.ends_on, self.ends_at or "24:00") < (self.starts_on, self.starts_at or "00:00"):
            raise ValueError("The event must not end before it starts.")
        return self


class ListingOffer(RoleOutput):
    coupon_code: Annotated[Line, Field(max_length=58)] | None
    redeem_url: WebAddress | None
    terms: Annotated[Text, Field(max_length=5_000)] | None


class ListingPost(RoleOutput):
    """gbp_post_writer: one post for a Google Business Profile. An offer needs an event, which says how long it holds."""

    topic: Annotated[Line, Field(max_length=200)]
    body: Annotated[Text, Field(max_length=3_000)]
    cta_type: Literal["none", "book", "order", "shop", "learn_more", "sign_up", "call"]
    cta_url: WebAddress | None
    event: ListingEvent | None
    offer: ListingOffer | None

    @model_validator(mode="before")
    @classmethod
    def without_a_stated_count(cls, answer: Any) -> Any:
        return _without(answer, "charCount")

    @model_validator(mode="after")
    def is_whole(self) -> Self:
        _refuse_longer(self.char_count, "google_business_profile")
        if (self.cta_url is None) != (self.cta_type in ("none", "call")):
            raise ValueError("ctaUrl is needed for every button but call, and only there.")
        if self.offer is not None and self.event is None:
            raise ValueError("An offer needs an event that says how long it holds.")
        return self

    @property
    def text(self) -> str:
        """What appears as text; button, event and offer stand apart."""
        return self.body

    @computed_field  # type: ignore[prop-decorator]
    @property
    def char_count(self) -> int:
        return limits.count_characters(self.text, "google_business_profile")


class EngagementCheck(RoleOutput):
    """data_analyst: what the figures of something published say; nothing, where nobody has fetched them yet."""

    figures_known: bool
    findings: Annotated[list[Annotated[Text, Field(max_length=1_000)]], Field(max_length=20)]
    recommendations: Annotated[list[Annotated[Text, Field(max_length=1_000)]], Field(max_length=10)]


class LiveCheck(RoleOutput):
    """data_analyst: whether the page that was published shows what was approved."""

    is_live: bool
    title_matches: bool
    findings: Annotated[list[Annotated[Text, Field(max_length=1_000)]], Field(max_length=20)]


def _without(answer: Any, name: str) -> Any:
    return {key: value for key, value in answer.items() if key != name} if isinstance(answer, dict) else answer


def _refuse_longer(count: int, platform: str) -> None:
    limit = limits.limit_of(platform)
    if count > limit:
        raise ValueError(
            f"The whole post has {count} characters as {platform} counts, with link and hashtags; {limit} are allowed."
        )


def count_words(markdown: str) -> int:
    """Words a reader sees: split at white space, each with a letter or digit; no link addresses, no markup."""
    shown = []
    for block in MarkdownIt("commonmark", {"html": False}).enable("table").parse(markdown):
        shown += [_shown(span) for span in block.children or []] if block.type == "inline" else [block.content]
        shown.append(" ")
    return sum(any(character.isalnum() for character in word) for word in "".join(shown).split())


def _shown(span: Token) -> str:
    if span.type in {"softbreak", "hardbreak"}:
        return " "
    return span.content if span.type in {"text", "code_inline"} else ""
