"""State machines: one table of moves per model, and the only code that assigns a status."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from django.db import models, transaction

from . import journal
from .actors import Actor
from .errors import OperationRefused

Row = TypeVar("Row", bound=models.Model)


class MoveRefused(OperationRefused):
    """The record is in a state that does not allow this."""

    code = "move_refused"


@dataclass(frozen=True)
class Move:
    name: str
    sources: frozenset[str]
    target: str
    journal_code: str

    @property
    def label(self) -> str:
        return self.name.replace("_", " ").capitalize()


def touched(model: type[models.Model], *, by: Actor, at: datetime) -> dict[str, Any]:
    """Who and when, for tables that keep it."""
    kept = {field.name for field in model._meta.fields}
    return {name: value for name, value in {"updated_by": by.user, "updated_on": at}.items() if name in kept}


class Moves:
    """The table of one status column. It also yields buttons, the API's moves, admin actions, the diagram and the
    rows of `allowed_moves` that PostgreSQL itself obeys."""

    def __init__(self, statuses: type[models.TextChoices], *rows: tuple, field: str = "status"):
        self.statuses, self.field = statuses, field  # field: "outreach_status" for backlinks
        self.moves: dict[str, Move] = {
            name: Move(name, frozenset(sources), target, code) for name, sources, target, code in rows
        }
        if len(self.moves) != len(rows):
            raise ValueError("A move is named twice.")
        for move in self:
            if unknown := (move.sources | {move.target}) - set(statuses.values):
                raise ValueError(f"{move.name}: unknown statuses {sorted(unknown)}")

    def __iter__(self) -> Iterator[Move]:
        return iter(self.moves.values())

    def open_from(self, status: str) -> list[Move]:
        return [move for move in self if status in move.sources]

    def allowed_pairs(self) -> set[tuple[str, str]]:
        return {(str(source), str(move.target)) for move in self for source in move.sources}

    def perform(
        self,
        subject: Row,
        name: str,
        /,  # a row may have a column `name`, given in `changes`
        *,
        by: Actor,
        at: datetime,
        guard: Callable[[Row], None] | None = None,
        **changes: Any,
    ) -> Row:
        """Move the subject, journal it, and return the fresh row.

        `guard` is called with the locked row; it raises to refuse on facts that may have changed meanwhile. Raises
        MoveRefused, with a sentence for people, when the row's status is none of the move's sources.
        """
        move, model = self.moves[name], type(subject)
        with transaction.atomic():
            row = model.objects.select_for_update(of=("self",)).get(pk=subject.pk)
            before = getattr(row, self.field)
            if before not in move.sources:
                label = self.statuses(before).label.lower()
                raise MoveRefused(
                    f"This is {label}: it cannot {move.name.replace('_', ' ')} now. Reload to see where it stands."
                )
            if guard:
                guard(row)
            changes = {self.field: move.target, **touched(model, by=by, at=at), **changes}
            for field, value in changes.items():
                setattr(row, field, value)
            row.save(update_fields=list(changes))
            journal.record(
                move.journal_code, row, by=by, at=at, before={self.field: before}, after={self.field: str(move.target)}
            )
        return row

    def perform_many(
        self, rows: models.QuerySet, name: str, /, *, by: Actor, at: datetime, **changes: Any
    ) -> list[str]:
        """Move those rows of the queryset that may move; returns their ref_ids. One journal entry per tenant.

        For sweeps, expiry and planning. Rows are locked in the order of their key, so two batches cannot deadlock; the
        caller keeps batches short. Rows in another status are left alone, not refused.
        """
        move, model = self.moves[name], rows.model
        with transaction.atomic():
            locked = rows.filter(**{f"{self.field}__in": move.sources}).order_by("pk").select_for_update(of=("self",))
            found = list(locked.values_list("pk", "ref_id", "tenant_id"))
            if not found:
                return []
            model.objects.filter(pk__in=[pk for pk, _, _ in found]).update(
                **{self.field: move.target}, **touched(model, by=by, at=at), **changes
            )
            refs_by_tenant = defaultdict(list)
            for _, ref_id, tenant_id in found:
                refs_by_tenant[tenant_id].append(ref_id)
            journal.record_batches(move.journal_code, model, refs_by_tenant, by=by, at=at)
        return [ref_id for _, ref_id, _ in found]

    def as_mermaid(self) -> str:
        arrows = (f"    {source} --> {move.target}: {move.name}" for move in self for source in sorted(move.sources))
        return "\n".join(["stateDiagram-v2", *arrows])
