"""How allauth signs people in here: by e-mail, never by signing up; where they land depends on their role."""

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from django.core.exceptions import ValidationError
from django.shortcuts import render
from django.urls import reverse

from .statuses import STAFF_ROLES

WAIT_SECONDS = 300  # the longest of allauth's windows for signing in


class AccountAdapter(DefaultAccountAdapter):
    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "email_password_mismatch": "The address or the password is wrong. Try again, or set a new password below.",
    }

    def is_open_for_signup(self, request):
        return False  # people come by invitation

    def get_login_redirect_url(self, request):
        return reverse("dm:inbox") if request.user.role in STAFF_ROLES else reverse("app:home")

    def pre_authenticate(self, request, **credentials):
        try:
            super().pre_authenticate(request, **credentials)
        except ValidationError as error:
            raise ImmediateHttpResponse(too_many_requests(request)) from error

    def _get_login_attempts_cache_key(self, request, **credentials):
        """Failures are counted per address of the caller too: a stranger cannot lock the owner of an account out."""
        return f"{self.get_client_ip(request)}:{super()._get_login_attempts_cache_key(request, **credentials)}"


def too_many_requests(request):
    """The answer to a reached rate limit; also `handler429`, which allauth looks for."""
    response = render(request, "429.html", status=429)
    response["Retry-After"] = str(WAIT_SECONDS)
    return response
