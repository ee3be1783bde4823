"""The gate to strategies and onboarding runs: fetch and authorise in one step; absent and foreign look the same."""

from apps.shared.actors import Actor
from apps.shared.lookups import by_ref
from apps.tenants.permissions import require

from .models import DeliverablePeriod, Goal, OnboardingRun, Strategy


def strategy_for(actor: Actor, ref_id: str, *, to: str) -> Strategy:
    require(actor, f"strategy.{to}")
    return by_ref(Strategy.objects.all(), ref_id)


def goal_for(actor: Actor, ref_id: str, *, to: str) -> Goal:
    """`to`: "read"; goals are read by whoever reads the strategy they belong to."""
    require(actor, f"strategy.{to}")
    return by_ref(Goal.objects.all(), ref_id)


def onboarding_run_for(actor: Actor, ref_id: str, *, to: str) -> OnboardingRun:
    """`to`: "read" or "edit", both for the context file."""
    require(actor, f"context_file.{to}")
    return by_ref(OnboardingRun.objects.all(), ref_id)


def period_for(actor: Actor, ref_id: str, *, to: str) -> DeliverablePeriod:
    """`to`: "read"; promises are read by whoever reads the strategy they come from."""
    require(actor, f"strategy.{to}")
    return by_ref(DeliverablePeriod.objects.all(), ref_id)
