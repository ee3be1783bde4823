"""How an attempt ends: finished, given back, or failed. Each checks the fence: the lease's attempt must be the caller's."""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from apps import storage
from apps.billing import operations as billing
from apps.billing.models import SpendReservation
from apps.shared import locks
from apps.shared.actors import Actor
from apps.shared.errors import OperationRefused
from apps.shared.ids import new_id, spell
from apps.shared.redaction import redact
from apps.shared.scoping import only_tenant
from apps.tenants.models import Tenant

from .. import registry
from ..models import Activity, ActivityLease, AgentConfig, LlmCall, ToolCall
from ..statuses import ACTIVITY_MOVES, ActivityStatus, RunStatus, ToolCallStatus
from . import pipelines, sessions
from .steps import keep_input

BACK_OFF_SECONDS = (5, 20, 60, 300)
OUTAGE_SECONDS = (5, 15, 45)  # then every 45: work goes on within a minute of a store's or a model's return
MOST_OUTAGES = 40  # in a row, half an hour; then an outage is a failure like any other, and a person hears of it
LONGEST_WAIT_SECONDS = 3_600
JITTER = 0.25  # of a wait, so that what failed together does not come back together


class LeaseLost(OperationRefused):
    """The work was given to another attempt, or cancelled, meanwhile. Nothing was changed."""

    code = "lease_lost"


class ClientStopped(OperationRefused):
    """This client was suspended or cancelled meanwhile. Its work goes on by itself once it is resumed."""

    code = "client_stopped"


@dataclass(frozen=True)
class Claim:
    """One claimed activity: the right to work on it, as long as the lease has this attempt."""

    activity_id: UUID
    tenant_id: UUID
    role: str
    attempt: int
    worker: str
    run_id: UUID | None  # None, and '' below, for work without a model
    adapter_type: str
    model_id: str
    session_id: UUID | None = None  # None for work that serves no goal


