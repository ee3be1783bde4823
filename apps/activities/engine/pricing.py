"""What a model call costs, from the prices in force. A model without a price is refused, not free."""

from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_UP, Decimal

from django.db.models import Q
from genai_prices import Usage, calc_price

from apps.shared.errors import OperationRefused

from ..adapters.base import ModelUsage
from ..models import LlmProvider, ModelPrice

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


FREE = Price(input_usd=Decimal(0), cached_input_usd=Decimal(0), output_usd=Decimal(0))


def price_of(provider: LlmProvider, model_id: str, *, at: datetime) -> Price:
    """What the provider charges for the model at this moment. Raises ModelUnpriced."""
    row = ModelPrice.objects.filter(
        Q(valid_to_on__isnull=True) | Q(valid_to_on__gt=at),
        llm_provider=provider,
        model_id=model_id,
        valid_from_on__lte=at,
    ).first()
    if row is None:
        raise ModelUnpriced
    return Price(row.input_usd_per_million, row.cached_input_usd_per_million, row.output_usd_per_million)


def listed_price(adapter_type: str, model_id: str) -> Price | None:
    """What an offline table of public prices says, to begin with; None for a model it does not know."""
    if adapter_type not in PROVIDERS:
        return None

    def per_million(**tokens: int) -> Decimal:  # a million at once: of prices by length of the prompt, the dearest
        price = calc_price(Usage(**tokens), model_ref=model_id, provider_id=PROVIDERS[adapter_type]).total_price
        return price.quantize(MICRO_USD, rounding=ROUND_UP)

    try:
        return Price(
            input_usd=per_million(input_tokens=1_000_000),
            cached_input_usd=per_million(input_tokens=1_000_000, cache_read_tokens=1_000_000),
            output_usd=per_million(output_tokens=1_000_000),
        )
    except LookupError:
        return None


def counted(prompt_characters: int, answer_characters: int) -> ModelUsage:
    """Our own count, for a provider that reports no usage or an absurd one."""
    return ModelUsage(
        input_tokens=int(prompt_characters / CHARACTERS_PER_TOKEN) + 1,
        cached_input_tokens=0,
        output_tokens=int(answer_characters / CHARACTERS_PER_TOKEN) + 1,
    )
