"""Callbacks of agents behind a webhook."""

from django.urls import path

from ..views import callbacks

app_name = "agents"
urlpatterns = [
    path("runs/<str:ref_id>/result", callbacks.result, name="result"),
    path("runs/<str:ref_id>/stream", callbacks.stream, name="stream"),
]
