"""What models charge: one price after the other, none ever rewritten."""

from datetime import datetime
from decimal import Decimal

from django.db import transaction

from apps.shared import journal
from apps.shared.actors import Actor
from apps.shared.edits import EditedMeanwhile
from apps.shared.errors import InvalidInput
from apps.shared.scoping import every_tenant
from apps.shared.transitions import touched

from ..engine.pricing import FREE, MICRO_USD, Price, listed_price
from ..models import LlmProvider, ModelPrice
from ..models.costs import MOST_USD_PER_MILLION


def set_price(provider: LlmProvider, model_id: str, price: Price, *, by: Actor, at: datetime) -> ModelPrice:
    """From this moment on the provider charges this; the price before it ends now, and calls made keep theirs.

    The same price again changes nothing. Raises InvalidInput for a model the provider does not list and for amounts that
    cannot be meant, EditedMeanwhile when another price begins at this moment or later.
    """
    _check(price)
    with transaction.atomic():
        provider = LlmProvider.objects.select_for_update().get(pk=provider.pk)
        if model_id not in {model["model_id"] for model in provider.models}:
            raise InvalidInput({"model_id": ["The provider does not list this model. Add it to the provider first."]})
        latest = ModelPrice.objects.filter(llm_provider=provider, model_id=model_id).order_by("-valid_from_on").first()
        before = {}
        if latest is not None:
            if latest.valid_from_on >= at or (latest.valid_to_on is not None and latest.valid_to_on > at):
                raise EditedMeanwhile
            if latest.valid_to_on is None:
                held = {name: getattr(latest, name) for name in _columns(price)}
                if held == _columns(price):
                    return latest
                before = {name: str(value) for name, value in held.items()}
                changes = {"valid_to_on": at, **touched(ModelPrice, by=by, at=at)}
                for name, value in changes.items():
                    setattr(latest, name, value)
                latest.save(update_fields=list(changes))
        begun = ModelPrice.objects.create(
            llm_provider=provider,
            model_id=model_id,
            **_columns(price),
            valid_from_on=at,
            created_by=by.user,
            created_on=at,
        )
        after = {name: str(value) for name, value in _columns(price).items()}
        journal.record(
            "price.set",
            begun,
            by=by,
            at=at,
            before=before,
            after={"provider": provider.name, "model_id": model_id, **after},
        )
    return begun


def price_listed_models(provider: LlmProvider, *, by: Actor, at: datetime) -> int:
    """First prices of those models of the provider that never had one; how many were set.

    A model on a server of our own charges nothing; others get their price where it is publicly known.
    """
    made = 0
    with transaction.atomic():
        provider = LlmProvider.objects.select_for_update().get(pk=provider.pk)
        had = set(ModelPrice.objects.filter(llm_provider=provider).values_list("model_id", flat=True))
        for model_id in sorted({model["model_id"] for model in provider.models} - had):
            if price := FREE if provider.is_local else listed_price(provider.adapter_type, model_id):
                set_price(provider, model_id, price, by=by, at=at)
                made += 1
    return made


def seed_prices(*, at: datetime) -> int:
    """The same for every provider there is."""
    with every_tenant(reason="prices belong to the platform"):
        by = Actor.system("bootstrap")
        return sum(price_listed_models(p, by=by, at=at) for p in LlmProvider.objects.order_by("id"))


def _columns(price: Price) -> dict[str, Decimal]:
    return {
        "input_usd_per_million": price.input_usd,
        "cached_input_usd_per_million": price.cached_input_usd,
        "output_usd_per_million": price.output_usd,
    }


def _check(price: Price) -> None:
    problems = {}
    for name, value in _columns(price).items():
        if not value.is_finite() or not 0 <= value <= MOST_USD_PER_MILLION:
            problems[name] = [f"Enter an amount from 0 to {MOST_USD_PER_MILLION:,} US dollars per million tokens."]
        elif value != value.quantize(MICRO_USD):
            problems[name] = ["Six decimals at most are kept."]
    if not problems and price.cached_input_usd > price.input_usd:
        problems["cached_input_usd_per_million"] = ["A token from the cache never costs more than a fresh one."]
    if problems:
        raise InvalidInput(problems)
