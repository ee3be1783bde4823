"""What people may say about decisions and work. Forms validate; operations save."""

from collections.abc import Collection, Iterable
from dataclasses import replace

from django import forms
from django.utils.text import capfirst

from apps.channels.statuses import Platform
from apps.shared.errors import InvalidInput
from apps.shared.ids import new_id, spell
from apps.strategy.models import Goal
from apps.strategy.statuses import COUNTED, DeliverableType
from apps.tenants.doors.admin_forms import Seen

from . import skill_files, variables
from .bodies import TemplateVariable, role_name
from .checks import BrandRules
from .models import RecurringTaskTemplate
from .operations import RecurringSettings, WantedWork
from .operations.asking import PLATFORMS, TITLE_LENGTH, WISH_LENGTH
from .skill_files import SkillText
from .statuses import ActivityStatus, ActivityType, Periodicity, Trigger

NOTE_LENGTH = 4_000
CONTEXT_FILE_LENGTH = 40_000  # as much as the writer itself may hand in
SHOWN = r"\A[0-9a-f]{64}\Z"


class MarkdownField(forms.CharField):
    """A long text. Browsers send CRLF; one line ending keeps differences between versions honest."""

    widget = forms.Textarea

    def to_python(self, value):
        return super().to_python(value).replace("\r\n", "\n").replace("\r", "\n")


class ShownForm(forms.Form):
    """Whatever is decided or edited carries the digest of what the person had in front of them."""

    shown_sha256 = forms.RegexField(
        SHOWN,
        widget=forms.HiddenInput,
        error_messages={
            "required": "The form came without what you had read. Read it again, then decide.",
            "invalid": "The form came without what you had read. Read it again, then decide.",
        },
    )


class DecisionForm(ShownForm):
    note = MarkdownField(required=False, max_length=NOTE_LENGTH)


class AskForm(DecisionForm):
    note = MarkdownField(max_length=NOTE_LENGTH, error_messages={"required": "Say what should change."})


class RetryForm(forms.Form):
    note = MarkdownField(
        label="Note to the agent",
        required=False,
        max_length=NOTE_LENGTH,
        help_text="What it should do differently this time.",
        widget=forms.Textarea(attrs={"rows": 2}),
    )


class SwitchForm(forms.Form):
    is_enabled = forms.ChoiceField(choices=(("on", "On"), ("off", "Off")))


class PublishedForm(forms.Form):
    """Where a person has put what was approved; the operation looks closer at the address."""

    url = forms.CharField(
        label="Address",
        max_length=1_000,
        help_text="Open the published post and copy its link.",
        widget=forms.TextInput(attrs={"inputmode": "url", "spellcheck": "false", "autocomplete": "off"}),
    )
    note = MarkdownField(required=False, max_length=NOTE_LENGTH, label="Note", widget=forms.Textarea(attrs={"rows": 2}))

    def refuse(self, error: InvalidInput) -> None:
        for name, sentences in error.errors.items():
            for sentence in sentences:
                self.add_error(name if name in self.fields else None, sentence)


class NotPublishedForm(forms.Form):
    cause = MarkdownField(
        label="What went wrong",
        max_length=NOTE_LENGTH,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="The step fails with your words, and can be tried again.",
    )


class ContextFileForm(ShownForm):
    """A reviewer's version of the context file."""

    markdown = MarkdownField(
        label="Context file",
        max_length=CONTEXT_FILE_LENGTH,
        widget=forms.Textarea(attrs={"rows": 28, "class": "font-mono text-dense"}),
        help_text="Markdown. Every agent of this client receives all of it.",
    )
    change_note = forms.CharField(
        label="What you changed", required=False, max_length=500, help_text="One line, for the list of versions."
    )


class BrandRulesForm(ShownForm):
    """A reviewer's version of proposed brand rules: the whole file of the skill."""

    markdown = MarkdownField(
        label="brand-voice",
        max_length=skill_files.BODY_LENGTH + skill_files.FRONT_LENGTH,
        widget=forms.Textarea(attrs={"rows": 28, "class": "font-mono text-dense"}),
        help_text="Front matter between two lines of three dashes, then Markdown. Agents follow it once it is approved.",
    )
    change_note = forms.CharField(
        label="What you changed", required=False, max_length=500, help_text="One line, for the list of versions."
    )


