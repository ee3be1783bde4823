"""What the agents of onboarding and strategy hand in, and what is kept of it outside PostgreSQL.

Field names are camelCase in JSON, both ways: `StrategyDraft.model_validate_json(answer)` reads what
`draft.model_dump(mode="json")` gives.
Validation is strict: no unknown fields, no coercion, and no text that PostgreSQL could not hold (NUL, lone
surrogates). Lengths are those of the columns that receive the values.
"""

from decimal import Decimal
from typing import Annotated, Literal, Self

from markdown_it import MarkdownIt
from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

Text = Annotated[str, Field(min_length=1, max_length=10_000, pattern=r"^[^\x00]*$")]
Line = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")]
# Not strict: JSON has numbers and texts only, a Decimal must be made from either.
Figure = Annotated[Decimal, Field(strict=False, ge=0, max_digits=12, decimal_places=2)]

DeliverableType = Literal[
    "blog_posts",
    "social_posts",
    "backlinks",
    "gbp_posts",
    "website_audit",
    "email_newsletters",
    "ad_copy_sets",
    "performance_reports",
    "landing_pages",
    "video_scripts",
]
Platform = Literal[
    "linkedin",
    "facebook",
    "instagram",
    "x_twitter",
    "tiktok",
    "wordpress",
    "webflow",
    "google_business_profile",
    "google_search_console",
    "google_analytics",
    "mailchimp",
    "klaviyo",
    "google_ads",
    "meta_ads",
]


class RoleOutput(BaseModel):
    """Base of every answer an agent role may give."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        str_strip_whitespace=True,
        alias_generator=to_camel,
        serialize_by_alias=True,
    )


class Research(RoleOutput):
    """onboarding_agent: what its website and documents say about a client. Lists may be empty, never guessed."""

    business_summary: Annotated[Text, Field(max_length=4_000)]
    products: Annotated[list[Line], Field(max_length=50)]
    audiences: Annotated[list[Line], Field(max_length=20)]
    tone_samples: Annotated[list[Text], Field(max_length=10)]
    channels_found: Annotated[list[Line], Field(max_length=30)]
    competitor_research: Annotated[Text, Field(max_length=50_000)]
    industry_context: Annotated[Text, Field(max_length=50_000)]
    raw_notes: Annotated[Text, Field(max_length=100_000)]
    sources: Annotated[list[Line], Field(max_length=100)]


class ContextFile(RoleOutput):
    """context_file_writer: the one file about a client that every agent of that client receives in full."""

    markdown: Annotated[Text, Field(min_length=500, max_length=40_000)]
    open_questions: Annotated[list[Line], Field(max_length=20)]

    @model_validator(mode="after")
    def has_sections(self) -> Self:
        if heading_levels(self.markdown).count(2) < 3:
            raise ValueError("markdown needs at least three second-level headings (##).")
        return self


class DraftGoal(RoleOutput):
    name: Annotated[Line, Field(max_length=255)]
    description: Annotated[Text, Field(max_length=4_000)]
    metric: Annotated[Line, Field(max_length=100)]
    baseline_value: Figure
    target_value: Figure
    period: Literal["monthly", "quarterly", "annual"]
    target_months: Annotated[int, Field(ge=1, le=24)]
    priority: Annotated[int, Field(ge=1, le=10)]


class DraftDeliverable(RoleOutput):
    """`goal_index` counts the draft's goals from 0."""

    goal_index: Annotated[int, Field(ge=0)]
    type: DeliverableType
    name: Annotated[Line, Field(max_length=255)]
    quantity_per_period: Annotated[int, Field(ge=1, le=200)]
    period: Literal["monthly", "quarterly"]
    platforms: Annotated[list[Platform], Field(max_length=14)]


class StrategyDraft(RoleOutput):
    """strategy_writer: the narrative, and the goals and deliverables that follow from it."""

    strategy_markdown: Annotated[Text, Field(min_length=2_000, max_length=100_000)]
    summary: Annotated[Text, Field(max_length=2_000)]
    rationale: Annotated[Text, Field(max_length=4_000)]
    period_months: Annotated[int, Field(ge=1, le=24)]
    goals: Annotated[list[DraftGoal], Field(min_length=1, max_length=10)]
    deliverables: Annotated[list[DraftDeliverable], Field(min_length=1, max_length=10)]

    @model_validator(mode="after")
    def serves_its_own_goals(self) -> Self:
        for deliverable in self.deliverables:
            if deliverable.goal_index >= len(self.goals):
                raise ValueError(f"goalIndex {deliverable.goal_index} is not one of 0 to {len(self.goals) - 1}.")
        return self


def heading_levels(markdown: str) -> list[int]:
    """The level of every heading in order; a # inside a code block is none."""
    return [int(token.tag[1:]) for token in MarkdownIt("commonmark").parse(markdown) if token.type == "heading_open"]
