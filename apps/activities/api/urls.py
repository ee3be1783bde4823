from django.urls import path
from rest_framework.routers import SimpleRouter

from . import skills, views

router = SimpleRouter()
router.register("activities", views.ActivityViewSet, basename="activity")
router.register("approvals", views.ApprovalViewSet, basename="approval")
router.register("skills", skills.SkillViewSet, basename="skill")
urlpatterns = [
    path("usage/", views.UsageViewSet.as_view({"get": "retrieve"}), name="usage"),
    path("runs/<str:ref_id>/", views.RunViewSet.as_view({"get": "retrieve"}), name="run"),
    path(
        "deliverable-periods/<ref_id>/forecast/",
        views.ForecastViewSet.as_view({"get": "retrieve"}),
        name="deliverable-period-forecast",
    ),
    *router.urls,
]
