"""What models charge, and what was spent on them day by day."""

from django.db import models
from django.db.models import F, Q

from apps.shared.constraints import between, not_negative
from apps.shared.models import BaseRecord, Mutable, TenantRecord

from ..statuses import AdapterType
from .agents import LlmProvider

MOST_USD_PER_MILLION = 10_000  # many times the dearest model there is: beyond it somebody mistyped


class ModelPrice(BaseRecord, Mutable):
    """What a provider charges for one model during a span of time; the row without an end holds now. Never edited."""

    write_once = (
        "llm_provider_id",
        "model_id",
        "input_usd_per_million",
        "cached_input_usd_per_million",
        "output_usd_per_million",
        "valid_from_on",
        "valid_to_on",
    )

    llm_provider = models.ForeignKey(LlmProvider, models.PROTECT, related_name="+", db_index=False)
    model_id = models.CharField(max_length=100)
    input_usd_per_million = models.DecimalField(max_digits=12, decimal_places=6, help_text="USD per million tokens.")
    cached_input_usd_per_million = models.DecimalField(
        max_digits=12, decimal_places=6, help_text="USD per million tokens that come from the provider's cache."
    )
    output_usd_per_million = models.DecimalField(max_digits=12, decimal_places=6, help_text="USD per million tokens.")
    valid_from_on = models.DateTimeField()
    valid_to_on = models.DateTimeField(null=True, blank=True, help_text="From this moment on it holds no more.")

    class Meta:
        db_table = "model_prices"
        constraints = [
            models.UniqueConstraint(
                fields=["llm_provider", "model_id", "valid_from_on"], name="uniq_model_prices_valid_from"
            ),
            models.UniqueConstraint(
                fields=["llm_provider", "model_id"],
                condition=Q(valid_to_on__isnull=True),
                name="uniq_model_prices_open",
            ),
            between("input_usd_per_million", 0, MOST_USD_PER_MILLION, name="model_prices_input_in_range"),
            # What is set aside before a call counts every token as fresh, so a cached one must not cost more.
            models.CheckConstraint(
                condition=Q(cached_input_usd_per_million__gte=0)
                & Q(cached_input_usd_per_million__lte=F("input_usd_per_million")),
                name="model_prices_cached_not_dearer",
            ),
            between("output_usd_per_million", 0, MOST_USD_PER_MILLION, name="model_prices_output_in_range"),
            models.CheckConstraint(
                condition=Q(valid_to_on__isnull=True) | Q(valid_to_on__gt=F("valid_from_on")),
                name="model_prices_end_after_start",
            ),
        ]

    def __str__(self):
        return self.model_id


class LlmCostDaily(TenantRecord, Mutable):
    """What one agent role spent on one model in one day of the client's time zone; counted from `llm_calls`."""

    day = models.DateField(help_text="In the client's time zone; a call belongs to the day on which it began.")
    agent_role = models.CharField(max_length=100)
    adapter_type = models.CharField(max_length=50, choices=AdapterType)
    model_id = models.CharField(max_length=100)
    calls = models.IntegerField()
    input_tokens = models.BigIntegerField()
    cached_input_tokens = models.BigIntegerField(help_text="Part of the input tokens.")
    output_tokens = models.BigIntegerField()
    cost_usd = models.DecimalField(max_digits=14, decimal_places=6)

    class Meta(TenantRecord.Meta):
        db_table = "llm_cost_daily"
        verbose_name = "cost of a day"
        verbose_name_plural = "costs by day"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "day", "agent_role", "adapter_type", "model_id"], name="uniq_llm_cost_daily_day"
            ),
            not_negative(
                "calls",
                "input_tokens",
                "cached_input_tokens",
                "output_tokens",
                name="llm_cost_daily_counts_not_negative",
            ),
            between("cost_usd", 0, 99_999_999, name="llm_cost_daily_cost_in_range"),
        ]

    def __str__(self):
        return f"{self.day}: {self.agent_role} with {self.model_id}"
