"""Keyset pages of the portals: no counting, no page numbers, cursors that are signed and fit one list only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core import signing
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from apps.shared.errors import InvalidInput

SIZE = 25


@dataclass(frozen=True)
class Page:
    """The rows of one page, and the addresses of its neighbours; None at an end."""

    rows: list[Any]
    earlier_href: str | None
    later_href: str | None


def page_of(request: HttpRequest, rows: QuerySet, *, order: Sequence[str], size: int = SIZE) -> Page:
    """One page of `rows` in this order, at the place the address names in `before` or `after`.

    `order` names fields, all ascending or all descending (`-`), the last of them unique. Raises InvalidInput for a
    cursor that is damaged or belongs to another list, person or filter.
    """
    names = [name.lstrip("-") for name in order]
    is_descending = order[0].startswith("-")
    is_backward = "before" in request.GET
    text = request.GET.get("before") if is_backward else request.GET.get("after")
    if text is not None:
        rows = rows.filter(_beyond(names, _read(request, text, len(names)), is_greater=is_descending == is_backward))
    backward = [name if is_descending else f"-{name}" for name in names]
    found = list(rows.order_by(*(backward if is_backward else order))[: size + 1])
    has_more = len(found) > size
    found = found[:size]
    if is_backward:
        found.reverse()
    has_earlier = has_more if is_backward else text is not None
    has_later = bool(text) if is_backward else has_more
    return Page(
        rows=found,
        earlier_href=_href(request, "before", found[0], names) if found and has_earlier else None,
        later_href=_href(request, "after", found[-1], names) if found and has_later else None,
    )


def _beyond(names: Sequence[str], values: Sequence[Any], *, is_greater: bool) -> Q:
    """Rows behind this place: the first field differs, or it is equal and the next one differs."""
    comparison = "gt" if is_greater else "lt"
    condition = Q()
    for position, name in enumerate(names):
        equal = dict(zip(names[:position], values[:position], strict=True))
        condition |= Q(**equal, **{f"{name}__{comparison}": values[position]})
    return condition


def _href(request: HttpRequest, direction: str, row: Any, names: Sequence[str]) -> str:
    query = request.GET.copy()
    query.pop("before", None)
    query.pop("after", None)
    place = [
        value.isoformat() if isinstance(value, datetime) else value for value in (getattr(row, name) for name in names)
    ]
    query[direction] = signing.dumps(place, salt=_salt(request))
    return f"?{query.urlencode()}"


def _read(request: HttpRequest, text: str, length: int) -> list[Any]:
    try:
        place = signing.loads(text, salt=_salt(request))
    except (signing.BadSignature, ValueError) as error:
        raise InvalidInput(
            {"page": ["this place in the list is not valid any more. Start from the first page."]}
        ) from error
    return [*place[:length]]


def _salt(request: HttpRequest) -> str:
    """What a cursor is bound to: list, person and filters."""
    filters = sorted((name, values) for name, values in request.GET.lists() if name not in ("before", "after"))
    return f"page|{request.path}|{request.user.ref_id}|{filters!r}"
