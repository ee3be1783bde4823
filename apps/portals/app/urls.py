"""Addresses of the client dashboard. Every app brings its own; all names stand under `app:`."""

from django.urls import include, path

from . import views

app_name = "app"
urlpatterns = [
    path("", views.home, name="home"),
    path("progress/", views.progress, name="progress"),
    path("", include("apps.tenants.urls.app")),
    path("", include("apps.activities.urls.app")),
    path("", include("apps.strategy.urls.app")),
    path("", include("apps.content.urls.app")),
]
