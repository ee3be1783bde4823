"""Where a client stands, as rows of the kit's components."""

from django.urls import reverse

from apps.activities import forecasting
from apps.activities import queries as work
from apps.activities.statuses import ActivityStatus, SubjectType
from apps.activities.views import tones
from apps.channels.models import Channel
from apps.channels.statuses import ChannelStatus, ChannelType
from apps.strategy import queries as strategies
from apps.strategy.statuses import OnboardingStatus, PeriodStatus, StrategyStatus
from apps.tenants.models import Tenant
from apps.tenants.statuses import TenantStatus

from .. import promises

TENANT_TONES = {TenantStatus.ACTIVE: "success", TenantStatus.SUSPENDED: "danger", TenantStatus.CANCELLED: "danger"}
PERIOD_TONES = {PeriodStatus.COMPLETED: "success", PeriodStatus.AT_RISK: "warning", PeriodStatus.MISSED: "danger"}
STRATEGY_TONES = {StrategyStatus.ACTIVE: "success", StrategyStatus.AWAITING_APPROVAL: "warning"}

RESEARCH_STATES = {
    OnboardingStatus.RESEARCHING: "running",
    OnboardingStatus.REVIEW: "done",
    OnboardingStatus.COMPLETED: "done",
}
FILE_COUNTS = {
    OnboardingStatus.RESEARCHING: "comes after the research",
    OnboardingStatus.REVIEW: "waits for a reviewer",
    OnboardingStatus.COMPLETED: "approved",
}
STRATEGY_COUNTS = {
    StrategyStatus.DRAFT: "being written",
    StrategyStatus.AWAITING_APPROVAL: "waits for the client",
    StrategyStatus.ACTIVE: "approved",
}


# Which line of the set-up a failed step belongs to.
SETUP_LINES = {
    (SubjectType.ONBOARDING_RUN, "crawl_website"): "Research",
    (SubjectType.ONBOARDING_RUN, "research"): "Research",
    (SubjectType.ONBOARDING_RUN, "context_file"): "Context file",
    (SubjectType.STRATEGY, "draft"): "Strategy",
}


def setup_steps(tenant: Tenant, channels: list[Channel], units: list[work.UnitInWork], *, has_plan: bool) -> list[dict]:
    """For components/steps.html: from the contract to the first month's plan; a line whose step failed says so."""
    lines = _setup_lines(tenant, channels, has_plan=has_plan)
    failed = {
        SETUP_LINES.get((unit.unit.subject_type, step.pipeline_step)): step
        for unit in units
        for step in unit.steps
        if step.status == ActivityStatus.FAILED
    }
    for line in lines:
        if step := failed.get(line["label"]):
            line.update(
                state="failed", count="", detail=f"“{step.title}” failed. Open it under Units, and try it again."
            )
    return lines


def _setup_lines(tenant: Tenant, channels: list[Channel], *, has_plan: bool) -> list[dict]:
    run, strategy = strategies.latest_onboarding(), strategies.latest_strategy()
    researched = run.status if run else OnboardingStatus.PENDING
    is_connected = any(
        each.channel_type == ChannelType.CMS and each.status == ChannelStatus.CONNECTED for each in channels
    )
    has_strategy = strategy is not None and strategy.status in (StrategyStatus.ACTIVE, StrategyStatus.ARCHIVED)
    return [
        _step("Contract accepted", tenant.contract_accepted_on is not None, "waits for the client"),
        _step("Website connected", is_connected, "no website to publish on yet"),
        {
            "label": "Research",
            "state": RESEARCH_STATES.get(researched, "waiting"),
            "count": "begins when the contract is accepted" if run is None else "",
        },
        {
            "label": "Context file",
            "state": "done"
            if researched == OnboardingStatus.COMPLETED
            else "running"
            if researched == OnboardingStatus.REVIEW
            else "waiting",
            "count": FILE_COUNTS.get(researched, ""),
        },
        {
            "label": "Strategy",
            "state": "done" if has_strategy else "running" if strategy else "waiting",
            "count": STRATEGY_COUNTS.get(strategy.status, "") if strategy else "comes after the context file",
        },
        _step("First month planned", has_plan, "comes after the strategy"),
    ]


def _step(label: str, is_done: bool, missing: str) -> dict:
    return {"label": label, "state": "done" if is_done else "waiting", "count": "" if is_done else missing}


def promise_rows(lines: list[strategies.Progress], forecasts: dict[str, forecasting.Forecast], slug: str) -> list[dict]:
    """This month's promises, each with how it will end and who holds up what is missing."""
    rows = []
    for line in lines:
        outlook = forecasts[line.row.ref_id]
        rows.append(
            {
                "line": line,
                "tone": PERIOD_TONES.get(line.status, "info"),
                "outcome": promises.outcome(outlook, last_day=line.period_end),
                "turns": promises.for_staff(outlook, slug),
            }
        )
    return rows


STEP_STATES = {
    ActivityStatus.COMPLETED: "done",
    ActivityStatus.CANCELLED: "skipped",
    ActivityStatus.FAILED: "failed",
    ActivityStatus.CREATED: "waiting",
}


def unit_row(row: work.UnitInWork, slug: str) -> dict:
    """A unit with where it is now; a failed step comes before any other."""
    failed = next((step for step in row.steps if step.status == ActivityStatus.FAILED), None)
    now = failed or row.current
    return {
        "href": reverse("dm:activities:activity", args=[slug, row.unit.ref_id]),
        "title": row.unit.title,
        "is_ad_hoc": row.unit.asked is not None,
        "label": now.get_status_display() if now else row.unit.get_status_display(),
        "tone": tones.of(tones.ACTIVITY, now.status if now else row.unit.status),
        "step": now.title if now else "",
        "step_href": reverse("dm:activities:activity", args=[slug, now.ref_id]) if now else "",
        "done": row.done_count,
        "total": len(row.steps),
        "due": row.unit.due_date if now else None,
        "steps": [
            {
                "label": step.title,
                "state": STEP_STATES.get(step.status, "running"),
                "count": "" if step.status == ActivityStatus.COMPLETED else step.get_status_display(),
            }
            for step in row.steps
        ],
    }
