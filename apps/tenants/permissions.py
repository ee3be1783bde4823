"""Who may do what: the one table every door asks. What may happen is the operation's business."""

from apps.shared.actors import Actor
from apps.shared.errors import NotAllowed

from .statuses import Role

ADMIN, MEMBER, REVIEWER, SUPER = Role.ADMIN, Role.MEMBER, Role.REVIEWER, Role.SUPER_ADMIN

PERMISSIONS: dict[str, frozenset[str]] = {
    name: frozenset(roles)
    for name, roles in {
        # what                      who
        "tenant.create": (SUPER,),
        "tenant.edit": (SUPER,),
        "tenant.move": (SUPER,),
        "tenant.assign": (SUPER,),
        "tenant.export": (SUPER,),
        "user.invite": (SUPER, ADMIN),
        "user.deactivate": (SUPER, ADMIN),
        "contract.read": (SUPER, REVIEWER, ADMIN, MEMBER),
        "contract.accept": (ADMIN,),
        "contract.renew": (SUPER,),
        "channel.read": (SUPER, REVIEWER, ADMIN, MEMBER),
        "channel.connect": (SUPER, REVIEWER, ADMIN),
        "channel.score": (SUPER, REVIEWER),
        "onboarding.start": (SUPER, REVIEWER),
        "context_file.read": (SUPER, REVIEWER, ADMIN, MEMBER),
        "context_file.edit": (SUPER, REVIEWER),
        "strategy.read": (SUPER, REVIEWER, ADMIN, MEMBER),
        "goal.measure": (SUPER, REVIEWER),
        "activity.read": (SUPER, REVIEWER, ADMIN, MEMBER),
        "activity.ask": (SUPER, REVIEWER, ADMIN),
        "activity.retry": (SUPER, REVIEWER),
        "activity.cancel": (SUPER, REVIEWER),
        "activity.finish": (SUPER, REVIEWER),
        "run.read": (SUPER, REVIEWER),
        "recurring_task.read": (SUPER, REVIEWER, ADMIN, MEMBER),
        "recurring_task.fill": (SUPER, REVIEWER, ADMIN),
        "recurring_task.edit": (SUPER, REVIEWER),
        "recurring_task.spawn": (SUPER, REVIEWER),
        "period.plan": (SUPER, REVIEWER),
        "post.read": (SUPER, REVIEWER, ADMIN, MEMBER),
        "post.edit": (SUPER, REVIEWER),
        "backlink.read": (SUPER, REVIEWER, ADMIN, MEMBER),
        "backlink.move": (SUPER, REVIEWER),
        "report.read": (SUPER, REVIEWER, ADMIN, MEMBER),
        "usage.read": (SUPER, REVIEWER, ADMIN, MEMBER),
        "approval.read": (SUPER, REVIEWER, ADMIN, MEMBER),
        # A gate names the role it needs. Staff decide reviewers' gates; only the client's admin decides the client's.
        "approval.decide_as_reviewer": (SUPER, REVIEWER),
        "approval.decide_as_admin": (ADMIN,),
        "lead.read": (SUPER, REVIEWER),
        "lead.import": (SUPER, REVIEWER),
        "search_term.judge": (SUPER, REVIEWER),
        "template.edit": (SUPER,),
        "agent_config.edit": (SUPER,),
        "agent_config.switch": (SUPER, REVIEWER),
        "session.end": (SUPER,),
        "skill.read": (SUPER, REVIEWER, ADMIN, MEMBER),
        "skill.edit": (SUPER, REVIEWER),
        "skill.edit_global": (SUPER,),
        "provider.edit": (SUPER,),
        "price.set": (SUPER,),
        "journal.read": (SUPER,),
    }.items()
}


def may(actor: Actor, what: str) -> bool:
    """Whether a person of this role may do it. Agents, the system and integrations act by their own code only."""
    return actor.kind == "human" and actor.role in PERMISSIONS[what]


def require(actor: Actor, what: str) -> None:
    if not may(actor, what):
        raise NotAllowed
