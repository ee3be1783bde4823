"""What a reviewer may change on a post."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator

from apps.activities.forms import NOTE_LENGTH, MarkdownField, ShownForm
from apps.strategy.bodies import heading_levels

from .bodies import FIGURES, MOST_OF_A_FIGURE
from .operations import moves_by_hand
from .statuses import OutreachStatus

BODY_LENGTH = 60_000
META_LENGTH = 160
LATEST = timedelta(days=731)  # two years, whichever of them is a leap year

slug_rule = RegexValidator(
    r"\A[a-z0-9]+(-[a-z0-9]+)*\Z", "Use small letters, digits and single hyphens: fresh-coffee-at-home."
)


class ClientTimeField(forms.DateTimeField):
    """A moment typed as the clock of the client shows it; `zone` and `at` are set by the form.

    An hour that the clocks skip or pass twice is refused, because nobody can know which moment was meant. A moment
    that has passed means now, and is given as None.
    """

    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
    zone = ZoneInfo("UTC")
    at: datetime

    def prepare_value(self, value):
        return (
            value.astimezone(self.zone).replace(tzinfo=None) if isinstance(value, datetime) and value.tzinfo else value
        )

    def to_python(self, value):
        if value in self.empty_values:
            return None
        try:
            typed = datetime.fromisoformat(str(value).strip())
        except ValueError as error:
            raise ValidationError("Enter a date and a time, like 2026-03-31 09:00.") from error
        if typed.year < 1970:
            return None
        if typed.year > self.at.year + 3:
            raise ValidationError("Choose a time within the next two years.")
        moment = typed if typed.tzinfo else self._on_the_clients_clock(typed)
        if moment > self.at + LATEST:
            raise ValidationError("Choose a time within the next two years.")
        return moment.astimezone(UTC) if moment > self.at else None

    def _on_the_clients_clock(self, typed: datetime) -> datetime:
        first, second = (typed.replace(tzinfo=self.zone, fold=fold) for fold in (0, 1))
        if first.utcoffset() == second.utcoffset():
            return first
        if first.astimezone(UTC).astimezone(self.zone).replace(tzinfo=None) != typed:
            raise ValidationError(
                f"The clocks in {self.zone.key} go forward then: this time does not exist. Choose another."
            )
        raise ValidationError(f"The clocks in {self.zone.key} go back then: this time comes twice. Choose another.")


class FiguresForm(forms.Form):
    """What the platform says about a published post; what is left empty is not known."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for name in FIGURES:
            self.fields[name] = forms.IntegerField(required=False, min_value=0, max_value=MOST_OF_A_FIGURE)

    def clean(self):
        figures = {name: figure for name, figure in super().clean().items() if figure is not None}
        if not figures and not self.errors:
            raise ValidationError("Enter one figure at least.")
        return figures


class PostForm(ShownForm):
    """A reviewer's version of a post, as in `operations.PostEdit`."""

    title = forms.CharField(max_length=500)
    slug = forms.CharField(
        label="Address", max_length=100, validators=[slug_rule], help_text="The last part of the post's address."
    )
    meta_description = forms.CharField(
        label="Description for search engines",
        max_length=META_LENGTH,
        help_text=f"What people read under the title in search results. {META_LENGTH} characters at most.",
        widget=forms.Textarea(attrs={"rows": 2, "data-count": str(META_LENGTH)}),
    )
    scheduled_for = ClientTimeField(label="Goes out", required=False)
    body_markdown = MarkdownField(
        label="Text",
        max_length=BODY_LENGTH,
        widget=forms.Textarea(attrs={"rows": 26, "class": "font-mono text-dense"}),
        help_text="Markdown. The title stands apart, so headings begin at ##.",
    )
    change_note = forms.CharField(
        label="What you changed", required=False, max_length=500, help_text="One line, for the list of versions."
    )

    def __init__(self, *args, zone: ZoneInfo, at: datetime, **kwargs):
        super().__init__(*args, **kwargs)
        field = self.fields["scheduled_for"]
        field.zone, field.at = zone, at
        field.help_text = f"On the client's clock, {zone.key}. Empty: as soon as it is approved."

    def clean_title(self) -> str:
        return self._on_one_line("title")

    def clean_meta_description(self) -> str:
        return self._on_one_line("meta_description")

    def clean_body_markdown(self) -> str:
        body = self.cleaned_data["body_markdown"]
        if 1 in heading_levels(body):
            raise ValidationError("The title stands apart: begin headings at ##, not #.")
        return body

    def _on_one_line(self, name: str) -> str:
        text = " ".join(self.cleaned_data[name].split())
        if any(ord(character) < 32 for character in text):
            raise ValidationError("Remove the control characters.")
        return text


class BacklinkFilter(forms.Form):
    """A status that is not offered is refused."""

    status = forms.ChoiceField(required=False, choices=OutreachStatus.choices)


class BacklinkMoveForm(forms.Form):
    """What came of asking, as in `operations.move_backlink`."""

    move = forms.ChoiceField(label="What happened", choices=lambda: [(name, name) for name in moves_by_hand()])
    target_url = forms.URLField(
        label="Page that will carry the link",
        required=False,
        max_length=1_000,
        assume_scheme="https",
        help_text="Only if they agreed and named another page than the one above.",
    )
    notes = MarkdownField(required=False, max_length=NOTE_LENGTH, widget=forms.Textarea(attrs={"rows": 3}))

    def clean_target_url(self) -> str:
        address = self.cleaned_data["target_url"]
        if address and not address.startswith(("http://", "https://")):
            raise ValidationError("Enter an address of the web, like https://example.com/page.")
        return address
