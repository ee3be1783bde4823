"""Addresses of the API, version 1, its OpenAPI document and its pages."""

import functools

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render
from django.urls import include, path, re_path
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer

from apps.shared.scoping import tenant_scope
from apps.tenants.doors import problems

app_name = "api"


@functools.cache
def document() -> bytes:
    """The OpenAPI document. It is the same for everybody, and made in a scope of no client."""
    with tenant_scope():
        return OpenApiJsonRenderer().render(SchemaGenerator().get_schema(public=True), renderer_context={})


def schema(request: HttpRequest) -> HttpResponse:
    if request.method not in ("GET", "HEAD"):
        return _not_allowed(request)
    return HttpResponse(document(), content_type=OpenApiJsonRenderer.media_type)


def docs(request: HttpRequest) -> HttpResponse:
    if request.method not in ("GET", "HEAD"):
        return _not_allowed(request)
    return render(request, "api/docs.html")


def _not_allowed(request: HttpRequest) -> HttpResponse:
    headers = {"Allow": HttpResponseNotAllowed(["GET", "HEAD"])["Allow"]}
    return problems.response(request, 405, "method_not_allowed", "This can only be read.", headers=headers)


@csrf_exempt
def nothing_here(request: HttpRequest) -> HttpResponse:
    """Every other address below /api/v1/, so that none is redirected and a POST never loses its body on the way."""
    return problems.response(request, 404, "not_found", "There is no such address. All of them end in a slash.")


urlpatterns = [
    path("", include("apps.tenants.api.urls")),
    path("", include("apps.strategy.api.urls")),
    path("", include("apps.channels.api.urls")),
    path("", include("apps.activities.api.urls")),
    path("", include("apps.content.api.urls")),
    path("schema/", csrf_exempt(schema), name="schema"),
    path("docs/", csrf_exempt(docs), name="docs"),
    re_path(r"", nothing_here),
]
