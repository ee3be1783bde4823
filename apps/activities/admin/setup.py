"""What templates, agents and model providers are set to."""

from django import forms
from django.contrib import admin, messages

from apps.tenants.doors.admin import ManageAdmin
from apps.tenants.doors.admin_display import EMPTY, column, link, usd
from apps.tenants.doors.admin_forms import (
    Choice,
    Choices,
    Json,
    Line,
    ManageForm,
    Paragraphs,
    Secret,
    Seen,
    Switch,
    Usd,
    WebAddress,
    Whole,
)
from apps.tenants.doors.admin_lists import ClientFilter, text_filter
from apps.tenants.doors.admin_tasks import Panel, Task

from .. import operations
from ..adapters import ADAPTERS
from ..models import AgentConfig, LlmProvider, ModelPrice, RecurringTaskTemplate
from ..statuses import AdapterType, AssigneeType, HumanRole, Periodicity, Trigger


class RecurringForm(ManageForm):
    name = Line(max_length=255)
    description = Paragraphs(max_length=4_000, required=False, label="What for")
    assignee_type = Choice(choices=AssigneeType.choices, label="Done by")
    agent_role = Line(max_length=100, required=False, label="Agent", help_text="Where an agent does it.")
    human_role = Choice(
        choices=[("", "—"), *HumanRole.choices], required=False, label="Person", help_text="Where a person does it."
    )
    trigger = Choice(choices=Trigger.choices, label="Begins")
    periodicity = Choice(choices=Periodicity.choices, label="Recurs")
    cron_expression = Line(
        max_length=100,
        required=False,
        label="Schedule",
        help_text="Minute, hour, day, month, weekday, in the client's time zone. Only for a task on a schedule.",
    )
    prompt_template = Paragraphs(
        max_length=10_000, required=False, label="What to do", help_text="{{key}} stands for the value of a variable."
    )
    variables = Json(help_text="A JSON list of {key, label, type, required}.")
    is_active = Switch(label="Switched on")
    seen_on = Seen()


def edit_recurring(request, template: RecurringTaskTemplate, *, seen_on, **wanted) -> None:
    empty_as_none = {name: wanted[name] or None for name in ("agent_role", "human_role", "cron_expression")}
    operations.edit_recurring_task(
        template,
        operations.RecurringSettings(**{**wanted, **empty_as_none}),
        by=request.actor,
        at=request.at,
        seen_on=seen_on,
    )
    messages.success(request, "Saved.")


def recurring_settings_of(template: RecurringTaskTemplate) -> dict:
    names = [name for name in RecurringForm.base_fields if name != "seen_on"]
    return {"seen_on": template.updated_on, **{name: getattr(template, name) for name in names}}


def spawn_now(request, template: RecurringTaskTemplate) -> None:
    task = operations.spawn_now(template, by=request.actor, at=request.at)
    messages.success(request, f"Made: {task.title}.")


