"""Leads in the DM Portal, as they stand behind /dm/c/<slug>/; mounted by `portals.dm`."""

from django.urls import path

from ..views import dm

urlpatterns = [
    path("leads/", dm.leads, name="leads"),
    path("leads/import/", dm.import_leads, name="import_leads"),
    path("leads/import/<str:ref_id>/", dm.import_columns, name="import_columns"),
    path("leads/imports/<str:ref_id>/", dm.imported, name="import"),
    path("leads/<str:ref_id>/", dm.lead, name="lead"),
]
