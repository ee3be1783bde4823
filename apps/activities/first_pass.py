"""How often an agent's work is approved as it was handed in, the first time a person reads it."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from django.db.models.fields.json import KeyTransform

from .models import Approval
from .statuses import ApprovalStatus


@dataclass(frozen=True)
class FirstPass:
    """What became of the outputs of one role with one model at their first decision."""

    role: str
    model: str
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


def first_pass(*, since: datetime) -> list[FirstPass]:
    """By role and model, over the clients in scope, of outputs first decided on since then; the most decided first.

    An output is one step's work: its first decision counts, whatever was handed in afterwards, and a decision that was
    never made (expired, withdrawn) is none.
    """
    author = KeyTransform("author", KeyTransform("body", "shown_snapshot"))
    decisions = (
        Approval.objects.filter(
            status__in=(ApprovalStatus.APPROVED, ApprovalStatus.REJECTED), shown_snapshot__body__has_key="author"
        )
        .order_by("ref_id")
        .values_list(author, "status", "decided_on")
    )
    first: dict[str, tuple] = {}
    for wrote, status, decided_on in decisions.iterator():
        first.setdefault(wrote["step"], (wrote, status, decided_on))
    counted: dict[tuple[str, str], Counter] = {}
    for wrote, status, decided_on in first.values():
        if decided_on >= since:
            counted.setdefault((wrote["role"], wrote["model"]), Counter())[status, wrote.get("edited", False)] += 1
    rows = [
        FirstPass(
            role=role,
            model=model,
            as_written=counts[ApprovalStatus.APPROVED, False],
            after_an_edit=counts[ApprovalStatus.APPROVED, True],
            sent_back=counts[ApprovalStatus.REJECTED, False] + counts[ApprovalStatus.REJECTED, True],
        )
        for (role, model), counts in counted.items()
    ]
    return sorted(rows, key=lambda row: (-row.decided, row.role, row.model))