@admin.register(RecurringTaskTemplate)
class RecurringTaskTemplateAdmin(ManageAdmin):
    called = "Recurring tasks"
    list_display = (
        "name",
        "whose",
        column("periodicity"),
        column("trigger"),
        column("cron_expression", label="Cron"),
        "who",
        column("is_active", label="Active"),
    )
    list_select_related = ("tenant",)
    list_filter = ("periodicity", "trigger", "is_active", ClientFilter)
    tasks = (
        Task(
            "edit",
            "Edit",
            "recurring_task.edit",
            edit_recurring,
            form=RecurringForm,
            button="Save",
            initial=recurring_settings_of,
        ),
        Task(
            "spawn",
            "Make one now",
            "recurring_task.spawn",
            spawn_now,
            when=lambda template: template.tenant_id is not None and template.is_active,
        ),
    )
    sections = (
        (
            "Task",
            ("name", "description", "whose", "who", "periodicity", "trigger", "cron_expression", "is_active", "ref_id"),
        ),
        ("Text", ("prompt_template", "variables", "variable_values")),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant")

    @admin.display(description="Whose")
    def whose(self, row):
        return link(row.tenant) if row.tenant_id else "Global"

    @admin.display(description="Who")
    def who(self, row):
        return row.agent_role or row.get_human_role_display() or EMPTY


class AgentForm(ManageForm):
    is_enabled = Switch(label="Works for this client")
    adapter_type = Choice(
        choices=[choice for choice in AdapterType.choices if choice[0] in ADAPTERS], label="Kind of model service"
    )
    model_id = Choice(label="Model", help_text="Models of enabled providers. A model without a known price is refused.")
    tool_names = Choices(
        label="May look things up in", help_text="What an agent may not use, it is not told of. All of it is read only."
    )
    max_concurrent = Whole(
        min_value=0, max_value=1_000, label="At the same time, at most", help_text="0 holds this agent's work back."
    )
    timeout_ms = Whole(
        min_value=1_000,
        max_value=86_400_000,
        label="Time limit of a run (ms)",
        help_text="An agent behind a webhook has an hour at most.",
    )
    max_cost_usd_per_activity = Usd(most=9_999, label="Cap per activity (USD)")
    monthly_cap_usd = Usd(
        most=999_999, required=False, label="Cap per month (USD)", help_text="Empty: only the client's own cap holds."
    )
    escalation_after_failures = Whole(min_value=1, max_value=100, label="Failures before a person is called")
    seen_on = Seen()

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        offered = {self.row.model_id: [self.row.adapter_type], **operations.models_offered()}
        self.fields["model_id"].choices = [
            (model, f"{model} ({', '.join(AdapterType(kind).label for kind in kinds)})")
            for model, kinds in offered.items()
        ]
        self.fields["tool_names"].choices = [(name, name) for name in operations.integrations_of_tools()]


def edit_agent(request, config: AgentConfig, *, seen_on, **wanted) -> None:
    operations.edit_agent_config(
        config, operations.AgentSettings(**wanted), by=request.actor, at=request.at, seen_on=seen_on
    )
    messages.success(request, "Saved. Runs that begin from now on obey it.")


def agent_settings_of(config: AgentConfig) -> dict:
    names = [name for name in AgentForm.base_fields if name != "seen_on"]
    return {"seen_on": config.updated_on, **{name: getattr(config, name) for name in names}}


@admin.register(AgentConfig)
class AgentConfigAdmin(ManageAdmin):
    called = "Agent settings"
    list_display = (
        column("agent_role", label="Agent"),
        column("tenant", label="Client"),
        column("is_enabled", label="Works"),
        column("model_id", label="Model"),
        column("max_concurrent", label="At once"),
        column("max_cost_usd_per_activity", label="Per activity"),
        column("monthly_cap_usd", label="Per month"),
    )
    list_select_related = ("tenant",)
    list_filter = (
        "is_enabled",
        "adapter_type",
        ClientFilter,
        text_filter("agent", "agent_role", name="agent", placeholder_="copywriter"),
    )
    tasks = (
        Task("edit", "Edit", "agent_config.edit", edit_agent, form=AgentForm, button="Save", initial=agent_settings_of),
    )
    sections = (
        (
            "Agent",
            ("agent_role", "tenant", "is_enabled", "adapter_type", "model_id", "tool_names", "skill_ids", "ref_id"),
        ),
        (
            "Limits",
            (
                "max_concurrent",
                "timeout_ms",
                "max_cost_usd_per_activity",
                "monthly_cap_usd",
                "escalation_after_failures",
            ),
        ),
        ("Secrets", ("env_secrets",)),
        ("Last change", ("updated_by", "updated_on")),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant", "updated_by")

    def title_of(self, row):
        return f"{row.agent_role} for {row.tenant.name}"


class Models(Paragraphs):
    """One model per line: its id and, after a space, how many tokens its context holds."""

    def clean(self, value):
        models = []
        for line in super().clean(value).splitlines():
            match line.split():
                case []:
                    continue
                case [model_id] if len(model_id) <= 100:
                    models.append({"model_id": model_id})
                case [model_id, tokens] if (
                    len(model_id) <= 100
                    and tokens.isascii()
                    and tokens.isdigit()
                    and 0 < int(tokens[:9]) == int(tokens)
                ):
                    models.append({"model_id": model_id, "context_tokens": int(tokens)})
                case _:
                    raise forms.ValidationError(
                        f"“{line[:100]}” is no model: write its id and, after a space, its context in tokens.",
                        code="model",
                    )
        return models

    def prepare_value(self, value):
        if not isinstance(value, list):
            return value
        return "\n".join(
            " ".join(str(part) for part in (m["model_id"], m.get("context_tokens")) if part) for m in value
        )


class ProviderFields(ManageForm):
    name = Line(max_length=100)
    base_url = WebAddress(
        max_length=500, required=False, label="Address", help_text="Empty: the address from the environment."
    )
    models = Models(
        max_length=20_000, required=False, help_text="One per line: the model's id and its context in tokens."
    )
    is_enabled = Switch(initial=True, label="In use")
    is_local = Switch(
        label="Local",
        help_text="A server of our own, named in EGRESS_ALLOW_HOSTS. Clients with local models only are served by local "
        "providers alone.",
    )


class AddProviderForm(ProviderFields):
    adapter_type = Choice(choices=AdapterType.choices, label="Speaks")
    api_key = Secret(
        required=False,
        label="API key",
        help_text="Sealed and never shown again. Empty: the key from the environment, if the address is from there too.",
    )
    field_order = ("name", "adapter_type", "base_url", "api_key", "models")


class EditProviderForm(ProviderFields):
    api_key = Secret(required=False, label="API key", help_text="Empty keeps the stored one.")
    forget_key = Switch(
        label="Forget the stored key", help_text="Without an address of its own, the key from the environment is used."
    )
    seen_on = Seen()
    field_order = ("name", "base_url", "api_key", "forget_key", "models")


def provider_facts(
    name: str, base_url: str, models: list, is_enabled: bool, is_local: bool
) -> operations.ProviderFacts:
    return operations.ProviderFacts(
        name=name, base_url=base_url or None, models=models, is_enabled=is_enabled, is_local=is_local
    )


def add_provider(request, _, *, adapter_type: str, api_key: str, **facts) -> LlmProvider:
    provider = operations.add_provider(
        provider_facts(**facts), adapter_type=adapter_type, api_key=api_key, by=request.actor, at=request.at
    )
    messages.success(request, f"{provider.name} is added.")
    return provider


def edit_provider(request, provider: LlmProvider, *, api_key: str, forget_key: bool, seen_on, **facts) -> None:
    operations.edit_provider(
        provider,
        provider_facts(**facts),
        api_key=api_key,
        forget_key=forget_key,
        by=request.actor,
        at=request.at,
        seen_on=seen_on,
    )
    messages.success(request, "Saved.")


@admin.register(LlmProvider)
class LlmProviderAdmin(ManageAdmin):
    called = "Model providers"
    list_display = (
        "name",
        column("adapter_type", label="Speaks"),
        "address",
        "key",
        column("is_enabled", label="In use"),
        column("is_local", label="Local"),
        column("last_error"),
    )
    list_filter = ("is_enabled", "adapter_type")
    add = Task("add", "Add a provider", "provider.edit", add_provider, form=AddProviderForm)
    tasks = (
        Task(
            "edit",
            "Edit",
            "provider.edit",
            edit_provider,
            form=EditProviderForm,
            button="Save",
            initial=lambda p: {
                "name": p.name,
                "base_url": p.base_url,
                "models": p.models,
                "is_enabled": p.is_enabled,
                "is_local": p.is_local,
                "seen_on": p.updated_on,
            },
        ),
    )
    sections = (
        ("Provider", ("name", "adapter_type", "address", "api_key", "is_enabled", "is_local", "ref_id")),
        ("State", ("last_verified_at", "last_error", "updated_by", "updated_on")),
    )

    @admin.display(description="Address")
    def address(self, row):
        return row.base_url or "From the environment"

    @admin.display(description="API key")
    def key(self, row):
        return "Set" if row.api_key else "Not set"

    def panels(self, request, row):
        prices = {p.model_id: p for p in ModelPrice.objects.filter(llm_provider=row, valid_to_on__isnull=True)}

        def charged(model_id: str):
            if model_id not in prices:
                return "No price: it may not be used"
            price = prices[model_id]
            return link(price, f"{usd(price.input_usd_per_million)} in, {usd(price.output_usd_per_million)} out")

        return [
            Panel(
                "Models",
                ("Model", "Context", "Per million tokens"),
                [
                    (
                        m["model_id"],
                        f"{m['context_tokens']:,} tokens" if m.get("context_tokens") else EMPTY,
                        charged(m["model_id"]),
                    )
                    for m in row.models
                ],
                "No models: agents cannot be set to one of this provider.",
            )
        ]