@dataclass(frozen=True)
class Spent:
    """What a run used over all its calls."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: Decimal = Decimal(0)
    duration_ms: int = 0

    def plus(self, other: "Spent") -> "Spent":
        return Spent(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cost_usd + other.cost_usd,
            self.duration_ms + other.duration_ms,
        )


def held(claim: Claim) -> tuple[Activity | None, Activity, ActivityLease]:
    """(unit, activity, lease), locked, if the claim still holds; raises LeaseLost otherwise. Needs a transaction."""
    activity = Activity.objects.filter(pk=claim.activity_id).select_related("parent_activity").first()
    if activity is None:
        raise LeaseLost
    unit, activity = locks.take(activity.parent_activity, activity)
    lease = ActivityLease.objects.select_for_update(of=("self",)).get(activity_id=claim.activity_id)
    if lease.attempt != claim.attempt or lease.expires_on is None or activity.status != ActivityStatus.IN_PROGRESS:
        raise LeaseLost
    return unit, activity, lease


def held_to_send(claim: Claim) -> tuple[Activity | None, Activity, ActivityLease]:
    """`held`, right before something leaves that nobody can take back. Raises ClientStopped too.

    The client's row is locked first and until the end of the transaction: whoever suspends the client either comes
    before, and nothing leaves, or waits until it is written down that this left. NO KEY, as those who count money.
    """
    tenant = Tenant.objects.select_for_update(of=("self",), no_key=True).get(pk=claim.tenant_id)
    if not tenant.is_open:
        raise ClientStopped
    return held(claim)


def holds_lease(claim: Claim) -> bool:
    """Whether the claim still holds, without a lock: asked while an answer is waited for."""
    return _held_lease(claim) is not None


def may_go_on(claim: Claim) -> None:
    """Raises LeaseLost or ClientStopped; without a lock: asked before each call, proven again when the attempt ends."""
    lease = _held_lease(claim)
    if lease is None:
        raise LeaseLost
    if not lease.tenant.is_open:
        raise ClientStopped


def _held_lease(claim: Claim) -> ActivityLease | None:
    leases = ActivityLease.objects.select_related("tenant").filter(
        activity_id=claim.activity_id,
        attempt=claim.attempt,
        expires_on__isnull=False,
        activity__status=ActivityStatus.IN_PROGRESS,
    )
    return leases.first()


@locks.repeatable
def finish_run(
    claim: Claim, *, output, kept: registry.Kept, summary: dict, spent: Spent, by: Actor, at: datetime
) -> Activity:
    """Store the pointer, hand the answer to its receiver, close the run, free the lease, make the next steps ready."""
    with transaction.atomic():
        _, activity, lease = held(claim)
        role = registry.work_of(activity)
        assert role is not None  # the run began with it
        changes = {
            "output_ref": kept.pointer,
            "output_summary": {**summary, "sha256": kept.sha256, "version": kept.version},
        }
        for field, value in changes.items():
            setattr(activity, field, value)
        activity.save(update_fields=list(changes))
        role.receive(output, activity=activity, kept=kept, by=by, at=at)
        _close(claim, RunStatus.COMPLETED, "", spent)
        _free(lease, at=at)
        return pipelines.close_step(activity, by=by, at=at)


@locks.repeatable
def finish_job(claim: Claim, *, summary: dict, by: Actor, at: datetime) -> Activity:
    """The same for a system job, which has no model run."""
    with transaction.atomic():
        _, activity, lease = held(claim)
        _free(lease, at=at)
        return pipelines.close_step(activity, by=by, at=at, output_summary=summary)


@locks.repeatable
def give_back(claim: Claim, *, error: str, spent: Spent, ready_on: datetime, by: Actor, at: datetime) -> None:
    """Try again at `ready_on`, without counting a failure: a stop, a cap, an outage, a wait for settling."""
    with transaction.atomic():
        _, activity, lease = held(claim)
        _close(claim, RunStatus.FAILED, error, spent)
        _free(lease, at=at)
        uncounted = {**activity.input_data, "failures_before": activity.input_data.get("failures_before", 0) + 1}
        ACTIVITY_MOVES.perform(activity, "give_back", by=by, at=at, ready_on=ready_on, input_data=uncounted)


@locks.repeatable
def wait_out(
    claim: Claim, *, error: str, spent: Spent, by: Actor, at: datetime, retry_after_s: float | None = None
) -> None:
    """Something this work needs is away, which is no failure of the work: try again soon, for half an hour.

    Only outages in a row use this patience up; an attempt that ends in any other way, and a person's retry, renew it.
    """
    with transaction.atomic():
        _, activity, _ = held(claim)
        latest, in_a_row = activity.input_data.get("outages", (0, 0))  # the attempt that met one, and how many by then
        in_a_row = in_a_row + 1 if latest == claim.attempt - 1 else 1
        keep_input(activity, outages=[claim.attempt, in_a_row], at=at)
        if in_a_row > MOST_OUTAGES:
            fail_attempt(claim, error=error, spent=spent, by=by, at=at, retry_after_s=retry_after_s)
            return
        wait = OUTAGE_SECONDS[min(in_a_row, len(OUTAGE_SECONDS)) - 1] if retry_after_s is None else retry_after_s
        give_back(claim, error=error, spent=spent, ready_on=_later(at, wait), by=by, at=at)


def _later(at: datetime, seconds: float) -> datetime:
    """So many seconds from now or a little more, an hour at most."""
    return at + timedelta(seconds=min(seconds, LONGEST_WAIT_SECONDS) * random.uniform(1, 1 + JITTER))


@locks.repeatable
def fail_attempt(
    claim: Claim,
    *,
    error: str,
    spent: Spent,
    by: Actor,
    at: datetime,
    status: str = RunStatus.FAILED,
    may_repeat: bool = True,
    retry_after_s: float | None = None,
) -> bool:
    """One attempt failed: back off and try again, or after enough failures fail and call a person. True if it goes on."""
    with transaction.atomic():
        _, activity, lease = held(claim)
        _close(claim, status, error, spent)
        _free(lease, at=at)
        return settle_failure(
            activity, lease, error=error, by=by, at=at, may_repeat=may_repeat, retry_after_s=retry_after_s
        )


def settle_failure(
    activity: Activity,
    lease: ActivityLease,
    *,
    error: str,
    by: Actor,
    at: datetime,
    may_repeat: bool = True,
    retry_after_s: float | None = None,
) -> bool:
    """What a failed attempt means for its activity, whose lease is free already; part of the caller's transaction."""
    failures = lease.attempt - activity.input_data.get("failures_before", 0)  # attempts that were no failures are in it
    limit = escalation_limit(activity)
    if may_repeat and failures < limit:
        wait = (
            retry_after_s if retry_after_s is not None else BACK_OFF_SECONDS[min(failures, len(BACK_OFF_SECONDS)) - 1]
        )
        ACTIVITY_MOVES.perform(activity, "give_back", by=by, at=at, ready_on=_later(at, wait))
        return True
    ACTIVITY_MOVES.perform(activity, "fail", by=by, at=at)
    pipelines.raise_task(
        tenant_id=activity.tenant_id,
        title=f"Failed {failures} times: {activity.title}" if failures > 1 else f"Failed: {activity.title}",
        note=error,
        origin=f"escalation:{activity.ref_id}/{lease.attempt}",
        by=by,
        at=at,
        about={"failed": activity.ref_id},
    )
    return False


