"""What a super admin does in Manage, as data: tasks, tasks from moves, and the scope in which they run."""

from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.contrib import messages
from django.db import models

from apps.shared.scoping import tenant_scope
from apps.shared.transitions import Moves

from ..models import Tenant
from .admin_forms import ManageForm


@dataclass(frozen=True)
class Task:
    """Something a super admin does, to one row or (as `add`) to none yet.

    `run(request, row, **values)` calls the operation inside the row's own scope, says with `messages` what is so now, and
    returns the row to show next (None: the same). Without a form and without `asks` it is a button; with `asks` the
    question is put first. What needs no form and says `for_many` is offered for several rows of the list as well.
    """

    name: str  # last part of the address
    label: str
    needs: str  # the line of tenants/permissions.py
    run: Callable[..., models.Model | None]
    form: type[ManageForm] | None = None
    initial: Callable[[Any], dict[str, Any]] = lambda row: {}
    when: Callable[[Any], bool] = lambda row: True
    asks: str = ""
    button: str = ""  # on the form, where the label would read oddly
    is_grave: bool = False
    for_many: bool = False

    @property
    def is_button(self) -> bool:
        return self.form is None and not self.asks


@dataclass(frozen=True)
class Panel:
    """A table of other rows on a row's page; cells are text or safe HTML."""

    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[Any]]
    empty: str
    more: str = ""  # address of the whole list
    links: Sequence[tuple[str, str]] = field(default_factory=tuple)  # (label, address)


def moves(
    table: Moves, performed_by: dict[str, tuple[str, Callable]], *, asks: dict[str, str] | None = None
) -> tuple[Task, ...]:
    """Tasks for moves of a table: `performed_by` maps a move to (permission, operation(row, by=, at=))."""

    def task(name: str, needs: str, operation: Callable) -> Task:
        move = table.moves[name]

        def run(request, row):
            moved = operation(row, by=request.actor, at=request.at)
            messages.success(request, f"{row}: {table.statuses(getattr(moved, table.field)).label.lower()}.")

        question = (asks or {}).get(name, "")
        return Task(
            name,
            move.label,
            needs,
            run,
            when=lambda row: getattr(row, table.field) in move.sources,
            asks=question,
            is_grave=bool(question),
            for_many=True,
        )

    return tuple(task(name, *by) for name, by in performed_by.items())


@contextmanager
def scope_of(row: models.Model | None):
    """The scope in which a row is written: its own client's; every client's for rows of the platform."""
    tenant = row if isinstance(row, Tenant) else getattr(row, "tenant", None)
    if tenant is None:
        yield
    else:
        with tenant_scope(tenant.facts):
            yield
