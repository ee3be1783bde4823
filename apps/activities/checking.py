"""A draft held against its client's rules: where the rules are read, and what is kept of the findings."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from apps import storage
from apps.shared.scoping import only_tenant
from apps.storage.documents import GLOBAL_TENANT
from apps.tenants.models import Tenant

from . import checks, outside
from .checks import Draft, Finding, Ground, LinkState
from .operations import context_files
from .skill_library import BRAND_VOICE


def ground() -> Ground:
    """What the drafts of the client in scope are held against. Raises StorageUnavailable."""
    approved = context_files.approved()
    return Ground(
        rules=checks.united(_skill_rules(), checks.rules_in(approved)),
        website=Tenant.objects.values_list("website", flat=True).get(pk=only_tenant().id),
        material=approved,
    )


def after_trying_links(draft: Draft, ground: Ground, *, own_only: bool) -> list[Finding]:
    """All findings, its links opened where they may be: `own_only` keeps to the client's website. Uses the network."""
    tried = outside.try_links(checks.links_to_try(draft, ground, own_only=own_only))
    return checks.run(draft, replace(ground, tried=tried))


def of_edit(draft: Draft, former: Sequence[Mapping]) -> list[Finding]:
    """The findings on a person's version. Nothing is opened: what was found of a link that is still there is kept."""
    state_of = {"link_dead": LinkState.DEAD, "link_untried": LinkState.UNCLEAR}
    tried = {found["address"]: state_of[found["code"]] for found in former if found["code"] in state_of}
    return checks.run(draft, replace(ground(), tried=tried))


def _skill_rules() -> checks.BrandRules:
    """Of the client's skill of that name, which replaces the platform's."""
    found = storage.find(storage.Skill, {"name": BRAND_VOICE}, sort=[("version", -1)])
    own = [skill for _, skill in found if skill.tenantId != GLOBAL_TENANT]
    skill = next(iter(own or [skill for _, skill in found]), None)
    return checks.rules_of(skill.frontmatter) if skill and skill.isActive else checks.BrandRules()
