from rest_framework.routers import SimpleRouter

from . import views

router = SimpleRouter()
router.register("onboarding-runs", views.OnboardingRunViewSet, basename="onboarding-run")
router.register("strategies", views.StrategyViewSet, basename="strategy")
router.register("goals", views.GoalViewSet, basename="goal")
router.register("deliverables", views.DeliverableViewSet, basename="deliverable")
router.register("deliverable-periods", views.DeliverablePeriodViewSet, basename="deliverable-period")
urlpatterns = router.urls