WHO = (("agent", "Agents"), ("human", "People"), ("me", "Me"))


class WorkFilter(forms.Form):
    """Filters of the work list; a value that is not offered is refused."""

    status = forms.ChoiceField(required=False, choices=ActivityStatus.choices)
    type = forms.ChoiceField(required=False, choices=ActivityType.choices)
    who = forms.ChoiceField(required=False, choices=WHO)


class AskForWorkForm(forms.Form):
    """One piece of work beside what is promised. `key` makes two clicks one request; platforms are asked for where the
    chosen kind of work has any to choose from."""

    deliverable_type = forms.ChoiceField(
        label="What",
        error_messages={"required": "Choose what you would like."},
        widget=forms.Select(attrs={"autofocus": True}),
    )
    title = forms.CharField(
        max_length=TITLE_LENGTH,
        error_messages={"required": "Give it a title."},
        help_text="What to call it while it is worked on.",
    )
    wish = MarkdownField(
        label="What it should be about",
        max_length=WISH_LENGTH,
        error_messages={"required": "Say what it should be about."},
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text="The occasion, for whom it is, what must be in it and what must not. Agents read it with the context file.",
    )
    platforms = forms.MultipleChoiceField(
        required=False, widget=forms.CheckboxSelectMultiple, label="Where", help_text="None: wherever the client is."
    )
    wanted_by = forms.DateField(
        required=False,
        input_formats=["%Y-%m-%d"],
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="The day by which it should be out.",
        error_messages={"invalid": "Choose a day."},
    )
    goal = forms.ChoiceField(required=False, help_text="Which goal it serves, if any.")
    key = forms.RegexField(r"\A[0-7][0-9A-HJKMNP-TV-Z]{25}\Z", widget=forms.HiddenInput)

    def __init__(self, data=None, *, goals: Iterable[Goal], connected: Collection[str], href: str, initial=None):
        super().__init__(data, auto_id="ask-%s", initial={"key": spell(new_id()), **(initial or {})})
        self.goals = {goal.ref_id: goal for goal in goals}
        kinds = [(kind.value, capfirst(COUNTED[kind][0])) for kind in DeliverableType]
        self.fields["deliverable_type"].choices = [("", "Choose"), *kinds]
        self.fields["deliverable_type"].widget.attrs |= {
            "hx-get": href, "hx-trigger": "change", "hx-target": "#ask-platforms", "hx-swap": "outerHTML",
        }  # fmt: skip
        self.fields["goal"].choices = [
            ("", "None in particular"),
            *((ref, goal.name) for ref, goal in self.goals.items()),
        ]
        offered = PLATFORMS.get(str(self["deliverable_type"].value() or ""), ())
        self.fields["platforms"].choices = [
            (name, Platform(name).label if name in connected else f"{Platform(name).label} (not connected)")
            for name in offered
        ]
        self.has_platforms = bool(offered)

    @property
    def wanted(self) -> WantedWork:
        """What the operation takes."""
        values = {name: self.cleaned_data[name] for name in ("deliverable_type", "title", "wish", "wanted_by")}
        platforms = tuple(self.cleaned_data["platforms"])
        return WantedWork(**values, platforms=platforms, goal=self.goals.get(self.cleaned_data["goal"]))

    def renew_key(self) -> None:
        """What is sent from here on is another request."""
        self.data = {**self.data.dict(), "platforms": self.data.getlist("platforms"), "key": spell(new_id())}

    def refuse(self, error: InvalidInput) -> None:
        for name, sentences in error.errors.items():
            for sentence in sentences:
                self.add_error(name if name in self.fields else None, sentence)


