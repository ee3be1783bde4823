"""Content in the client dashboard; mounted by `portals.app`."""

from django.urls import path

from ..views import app, backlinks, reports

urlpatterns = [
    path("content/", app.content, name="content"),
    path("content/<str:ref_id>/", app.post, name="post"),
    path("backlinks/", backlinks.won, name="backlinks"),
    path("reports/", reports.reports, name="reports"),
    path("reports/<str:ref_id>/", reports.report, name="report"),
]
