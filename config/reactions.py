"""What happens when …, on one screen.

TOGETHER runs in the same transaction and touches the database only. AFTER names consumers that are called once the
transaction is committed, at least once. RINGS names the bell that the workers hear.
"""

from apps.activities import operations as work
from apps.activities.models import ActivityTemplate
from apps.strategy import operations as strategy
from apps.strategy.models import Goal, OnboardingRun


def start_onboarding(contract, *, by, at):
    if not OnboardingRun.objects.filter(
        tenant_id=contract.tenant_id
    ).exists():  # a renewed contract asks for no new research
        strategy.open_onboarding(contract.tenant_id, by=by, at=at)


def spawn_onboarding(run, *, by, at):
    template = ActivityTemplate.objects.filter(
        tenant_id=run.tenant_id, deliverable_type="onboarding", is_active=True
    ).get()
    work.spawn_unit(
        template,
        tenant_id=run.tenant_id,
        title="Get to know the client",
        origin=f"onboarding:{run.ref_id}",
        subject=("onboarding_run", run.ref_id),
        by=by,
        at=at,
    )


def begin_strategy(run, *, by, at):
    strategy.begin_strategy(run.tenant_id, by=by, at=at)


def spawn_strategy(draft, *, by, at):
    template = ActivityTemplate.objects.filter(
        tenant_id=draft.tenant_id, deliverable_type="strategy", is_active=True
    ).get()
    work.spawn_unit(
        template,
        tenant_id=draft.tenant_id,
        title=f"Strategy, version {draft.version}",
        origin=f"strategy:{draft.ref_id}",
        subject=("strategy", draft.ref_id),
        by=by,
        at=at,
    )


def forget_strategy(former, *, by, at):
    work.end_sessions_of(Goal.with_deleted.filter(strategy=former), by=by, at=at)


def forget_goal(goal, *, by, at):
    work.end_sessions_of(Goal.objects.filter(pk=goal.pk), by=by, at=at)


TOGETHER = {
    "tenant.edited": [work.go_on_with_money],
    "agent_config.edited": [work.go_on_with_money],
    "spend.near_cap": [work.warn_of_spend],
    "tenant.created": [work.copy_global_templates],
    "contract.accepted": [start_onboarding],
    "onboarding.opened": [spawn_onboarding],
    "onboarding.completed": [begin_strategy],
    "strategy.begun": [spawn_strategy],
    "strategy.archived": [forget_strategy],
    "goal.paused": [forget_goal],
}

AFTER = {
    "tenant.created": ["tenants.make_contract"],
    "contract.renewal_forced": ["tenants.make_contract"],
    "tenant.edited": ["activities.count_days_again"],
    "user.invited": ["tenants.send_invitation"],
    "strategy.activated": ["activities.plan_tenant"],
    "brand_rules.approved": ["activities.write_brand_rules"],
}

ALWAYS = ["storage.relay_audit"]

RINGS = {
    "work.tried_again": "work",
    "activity.readied": "work",
    "activity.sent_back": "work",
    "activity.retried": "work",
    "activity.given_back": "work",
}
