"""Attempts of agents, and what they may cost."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import (
    QuerySet,
)

from apps.billing import operations as billing
from apps.billing.models import SpendCounter
from apps.billing.operations import NEAR_CAP, cap_of_month, month_of
from apps.shared.scoping import TenantFacts

from ..models import Activity, ActivityRun, LlmCall, LlmProvider
from ..statuses import RunStatus


def runs_of_unit(unit: Activity) -> list[ActivityRun]:
    """Every model run of a unit's steps, newest first."""
    return list(
        ActivityRun.objects.filter(activity__parent_activity=unit).select_related("activity").order_by("-ref_id")[:100]
    )


def runs_of(activity: Activity) -> list[ActivityRun]:
    return list(ActivityRun.objects.filter(activity=activity).order_by("-attempt"))


def latest_run(activity: Activity) -> ActivityRun | None:
    return ActivityRun.objects.filter(activity=activity).order_by("-attempt").first()


OUT_OF_MONEY = billing.CapReached.code  # how the error of such a run begins


def out_of_money(step_ids: Iterable[UUID]) -> set[UUID]:
    """Of these agents' steps those whose latest attempt met a spending cap."""
    latest = ActivityRun.objects.filter(activity__in=step_ids).order_by("activity_id", "-attempt")
    errors = latest.distinct("activity_id").values_list("activity_id", "status", "error")
    return {
        step_id for step_id, status, error in errors if status == RunStatus.FAILED and error.startswith(OUT_OF_MONEY)
    }


def live_run(activity: Activity) -> ActivityRun | None:
    return ActivityRun.objects.filter(activity=activity, status="running").order_by("-attempt").first()


@dataclass(frozen=True)
class Spend:
    """What model calls of a client cost this month; `month` is its first day in the client's time zone."""

    month: date
    settled_usd: Decimal
    reserved_usd: Decimal
    cap_usd: Decimal
    calls: int

    @property
    def is_near_cap(self) -> bool:
        return self.settled_usd >= NEAR_CAP * self.cap_usd


def spend_of_month(tenant: TenantFacts, *, at: datetime, cap_usd: Decimal | None = None) -> Spend:
    """What was spent in the month of `at`; whoever holds the client's row gives the cap and saves a statement."""
    month = month_of(at, tenant.time_zone)
    began = datetime(month.year, month.month, 1, tzinfo=ZoneInfo(tenant.time_zone))
    counter = SpendCounter.objects.filter(tenant_id=tenant.id, scope="tenant", month=month).first()
    return Spend(
        month=month,
        settled_usd=counter.settled_usd if counter else Decimal(0),
        reserved_usd=counter.reserved_usd if counter else Decimal(0),
        cap_usd=cap_of_month(tenant.id) if cap_usd is None else cap_usd,
        calls=LlmCall.objects.filter(tenant_id=tenant.id, created_on__gte=began).count(),
    )


def providers_serving(adapter_type: str, model_id: str) -> QuerySet[LlmProvider]:
    """Enabled providers that list this model; the first is asked."""
    return LlmProvider.objects.filter(
        adapter_type=adapter_type, is_enabled=True, models__contains=[{"model_id": model_id}]
    ).order_by("name")
