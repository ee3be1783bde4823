"""The services that run models, one adapter each. `ADAPTERS["claude"](request, on_delta=…)` asks one."""

from collections.abc import Callable, Mapping

from apps.activities.adapters import claude, ollama, openai
from apps.activities.adapters.base import ModelAnswer, ModelRequest

# An adapter's module is cheap to import: each loads its vendor's SDK, which takes seconds, with the first question.
ADAPTERS: Mapping[str, Callable[..., ModelAnswer]] = {
    "claude": claude.ask,
    "openai": openai.ask,
    "ollama": ollama.ask,
}

__all__ = ["ADAPTERS", "ModelAnswer", "ModelRequest"]
