"""What Google's services for figures have in common: how they are asked, and what their refusals mean.

Error envelope: https://cloud.google.com/apis/design/errors
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from apps.channels.platforms.base import Connection
from apps.shared import egress

MAX_BYTES = 2_000_000

# cause -> what to do
NEXT_STEPS = {
    "wrong_credentials": "Google no longer accepts the connection. Connect the property again.",
    "not_allowed": "The connected account may not see this property. Give it access at Google.",
    "no_such_property": "Google knows no such property. Connect it again.",
    "too_many_requests": "Google asks for fewer requests. Try again later.",
    "service_error": "Google answers with an error of its own. Try again later.",
    "not_reachable": "Google cannot be reached at the moment. Try again later.",
    "bad_request": "Google does not accept this question.",
    "broken_answer": "Google's answer makes no sense. Try again later.",
}
CAUSE_OF_STATUS = {
    400: "bad_request",
    401: "wrong_credentials",
    403: "not_allowed",
    404: "no_such_property",
    429: "too_many_requests",
}
QUOTA_REASONS = {"quotaExceeded", "rateLimitExceeded", "userRateLimitExceeded", "dailyLimitExceeded"}  # come as 403 too

Row = TypeVar("Row")


@dataclass(frozen=True)
class Figures(Generic[Row]):
    """Rows with the most first, or days in their order."""

    rows: tuple[Row, ...]
    status: int


@dataclass(frozen=True)
class Unreadable:
    """`cause` is a key of NEXT_STEPS."""

    cause: str
    status: int | None

    @property
    def next_step(self) -> str:
        return NEXT_STEPS[self.cause]


def ask(
    connection: Connection,
    path: str,
    body: dict[str, Any] | None,
    *,
    limit: int,
    read: Callable[[dict[str, Any]], Callable[[Any], Row]],
    rows_in: str = "rows",
) -> Figures[Row] | Unreadable:
    """The first `limit` rows of the answer, of a GET where there is no body. `read` gives, for an answer, what makes a Row
    of one of its rows; what either raises of ValueError, TypeError, LookupError and AttributeError means an answer that is
    none."""
    url = f"{connection.base_url.rstrip('/')}{path}"
    headers = {"Authorization": f"Bearer {connection.secret}"}
    try:
        method = "GET" if body is None else "POST"
        answer = egress.request(method, url, json=body, headers=headers, max_bytes=MAX_BYTES)
    except egress.EgressError:
        return Unreadable("not_reachable", None)
    if answer.status != 200:
        return Unreadable(_cause(answer), answer.status)
    try:
        told = answer.json()
        row_of = read(told)
        rows: Iterable[Any] = told.get(rows_in, [])[:limit]
        return Figures(tuple(row_of(row) for row in rows), answer.status)
    except (ValueError, TypeError, LookupError, AttributeError):
        return Unreadable("broken_answer", answer.status)


def _cause(answer: egress.Answer) -> str:
    try:
        reasons = {error.get("reason") for error in answer.json()["error"].get("errors", [])}
    except (ValueError, TypeError, LookupError, AttributeError):
        reasons = set()
    if reasons & QUOTA_REASONS:
        return "too_many_requests"
    return CAUSE_OF_STATUS.get(answer.status, "service_error" if answer.status >= 500 else "broken_answer")