class ValuesForm(forms.Form):
    """The values of one recurring task, a field per variable; `values` is what the operation takes."""

    seen_on = Seen()

    def __init__(self, template: RecurringTaskTemplate, data=None):
        super().__init__(data, auto_id=f"{template.ref_id}-%s", initial={"seen_on": template.updated_on})
        kept = template.variable_values or {}
        self.keys = {f"value_{variable.key}": variable.key for variable in template.parsed_variables}
        for variable in template.parsed_variables:
            self.fields[f"value_{variable.key}"] = _ValueField(variable, initial=kept.get(variable.key, ""))

    @property
    def values(self) -> dict[str, str]:
        return {key: self.cleaned_data[name] for name, key in self.keys.items()}

    def refuse(self, error: InvalidInput) -> None:
        """What the operation says of a value stands beside its field."""
        names = {key: name for name, key in self.keys.items()}
        for key, sentences in error.errors.items():
            for sentence in sentences:
                self.add_error(names.get(key), sentence)


class _ValueField(forms.CharField):
    WIDGETS = {
        "text": lambda: forms.TextInput(),
        "long_text": lambda: forms.Textarea(attrs={"rows": 4}),
        "number": lambda: forms.TextInput(attrs={"inputmode": "decimal"}),
        "date": lambda: forms.TextInput(attrs={"type": "date"}),
        "url": lambda: forms.TextInput(attrs={"inputmode": "url", "spellcheck": "false"}),
    }

    def __init__(self, variable: TemplateVariable, *, initial: str):
        self.variable = variable
        super().__init__(
            label=variable.label,
            required=variable.required,
            initial=initial,
            max_length=variables.LENGTHS[variable.type],
            widget=self.WIDGETS[variable.type](),
        )

    def clean(self, value):
        try:
            return variables.checked(self.variable, super().clean(value))
        except variables.BadValue as error:
            raise forms.ValidationError(str(error)) from error


class RecurringTaskForm(forms.Form):
    """What a reviewer may change about a client's recurring task; who does it and its variables are set in Manage."""

    name = forms.CharField(max_length=255)
    description = MarkdownField(
        label="What for", required=False, max_length=4_000, widget=forms.Textarea(attrs={"rows": 2})
    )
    prompt_template = MarkdownField(
        label="What to do",
        required=False,
        max_length=variables.TEXT_LENGTH,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text="{{key}} stands for a value that the client fills in.",
    )
    trigger = forms.ChoiceField(label="Begins", choices=Trigger.choices)
    periodicity = forms.ChoiceField(label="Recurs", choices=Periodicity.choices)
    cron_expression = forms.CharField(
        label="Schedule",
        required=False,
        max_length=100,
        widget=forms.TextInput(attrs={"class": "font-mono", "spellcheck": "false"}),
        help_text="Minute, hour, day, month, weekday, in the client's time zone: 0 9 5 * * is the 5th at nine.",
    )
    is_active = forms.BooleanField(label="Switched on", required=False)
    seen_on = Seen()

    def __init__(self, template: RecurringTaskTemplate, data=None):
        initial = {name: getattr(template, name) for name in self.base_fields if name != "seen_on"}
        super().__init__(data, auto_id="settings-%s", initial={**initial, "seen_on": template.updated_on})
        self.template = template

    @property
    def settings(self) -> RecurringSettings:
        changes = {name: value for name, value in self.cleaned_data.items() if name != "seen_on"}
        return replace(
            RecurringSettings.of(self.template), **{**changes, "cron_expression": changes["cron_expression"] or None}
        )

    def refuse(self, error: InvalidInput) -> None:
        for name, sentences in error.errors.items():
            for sentence in sentences:
                self.add_error(name if name in self.fields else None, sentence)


