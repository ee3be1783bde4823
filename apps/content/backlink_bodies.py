"""What the agents of backlinks hand in. Shapes and rules of the base are those of `apps.strategy.bodies`."""

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from apps.strategy.bodies import Line, RoleOutput, Text

WebAddress = Annotated[str, Field(max_length=1_000, pattern=r"^https?://[^\x00-\x20\x7f<>\"]+$")]
# One plain address: what a mail program would take for several, or for a name, is not one.
MailAddress = Annotated[
    str, Field(max_length=254, pattern=r"^[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}$")
]
Ref = Annotated[str, Field(pattern=r"^[0-9A-Z]{26}$")]


class Prospect(RoleOutput):
    """A page of another site that could link to one of the client's, and whom to ask."""

    source_domain: Annotated[Line, Field(max_length=255)]
    source_url: WebAddress
    prospect_type: Literal["outreach", "directory_opportunity", "competitor_gap"]
    relevance_score: Annotated[int, Field(ge=0, le=100)]
    pitch_rationale: Annotated[Text, Field(max_length=1_000)]
    contact_email: MailAddress
    target_page: WebAddress

    @model_validator(mode="after")
    def is_on_its_domain(self) -> Self:
        if (urlsplit(self.source_url).hostname or "") != self.source_domain.partition(":")[0].lower():
            raise ValueError("sourceUrl does not lie on sourceDomain.")
        return self


class Prospects(RoleOutput):
    """backlink_researcher: whom to ask, the most promising first."""

    prospects: Annotated[list[Prospect], Field(min_length=1, max_length=10)]

    @model_validator(mode="after")
    def names_a_page_once(self) -> Self:
        pages = [prospect.source_url for prospect in self.prospects]
        if len(set(pages)) != len(pages):
            raise ValueError("prospects names a page twice.")
        return self


class OutreachMail(RoleOutput):
    """A mail as it is sent, to a prospect and its contact as they were approved."""

    prospect: Ref
    to: MailAddress
    subject: Annotated[Line, Field(max_length=150)]
    body: Annotated[Text, Field(min_length=50, max_length=4_000)]
    follow_up_body: Annotated[Text, Field(max_length=3_000)]
    personalisation: Annotated[list[Annotated[Line, Field(max_length=300)]], Field(max_length=10)]


class OutreachMails(RoleOutput):
    """backlink_outreach_writer: one mail for each prospect worth writing to."""

    mails: Annotated[list[OutreachMail], Field(min_length=1, max_length=10)]

    @model_validator(mode="after")
    def asks_a_prospect_once(self) -> Self:
        asked = [mail.prospect for mail in self.mails]
        if len(set(asked)) != len(asked):
            raise ValueError("mails writes to a prospect twice.")
        return self


class LinkCheck(RoleOutput):
    """data_analyst: how links that were found stand on their pages. Whether they are there, the product has seen."""

    summary: Annotated[Text, Field(max_length=1_000)]
    oddities: Annotated[list[Annotated[Text, Field(max_length=500)]], Field(max_length=20)]


class Harm(RoleOutput):
    link: Ref
    reason: Annotated[Text, Field(max_length=500)]


class LinkReview(RoleOutput):
    """backlink_researcher, at a recurring task: links that look bought, hacked or out of place."""

    summary: Annotated[Text, Field(max_length=2_000)]
    harmful: Annotated[list[Harm], Field(max_length=50)]
