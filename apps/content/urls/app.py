"""Content in the client dashboard; mounted by `portals.app`."""

from django.urls import path

from ..views import app

urlpatterns = [
    path("content/", app.content, name="content"),
    path("content/<str:ref_id>/", app.post, name="post"),
]
