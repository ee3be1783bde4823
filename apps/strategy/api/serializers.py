"""How onboarding runs, strategies and promises are shown."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.tenants.doors.rows import Person, Ref, Row

from .. import queries
from ..models import Deliverable, DeliverablePeriod, Goal, GoalReading, OnboardingRun, Strategy


class OnboardingRunSerializer(Row):
    reviewed_by = Person(read_only=True, allow_null=True)

    class Meta:
        model = OnboardingRun
        fields = ["ref_id", "tenant", "status", "research_output", "reviewed_by", "reviewed_on", "created_on"]


class OnboardingRunDetail(OnboardingRunSerializer):
    context_file = serializers.SerializerMethodField(help_text="Markdown; null until it is written.")

    class Meta(OnboardingRunSerializer.Meta):
        fields = [*OnboardingRunSerializer.Meta.fields, "context_file"]

    def get_context_file(self, run) -> str | None:
        return self.context["context_file"]


class GoalSerializer(Row):
    strategy = Ref(source="strategy_id")
    progress_percent = serializers.IntegerField(read_only=True, allow_null=True)

    class Meta:
        model = Goal
        fields = [
            "ref_id",
            "tenant",
            "strategy",
            "name",
            "description",
            "metric",
            "baseline_value",
            "current_value",
            "target_value",
            "progress_percent",
            "period",
            "target_date",
            "status",
            "priority",
        ]


class GoalReadingSerializer(Row):
    goal = Ref(source="goal_id")

    class Meta:
        model = GoalReading
        fields = ["ref_id", "tenant", "goal", "value", "source", "evidence", "read_on", "created_on"]


class DeliverableSerializer(Row):
    strategy = Ref(source="strategy_id")
    goal = Ref(source="goal_id")

    class Meta:
        model = Deliverable
        fields = [
            "ref_id",
            "tenant",
            "strategy",
            "goal",
            "type",
            "name",
            "quantity_per_period",
            "period",
            "platforms",
            "is_active",
        ]


class DeliverablePeriodSerializer(Row):
    deliverable = Ref(source="deliverable_id")

    class Meta:
        model = DeliverablePeriod
        fields = [
            "ref_id",
            "tenant",
            "deliverable",
            "period_start",
            "period_end",
            "target_count",
            "completed_count",
            "status",
        ]


class StrategySerializer(Row):
    approved_by = Person(read_only=True, allow_null=True)

    class Meta:
        model = Strategy
        fields = [
            "ref_id",
            "tenant",
            "version",
            "status",
            "summary",
            "rationale",
            "period_months",
            "start_date",
            "end_date",
            "approved_by",
            "approved_on",
            "created_on",
        ]


class StrategyDetail(StrategySerializer):
    goals = serializers.SerializerMethodField()
    deliverables = serializers.SerializerMethodField()
    narrative = serializers.SerializerMethodField(help_text="Markdown; null until it is written.")
    narrative_url = serializers.SerializerMethodField(help_text="The same as a file, for 15 minutes.")

    class Meta(StrategySerializer.Meta):
        fields = [*StrategySerializer.Meta.fields, "goals", "deliverables", "narrative", "narrative_url"]

    @extend_schema_field(GoalSerializer(many=True))
    def get_goals(self, strategy):
        return GoalSerializer(queries.goals_of(strategy), many=True).data

    @extend_schema_field(DeliverableSerializer(many=True))
    def get_deliverables(self, strategy):
        return DeliverableSerializer(queries.deliverables_of(strategy), many=True).data

    def get_narrative(self, strategy) -> str | None:
        return self.context["narrative"].text if self.context["narrative"] else None

    def get_narrative_url(self, strategy) -> str | None:
        return self.context["narrative"].url if self.context["narrative"] else None
