"""The strategy in the client dashboard; mounted by `portals.app`."""

from django.urls import path

from ..views import app

urlpatterns = [
    path("strategy/", app.strategy, name="strategy"),
]
