"""What the agents of ads hand in. Shapes and rules of the base are those of `apps.strategy.bodies`."""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from apps.strategy.bodies import Figure, Line, RoleOutput, Text

from .limits import (
    GOOGLE_DESCRIPTION,
    GOOGLE_HEADLINE,
    GOOGLE_PATH,
    META_DESCRIPTION,
    META_HEADLINE,
    META_PRIMARY_TEXT,
    google_length,
)

Reason = Annotated[Text, Field(max_length=2_000)]
Short = Annotated[Line, Field(max_length=255)]
MatchType = Literal["exact", "phrase", "broad"]


class AudienceAndOffer(RoleOutput):
    """ads_analyst: to whom a set of ads speaks and what it offers; `landing_page` is an address of the material or ''."""

    audience: Annotated[Text, Field(max_length=2_000)]
    offer: Annotated[Text, Field(max_length=2_000)]
    landing_page: Annotated[str, Field(max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")]
    angles: Annotated[list[Line], Field(min_length=1, max_length=8)]
    keywords: Annotated[list[Short], Field(max_length=30)]
    negative_keywords: Annotated[list[Short], Field(max_length=30)]
    findings: Annotated[list[Line], Field(max_length=10)]


class GoogleAds(RoleOutput):
    """google_ads_writer: the parts of one responsive search ad, which Google combines in any order."""

    headlines: Annotated[list[Annotated[Line, Field(max_length=GOOGLE_HEADLINE)]], Field(min_length=3, max_length=15)]
    descriptions: Annotated[
        list[Annotated[Line, Field(max_length=GOOGLE_DESCRIPTION)]], Field(min_length=2, max_length=4)
    ]
    paths: Annotated[list[Annotated[Line, Field(max_length=GOOGLE_PATH)]], Field(max_length=2)]

    @model_validator(mode="after")
    def fits_into_the_ad(self) -> Self:
        parts = (
            ("headlines", self.headlines, GOOGLE_HEADLINE),
            ("descriptions", self.descriptions, GOOGLE_DESCRIPTION),
            ("paths", self.paths, GOOGLE_PATH),
        )
        for name, texts, most in parts:
            long = [text for text in texts if google_length(text) > most]
            if long:
                raise ValueError(f"{name}: “{long[0]}” is longer than {most} as Google counts.")
        refuse_repetition("headlines", self.headlines)
        refuse_repetition("descriptions", self.descriptions)
        if any("!" in headline for headline in self.headlines):
            raise ValueError("headlines: Google refuses exclamation marks in headlines.")
        return self


class MetaAds(RoleOutput):
    """meta_ads_writer: texts of one set of ads for Facebook and Instagram; each is tried with each."""

    primary_texts: Annotated[
        list[Annotated[Text, Field(max_length=META_PRIMARY_TEXT)]], Field(min_length=2, max_length=5)
    ]
    headlines: Annotated[list[Annotated[Line, Field(max_length=META_HEADLINE)]], Field(min_length=2, max_length=5)]
    descriptions: Annotated[list[Annotated[Line, Field(max_length=META_DESCRIPTION)]], Field(max_length=5)]
    call_to_action: Literal[
        "APPLY_NOW",
        "BOOK_TRAVEL",
        "CONTACT_US",
        "DOWNLOAD",
        "GET_OFFER",
        "GET_QUOTE",
        "LEARN_MORE",
        "ORDER_NOW",
        "SHOP_NOW",
        "SIGN_UP",
        "SUBSCRIBE",
    ]

    @model_validator(mode="after")
    def says_nothing_twice(self) -> Self:
        refuse_repetition("primaryTexts", self.primary_texts)
        refuse_repetition("headlines", self.headlines)
        return self


class Impact(RoleOutput):
    """What the change is expected to bring per month; null where the figures do not tell."""

    impressions_delta: float | None
    spend_delta: float | None
    conv_delta: float | None

    @field_validator("*")
    @classmethod
    def is_a_figure_people_can_read(cls, value: float | None) -> float | None:
        if value is not None and not abs(value) < 1e12:
            raise ValueError("must be a plain figure")
        return value


class ChangePayload(RoleOutput):
    """Exactly what is to be changed. `keyword` is the id of a known keyword; money is in the account's currency."""

    keyword: Annotated[str, Field(max_length=255, pattern=r"^[^\x00-\x1f\x7f]*$")]
    text: Annotated[str, Field(max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")]
    match_type: MatchType | None
    current_value: Figure | None
    new_value: Figure | None


class Recommendation(RoleOutput):
    """`campaign` is the campaign's id on its platform, as the material names it."""

    type: Literal[
        "bid_adjustment",
        "budget_change",
        "pause_keyword",
        "enable_keyword",
        "pause_ad",
        "audience_update",
        "creative_refresh",
        "add_keyword",
        "add_negative",
    ]
    campaign: Short
    title: Line
    reasoning: Reason
    impact_estimate: Impact
    change_payload: ChangePayload
    priority: Literal["low", "medium", "high"]

    @model_validator(mode="after")
    def says_what_to_change(self) -> Self:
        change = self.change_payload
        if self.type in ("bid_adjustment", "budget_change") and None in (change.current_value, change.new_value):
            raise ValueError(f"A {self.type} needs currentValue and newValue.")
        if self.type in ("add_keyword", "add_negative") and (not change.text or change.match_type is None):
            raise ValueError(f"A recommendation of type {self.type} needs text and matchType.")
        if self.type in ("bid_adjustment", "pause_keyword", "enable_keyword") and not change.keyword:
            raise ValueError(f"A recommendation of type {self.type} needs the id of the keyword.")
        return self


class Pace(RoleOutput):
    """How a campaign's spend of the month runs against its share of the budget."""

    campaign: Short
    finding: Line


class Optimisation(RoleOutput):
    """ads_analyst: what the figures say and what to change; a person decides on every change."""

    summary: Reason
    pacing: Annotated[list[Pace], Field(max_length=100)]
    recommendations: Annotated[list[Recommendation], Field(max_length=30)]


def refuse_repetition(name: str, texts: list[str]) -> None:
    if len({text.casefold() for text in texts}) < len(texts):
        raise ValueError(f"{name}: no text may occur twice.")


class TermVerdict(RoleOutput):
    """`term` exactly as it was given. A keyword or negative keyword needs a match type; the others have none."""

    term: Line
    classification: Literal["keyword", "negative_keyword", "watch", "skip"]
    recommended_match_type: MatchType | None
    reasoning: Reason

    @model_validator(mode="after")
    def says_how_it_should_match(self) -> Self:
        is_pushed = self.classification in ("keyword", "negative_keyword")
        if is_pushed != (self.recommended_match_type is not None):
            raise ValueError("recommendedMatchType belongs to keyword and negative_keyword, and to nothing else.")
        return self


class TermVerdicts(RoleOutput):
    """search_term_classifier: a verdict for each search term, for a person to accept or override."""

    items: Annotated[list[TermVerdict], Field(max_length=200)]
    summary: Reason

    @model_validator(mode="after")
    def judges_each_once(self) -> Self:
        refuse_repetition("items", [one.term for one in self.items])
        return self