def escalation_limit(activity: Activity) -> int:
    config = AgentConfig.objects.filter(tenant_id=activity.tenant_id, agent_role=activity.assignee_agent_role).first()
    return config.escalation_after_failures if config else 3


def _close(claim: Claim, status: str, error: str, spent: Spent) -> None:
    if claim.run_id is None:
        return
    close_run(claim.run_id, claim.attempt, status, error, spent)


def close_run(run_id: UUID, attempt: int, status: str, error: str, spent: Spent) -> bool:
    """Close a run once, through the function of the database that checks the attempt; False if it was closed before."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT close_activity_run(%s, %s::smallint, %s, %s, %s, %s, %s, %s)",
            [
                run_id,
                attempt,
                status,
                error[:2000],
                spent.input_tokens,
                spent.output_tokens,
                spent.cost_usd,
                spent.duration_ms,
            ],
        )
        return cursor.fetchone()[0]


def _free(lease: ActivityLease, *, at: datetime) -> None:
    lease.expires_on, lease.updated_on = None, at
    lease.save(update_fields=["expires_on", "updated_on"])


@locks.repeatable
def record_call(
    claim: Claim,
    reservation: SpendReservation,
    *,
    prompt_hash: str,
    response_hash: str,
    input_tokens: int,
    cached_input_tokens: int,
    output_tokens: int,
    cost_usd: Decimal,
    input_usd_per_million: Decimal,
    output_usd_per_million: Decimal,
    duration_ms: int,
    started_on: datetime,
    by: Actor,
    at: datetime,
) -> LlmCall:
    """One request to a model: its row and the settling of its money, in one transaction. Kept even when the lease is lost:
    what was spent was spent."""
    with transaction.atomic():
        billing.settle(reservation, cost_usd=cost_usd, by=by, at=at)
        if claim.session_id is not None:
            sessions.count_tokens(claim.session_id, input_tokens + output_tokens, at=at)
        return LlmCall.objects.create(
            tenant_id=only_tenant().id,
            activity_run_id=claim.run_id,
            adapter_type=claim.adapter_type,
            model_id=claim.model_id,
            agent_role=claim.role,
            prompt_hash=prompt_hash,
            response_hash=response_hash,
            input_tokens=input_tokens,
            cached_input_tokens=cached_input_tokens,
            output_tokens=output_tokens,
            cost_usd=cost_usd,
            input_usd_per_million=input_usd_per_million,
            output_usd_per_million=output_usd_per_million,
            duration_ms=duration_ms,
            created_on=started_on,
        )


def record_tool_call(
    claim: Claim,
    reservation: SpendReservation | None,
    *,
    cost_usd: Decimal | None,
    integration: str,
    method: str,
    asked: dict[str, Any],
    answered: dict[str, Any],
    summary: dict[str, Any],
    error: str,
    status_code: int | None,
    duration_ms: int,
    secrets: Iterable[str],
    by: Actor,
    at: datetime,
) -> ToolCall:
    """One use of a tool: the whole exchange as a document, then its summary as a row. `error` is '' where it went well.

    A paid one has a `reservation`, which is settled to `cost_usd` together with the row, whose summary names the cost.
    Kept even when the lease is lost: what was asked was asked. Raises StorageUnavailable.
    """
    assert claim.run_id is not None
    ident, secrets = new_id(), list(secrets)
    storage.write(
        storage.ToolCallLog(
            toolCallId=spell(ident),
            activityRunId=spell(claim.run_id),
            request={"tool": method, "arguments": redact(asked, secrets=secrets)},
            response=redact(answered, secrets=secrets),
            statusCode=status_code,
            createdOn=at,
        )
    )
    output = redact(summary, secrets=secrets)
    with transaction.atomic():
        if reservation is not None and cost_usd is not None:
            billing.settle(reservation, cost_usd=cost_usd, by=by, at=at)
            output = {**output, "cost_usd": str(cost_usd)}
        return ToolCall.objects.create(
            id=ident,
            tenant_id=only_tenant().id,
            activity_run_id=claim.run_id,
            tool_name=integration,
            method=method,
            input=redact(asked, secrets=secrets),
            output=output,
            status=ToolCallStatus.ERROR if error else ToolCallStatus.SUCCESS,
            error=redact(error, secrets=secrets),
            duration_ms=duration_ms,
            created_on=at,
        )
