"""Where a client stands on the way from signing up to planned work."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from apps.channels.models import Channel
from apps.channels.statuses import ChannelStatus
from apps.shared.models import JournalDelivery
from apps.strategy.models import DeliverablePeriod, OnboardingRun, Strategy
from apps.strategy.statuses import OnboardingStatus, StrategyStatus
from apps.tenants.models import Contract, Invitation, Tenant, User
from apps.tenants.statuses import ContractStatus, Role, UserStatus


@dataclass(frozen=True)
class Step:
    """`state` is done, now (the first that is not done), stuck (an error a person must look at) or later."""

    label: str
    is_done: bool
    on: datetime | None = None
    says: str = ""
    row: Any = None
    state: str = ""


def standing_of(tenant: Tenant) -> list[Step]:
    """The steps in their order. Needs a scope that holds the tenant; eight queries."""
    contract = Contract.objects.filter(tenant=tenant).exclude(status=ContractStatus.SUPERSEDED).first()
    invitation = Invitation.objects.filter(tenant=tenant, role=Role.ADMIN).order_by("-ref_id").first()
    admin = User.objects.filter(tenant=tenant, role=Role.ADMIN, deleted_on__isnull=True).order_by("ref_id").first()
    channel = Channel.objects.filter(tenant=tenant, status=ChannelStatus.CONNECTED).order_by("ref_id").first()
    onboarding = OnboardingRun.objects.filter(tenant=tenant).order_by("-ref_id").first()
    strategy = Strategy.objects.filter(tenant=tenant).order_by("-version").first()
    period = DeliverablePeriod.objects.filter(tenant=tenant).select_related("deliverable").order_by("-ref_id").first()
    waiting = JournalDelivery.objects.filter(tenant=tenant, consumer__startswith="tenants.").order_by("ref_id")
    delivery_of = {delivery.consumer: delivery for delivery in waiting}

    researched = onboarding is not None and onboarding.status in (OnboardingStatus.REVIEW, OnboardingStatus.COMPLETED)
    known = onboarding is not None and onboarding.status == OnboardingStatus.COMPLETED
    is_joined = admin is not None and admin.status == UserStatus.ACTIVE
    steps = [
        _delivered(
            "Contract generated", delivery_of.get("tenants.make_contract"), contract, contract and contract.generated_on
        ),
        _delivered(
            "Invitation sent",
            delivery_of.get("tenants.send_invitation"),
            invitation,
            invitation and invitation.created_on,
        ),
        Step(
            "Admin joined",
            is_joined,
            invitation.accepted_on if invitation else None,
            admin.name if admin else "",
            admin,
        ),
        Step(
            "Contract accepted",
            tenant.contract_accepted_on is not None,
            tenant.contract_accepted_on,
            "" if tenant.contract_accepted_on else "The admin reads and accepts it in the dashboard",
        ),
        Step(
            "Channel connected",
            channel is not None,
            channel.last_verified_at if channel else None,
            channel.name if channel else "Add a WordPress site and test it",
            channel,
        ),
        Step(
            "Website researched",
            researched,
            onboarding.created_on if onboarding else None,
            _status(onboarding),
            onboarding,
        ),
        Step(
            "Context file approved", known, onboarding.reviewed_on if known else None, _status(onboarding), onboarding
        ),
        Step(
            "Strategy approved",
            strategy is not None and strategy.status == StrategyStatus.ACTIVE,
            strategy.approved_on if strategy else None,
            f"Version {strategy.version}: {_status(strategy).lower()}" if strategy else "",
            strategy,
        ),
        Step(
            "Month planned",
            period is not None,
            period.created_on if period else None,
            f"{period.deliverable.name}: {period.completed_count} of {period.target_count} done" if period else "",
            period,
        ),
    ]
    return _with_states(steps)


def _delivered(label: str, delivery: JournalDelivery | None, made: Any, on: datetime | None) -> Step:
    """A step that a delivery of the journal does: stuck while the delivery stands there with an error."""
    if delivery is None:
        return Step(label, made is not None, on)
    if delivery.last_error:
        return Step(
            label, False, None, f"Tried {delivery.attempts} times: {delivery.last_error[:200]}", delivery, "stuck"
        )
    return Step(label, False, None, "On its way", delivery)


def _status(row: OnboardingRun | Strategy | None) -> str:
    return row.get_status_display() if row else ""


def _with_states(steps: list[Step]) -> list[Step]:
    first_open = next((step for step in steps if not step.is_done), None)
    return [
        step
        if step.state
        else replace(step, state="done" if step.is_done else "now" if step is first_open else "later")
        for step in steps
    ]
