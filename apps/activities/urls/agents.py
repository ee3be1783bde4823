"""Callbacks of agents behind a webhook."""

from django.urls import path

from ..views import agents

app_name = "agents"
urlpatterns = [
    path("runs/<str:ref_id>/result", agents.result, name="result"),
    path("runs/<str:ref_id>/stream", agents.stream, name="stream"),
]
