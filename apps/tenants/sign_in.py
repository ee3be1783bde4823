"""How allauth signs people in here: by e-mail, never by signing up; where they land depends on their role."""

from allauth.account.adapter import DefaultAccountAdapter
from django.urls import reverse

from .statuses import STAFF_ROLES


class AccountAdapter(DefaultAccountAdapter):
    def is_open_for_signup(self, request):
        return False  # people come by invitation

    def get_login_redirect_url(self, request):
        return reverse("dm:inbox") if request.user.role in STAFF_ROLES else reverse("app:home")
