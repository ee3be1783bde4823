"""Forms of Manage: plain forms with strict fields. They check what was typed; operations decide and store."""

import re
import unicodedata
from datetime import datetime
from decimal import Decimal

import orjson
from django import forms
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html, format_html_join
from unfold import widgets

from apps.shared import egress
from apps.shared.ids import is_ref_id

from ..models import Tenant
from .admin_lists import CLIENTS_SUGGESTED

# Characters that turn the direction of text around: a name must not read differently from what it is.
BIDI_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class ManageForm(forms.Form):
    """A form that knows the row it is about (None when adding) and refuses fields it does not have."""

    def __init__(self, data=None, *, row=None, initial=None):
        self.row = row
        super().__init__(data, initial=initial, label_suffix="")

    def clean(self):
        cleaned = super().clean()
        if unknown := set(self.data) - set(self.fields) - {"csrfmiddlewaretoken"}:
            self.add_error(None, f"Unknown field: {', '.join(sorted(unknown))[:200]}.")
        for name in self.changed_data:
            if isinstance(self.fields[name], WebAddress) and cleaned.get(name):
                try:
                    self.fields[name].check(cleaned[name])
                except forms.ValidationError as error:
                    self.add_error(name, error)
        return cleaned


class Line(forms.CharField):
    """One line of text without control characters, line breaks or direction overrides."""

    widget = widgets.UnfoldAdminTextInputWidget
    breaks = ""

    def validate(self, value):
        super().validate(value)
        for character in value or "":
            odd = unicodedata.category(character) in ("Cc", "Cs") or character in BIDI_CONTROLS
            if odd and character not in self.breaks:
                raise forms.ValidationError("Leave out control characters and line breaks.", code="control_characters")


class Paragraphs(Line):
    widget = widgets.UnfoldAdminTextareaWidget
    breaks = "\n\r\t"


class Slug(Line):
    """A word in addresses: lower-case letters, digits and single hyphens."""

    def validate(self, value):
        super().validate(value)
        if value and not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", value):
            raise forms.ValidationError("Use lower-case letters, digits and single hyphens.", code="slug")


class WebAddress(Line):
    """An address on the public internet, or one that EGRESS_ALLOW_HOSTS lets through.

    The form checks it when it was changed: one that was good when it was saved must not stand in the way of other edits,
    and whoever calls it checks it again.
    """

    widget = widgets.UnfoldAdminTextInputWidget(attrs={"inputmode": "url", "spellcheck": "false"})

    def check(self, address: str) -> None:
        try:
            egress.check_url(address)
        except egress.EgressRefused as error:
            raise forms.ValidationError(error.sentence, code=error.cause) from error


class MailAddress(forms.EmailField):
    widget = widgets.UnfoldAdminEmailInputWidget

    def __init__(self, **kwargs):
        super().__init__(max_length=255, **kwargs)

    def to_python(self, value):
        return super().to_python(value).lower()


class Secret(forms.CharField):
    """Written, never shown: the input is always empty."""

    widget = widgets.UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"})

    def __init__(self, **kwargs):
        super().__init__(max_length=1_024, **kwargs)


class Choice(forms.ChoiceField):
    widget = widgets.UnfoldAdminSelectWidget


class Choices(forms.MultipleChoiceField):
    """Any of what is offered, or nothing."""

    widget = widgets.UnfoldAdminCheckboxSelectMultipleWidget

    def __init__(self, **kwargs):
        super().__init__(required=False, **kwargs)


class Switch(forms.BooleanField):
    widget = widgets.UnfoldBooleanWidget

    def __init__(self, **kwargs):
        super().__init__(required=False, **kwargs)


class Whole(forms.IntegerField):
    """A whole number in plain digits."""

    widget = widgets.UnfoldAdminIntegerFieldWidget

    def to_python(self, value):
        if value not in self.empty_values and not re.fullmatch(r"-?[0-9]{1,18}", str(value).strip()):
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid")
        return super().to_python(value)


class Usd(forms.DecimalField):
    """An amount in US dollars with at most so many decimals, in plain digits."""

    widget = widgets.UnfoldAdminDecimalFieldWidget

    def __init__(self, *, most: int, places: int = 4, **kwargs):
        super().__init__(min_value=Decimal(0), max_value=most, decimal_places=places, **kwargs)

    def to_python(self, value):
        if value not in self.empty_values and not re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,12})?", str(value).strip()):
            raise forms.ValidationError("Enter an amount in plain digits, such as 50 or 12.50.", code="invalid")
        return super().to_python(value)


class Json(forms.CharField):
    """Strict JSON of bounded depth; the cleaned value is what it says."""

    widget = widgets.UnfoldAdminTextareaWidget(attrs={"rows": 28, "spellcheck": "false", "class": "code"})

    def to_python(self, value):
        text = super().to_python(value)
        if text in self.empty_values:
            return None
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise forms.ValidationError(f"This is not valid JSON: {error}.", code="json") from error

    def validate(self, value):
        if self.required and value is None:
            raise forms.ValidationError(self.error_messages["required"], code="required")

    def run_validators(self, value):
        """The value is no text any more; its length was checked by the request's own limit."""

    def prepare_value(self, value):
        if isinstance(value, str):
            return value
        return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


class Seen(forms.CharField):
    """When the row was last changed as the page showed it, so that an edit never overwrites one it has not seen."""

    widget = forms.HiddenInput

    def __init__(self):
        super().__init__(required=False, max_length=40)

    def prepare_value(self, value):
        return value.isoformat() if isinstance(value, datetime) else value

    def to_python(self, value):
        text = super().to_python(value)
        if not text:
            return None
        try:
            moment = parse_datetime(text)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            raise forms.ValidationError("This form does not say what it showed. Reload the page.", code="seen")
        return moment

    def run_validators(self, value):
        """Nothing is left to check on a moment."""


class ClientInput(widgets.UnfoldAdminTextInputWidget):
    """A text input that suggests clients by name."""

    def render(self, name, value, attrs=None, renderer=None):
        list_id = f"{name}-clients"
        field = super().render(name, value, {**(attrs or {}), "list": list_id, "autocomplete": "off"}, renderer)
        clients = Tenant.objects.order_by("name").values_list("slug", "name")[:CLIENTS_SUGGESTED]
        options = format_html_join("", '<option value="{}">{}</option>', clients)
        return format_html('{}<datalist id="{}">{}</datalist>', field, list_id, options)


class Client(Line):
    """A client by slug or reference; the cleaned value is the row, or None."""

    widget = ClientInput

    def __init__(self, **kwargs):
        kwargs.setdefault("label", "Client")
        super().__init__(max_length=100, **kwargs)

    def clean(self, value):
        wanted = super().clean(value)
        if not wanted:
            return None
        by = {"ref_id": wanted} if is_ref_id(wanted) else {"slug": wanted}
        tenant = Tenant.objects.filter(**by).first()
        if tenant is None:
            raise forms.ValidationError("There is no such client.", code="unknown_client")
        return tenant

    def prepare_value(self, value):
        return value.slug if isinstance(value, Tenant) else value
