"""What the agents of the blog pipeline hand in. Shapes and rules of the base are those of `apps.strategy.bodies`."""

from typing import Annotated, Any, Literal, Self

from markdown_it import MarkdownIt
from markdown_it.token import Token
from pydantic import Field, computed_field, model_validator

from apps.strategy.bodies import Line, RoleOutput, Text, heading_levels

SearchIntent = Literal["informational", "commercial", "navigational", "transactional"]
Keyword = Annotated[Line, Field(max_length=255)]
Slug = Annotated[str, Field(max_length=100, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]


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


class LiveCheck(RoleOutput):
    """data_analyst: whether the page that was published shows what was approved."""

    is_live: bool
    title_matches: bool
    findings: Annotated[list[Annotated[Text, Field(max_length=1_000)]], Field(max_length=20)]


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
