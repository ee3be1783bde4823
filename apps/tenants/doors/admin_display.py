"""How Manage shows values: badges in the kit's tones, links by ref_id, moments, JSON, and secrets as set or not set."""

import json
import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.utils import label_for_field, lookup_field
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.shared.encryption import EnvSecretsField, SealedTextField
from apps.shared.ids import spell

EMPTY = "–"
WORDS = {
    "ref_id": "Reference",
    "slug": "Short name",
    "tenant": "Client",
    "timezone": "Time zone",
    "gstin": "GSTIN",
    "data_privacy_level": "Models",
    "api_key": "API key",
    "model_id": "Model",
    "updated_on": "Last change",
    "updated_by": "Changed by",
    "created_by": "Made by",
    "created_on": "Made",
    "pdf_sha256": "SHA-256 of the PDF",
    "pdf_s3_key": "Key of the PDF",
    "pdf_version_id": "Version of the PDF",
    "accepted_ip": "Accepted from",
    "accepted_user_agent": "Accepted with",
    "decision_ip": "Decided from",
    "decision_user_agent": "Decided with",
    "s3_key": "Key",
    "s3_version_id": "Version",
    "sha256": "SHA-256",
    "content_sha256": "SHA-256 of what was shown",
    "duration_ms": "Took (ms)",
    "timeout_ms": "Time limit (ms)",
    "max_cost_usd_per_activity": "Cap per activity",
    "monthly_cap_usd": "Cap per month",
    "input_usd_per_million": "Input, per million tokens",
    "cached_input_usd_per_million": "Input from the cache, per million tokens",
    "output_usd_per_million": "Output, per million tokens",
    "external_url": "Address",
    "access_token": "Password or token",
    "ip": "From",
    "origin_key": "Origin",
}
UUID_SHAPE = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
LONGEST_SHOWN = 20_000  # characters of one value on a page

# The same words mean the same everywhere, so one table serves all status columns; what is missing is neutral.
TONES = {
    "success": "active accepted connected completed approved published confirmed settled achieved on_track pushed converted paid "
    "captured agreed",
    "info": "assigned in_progress running researching writing sent prepared scheduled open started trialing contacted qualified "
    "authenticated authorized outreach_sent responded",
    "warning": "awaiting_approval pending_acceptance pending review invited at_risk expired paused pending_approval pending_review "
    "snoozed no_response",
    "danger": "failed error missed timed_out unknown suspended rejected overdue halted",
}
TONE_OF = {status: tone for tone, statuses in TONES.items() for status in statuses.split()}


def badge(status: str, label: str) -> SafeString:
    return format_html('<span class="badge tone-{}">{}</span>', TONE_OF.get(status, "neutral"), label)


def address_of(row: models.Model, task: str = "") -> str:
    """Where Manage shows this row, or one of the tasks on it."""
    opts = row._meta
    return reverse(f"admin:{opts.app_label}_{opts.model_name}_{task or 'change'}", args=[row.ref_id])


def list_of(model: type[models.Model], **query: str) -> str:
    opts = model._meta
    return reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist", query=query or None)


def form_to_add(model: type[models.Model], **query: str) -> str:
    """The address of the form that adds a row, with some fields filled in."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_add", query=query or None)


def link(row: models.Model | None, text: str = "") -> SafeString | str:
    """A link to the row's page, where it has one."""
    if row is None:
        return EMPTY
    if not admin.site.is_registered(type(row)):
        return text or str(row)
    return format_html('<a class="link" href="{}">{}</a>', address_of(row), text or str(row))


def moment(value: datetime | None) -> SafeString | str:
    if value is None:
        return EMPTY
    shown_as = date_format(timezone.localtime(value), "j M Y, H:i")
    return format_html('<time datetime="{}">{}</time>', value.isoformat(timespec="seconds"), shown_as)


def usd(value: Decimal | None) -> str:
    """US dollars with every digit that counts, two decimals at least."""
    if value is None:
        return EMPTY
    whole, _, rest = f"{value:,.6f}".rstrip("0").partition(".")
    return f"${whole}.{rest:0<2}"


def inr(paise: int) -> str:
    """An amount in paise as rupees."""
    return f"₹{Decimal(paise) / 100:,.2f}"


def pretty(value: Any) -> SafeString | str:
    """JSON as a person reads it; ids are spelled as the references they are."""
    if value in (None, {}, []):
        return EMPTY
    text = UUID_SHAPE.sub(
        lambda found: spell(UUID(found.group())), json.dumps(value, indent=2, ensure_ascii=False, default=str)
    )
    return format_html('<pre class="code">{}</pre>', text[:LONGEST_SHOWN])


def shown(value: Any, field: models.Field | None = None) -> SafeString | str:
    """Any value of a row, as its field asks for."""
    if isinstance(field, (SealedTextField, EnvSecretsField)):
        return "Set" if value else "Not set"
    if isinstance(value, SafeString):
        return value
    if isinstance(value, models.Model):
        return link(value)
    if value is None or value == "":
        return EMPTY
    if field is not None and field.flatchoices:
        label = dict(field.flatchoices).get(value, value)
        return badge(value, label) if field.name == _status_field(field.model) else str(label)
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, date):
        return date_format(value, "j M Y")
    if isinstance(value, dict) or isinstance(field, models.JSONField):
        return pretty(value)
    if isinstance(value, (list, tuple)):
        return ", ".join(str(item) for item in value) or EMPTY
    if isinstance(field, models.DecimalField) and field.name.endswith(("_usd", "_usd_per_million")):
        return usd(value)
    if field is not None and field.name.endswith("_inr"):
        return inr(value)
    if isinstance(value, (int, Decimal)):
        return number_format(value, use_l10n=True, force_grouping=True)
    return str(value)[:LONGEST_SHOWN]


def _status_field(model: type[models.Model]) -> str:
    return model.moves.field if getattr(model, "moves", None) else "status"


def value_of(row: models.Model, name: str, model_admin) -> SafeString | str:
    field, _, value = lookup_field(name, row, model_admin)
    return shown(value, field)


def label_of(name: str | Callable, model_admin) -> str:
    """The heading of a column or fact: a field's own words, without the endings that say its kind."""
    if isinstance(name, str) and name in {field.name for field in model_admin.opts.fields}:
        return worded(name)
    label = str(label_for_field(name, model_admin.model, model_admin))
    return label[:1].upper() + label[1:]


def worded(name: str) -> str:
    if name in WORDS:
        return WORDS[name]
    for ending in ("_on", "_at", "_usd", "_inr"):
        name = name.removesuffix(ending)
    return name.replace("_", " ").capitalize()


def column(name: str, *, label: str = "") -> Callable:
    """A list column that shows a field as `shown` does: `column("status")`, `column("tenant")`, `column("created_on")`."""

    def display(row):
        try:
            field = row._meta.get_field(name)
        except FieldDoesNotExist:
            field = None
        return shown(getattr(row, name), field)

    display.short_description = label or worded(name)
    display.__name__ = f"{name}_column"
    return display
