"""What models charge: one price after the other, each for its span of time, and every call at its own."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.utils import timezone

from apps.activities import operations
from apps.activities.adapters import ADAPTERS
from apps.activities.adapters.base import ModelAnswer, ModelUsage
from apps.activities.engine.pricing import ModelUnpriced, Price, listed_price, price_of
from apps.activities.models import LlmCall, LlmProvider, ModelPrice
from apps.activities.seeds import DEFAULT_MODEL
from apps.shared.actors import Actor
from apps.shared.edits import EditedMeanwhile
from apps.shared.errors import InvalidInput
from apps.shared.models import JournalEntry
from apps.shared.scoping import every_tenant
from tests.activities.tables import refused
from tests.activities.work import attempt, together

SYSTEM = Actor.system("tests")
DEARER = Price(Decimal(6), Decimal("0.6"), Decimal(30))


@pytest.fixture
def provider(db) -> Iterator[LlmProvider]:
    with every_tenant(reason="prices belong to no client"):
        yield LlmProvider.objects.get(name="Anthropic")


def spans(provider: LlmProvider) -> list[tuple]:
    return list(
        ModelPrice.objects.filter(llm_provider=provider, model_id=DEFAULT_MODEL)
        .order_by("valid_from_on")
        .values_list("valid_from_on", "valid_to_on")
    )


@pytest.mark.acceptance("model_prices")
def test_bootstrap_prices_what_is_publicly_known_once(provider):
    held = price_of(provider, DEFAULT_MODEL, at=timezone.now())

    assert held == listed_price("claude", DEFAULT_MODEL) == Price(Decimal(3), Decimal("0.3"), Decimal(15))
    assert operations.seed_prices(at=timezone.now()) == 0
    assert listed_price("claude", "claude-of-tomorrow") is None
    assert listed_price("ollama", "llama3") is None
    free = ModelPrice.objects.get(llm_provider__adapter_type="ollama")  # a server of our own charges nothing
    assert (free.input_usd_per_million, free.output_usd_per_million) == (0, 0)


@pytest.mark.acceptance("model_prices")
def test_a_new_price_begins_where_the_one_before_it_ends(provider, sam):
    at = timezone.now()
    [(began, _)] = spans(provider)
    former = price_of(provider, DEFAULT_MODEL, at=at)

    begun = operations.set_price(provider, DEFAULT_MODEL, DEARER, by=sam.actor, at=at)

    assert spans(provider) == [(began, at), (at, None)]
    assert price_of(provider, DEFAULT_MODEL, at=at - timedelta(microseconds=1)) == former
    assert price_of(provider, DEFAULT_MODEL, at=at) == DEARER
    with pytest.raises(ModelUnpriced):
        price_of(provider, DEFAULT_MODEL, at=began - timedelta(microseconds=1))
    entry = JournalEntry.objects.get(subject_ref=begun.ref_id)
    assert (entry.code, entry.tenant_id, entry.actor_ref) == ("price.set", None, sam.user.ref_id)
    assert entry.before["output_usd_per_million"] == "15.000000"
    assert (entry.after["output_usd_per_million"], entry.after["model_id"]) == ("30", DEFAULT_MODEL)


def test_the_same_price_again_changes_nothing(provider):
    held, before = price_of(provider, DEFAULT_MODEL, at=timezone.now()), spans(provider)

    operations.set_price(provider, DEFAULT_MODEL, held, by=SYSTEM, at=timezone.now())

    assert spans(provider) == before


@pytest.mark.parametrize(
    ("amounts", "field"),
    [
        (("-0.01", "0", "15"), "input_usd_per_million"),
        (("NaN", "0", "15"), "input_usd_per_million"),
        (("3", "sNaN", "15"), "cached_input_usd_per_million"),
        (("3", "0.3", "Infinity"), "output_usd_per_million"),
        (("3", "0.3", "10000.01"), "output_usd_per_million"),
        (("3", "0.3", "0.0000001"), "output_usd_per_million"),
        (("3", "3.1", "15"), "cached_input_usd_per_million"),
    ],
)
@pytest.mark.acceptance("model_prices")
def test_amounts_that_cannot_be_meant_are_refused(provider, amounts, field):
    before = spans(provider)

    with pytest.raises(InvalidInput) as error:
        operations.set_price(provider, DEFAULT_MODEL, Price(*map(Decimal, amounts)), by=SYSTEM, at=timezone.now())

    assert list(error.value.errors) == [field]
    assert spans(provider) == before


def test_a_model_the_provider_does_not_list_gets_no_price(provider):
    with pytest.raises(InvalidInput) as error:
        operations.set_price(provider, "claude-sonet-4-6", DEARER, by=SYSTEM, at=timezone.now())

    assert list(error.value.errors) == ["model_id"]
    assert ModelPrice.objects.filter(llm_provider=provider).count() == 1


def test_a_price_never_begins_before_the_one_that_holds(provider):
    [(began, _)] = spans(provider)

    for at in (began, began - timedelta(days=1)):
        with pytest.raises(EditedMeanwhile):
            operations.set_price(provider, DEFAULT_MODEL, DEARER, by=SYSTEM, at=at)

    assert spans(provider) == [(began, None)]


def test_prices_set_at_once_follow_each_other(own_database):
    provider = LlmProvider.objects.get(name="Anthropic")
    prices = [Price(Decimal(n), Decimal(0), Decimal(n)) for n in range(1, 9)]

    def setting(price: Price):
        return lambda: operations.set_price(provider, DEFAULT_MODEL, price, by=SYSTEM, at=timezone.now())

    with every_tenant(reason="prices belong to no client"):
        answers = together(*(setting(price) for price in prices))

    found = spans(provider)
    assert {type(answer) for answer in answers} <= {ModelPrice, EditedMeanwhile}
    assert len(found) == 1 + sum(isinstance(answer, ModelPrice) for answer in answers)
    assert [ended for _, ended in found] == [*(began for began, _ in found[1:]), None]


@pytest.mark.acceptance("model_prices")
@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("input_usd_per_million = 2", "guard_immutable"),
        ("valid_from_on = valid_from_on - interval '1 day'", "guard_immutable"),
        ("llm_provider_id = ulid_uuid()", "guard_immutable"),
        ("valid_to_on = valid_from_on", "model_prices_end_after_start"),
    ],
)
def test_a_price_that_was_in_force_is_never_rewritten(provider, change, constraint):
    with refused() as why, connection.cursor() as cursor:
        cursor.execute(f"UPDATE model_prices SET {change}")

    assert why.by == constraint


@pytest.mark.acceptance("model_prices")
@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"valid_from_on": timezone.now()}, "uniq_model_prices_open"),
        ({"valid_to_on": timezone.now() + timedelta(days=1)}, "uniq_model_prices_valid_from"),
        ({"model_id": "other", "input_usd_per_million": 10_001}, "model_prices_input_in_range"),
        ({"model_id": "other", "cached_input_usd_per_million": -1}, "model_prices_cached_not_dearer"),
        ({"model_id": "other", "output_usd_per_million": -1}, "model_prices_output_in_range"),
        ({"model_id": "other", "output_usd_per_million": 10_001}, "model_prices_output_in_range"),
        ({"model_id": "other", "cached_input_usd_per_million": 4}, "model_prices_cached_not_dearer"),
    ],
)
def test_postgresql_holds_one_open_price_and_believable_amounts(provider, changes, constraint):
    held = ModelPrice.objects.values().get(llm_provider=provider)
    held = {name: value for name, value in held.items() if name not in ("id", "ref_id")}

    with refused() as why:
        ModelPrice.objects.create(**(held | changes))

    assert why.by == constraint
    assert ModelPrice.objects.filter(llm_provider=provider).count() == 1


@pytest.fixture
def asked():
    """asked(adapter): what answers in place of the model service, with the real one at hand."""
    real = ADAPTERS["claude"]

    def put(adapter) -> None:
        ADAPTERS["claude"] = lambda request, *, on_delta: adapter(lambda: real(request, on_delta=on_delta))

    yield put
    ADAPTERS["claude"] = real


@pytest.mark.acceptance("model_prices")
def test_each_call_of_a_run_costs_what_held_when_it_began(draft, plan, asked):
    plan("anthropic", "wrong_types")  # so that a repair follows
    provider = LlmProvider.objects.get(name="Anthropic")

    def answer(real) -> ModelAnswer:
        answered = real()
        operations.set_price(provider, DEFAULT_MODEL, DEARER, by=SYSTEM, at=timezone.now())
        return answered

    asked(answer)
    known = set(LlmCall.objects.values_list("pk", flat=True))

    assert attempt(draft).status == "completed"

    first, second = LlmCall.objects.exclude(pk__in=known).order_by("created_on")
    assert (first.input_usd_per_million, first.output_usd_per_million) == (3, 15)
    assert (second.input_usd_per_million, second.output_usd_per_million) == (6, 30)
    for call, price in ((first, Price(Decimal(3), Decimal("0.3"), Decimal(15))), (second, DEARER)):
        assert call.cost_usd == price.cost(ModelUsage(call.input_tokens, call.cached_input_tokens, call.output_tokens))


@pytest.mark.acceptance("model_prices")
def test_tokens_from_the_cache_cost_their_own_price(draft, asked):
    provider = LlmProvider.objects.get(name="Anthropic")
    operations.set_price(
        provider, DEFAULT_MODEL, Price(Decimal(10), Decimal("0.25"), Decimal(20)), by=SYSTEM, at=timezone.now()
    )
    asked(lambda real: replace(real(), usage=ModelUsage(3_000, 2_000, 500)))

    assert attempt(draft).status == "completed"

    call = LlmCall.objects.order_by("created_on").last()
    assert (call.input_tokens, call.cached_input_tokens, call.output_tokens) == (3_000, 2_000, 500)
    # 1,000 fresh tokens at 10, 2,000 cached at 0.25, 500 of output at 20
    assert call.cost_usd == Decimal("0.0205")
