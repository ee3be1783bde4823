"""Which model service is asked, at which address, with which key; and which of them is a server of our own."""

import re

from django.conf import settings

from apps.shared import egress
from apps.shared.errors import OperationRefused

from .. import queries
from ..models import LlmProvider

# The settings that hold address and key of a provider without its own; Ollama's own servers ask for no key.
FROM_ENVIRONMENT = {
    "claude": ("ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY"),
    "openai": ("OPENAI_BASE_URL", "OPENAI_API_KEY"),
    "ollama": ("OLLAMA_BASE_URL", None),
}
OLLAMAS_CLOUD = re.compile(r"[:-]cloud$")


class LocalModelsOnly(OperationRefused):
    """This client allows local models only, and no local provider serves this agent's model. Choose a local one in Manage."""

    code = "local_models_only"


class NoProvider(OperationRefused):
    """No enabled provider serves this agent's model. Add one in Manage."""

    code = "no_provider"


def provider_for(adapter_type: str, model_id: str, *, local_only: bool) -> LlmProvider:
    """The enabled provider that is asked for this model. Raises LocalModelsOnly or NoProvider.

    For a client with local models only nothing but a local one is ever taken, also when all of them fail.
    """
    serving = list(queries.providers_serving(adapter_type, model_id))
    if local_only:
        serving = [provider for provider in serving if provider.is_local and not runs_elsewhere(model_id)]
        if not serving:
            raise LocalModelsOnly
    if not serving:
        raise NoProvider
    return serving[0]


def address_of(adapter_type: str, base_url: str | None) -> str:
    """A provider's own address or the environment's; '' when neither is set."""
    setting, _ = FROM_ENVIRONMENT.get(adapter_type, (None, None))
    return base_url or (getattr(settings, setting) if setting else "")


def key_of(provider: LlmProvider) -> str:
    """A provider's own key or the environment's, which goes to the environment's address only."""
    if provider.api_key:
        return provider.api_key.open()
    _, setting = FROM_ENVIRONMENT.get(provider.adapter_type, (None, None))
    return getattr(settings, setting) if setting and not provider.base_url else ""


def context_of(provider: LlmProvider, model_id: str) -> int | None:
    """Tokens that the model's context holds, as Manage was told."""
    return next((m.get("context_tokens") for m in provider.models if m["model_id"] == model_id), None)


def is_our_own(address: str) -> bool:
    """Whether a server there may count as local: private addresses are reached only when they are listed."""
    try:
        return bool(address) and egress.is_listed_url(address)
    except egress.EgressRefused:
        return False


def runs_elsewhere(model_id: str) -> bool:
    """Whether an Ollama server hands the question on to Ollama's cloud, as with `gpt-oss:120b-cloud`.

    https://docs.ollama.com/cloud
    """
    return OLLAMAS_CLOUD.search(model_id) is not None
