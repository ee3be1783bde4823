"""What the world outside said: of a page that was looked at, of a mail that was sent. Plain facts, for who keeps them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class LinkSeen:
    """What a page showed. `is_live` is None when that could not be told, and `sentence` says why."""

    is_live: bool | None
    sentence: str = ""
    anchor_text: str = ""
    link_type: str = ""


@dataclass(frozen=True)
class Mail:
    """One mail as it is sent. `message_id` is what mailboxes can be searched for afterwards."""

    to: str
    subject: str
    body: str
    reply_to: str
    message_id: str


@dataclass(frozen=True)
class Sent:
    """The mail server took it."""


@dataclass(frozen=True)
class NotSent:
    """The mail server refused it or was not there: nothing left. `is_passing` says whether it may be tried again."""

    cause: str
    is_passing: bool


@dataclass(frozen=True)
class Unsure:
    """It may have left: no trustworthy answer came."""

    cause: str


Outcome = Sent | NotSent | Unsure
