"""Addresses of the DM Portal. Pages of one client carry its slug in the path."""

from django.urls import include, path

from apps.activities.urls import dm as activities
from apps.activities.views import agents, dm, dm_work
from apps.content.urls import dm as content
from apps.crm.urls import dm as crm

from . import views

app_name = "dm"

# The editor of a decision's subject is the one address of `activities` that several apps answer.
EDITING = [path("approvals/<str:ref_id>/edit/", views.edit, name="edit")]
STRATEGY = [
    path("context/", views.context_file, name="context"),
    path("strategy/", views.strategy, name="strategy"),
]

urlpatterns = [
    path("", views.start, name="start"),
    path("inbox/", dm.inbox, name="inbox"),
    path("clients/", views.clients, name="clients"),
    path("agents/", agents.agents, name="all_agents"),
    path("c/<slug:slug>/", views.client, name="client"),
    path("c/<slug:slug>/work/", dm_work.work, name="work"),
    path("c/<slug:slug>/agents/", agents.agents, name="agents"),
    path("c/<slug:slug>/", include(([*activities.urlpatterns, *EDITING], "activities"))),
    path("c/<slug:slug>/", include((content.urlpatterns, "content"))),
    path("c/<slug:slug>/", include((crm.urlpatterns, "crm"))),
    path("c/<slug:slug>/", include((STRATEGY, "strategy"))),
]
