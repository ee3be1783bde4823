"""What `verify_integrity` can put right by itself, told before it is done; everything else is told to a person.

A repair never guesses: it derives one side from the other that is the record of truth (counts from steps, counters from
reservations, copies from the journal), through the operation that does so in ordinary life, and is journalled like it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from django.db.models import Max, Min

from apps import storage
from apps.billing import operations as billing
from apps.shared import journal
from apps.shared.actors import Actor
from apps.shared.findings import Finding
from apps.shared.models import JournalEntry
from apps.shared.scoping import every_tenant, only_tenant
from apps.strategy.models import DeliverablePeriod
from apps.strategy.statuses import PeriodStatus
from apps.tenants import queries as tenant_queries
from apps.tenants.doors.tasks import inside

from . import operations, registry
from .integrity import RELAY
from .models import Activity, ActivityRun, Approval, LlmCostDaily
from .statuses import APPROVAL_MOVES, RunStatus
from .tasks import ORPHANS_AFTER

Do = Callable[[Finding, Actor, datetime], None]


@dataclass(frozen=True)
class Step:
    """One line of the plan. `do` None: a person has to. Findings of one step are put right together."""

    says: str
    findings: tuple[Finding, ...]
    do: Do | None = None

    def __str__(self):
        places = ", ".join(sorted({f.ref_id or f.table or "" for f in self.findings})[:5])
        more = f" and {len(self.findings) - 5} more" if len(self.findings) > 5 else ""
        return f"{self.findings[0].code}: {self.says} ({places}{more})"


def _recount_period(finding: Finding, by: Actor, at: datetime) -> None:
    operations.recount(DeliverablePeriod.objects.get(ref_id=finding.ref_id), by=by, at=at)


def _recount_spend(finding: Finding, by: Actor, at: datetime) -> None:
    billing.recount_spend(only_tenant().id, by=by, at=at)


def _roll_up(finding: Finding, by: Actor, at: datetime) -> None:
    facts = only_tenant()
    operations.catch_up_costs(facts, at=at, from_the_start=True)
    days = LlmCostDaily.objects.aggregate(first=Min("day"), last=Max("day"))
    operations.roll_up_costs(facts, first=days["first"], last=days["last"], at=at)  # days without a call, too


def _advance(finding: Finding, by: Actor, at: datetime) -> None:
    activity = Activity.objects.select_related("parent_activity").get(ref_id=finding.ref_id)
    operations.advance(activity.parent_activity or activity, by=by, at=at)


def _withdraw(finding: Finding, by: Actor, at: datetime) -> None:
    APPROVAL_MOVES.perform(Approval.objects.get(ref_id=finding.ref_id), "withdraw", by=by, at=at)


def _close_run(finding: Finding, by: Actor, at: datetime) -> None:
    run = ActivityRun.objects.get(ref_id=finding.ref_id)
    operations.close_run(run.id, run.attempt, RunStatus.TIMED_OUT, "repaired: nobody holds it", operations.Spent())


def _sweep(finding: Finding, by: Actor, at: datetime) -> None:
    storage.sweep(registry.IS_REFERENCED, older_than=at - ORPHANS_AFTER)


def _relay_again(finding: Finding, by: Actor, at: datetime) -> None:
    journal.deliver_again(JournalEntry.objects.get(ref_id=finding.ref_id), RELAY, at=at)


def _partitions(finding: Finding, by: Actor, at: datetime) -> None:
    operations.ensure_partitions(at)


@dataclass(frozen=True)
class Repair:
    code: str
    table: str | None  # None: any
    says: str
    do: Do
    once: bool = False  # one call per client puts all its findings right
    only_if: Callable[[Finding], bool] = lambda finding: True


def _tell_of_skill(finding: Finding, by: Actor, at: datetime) -> None:
    operations.tell_of_skill(finding.ref_id or "", by=by, at=at)


ADVANCING = ("every step is over", "waits for nothing", "all it waits for is done")


def _period_is_open(finding: Finding) -> bool:
    with every_tenant(reason="a repair is planned over all clients"):
        closed = [PeriodStatus.COMPLETED, PeriodStatus.MISSED]
        return DeliverablePeriod.objects.filter(ref_id=finding.ref_id).exclude(status__in=closed).exists()


REPAIRS = [
    Repair(
        "count_drift", "deliverable_periods", "count the completed units anew", _recount_period, only_if=_period_is_open
    ),
    Repair(
        "spend_drift",
        "spend_counters",
        "count the client's spend anew from its reservations",
        _recount_spend,
        once=True,
    ),
    Repair("spend_drift", "tenants", "count the client's spend anew from its reservations", _recount_spend, once=True),
    Repair("spend_drift", "llm_cost_daily", "sum the client's daily costs anew from its calls", _roll_up, once=True),
    Repair(
        "stranded_activity",
        "activities",
        "make ready what may begin, and close what is over",
        _advance,
        only_if=lambda finding: finding.detail.startswith(ADVANCING),
    ),
    Repair("illegal_state", "approvals", "withdraw the question nobody waits for", _withdraw),
    Repair("run_not_closed", "activity_runs", "close the run as timed out", _close_run),
    Repair("journal_gap", "skills", "write the entry that is missing", _tell_of_skill),
    Repair("orphan_old", None, "remove what nothing refers to", _sweep, once=True),
    Repair("relay_gap", "journal_entries", "copy the entry to the audit log again", _relay_again),
    Repair("partition_missing", None, "make the missing months", _partitions, once=True),
    Repair("default_partition_used", None, "make the months and move the rows there", _partitions, once=True),
]
BY_HAND = {
    "count_drift": "the period is closed; compare its units with the journal and correct the report, not the row",
    "spend_drift": "compare the run's model calls with its reservations; the vendor's invoice decides",
    "credit_drift": "compare ledger and balance; correct with an adjustment that says why",
    "stranded_activity": "open the activity in Manage; retry or cancel it",
    "document_missing": "restore MongoDB to a moment when the document was there",
    "object_missing": "restore the object's version in S3",
    "digest_mismatch": "somebody changed stored bytes; restore the version and look for who has the keys",
    "foreign_pointer": "a row points into another client's content: stop, and look at how it came to be",
    "attempt_stuck": "look on the platform whether it is there; retry its step, which looks it up before it sends, or cancel it",
    "journal_gap": "a status was changed past the product; look in PostgreSQL's log for who did it",
    "relay_gap": "start a worker: deliveries wait",
    "decrypt_failed": "bring the key back into ENCRYPTION_KEYS, or have the secret entered again",
    "contract_marker": "remove the delete marker with the admin identity of S3",
    "contract_overwritten": "the pinned version is still read; find out who wrote above it",
    "contract_unlocked": "store the contract again by forcing a new acceptance",
    "constraint_missing": "run manage.py migrate",
    "index_missing": "run manage.py migrate",
    "grant_drift": "run manage.py migrate; a grant it does not know must be revoked by hand",
    "strategy_not_single": "archive all strategies of the client but one",
}


def plan(findings: Iterable[Finding]) -> list[Step]:
    """What would be done, first what can be done by itself; the same findings give the same plan."""
    groups: dict[tuple, list[Finding]] = {}
    for finding in findings:
        repair = next((r for r in REPAIRS if _fits(r, finding)), None)
        place = finding.tenant if repair is None or repair.once else finding.ref_id
        groups.setdefault((repair is None, finding.code, repair.says if repair else "", place or ""), []).append(
            finding
        )
    steps = []
    for (by_hand, code, says, _), found in sorted(groups.items(), key=lambda group: group[0]):
        do = next((r.do for r in REPAIRS if _fits(r, found[0])), None)
        says = BY_HAND.get(code, "look at the record in Manage") if by_hand else says
        steps.append(Step(says, tuple(found), do))
    return steps


def _fits(repair: Repair, finding: Finding) -> bool:
    return repair.code == finding.code and repair.table in (None, finding.table) and repair.only_if(finding)


def digest_of(steps: list[Step]) -> str:
    """What names this plan, so that nothing else is carried out than what was looked at."""
    lines = sorted(f"{step.says}|{finding}|{finding.tenant}" for step in steps for finding in step.findings)
    return sha256("\n".join(lines).encode()).hexdigest()[:12]


def carry_out(steps: list[Step], *, by: Actor, at: datetime) -> int:
    """Do all that can be done by itself; how many steps were."""
    tenants = {facts.ref_id: facts.id for facts in tenant_queries.facts_of_all(only_open=False)}
    done = 0
    for step in steps:
        if step.do is None:
            continue
        finding = step.findings[0]
        if finding.tenant in tenants:
            with inside(tenants[finding.tenant]):
                step.do(finding, by, at)
        else:
            with every_tenant(reason="what is put right belongs to no client"):
                step.do(finding, by, at)
        done += 1
    return done
