"""A draft held against its client's rules: where the rules are read, and what is kept of the findings."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from apps.shared.scoping import only_tenant
from apps.tenants.models import Tenant

from . import checks, outside
from .checks import Draft, Finding, Ground, LinkState
from .operations import context_files
from .skill_library import BRAND_VOICE, in_force


def ground() -> Ground:
    """What the drafts of the client in scope are held against. Raises StorageUnavailable."""
    approved = context_files.approved()
    return Ground(
        rules=checks.united(_skill_rules(), checks.rules_in(approved)),
        website=Tenant.objects.values_list("website", flat=True).get(pk=only_tenant().id),
        material=approved,
    )


def after_trying_links(draft: Draft, ground: Ground, *, own_only: Callable[[], bool]) -> list[Finding]:
    """All findings, its links opened where they may be: while `own_only`, nothing but the client's website. Uses the
    network."""
    addresses = checks.links_to_try(draft, ground, own_only=own_only())
    tried = outside.try_links(addresses, may_open=lambda address: ground.is_own(address) or not own_only())
    return checks.run(draft, replace(ground, tried=tried))


def of_edit(draft: Draft, former: Sequence[Mapping]) -> list[Finding]:
    """The findings on a person's version. Nothing is opened: what was found of a link that is still there is kept."""
    state_of = {"link_dead": LinkState.DEAD, "link_untried": LinkState.UNCLEAR}
    tried = {found["address"]: state_of[found["code"]] for found in former if found["code"] in state_of}
    return checks.run(draft, replace(ground(), tried=tried))


def _skill_rules() -> checks.BrandRules:
    """Of the skill of that name that holds for the client: its own, and the platform's while it has none switched on."""
    skill = in_force().get(BRAND_VOICE)
    return skill.text.rules if skill else checks.BrandRules()
