"""What a super admin sets up: agents of a client, and model providers."""

from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction

from apps.shared import journal
from apps.shared.actors import Actor
from apps.shared.edits import edit
from apps.shared.errors import InvalidInput
from apps.tenants.statuses import PrivacyLevel

from .. import queries, registry
from ..engine import providers
from ..engine.pricing import ModelUnpriced, price_of
from ..models import AgentConfig, LlmProvider
from ..statuses import AdapterType
from .prices import price_listed_models

CALLS_BACK_WITHIN = timedelta(hours=1)  # an agent behind a webhook; as long the token lives that opens its run


@dataclass(frozen=True)
class AgentSettings:
    """How an agent role works for a client."""

    is_enabled: bool
    adapter_type: str
    model_id: str
    tool_names: list[str]
    max_concurrent: int
    timeout_ms: int
    max_cost_usd_per_activity: Decimal
    escalation_after_failures: int
    monthly_cap_usd: Decimal | None


def edit_agent_config(
    config: AgentConfig, wanted: AgentSettings, *, by: Actor, at: datetime, seen_on: datetime | None
) -> AgentConfig:
    """Runs that begin after this obey it.

    Raises InvalidInput for a model that no provider of this kind offers, that has no price, or that leaves the house
    although the client allows local models only, for names under which there are no tools, and for a run behind a
    webhook that would last longer than its token.
    """
    if unknown := sorted(set(wanted.tool_names) - set(integrations_of_tools())):
        raise InvalidInput({"tool_names": [f"There are no tools called {', '.join(unknown)[:200]}."]})
    wanted = replace(wanted, tool_names=sorted(set(wanted.tool_names)))
    if wanted.adapter_type == AdapterType.WEBHOOK and timedelta(milliseconds=wanted.timeout_ms) > CALLS_BACK_WITHIN:
        raise InvalidInput({"timeout_ms": ["An agent behind a webhook has an hour at most: 3600000."]})
    if (wanted.adapter_type, wanted.model_id) != (config.adapter_type, config.model_id):
        serving = queries.providers_serving(wanted.adapter_type, wanted.model_id)
        if not serving:
            raise InvalidInput({"model_id": ["No enabled provider of this kind offers this model."]})
        local_only = config.tenant.data_privacy_level == PrivacyLevel.LOCAL_ONLY
        try:
            providers.provider_for(wanted.adapter_type, wanted.model_id, local_only=local_only)
            for provider in serving:  # which of them is asked depends on the client
                price_of(provider, wanted.model_id, at=at)
        except (ModelUnpriced, providers.LocalModelsOnly) as error:
            raise InvalidInput({"model_id": [error.detail]}) from error
    return edit(config, "agent_config.edited", asdict(wanted), by=by, at=at, seen_on=seen_on)


def integrations_of_tools() -> list[str]:
    """The names by which settings allow tools."""
    return sorted({tool.integration for tool in registry.TOOLS.values()})


def switch_agent(config: AgentConfig, *, is_enabled: bool, by: Actor, at: datetime) -> AgentConfig:
    """Let an agent role begin new work for the client, or none: its steps wait meanwhile. Twice is once."""
    with transaction.atomic():
        config = AgentConfig.objects.select_for_update(of=("self",)).get(pk=config.pk)
        config = edit(
            config, "agent_config.edited", {"is_enabled": is_enabled}, by=by, at=at, seen_on=config.updated_on
        )
        if is_enabled:
            journal.ring_on_commit("work")
    return config


def models_offered() -> dict[str, list[str]]:
    """Ids of all models that enabled providers list, each with the adapters that reach it."""
    listed = LlmProvider.objects.filter(adapter_type__in=providers.FROM_ENVIRONMENT, is_enabled=True)
    offered: dict[str, set[str]] = {}
    for adapter_type, models in listed.values_list("adapter_type", "models"):
        for model in models:
            offered.setdefault(model["model_id"], set()).add(adapter_type)
    return {model_id: sorted(offered[model_id]) for model_id in sorted(offered)}


@dataclass(frozen=True)
class ProviderFacts:
    """A model service. `models` is [{"model_id": …, "context_tokens": …}]."""

    name: str
    base_url: str | None
    is_enabled: bool
    is_local: bool
    models: list[dict[str, Any]]


def add_provider(wanted: ProviderFacts, *, adapter_type: str, api_key: str, by: Actor, at: datetime) -> LlmProvider:
    """Keep a model service; the key is sealed, and known models get their price.

    Raises InvalidInput when the name is taken, no address is known, or it is called local and is not.
    """
    _check_provider(wanted, adapter_type)
    provider = LlmProvider(
        **asdict(wanted), adapter_type=adapter_type, api_key=api_key or None, created_by=by.user, created_on=at
    )
    try:
        with transaction.atomic():
            provider.save()
            journal.record(
                "provider.added", provider, by=by, at=at, after={**asdict(wanted), "adapter_type": adapter_type}
            )
            price_listed_models(provider, by=by, at=at)
    except IntegrityError as error:
        raise InvalidInput({"name": ["Another provider has this name."]}) from error
    return provider


def edit_provider(
    provider: LlmProvider,
    wanted: ProviderFacts,
    *,
    api_key: str,
    forget_key: bool,
    by: Actor,
    at: datetime,
    seen_on: datetime | None,
) -> LlmProvider:
    """Change a model service; an empty key keeps the stored one, `forget_key` removes it. Raises InvalidInput."""
    _check_provider(wanted, provider.adapter_type)
    changes: dict[str, Any] = asdict(wanted)
    if api_key or forget_key:
        changes["api_key"] = api_key or None
    try:
        with transaction.atomic():
            edited = edit(provider, "provider.edited", changes, by=by, at=at, seen_on=seen_on)
            price_listed_models(edited, by=by, at=at)
            return edited
    except IntegrityError as error:
        raise InvalidInput({"name": ["Another provider has this name."]}) from error


def _check_provider(wanted: ProviderFacts, adapter_type: str) -> None:
    """A local provider is one of our own servers, and so are the machines its models run on."""
    address = providers.address_of(adapter_type, wanted.base_url)
    if adapter_type in providers.FROM_ENVIRONMENT and not address:
        raise InvalidInput({"base_url": ["Enter its address: the environment names none for this kind."]})
    if wanted.is_local and not providers.is_our_own(address):
        told = "A local provider is a server of our own: name its host in EGRESS_ALLOW_HOSTS first."
        raise InvalidInput({"is_local": [told]})
    elsewhere = [m["model_id"] for m in wanted.models if providers.runs_elsewhere(m["model_id"])]
    if wanted.is_local and elsewhere:
        raise InvalidInput({"models": [f"“{elsewhere[0]}” runs in Ollama's cloud, so it is no local model."]})
