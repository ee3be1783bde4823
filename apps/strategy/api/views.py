"""What is known of a client, its strategy, and the promises that follow from it: all to read."""

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action

from apps.tenants.doors.viewsets import TenantViewSet

from .. import access, queries
from ..models import Deliverable, DeliverablePeriod, Goal, GoalReading, OnboardingRun, Strategy
from .serializers import (
    DeliverablePeriodSerializer,
    DeliverableSerializer,
    GoalReadingSerializer,
    GoalSerializer,
    OnboardingRunDetail,
    OnboardingRunSerializer,
    StrategyDetail,
    StrategySerializer,
)


class OnboardingRunViewSet(TenantViewSet):
    """The research of a client, from the crawl to the approved context file."""

    model = OnboardingRun
    serializer_class = OnboardingRunSerializer
    list_needs = "context_file.read"
    filter_fields = ("status",)

    def get_queryset(self):
        return OnboardingRun.objects.select_related("reviewed_by")

    @extend_schema(responses=OnboardingRunDetail)
    def retrieve(self, request, ref_id):
        """One run with the text of its context file."""
        run = access.onboarding_run_for(request.actor, ref_id, to="read")
        return self.answer(run, OnboardingRunDetail, context_file=queries.context_file_of(run))


class StrategyViewSet(TenantViewSet):
    """The versions of a client's strategy; at most one is active."""

    model = Strategy
    serializer_class = StrategySerializer
    list_needs = "strategy.read"
    filter_fields = ("status",)

    def get_queryset(self):
        return Strategy.objects.select_related("approved_by")

    @extend_schema(responses=StrategyDetail)
    def retrieve(self, request, ref_id):
        """One version with its goals, its deliverables and its narrative."""
        strategy = access.strategy_for(request.actor, ref_id, to="read")
        return self.answer(strategy, StrategyDetail, narrative=queries.stored_narrative(strategy))


class GoalViewSet(TenantViewSet):
    """Outcomes with a metric, a baseline and a target."""

    model = Goal
    serializer_class = GoalSerializer
    list_needs = "strategy.read"
    filter_fields = ("status", "period")
    ref_filters = {"strategy": "strategy__ref_id"}
    paged_actions = ("list", "readings")

    @extend_schema(responses=GoalReadingSerializer(many=True))
    @action(detail=True, methods=["get"])
    def readings(self, request, ref_id):
        """All that was read of this goal, in the order in which it was written down."""
        goal = access.goal_for(request.actor, ref_id, to="read")
        return self.page(GoalReading.objects.filter(goal=goal), GoalReadingSerializer)


class DeliverableViewSet(TenantViewSet):
    """Recurring promises under a goal: so many of a kind per period."""

    model = Deliverable
    serializer_class = DeliverableSerializer
    list_needs = "strategy.read"
    filter_fields = ("type", "period")
    ref_filters = {"strategy": "strategy__ref_id", "goal": "goal__ref_id"}


class DeliverablePeriodViewSet(TenantViewSet):
    """A deliverable's months or quarters: what was promised and how much is done."""

    model = DeliverablePeriod
    serializer_class = DeliverablePeriodSerializer
    list_needs = "strategy.read"
    filter_fields = ("status",)
    ref_filters = {"deliverable": "deliverable__ref_id"}
