"""How often an agent's work is approved as it was handed in, the first time a person reads it.

An output is one step's work: its first decision counts, whatever was handed in afterwards, and a decision that was never
made (expired, withdrawn) is none. Who wrote it, with which skills, and whether a person edited it, stands in what was
shown (`gates.body_behind`).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import zip_longest

from django.db.models import Count, Min, QuerySet
from django.db.models.fields.json import KeyTextTransform, KeyTransform

from .models import Approval
from .statuses import ApprovalStatus

SPAN_OF_VERSIONS = timedelta(days=365)
AUTHOR = KeyTransform("author", KeyTransform("body", "shown_snapshot"))


class Decided:
    """What became of outputs at their first decision."""

    as_written: int
    after_an_edit: int
    sent_back: int

    @property
    def decided(self) -> int:
        return self.as_written + self.after_an_edit + self.sent_back

    @property
    def share(self) -> float:
        """Approved without a change, asked for or made: 0 to 1."""
        return self.as_written / self.decided


@dataclass(frozen=True)
class FirstPass(Decided):
    """Of one role with one model."""

    role: str
    model: str
    as_written: int
    after_an_edit: int
    sent_back: int


@dataclass(frozen=True)
class VersionPass(Decided):
    """Of whatever was written with one version of a skill at hand."""

    version: int
    as_written: int
    after_an_edit: int
    sent_back: int


def first_pass(*, since: datetime) -> list[FirstPass]:
    """By role and model, over the clients in scope, of outputs first decided on since then; the most decided first."""
    rows = _first_decisions(since=since).values_list(
        KeyTextTransform("role", AUTHOR), KeyTextTransform("model", AUTHOR), "status", KeyTransform("edited", AUTHOR)
    )
    counted: dict[tuple[str, str], Counter] = {}
    for role, model, status, edited, count in rows.annotate(count=Count("pk")):
        counted.setdefault((role, model), Counter())[_outcome(status, edited)] += count
    found = [FirstPass(role, model, **_outcomes(counts)) for (role, model), counts in counted.items()]
    return sorted(found, key=lambda row: (-row.decided, row.role, row.model))


def first_pass_of_skill(name: str, *, is_global: bool, since: datetime) -> list[VersionPass]:
    """By version of a client's own skill or of the global one, over the clients in scope, the newest version first.

    A version counts for what was written with all of its text at hand: given from the start, or loaded on the way.
    """
    used = {"name": name, "isGlobal": is_global}
    rows = (
        _first_decisions(since=since)
        .filter(shown_snapshot__body__author__skills__contains=[used])
        .values_list(KeyTransform("skills", AUTHOR), "status", KeyTransform("edited", AUTHOR))
    )
    counted: dict[int, Counter] = {}
    for skills, status, edited, count in rows.annotate(count=Count("pk")):
        for version in {s["version"] for s in skills if used.items() <= s.items()}:
            counted.setdefault(version, Counter())[_outcome(status, edited)] += count
    return [VersionPass(version, **_outcomes(counted[version])) for version in sorted(counted, reverse=True)]


def in_words(passes: Sequence[VersionPass]) -> dict[int, str]:
    """By version: how many, what share, and the difference to the next older version that anything was decided of."""
    told = {}
    for row, older in zip_longest(passes, passes[1:]):
        told[row.version] = f"{row.as_written} of {row.decided} approved as written ({row.share:.0%})"
        if older is not None:
            points = f"{round(100 * row.share) - round(100 * older.share):+d}".replace("-", "\N{MINUS SIGN}")
            told[row.version] += f", {points} points against version {older.version}"
    return told


def _first_decisions(*, since: datetime) -> QuerySet[Approval]:
    """The first decision about each step's work, where it was made since then."""
    decided = Approval.objects.filter(
        status__in=(ApprovalStatus.APPROVED, ApprovalStatus.REJECTED), shown_snapshot__body__has_key="author"
    )
    by_step = decided.order_by().values(step=KeyTextTransform("step", AUTHOR)).annotate(first=Min("ref_id"))
    return Approval.objects.filter(ref_id__in=by_step.values("first"), decided_on__gte=since).order_by()


def _outcome(status: str, edited: bool | None) -> str:
    if status == ApprovalStatus.REJECTED:
        return "sent_back"
    return "after_an_edit" if edited else "as_written"


def _outcomes(counts: Counter) -> dict[str, int]:
    return {name: counts[name] for name in ("as_written", "after_an_edit", "sent_back")}
