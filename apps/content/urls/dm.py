"""Content in the DM Portal, as it stands behind /dm/c/<slug>/; mounted by `portals.dm`."""

from django.urls import path

from ..views import backlinks, dm

urlpatterns = [
    path("backlinks/", backlinks.backlinks, name="backlinks"),
    path("backlinks/<str:ref_id>/", backlinks.backlink, name="backlink"),
    path("backlinks/<str:ref_id>/move/", backlinks.move, name="move_backlink"),
    path("social-posts/<str:ref_id>/figures/", dm.figures, name="figures"),
]
