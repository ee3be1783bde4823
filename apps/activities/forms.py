"""What people may say about decisions and work. Forms validate; operations save."""

from django import forms

from .statuses import ActivityStatus, ActivityType

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


WHO = (("agent", "Agents"), ("human", "People"), ("me", "Me"))


class WorkFilter(forms.Form):
    """Filters of the work list; a value that is not offered is refused."""

    status = forms.ChoiceField(required=False, choices=ActivityStatus.choices)
    type = forms.ChoiceField(required=False, choices=ActivityType.choices)
    who = forms.ChoiceField(required=False, choices=WHO)
