"""What models charge, and what they cost every client by day."""

from django.contrib import admin, messages

from apps.tenants.doors.admin import ManageAdmin
from apps.tenants.doors.admin_display import column, link, moment, usd
from apps.tenants.doors.admin_forms import Choice, Line, ManageForm, Usd
from apps.tenants.doors.admin_lists import ClientFilter, text_filter
from apps.tenants.doors.admin_tasks import Panel, Task

from .. import operations
from ..engine.pricing import Price
from ..models import LlmCostDaily, LlmProvider, ModelPrice
from ..models.costs import MOST_USD_PER_MILLION


class PriceForm(ManageForm):
    input_usd_per_million = Usd(most=MOST_USD_PER_MILLION, places=6, label="Input (USD per million tokens)")
    cached_input_usd_per_million = Usd(
        most=MOST_USD_PER_MILLION,
        places=6,
        label="Input from the cache (USD per million tokens)",
        help_text="The price of input where the provider has no cache.",
    )
    output_usd_per_million = Usd(most=MOST_USD_PER_MILLION, places=6, label="Output (USD per million tokens)")


class AddPriceForm(PriceForm):
    provider = Choice()
    model_id = Line(max_length=100, label="Model", help_text="As the provider lists it.")
    field_order = ("provider", "model_id")

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["provider"].choices = LlmProvider.objects.order_by("name").values_list("ref_id", "name")


def set_price(
    request,
    provider: LlmProvider,
    model_id: str,
    input_usd_per_million,
    cached_input_usd_per_million,
    output_usd_per_million,
) -> ModelPrice:
    price = Price(input_usd_per_million, cached_input_usd_per_million, output_usd_per_million)
    begun = operations.set_price(provider, model_id, price, by=request.actor, at=request.at)
    messages.success(request, f"Calls to {model_id} that begin from now on cost this.")
    return begun


def add_price(request, _, *, provider: str, model_id: str, **amounts) -> ModelPrice:
    return set_price(request, LlmProvider.objects.get(ref_id=provider), model_id, **amounts)


def change_price(request, price: ModelPrice, **amounts) -> ModelPrice:
    return set_price(request, price.llm_provider, price.model_id, **amounts)


@admin.register(ModelPrice)
class ModelPriceAdmin(ManageAdmin):
    called = "Model prices"
    list_display = (
        column("model_id", label="Model"),
        column("llm_provider", label="Provider"),
        column("input_usd_per_million", label="Input"),
        column("cached_input_usd_per_million", label="From cache"),
        column("output_usd_per_million", label="Output"),
        column("valid_from_on", label="From"),
        "until",
    )
    list_select_related = ("llm_provider",)
    list_filter = (text_filter("model", "model_id", name="model", placeholder_="claude-sonnet-4-6"),)
    empty = "No prices: no model may be used."
    add = Task("add", "Set a price", "price.set", add_price, form=AddPriceForm, button="Set")
    tasks = (
        Task(
            "edit",
            "Change",
            "price.set",
            change_price,
            form=PriceForm,
            button="Set",
            initial=lambda price: {name: getattr(price, name) for name in PriceForm.base_fields},
            when=lambda price: price.valid_to_on is None,
        ),
    )
    sections = (
        ("Price", ("model_id", "llm_provider", "valid_from_on", "until", "created_by", "ref_id")),
        ("Charged", ("input_usd_per_million", "cached_input_usd_per_million", "output_usd_per_million")),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("llm_provider", "created_by")

    def title_of(self, row):
        return f"{row.model_id} at {row.llm_provider.name}"

    @admin.display(description="Until")
    def until(self, row):
        return moment(row.valid_to_on) if row.valid_to_on else "Holds now"

    def panels(self, request, row):
        others = ModelPrice.objects.filter(llm_provider=row.llm_provider_id, model_id=row.model_id).exclude(pk=row.pk)
        return [
            Panel(
                "Other prices of this model",
                ("From", "Until", "Input", "From cache", "Output"),
                [
                    (
                        link(p, f"{p.valid_from_on:%-d %b %Y, %H:%M}"),
                        self.until(p),
                        usd(p.input_usd_per_million),
                        usd(p.cached_input_usd_per_million),
                        usd(p.output_usd_per_million),
                    )
                    for p in others.order_by("-valid_from_on")[:20]
                ],
                "It has had no other.",
            )
        ]


@admin.register(LlmCostDaily)
class LlmCostDailyAdmin(ManageAdmin):
    called = "Costs by day"
    list_display = (
        column("day"),
        column("tenant", label="Client"),
        column("agent_role", label="Agent"),
        column("model_id", label="Model"),
        column("calls"),
        column("input_tokens", label="In"),
        column("output_tokens", label="Out"),
        column("cost_usd", label="Cost"),
    )
    list_select_related = ("tenant",)
    list_filter = (
        "adapter_type",
        ClientFilter,
        text_filter("agent", "agent_role", name="agent", placeholder_="copywriter"),
    )
    empty = "No model was called yet, or the hourly round has not been."
    sections = (
        ("Day", ("day", "tenant", "agent_role", "adapter_type", "model_id", "ref_id")),
        ("Use", ("calls", "input_tokens", "cached_input_tokens", "output_tokens", "cost_usd")),
        ("Counted", ("created_on", "updated_on")),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant")
