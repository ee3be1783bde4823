"""What every request has: a moment, an id, and headers that keep browsers honest."""

import re

import structlog
from django.utils import timezone

from apps import storage
from apps.shared.ids import new_id, spell

ACCEPTED_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}")


class RequestContext:
    """Sets `request.at` (one moment for the whole request) and `request.request_id`, and the response's headers; lets the
    request wait once for a store that is away."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        request.at = timezone.now()
        given = request.headers.get("X-Request-ID", "")
        request.request_id = given if ACCEPTED_REQUEST_ID.fullmatch(given) else spell(new_id())
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request.request_id, path=request.path)
        with storage.waiting_once():
            response = self.get_response(request)
        response["X-Request-ID"] = request.request_id
        response["Cross-Origin-Resource-Policy"] = "same-origin"
        response["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
        known = getattr(request, "_cached_user", None)  # asked for by the view; asking now would need the database
        if known is not None and known.is_authenticated:
            response["Cache-Control"] = "no-store"
        return response


def address_of(request) -> str | None:
    """The caller's address as the server saw it; X-Forwarded-For is the proxy's business, never believed here."""
    return request.META.get("REMOTE_ADDR") or None
