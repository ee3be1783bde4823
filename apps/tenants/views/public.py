"""Pages for people who have no sign-in yet."""

from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from apps.shared.errors import InvalidInput

from .. import operations
from ..doors import portal, signed
from ..forms import NewPasswordForm
from ..models import Invitation

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@signed.invited
def invitation(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    """Who invites to what, and a password to choose; sending it opens the account and signs the person in."""
    form = NewPasswordForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            user = operations.accept_invitation(invitation, password=form.cleaned_data["password"], at=request.at)
        except InvalidInput as error:
            for field, texts in error.errors.items():
                form.add_error(field, texts)
        else:
            login(request, user, backend=BACKEND)
            return portal.done(request, reverse("start"))
    context = {"invitation": invitation, "form": form, "brand": {"name": "Leadmetrics"}}
    return portal.respond(request, "public/invitation.html", context, status=422 if form.errors else 200)
