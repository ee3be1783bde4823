"""All doors of the product."""

import sys

from django.conf import settings
from django.contrib import admin
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.template import loader
from django.urls import include, path
from django.views import defaults

from apps.portals import health
from apps.portals.styleguide import styleguide
from apps.tenants import sign_in
from apps.tenants.doors import problems


def start(request):
    """The front door: where somebody lands depends on who they are."""
    if not request.user.is_authenticated:
        return redirect(settings.LOGIN_URL)
    return redirect("app:home" if request.user.tenant_id else "dm:inbox")


urlpatterns = [
    path("", start, name="start"),
    path("manage/skills/", include("apps.activities.urls.manage")),
    path("manage/", admin.site.urls),
    path("dm/", include("apps.portals.dm.urls")),
    path("app/", include("apps.portals.app.urls")),
    path("api/v1/", include("config.api")),
    path("account/", include("allauth.urls")),
    path("agent/v1/", include("apps.activities.urls.callbacks")),
    path("", include("apps.tenants.urls.public")),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
]
if getattr(settings, "STYLEGUIDE", False):
    urlpatterns.append(path("styleguide/", styleguide))


def bad_request(request, exception):
    if request.path.startswith("/api/"):
        return problems.response(request, 400, "bad_request", "This request cannot be read.")
    return defaults.bad_request(request, exception)


def not_found(request, exception: Http404):
    if request.path.startswith("/api/"):
        return problems.response(request, 404, "not_found", "There is no such address.")
    return defaults.page_not_found(request, exception)


def server_error(request):
    """Whatever nobody caught. While PostgreSQL is away that is a 503: come back, nothing is broken."""
    is_away = isinstance(sys.exception(), (OperationalError, InterfaceError))
    if request.path.startswith("/api/"):
        if is_away:
            return problems.unavailable(request)
        return problems.response(request, 500, "internal_error", "The error was recorded; quote the request id.")
    if is_away:
        return HttpResponse(loader.render_to_string("503.html"), status=503, headers={"Retry-After": "5"})
    return defaults.server_error(request)


handler400 = bad_request
handler404 = not_found
handler500 = server_error
handler429 = sign_in.too_many_requests  # allauth looks for it here
