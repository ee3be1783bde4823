"""Landing pages: what their agents are told and hand in. The page is its text alone, so people decide on the answer."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from apps.activities import material
from apps.activities.models import Activity
from apps.activities.prompting import DataBlock
from apps.activities.queries import output_of
from apps.strategy.bodies import Line, RoleOutput, Text, heading_levels

from .bodies import Keyword, Slug

META_TITLE, META_DESCRIPTION = 60, 160  # characters that search engines show before they cut


class LandingBrief(RoleOutput):
    """content_brief_writer: one page, proposed for a person to approve before anything is written.

    `conversion_goal` is the one thing the visitor should do; `proof` are facts of the material that may be used.
    """

    working_title: Line
    offer: Annotated[Text, Field(max_length=2_000)]
    target_audience: Annotated[Text, Field(max_length=2_000)]
    primary_keyword: Keyword
    secondary_keywords: Annotated[list[Keyword], Field(max_length=10)]
    conversion_goal: Annotated[Line, Field(max_length=200)]
    objections: Annotated[list[Line], Field(max_length=10)]
    proof: Annotated[list[Line], Field(max_length=10)]
    recommended_outline: Annotated[list[Line], Field(min_length=2, max_length=12)]


class PageSection(RoleOutput):
    heading: Annotated[Line, Field(max_length=120)]
    body_markdown: Annotated[Text, Field(min_length=20, max_length=6_000)]

    @model_validator(mode="after")
    def leaves_the_headings_to_the_page(self) -> Self:
        if {1, 2} & set(heading_levels(self.body_markdown)):
            raise ValueError("bodyMarkdown of a section must not hold headings of the first or second level.")
        return self


class Question(RoleOutput):
    question: Annotated[Line, Field(max_length=200)]
    answer: Annotated[Text, Field(max_length=1_500)]


class CallToAction(RoleOutput):
    """`leads_to` is an address of the material or, in words, where the button should lead."""

    label: Annotated[Line, Field(max_length=40)]
    leads_to: Annotated[Line, Field(max_length=500)]


class LandingPage(RoleOutput):
    """landing_page_writer: the finished copy of one page."""

    headline: Annotated[Line, Field(max_length=90)]
    subheadline: Annotated[Line, Field(max_length=200)]
    sections: Annotated[list[PageSection], Field(min_length=2, max_length=10)]
    faq: Annotated[list[Question], Field(max_length=10)]
    cta: CallToAction
    meta_title: Annotated[Line, Field(max_length=META_TITLE)]
    meta_description: Annotated[Line, Field(min_length=50, max_length=META_DESCRIPTION)]
    slug: Slug


def gather_landing_brief(activity: Activity) -> list[DataBlock]:
    return [material.context(), *material.promise(activity), *material.previous(activity)]


def gather_landing_page(activity: Activity) -> list[DataBlock]:
    brief = DataBlock("brief", output_of(activity.unit, "brief"))
    return [material.context(), brief, *material.promise(activity), *material.previous(activity)]


def title_of_brief(brief: LandingBrief) -> str:
    return brief.working_title


def title_of_page(page: LandingPage) -> str:
    return page.headline


def page_as_text(page: LandingPage) -> tuple[str, str]:
    """The whole page as it will read, then what search engines show: everything that is decided on."""
    button = f"**{page.cta.label}** → {page.cta.leads_to}"
    parts = [f"# {page.headline}", page.subheadline, button]
    parts += [f"## {section.heading}\n\n{section.body_markdown}" for section in page.sections]
    if page.faq:
        asked = [f"### {one.question}\n\n{one.answer}" for one in page.faq]
        parts.append("\n\n".join(["## Questions and answers", *asked]))
    parts.append(button)
    parts.append(
        "\n".join(
            (
                "---",
                "",
                "## For search engines",
                "",
                f"- Address: {page.slug}",
                f"- Title ({len(page.meta_title)} of {META_TITLE} characters): {page.meta_title}",
                f"- Description ({len(page.meta_description)} of {META_DESCRIPTION} characters): {page.meta_description}",
            )
        )
    )
    return "\n\n".join(parts), "text/markdown"
