"""What every platform folder offers and answers; nothing here knows a particular platform.

A platform never raises for what the other side did: whoever asked gets one of these frozen answers and decides.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from apps.channels.scoring import Fact


@dataclass(frozen=True)
class Connection:
    """How to reach one channel. `settings` holds what is peculiar to the platform, and no secrets."""

    base_url: str
    username: str
    secret: str = field(repr=False)
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Publication:
    """One approved piece of content. `html` is the output of `markup.markdown_to_html`; the other texts are plain.

    `marker` is unique to the publish attempt, made of letters, digits, `-` and `_`; by it the piece is found again.
    """

    title: str
    slug: str
    html: str
    excerpt: str
    categories: tuple[str, ...]
    tags: tuple[str, ...]
    status: Literal["publish", "draft"]
    marker: str


@dataclass(frozen=True)
class Published:
    external_object_id: str
    external_url: str
    response_summary: dict[str, Any]


@dataclass(frozen=True)
class Refused:
    """Nothing was published. `next_step` tells a person what to do, `retry_after_s` is the platform's wish."""

    cause: str
    next_step: str
    response_summary: dict[str, Any]
    is_retryable: bool
    retry_after_s: float | None = None


@dataclass(frozen=True)
class Unknown:
    """The request left and no trustworthy answer came: it may be live. Look it up before anything else is sent."""

    cause: str
    response_summary: dict[str, Any]


@dataclass(frozen=True)
class Found:
    """`status` is the platform's own word, such as `publish`, `draft` or `pending`."""

    external_object_id: str
    external_url: str
    status: str


@dataclass(frozen=True)
class Absent:
    """The platform answered every question in full, and the marker was nowhere."""


@dataclass(frozen=True)
class CannotTell:
    cause: str


@dataclass(frozen=True)
class ConnectionCheck:
    """`cause` is empty when `ok`; `detail` is a sentence for the person who set the channel up."""

    ok: bool
    cause: str
    detail: str
    account_name: str


@dataclass(frozen=True)
class Source:
    """A channel that is read. `name` is what its platform calls it, such as a property of Google."""

    connection: Connection
    name: str


@dataclass(frozen=True)
class Unscored:
    """The platform could not be read; `sentence` tells a person why and what to do."""

    cause: str
    sentence: str


@dataclass(frozen=True)
class SearchSeen:
    """How Google showed a site in the 30 days: the addresses of pages, and clicks in these days and the 30 before."""

    pages: frozenset[str]
    clicks: int
    clicks_before: int


@dataclass(frozen=True)
class Question:
    """What a platform is scored by. `search` is for websites, None where no property of the client covers the site."""

    source: Source
    at: datetime
    search: SearchSeen | Unscored | None = None


class Reader(Protocol):
    """The facts for each part of a platform's rubric, by key; called as `READERS[name](question)`."""

    def __call__(self, question: Question) -> dict[str, Fact] | Unscored: ...


class Platform(Protocol):
    """The functions of a platform package, called as `PLATFORMS[name].publish(…)`."""

    def check_connection(self, connection: Connection) -> ConnectionCheck: ...

    def publish(
        self, connection: Connection, publication: Publication, *, deadline_monotonic: float | None = None
    ) -> Published | Refused | Unknown: ...

    def find_existing(self, connection: Connection, *, marker: str, slug: str) -> Found | Absent | CannotTell: ...