class SkillForm(forms.Form):
    """What a skill says. A whole file pasted into the text fills the fields that are empty; what contradicts is refused."""

    use_required_attribute = False  # a pasted file fills them

    name = forms.CharField(
        max_length=skill_files.NAME_LENGTH,
        error_messages={"required": "Give it a name, such as brand-voice."},
        widget=forms.TextInput(attrs={"class": "font-mono", "spellcheck": "false", "autocapitalize": "none"}),
        help_text="Lower-case words with hyphens, such as brand-voice. It stays.",
    )
    description = MarkdownField(
        max_length=2 * skill_files.DESCRIPTION_LENGTH,
        error_messages={"required": "Say when to use it, and when not: agents choose by this line."},
        widget=forms.Textarea(attrs={"rows": 3}),
        label="When to use it, and when not",
        help_text="Agents see this line of every skill and choose by it.",
    )
    body = MarkdownField(
        max_length=skill_files.BODY_LENGTH + skill_files.FRONT_LENGTH,
        error_messages={"required": "Write down what the agent should know."},
        widget=forms.Textarea(attrs={"rows": 24, "class": "font-mono text-dense"}),
        label="Text",
        help_text="Markdown. Guidance on craft and style; it cannot change what an agent may do.",
    )
    roles = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label="Agents it is for",
        help_text="None: every agent whose task its words fit.",
    )
    tags = forms.CharField(
        required=False, max_length=500, help_text="Words between commas, for finding it. Agents do not read them."
    )
    seen_version = forms.IntegerField(required=False, min_value=1, max_value=2**31 - 1, widget=forms.HiddenInput)

    def __init__(self, data=None, *, offered: Iterable[str], begins: SkillText | None = None, seen: int | None = None):
        initial = {"seen_version": seen}
        if begins is not None:
            initial |= {
                "name": begins.name,
                "description": begins.description,
                "body": begins.body,
                "roles": list(begins.roles),
                "tags": ", ".join(begins.tags),
            }
        super().__init__(data, auto_id="skill-%s", initial=initial)
        if seen is not None:
            del self.fields["name"]
            self.fields["seen_version"].required = True
        if data is not None and skill_files.has_front_matter(data.get("body", "")):
            for name in {"name", "description"} & set(self.fields):
                self.fields[name].required = False
        roles = sorted({*offered, *(begins.roles if begins else ())})
        self.fields["roles"].choices = [(role, role_name(role)) for role in roles]
        self.kept = begins

    def clean(self):
        cleaned = super().clean()
        if not skill_files.has_front_matter(cleaned.get("body", "")):
            return cleaned
        try:
            pasted = skill_files.parse(cleaned["body"])
        except skill_files.BadSkill as error:
            self.refuse(error.errors)
            return cleaned
        if self.kept is not None and "name" not in self.fields and pasted.name != self.kept.name:
            self.add_error("body", f"This is the file of {pasted.name}. Paste it into a new skill instead.")
            return cleaned
        told = {
            "name": pasted.name,
            "description": pasted.description,
            "tags": ", ".join(pasted.tags),
            "roles": list(pasted.roles),
        }
        for field, value in told.items():
            if field not in self.fields or not value:
                continue
            if cleaned.get(field) not in ("", [], None, value, self.initial.get(field)):
                self.add_error(field, "The pasted file says something else. Empty this field, or its line in the file.")
            else:
                cleaned[field] = value
        return cleaned | {"body": pasted.body, "rules": pasted.rules}

    @property
    def text(self) -> SkillText:
        """What the operation takes."""
        values = self.cleaned_data
        name = values["name"] if "name" in self.fields or self.kept is None else self.kept.name
        return SkillText(
            name=name,
            description=values["description"],
            body=values["body"],
            tags=tuple(tag.strip() for tag in values["tags"].split(",") if tag.strip()),
            roles=tuple(values["roles"]),
            rules=values.get("rules", self.kept.rules if self.kept else BrandRules()),
        )

    def refuse(self, errors: dict[str, list[str]]) -> None:
        for name, sentences in errors.items():
            for sentence in sentences:
                self.add_error(name if name in self.fields else None, sentence)


class SeenVersionForm(forms.Form):
    """A button on a skill's page: which version the page showed."""

    seen_version = forms.IntegerField(min_value=1, max_value=2**31 - 1)


class RestoreForm(SeenVersionForm):
    version = forms.IntegerField(min_value=1, max_value=2**31 - 1)


class AssignForm(forms.Form):
    """Which agents of a client get a skill whole."""

    assigned = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label="Always give it in full to",
        help_text="Others see its name and description where it fits.",
    )
    seen = forms.MultipleChoiceField(required=False, widget=forms.MultipleHiddenInput)  # who had it when it was shown

    def __init__(self, data=None, *, offered: Iterable[str], has: Iterable[str] = ()):
        super().__init__(data, auto_id="assign-%s", initial={"assigned": list(has), "seen": list(has)})
        for name in ("assigned", "seen"):
            self.fields[name].choices = [(role, role_name(role)) for role in sorted(offered)]
