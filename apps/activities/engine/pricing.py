"""What a model call costs, from an offline price table. A model without a price is refused, not free."""

from dataclasses import dataclass
from decimal import ROUND_UP, Decimal

from genai_prices import Usage, calc_price

from apps.shared.errors import OperationRefused

from ..adapters.base import ModelUsage

MILLION = Decimal(1_000_000)
MICRO_USD = Decimal("0.000001")  # what the columns keep; rounded up, so that the ledger never says less than the bill
PROVIDERS = {"claude": "anthropic", "openai": "openai"}
CHARACTERS_PER_TOKEN = Decimal("2.5")  # an upper estimate for English and most European text


class ModelUnpriced(OperationRefused):
    """There is no price for this model, so it may not be used. Choose another model for this agent."""

    code = "model_unpriced"


@dataclass(frozen=True)
class Price:
    """USD per million tokens."""

    input_usd: Decimal
    cached_input_usd: Decimal
    output_usd: Decimal

    def cost(self, usage: ModelUsage) -> Decimal:
        """`input_tokens` includes the cached ones."""
        fresh = usage.input_tokens - usage.cached_input_tokens
        total = (
            fresh * self.input_usd
            + usage.cached_input_tokens * self.cached_input_usd
            + usage.output_tokens * self.output_usd
        )
        return (total / MILLION).quantize(MICRO_USD, rounding=ROUND_UP)

    def most(self, *, prompt_characters: int, max_tokens: int) -> Decimal:
        """The largest amount a call with this prompt and this output limit can come to."""
        tokens = int(prompt_characters / CHARACTERS_PER_TOKEN) + 1_000
        return self.cost(ModelUsage(input_tokens=tokens, cached_input_tokens=0, output_tokens=max_tokens))


def price_of(adapter_type: str, model_id: str) -> Price:
    """Raises ModelUnpriced for a model the table does not know."""
    if adapter_type not in PROVIDERS:
        raise ModelUnpriced

    def per_million(**tokens: int) -> Decimal:
        return calc_price(Usage(**tokens), model_ref=model_id, provider_id=PROVIDERS[adapter_type]).total_price

    try:
        return Price(
            input_usd=per_million(input_tokens=1_000_000),
            cached_input_usd=per_million(input_tokens=1_000_000, cache_read_tokens=1_000_000),
            output_usd=per_million(output_tokens=1_000_000),
        )
    except LookupError as error:
        raise ModelUnpriced from error


def counted(prompt_characters: int, answer_characters: int) -> ModelUsage:
    """Our own count, for a provider that reports no usage or an absurd one."""
    return ModelUsage(
        input_tokens=int(prompt_characters / CHARACTERS_PER_TOKEN) + 1,
        cached_input_tokens=0,
        output_tokens=int(answer_characters / CHARACTERS_PER_TOKEN) + 1,
    )
