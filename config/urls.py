"""All doors of the product."""

from django.conf import settings
from django.contrib import admin
from django.http import Http404
from django.shortcuts import redirect
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
    path("manage/", admin.site.urls),
    path("dm/", include("apps.portals.dm.urls")),
    path("app/", include("apps.portals.app.urls")),
    path("api/v1/", include("config.api")),
    path("account/", include("allauth.urls")),
    path("", include("apps.tenants.urls.public")),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
]
if getattr(settings, "STYLEGUIDE", False):
    urlpatterns.append(path("styleguide/", styleguide))


def not_found(request, exception: Http404):
    if request.path.startswith("/api/"):
        return problems.response(request, 404, "not_found", "There is no such address.")
    return defaults.page_not_found(request, exception)


def server_error(request):
    if request.path.startswith("/api/"):
        return problems.response(request, 500, "internal_error", "The error was recorded; quote the request id.")
    return defaults.server_error(request)


handler404 = not_found
handler500 = server_error
handler429 = sign_in.too_many_requests  # allauth looks for it here
