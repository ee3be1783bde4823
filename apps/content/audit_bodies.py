"""What the agents of website audits hand in. Shapes and rules of the base are those of `apps.strategy.bodies`."""

from typing import Annotated, Literal

from pydantic import Field

from apps.strategy.bodies import Line, RoleOutput, Text

Area = Literal["technical", "on_page", "content", "links", "local"]
Severity = Literal["high", "medium", "low"]
Address = Annotated[str, Field(max_length=1_000, pattern=r"^[^\x00-\x20\x7f]*$")]  # empty: the site as a whole
Score = Annotated[int, Field(ge=0, le=100)]


class Finding(RoleOutput):
    """`page` is one of the pages that were measured, or empty for the site as a whole."""

    area: Area
    severity: Severity
    page: Address
    issue: Annotated[Text, Field(max_length=500)]
    fix: Annotated[Text, Field(max_length=1_000)]


class Scores(RoleOutput):
    """0-100 each, 100 where nothing was found."""

    technical: Score
    on_page: Score
    content: Score


class Audit(RoleOutput):
    """site_auditor: what is wrong with the client's website, the most serious first."""

    summary: Annotated[Text, Field(max_length=2_000)]
    scores: Scores
    findings: Annotated[list[Finding], Field(max_length=40)]


class Action(RoleOutput):
    """One improvement: what to do, in which order, and whether the agency or the client does it."""

    title: Annotated[Line, Field(max_length=200)]
    area: Area
    severity: Severity
    page: Address
    steps: Annotated[Text, Field(max_length=2_000)]
    owner: Literal["agency", "client"]


class ActionList(RoleOutput):
    """report_writer: the improvements the client decides on; each becomes a person's task once they are approved."""

    summary: Annotated[Text, Field(max_length=2_000)]
    actions: Annotated[list[Action], Field(max_length=40)]


class Difference(RoleOutput):
    place: Annotated[Line, Field(max_length=200)]
    address: Address
    difference: Annotated[Text, Field(max_length=500)]


class ListingCheck(RoleOutput):
    """site_auditor, at a recurring task: where name, address or telephone number are written differently."""

    summary: Annotated[Text, Field(max_length=2_000)]
    differences: Annotated[list[Difference], Field(max_length=50)]
