"""Decisions in the client dashboard; mounted by `portals.app`."""

from django.urls import path

from ..views import app

urlpatterns = [
    path("approvals/", app.approvals, name="approvals"),
    path("approvals/<str:ref_id>/", app.approval, name="approval"),
    path("approvals/<str:ref_id>/approve/", app.approve, name="approve"),
    path("approvals/<str:ref_id>/reject/", app.reject, name="reject"),
    path("approvals/<str:ref_id>/opened/", app.opened, name="opened"),
]
