"""The gate to strategies and onboarding runs: fetch and authorise in one step; absent and foreign look the same."""

from apps.shared.actors import Actor
from apps.shared.errors import NotFound
from apps.shared.ids import is_ref_id
from apps.tenants.permissions import require

from .models import DeliverablePeriod, Goal, OnboardingRun, Strategy


def strategy_for(actor: Actor, ref_id: str, *, to: str) -> Strategy:
    require(actor, f"strategy.{to}")
    strategy = Strategy.objects.filter(ref_id=ref_id).first() if is_ref_id(ref_id) else None
    if strategy is None:
        raise NotFound
    return strategy


def goal_for(actor: Actor, ref_id: str, *, to: str) -> Goal:
    """`to`: "read"; goals are read by whoever reads the strategy they belong to."""
    require(actor, f"strategy.{to}")
    goal = Goal.objects.filter(ref_id=ref_id).first() if is_ref_id(ref_id) else None
    if goal is None:
        raise NotFound
    return goal


def onboarding_run_for(actor: Actor, ref_id: str, *, to: str) -> OnboardingRun:
    """`to`: "read" or "edit", both for the context file."""
    require(actor, f"context_file.{to}")
    run = OnboardingRun.objects.filter(ref_id=ref_id).first() if is_ref_id(ref_id) else None
    if run is None:
        raise NotFound
    return run


def period_for(actor: Actor, ref_id: str, *, to: str) -> DeliverablePeriod:
    """`to`: "read"; promises are read by whoever reads the strategy they come from."""
    require(actor, f"strategy.{to}")
    period = DeliverablePeriod.objects.filter(ref_id=ref_id).first() if is_ref_id(ref_id) else None
    if period is None:
        raise NotFound
    return period
