"""What people type about themselves and the contract. Validation only; operations save."""

from allauth.account.forms import LoginForm
from django import forms
from django.core.validators import MaxLengthValidator

LONGEST_PASSWORD = 1_024  # hashing megabytes would keep a processor busy for whoever asks


class SignInForm(LoginForm):
    """allauth's own, with an upper bound."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["password"].validators.append(MaxLengthValidator(LONGEST_PASSWORD))


class NewPasswordForm(forms.Form):
    """The first password of somebody invited. Outer spaces belong to it."""

    password = forms.CharField(
        label="Choose a password",
        strip=False,
        max_length=LONGEST_PASSWORD,
        help_text="Ten characters or more. A few words in a row are easy to remember and hard to guess.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "autofocus": True, "minlength": 10}),
        error_messages={
            "required": "Choose a password.",
            "max_length": "Use at most %(limit_value)d characters.",
        },
    )


class AcceptanceForm(forms.Form):
    """I agree, and to which PDF."""

    agree = forms.BooleanField(
        label="I have read the contract and agree to it.",
        error_messages={"required": "Tick the box if you agree. Nothing begins before that."},
    )
    shown_sha256 = forms.RegexField(
        r"\A[0-9a-f]{64}\Z",
        widget=forms.HiddenInput,
        error_messages={
            "required": "This form does not say which contract you read. Reload the page.",
            "invalid": "This form does not say which contract you read. Reload the page.",
        },
    )
