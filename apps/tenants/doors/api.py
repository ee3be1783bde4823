"""The door of the API as the settings name it: session sign-in with CSRF, and the parser of bodies.

REST framework imports these while its own views are being loaded, so nothing here may import them; see `viewsets`.
"""

from django.http import QueryDict
from django.utils.datastructures import MultiValueDict
from rest_framework import authentication, exceptions, permissions

from .strict import StrictJSONParser

__all__ = ["SessionAuthentication", "SignedIn", "StrictJSONParser"]


class CsrfFailed(exceptions.PermissionDenied):
    default_code = "csrf_failed"
    default_detail = "Send the CSRF token of this session in the header X-CSRFToken; `GET /api/v1/me/` tells it."


class SessionAuthentication(authentication.SessionAuthentication):
    """The portals' sign-in. Answers 401, not 403, to somebody who is not signed in."""

    def authenticate_header(self, request):
        return "Session"

    def enforce_csrf(self, request):
        """The token comes in the header; looking for it in a form would parse a body that nobody has checked."""
        plain = request._request
        plain._post, plain._files = QueryDict(), MultiValueDict()
        try:
            super().enforce_csrf(plain)
        except exceptions.PermissionDenied as error:
            raise CsrfFailed from error


class SignedIn(permissions.BasePermission):
    def has_permission(self, request, view):
        if request.user is None or not request.user.is_authenticated:
            raise exceptions.NotAuthenticated("Sign in first.")
        return True
