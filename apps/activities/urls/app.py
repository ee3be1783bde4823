"""Decisions in the client dashboard; mounted by `portals.app`."""

from django.urls import path

from ..views import app, asking, recurring

urlpatterns = [
    path("approvals/", app.approvals, name="approvals"),
    path("approvals/<str:ref_id>/", app.approval, name="approval"),
    path("approvals/<str:ref_id>/approve/", app.approve, name="approve"),
    path("approvals/<str:ref_id>/reject/", app.reject, name="reject"),
    path("approvals/<str:ref_id>/opened/", app.opened, name="opened"),
    path("ask/", asking.ask_as_client, name="ask"),
    path("setup/", recurring.setup, name="setup"),
    path("setup/<str:ref_id>/", recurring.fill_setup, name="fill_setup"),
]
