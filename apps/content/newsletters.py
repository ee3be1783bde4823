"""Newsletters: what their agents are told and hand in. They have no row, so people decide on the writer's answer."""

import re
from html.parser import HTMLParser
from typing import Annotated, Self

from pydantic import Field, model_validator

from apps.activities import material
from apps.activities.models import Activity
from apps.activities.prompting import DataBlock
from apps.activities.queries import output_of, outputs_of_period
from apps.channels.statuses import Platform
from apps.strategy.bodies import Line, RoleOutput, Text

from . import queries

MAIL = (Platform.MAILCHIMP, Platform.KLAVIYO)
TAGS = {"a", "b", "blockquote", "br", "em", "h1", "h2", "h3", "hr", "i", "li", "ol", "p", "strong", "ul"}
LINK = re.compile(r"(https?://|mailto:)[^\s<>\"\\]+", re.IGNORECASE)
Subject = Annotated[Line, Field(max_length=150)]


class NewsletterTopic(RoleOutput):
    """email_writer: what one newsletter is about, settled before it is written."""

    title: Annotated[Line, Field(max_length=150)]
    angle: Annotated[Text, Field(max_length=2_000)]
    target_audience: Annotated[Text, Field(max_length=1_000)]
    offer: Annotated[Text, Field(max_length=1_000)] | None
    sections: Annotated[list[Line], Field(min_length=1, max_length=8)]


class Newsletter(RoleOutput):
    """email_writer: the finished mail, in both forms a mail has. The HTML holds text and links only."""

    subject_line: Subject
    subject_variants: Annotated[list[Subject], Field(max_length=5)]
    preview_text: Annotated[Line, Field(max_length=150)]
    html_body: Annotated[Text, Field(min_length=50, max_length=40_000)]
    plain_text: Annotated[Text, Field(min_length=50, max_length=20_000)]

    @model_validator(mode="after")
    def holds_text_and_links_only(self) -> Self:
        reader = _Reader()
        reader.feed(self.html_body)
        reader.close()
        if reader.problems:
            raise ValueError(f"htmlBody: {' '.join(dict.fromkeys(reader.problems[:5]))}")
        if not reader.has_text:
            raise ValueError("htmlBody has no text.")
        return self


class _Reader(HTMLParser):
    """Finds whatever a mail may not hold."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.problems: list[str] = []
        self.has_text = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in TAGS:
            self.problems.append(f"<{tag[:20]}> is not allowed.")
        for name, value in attrs:
            if tag != "a" or name != "href":
                self.problems.append(f"The attribute {name[:20]} is not allowed.")
            elif not LINK.fullmatch(value or ""):
                self.problems.append("A link needs a whole address.")

    def handle_data(self, data: str) -> None:
        self.has_text = self.has_text or bool(data.strip())

    def handle_comment(self, data: str) -> None:
        self.problems.append("Comments are not allowed.")

    def handle_decl(self, decl: str) -> None:
        self.problems.append("Only what stands inside the body of a page is wanted.")

    def handle_pi(self, data: str) -> None:
        self.problems.append("Processing instructions are not allowed.")

    def unknown_decl(self, data: str) -> None:
        self.problems.append("Declarations are not allowed.")


def title_of_topic(topic: NewsletterTopic) -> str:
    return topic.title


def title_of_newsletter(mail: Newsletter) -> str:
    return mail.subject_line


def gather_topic(activity: Activity) -> list[DataBlock]:
    """Besides the promise: the other topics of the period."""
    others = outputs_of_period(activity)
    return [
        material.context(),
        *material.promise(activity),
        DataBlock("other_topics", "\n".join(f"- {title}" for title in others) or "None yet."),
        *material.previous(activity),
    ]


def gather_newsletter(activity: Activity) -> list[DataBlock]:
    return [
        material.context(),
        DataBlock("newsletter_topic", output_of(activity.unit, "topic")),
        *material.previous(activity),
    ]


def gather_results(activity: Activity) -> list[DataBlock]:
    """The mail that was sent and what the sender said. Its figures are with the mail service; nobody fetches them yet."""
    sent = activity.unit.steps.get(pipeline_step="send")
    told = sent.output_summary.get("note", "")
    channels = queries.channels_on(MAIL)
    service = channels[0].get_platform_display() if channels else "no mail service is connected"
    return [
        DataBlock("newsletter", output_of(activity.unit, "draft")),
        DataBlock("sent", f"On: {sent.completed_on:%Y-%m-%d}\nWith: {service}\nWhat the sender noted: {told or '-'}"),
        DataBlock("figures", "no figures are known"),
    ]
