"""What is known of a client, the strategy, the promises that follow from it, and how its goals and campaigns stand."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from apps.shared.constraints import TenantForeignKey, UserKey, between, not_negative
from apps.shared.models import Mutable, SoftDelete, TenantRecord

from .statuses import (
    CAMPAIGN_MOVES,
    GOAL_MOVES,
    ONBOARDING_MOVES,
    PERIOD_MOVES,
    STRATEGY_MOVES,
    CampaignObjective,
    CampaignStatus,
    CampaignType,
    DeliverablePeriodLength,
    DeliverableType,
    GoalPeriod,
    GoalStatus,
    OnboardingStatus,
    PeriodStatus,
    StrategyStatus,
)

LIVE = Q(deleted_on__isnull=True)
LARGEST = 9_999_999_999  # numeric(12,2)


class OnboardingRun(TenantRecord, Mutable):
    """The research of a client, from the crawl to the approved context file."""

    moves = ONBOARDING_MOVES

    status = models.CharField(max_length=20, choices=OnboardingStatus, default=OnboardingStatus.PENDING)
    research_output = models.TextField(blank=True, help_text="A short summary; the full texts are in S3.")
    context_file_id = models.CharField(max_length=255, blank=True, help_text="ObjectId of the skills document.")
    reviewed_by = UserKey()
    reviewed_on = models.DateTimeField(null=True, blank=True)

    class Meta(TenantRecord.Meta):
        db_table = "onboarding_runs"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant"], condition=~Q(status=OnboardingStatus.COMPLETED), name="uniq_onboarding_runs_open"
            )
        ]
        indexes = [models.Index(fields=["tenant", "ref_id"], name="idx_onboarding_runs_ref")]

    def __str__(self):
        return f"Onboarding {self.ref_id}"


class Strategy(TenantRecord, Mutable):
    """One version of a client's strategy; at most one is active."""

    moves = STRATEGY_MOVES

    version = models.SmallIntegerField()
    status = models.CharField(max_length=20, choices=StrategyStatus, default=StrategyStatus.DRAFT)
    summary = models.TextField(blank=True)
    rationale = models.TextField(blank=True)
    period_months = models.SmallIntegerField(default=6)
    start_date = models.DateField(null=True, blank=True)
    end_date = models.DateField(null=True, blank=True)
    approved_by = UserKey()
    approved_on = models.DateTimeField(null=True, blank=True)

    class Meta(TenantRecord.Meta):
        db_table = "strategies"
        verbose_name_plural = "strategies"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "version"], name="uniq_strategies_version"),
            models.UniqueConstraint(
                fields=["tenant"], condition=Q(status=StrategyStatus.ACTIVE), name="uniq_strategies_active"
            ),
            between("period_months", 1, 60, name="strategies_period_in_range"),
            between("version", 1, 32_767, name="strategies_version_positive"),
            models.CheckConstraint(condition=Q(end_date__gte=F("start_date")), name="strategies_end_after_start"),
        ]
        indexes = [models.Index(fields=["tenant", "ref_id"], name="idx_strategies_ref")]

    def __str__(self):
        return f"Strategy v{self.version}"


class Goal(TenantRecord, Mutable, SoftDelete):
    """An outcome with a metric, a baseline and a target."""

    moves = GOAL_MOVES
    readings: "list[GoalReading]"  # the latest, where a query has gathered them

    strategy = TenantForeignKey(Strategy, db_index=False)
    name = models.CharField(max_length=255)
    description = models.TextField(blank=True)
    metric = models.CharField(max_length=100)
    target_value = models.DecimalField(max_digits=12, decimal_places=2)
    baseline_value = models.DecimalField(max_digits=12, decimal_places=2, default=0)
    current_value = models.DecimalField(max_digits=12, decimal_places=2, default=0)
    period = models.CharField(max_length=20, choices=GoalPeriod)
    target_date = models.DateField(null=True, blank=True)
    status = models.CharField(max_length=20, choices=GoalStatus, default=GoalStatus.ACTIVE)
    priority = models.SmallIntegerField(default=1)

    class Meta(TenantRecord.Meta):
        db_table = "goals"
        constraints = [
            *(
                between(f"{n}_value", -LARGEST, LARGEST, name=f"goals_{n}_in_range")
                for n in ("target", "baseline", "current")
            ),
            not_negative("priority", name="goals_priority_not_negative"),
        ]
        indexes = [
            models.Index(fields=["tenant", "strategy", "status"], name="idx_goals_active"),
            models.Index(fields=["tenant", "strategy"], name="idx_goals_tenant_strategy"),
            models.Index(fields=["tenant", "ref_id"], condition=LIVE, name="idx_goals_ref"),
        ]

    def __str__(self):
        return self.name

    @property
    def progress_percent(self) -> int | None:
        """How far from baseline to target, 0-100; None when the two are equal."""
        way = self.target_value - self.baseline_value
        if not way:
            return None
        return max(0, min(100, int((self.current_value - self.baseline_value) / way * 100)))


class GoalReading(TenantRecord):
    """A value of a goal's metric at a moment, and where it was read; the trend behind the goal's current value."""

    append_only = True

    goal = TenantForeignKey(Goal, db_index=False)
    value = models.DecimalField(max_digits=12, decimal_places=2, help_text="In the unit of the goal's metric.")
    source = models.CharField(max_length=100, help_text="What it was read from, such as google_search_console.")
    evidence = models.TextField(blank=True, help_text="What shows it: the query, the report, the figures behind it.")
    read_on = models.DateTimeField(help_text="The moment the value held, which may be before it was recorded.")

    class Meta(TenantRecord.Meta):
        db_table = "goal_readings"
        constraints = [
            models.UniqueConstraint(fields=["goal", "read_on"], name="uniq_goal_readings_moment"),
            between("value", -LARGEST, LARGEST, name="goal_readings_value_in_range"),
        ]
        indexes = [models.Index(fields=["tenant", "ref_id"], name="idx_goal_readings_ref")]

    def __str__(self):
        return f"{self.value:,} on {self.read_on:%-d %b %Y}"


class Deliverable(TenantRecord, Mutable, SoftDelete):
    """A recurring promise under a goal: so many of this kind per period."""

    goal = TenantForeignKey(Goal)
    strategy = TenantForeignKey(Strategy, db_index=False)
    type = models.CharField(max_length=30, choices=DeliverableType)
    name = models.CharField(max_length=255)
    quantity_per_period = models.SmallIntegerField()
    period = models.CharField(max_length=20, choices=DeliverablePeriodLength)
    platforms = ArrayField(models.TextField(), default=list, blank=True)
    template_id = models.CharField(
        max_length=255,
        null=True,
        blank=True,
        help_text="ref_id of an activity template; empty means the default of the type.",
    )
    is_active = models.BooleanField(default=True)

    class Meta(TenantRecord.Meta):
        db_table = "deliverables"
        constraints = [between("quantity_per_period", 0, 1_000, name="deliverables_quantity_in_range")]
        indexes = [
            models.Index(fields=["tenant", "strategy"], condition=LIVE, name="idx_deliverables_strategy"),
            models.Index(fields=["tenant", "ref_id"], condition=LIVE, name="idx_deliverables_ref"),
        ]

    def __str__(self):
        return self.name


class DeliverablePeriod(TenantRecord, Mutable):
    """One deliverable's month or quarter: what was promised and how much is done."""

    moves = PERIOD_MOVES

    deliverable = TenantForeignKey(Deliverable, db_index=False)
    period_start = models.DateField()
    period_end = models.DateField()
    target_count = models.SmallIntegerField()
    completed_count = models.SmallIntegerField(default=0)
    status = models.CharField(max_length=20, choices=PeriodStatus, default=PeriodStatus.NOT_STARTED)

    class Meta(TenantRecord.Meta):
        db_table = "deliverable_periods"
        constraints = [
            models.UniqueConstraint(fields=["deliverable", "period_start"], name="uniq_deliverable_periods_start"),
            models.CheckConstraint(
                condition=Q(period_end__gte=F("period_start")), name="deliverable_periods_end_after_start"
            ),
            not_negative("target_count", "completed_count", name="deliverable_periods_counts_not_negative"),
        ]
        indexes = [
            models.Index(
                fields=["tenant", "status"],
                condition=Q(status__in=["not_started", "in_progress", "at_risk"]),
                name="idx_deliverable_periods_active",
            ),
            models.Index(fields=["tenant", "ref_id"], name="idx_deliverable_periods_ref"),
            models.Index(fields=["tenant", "period_start"], name="idx_deliverable_periods_month"),
        ]

    def __str__(self):
        return f"{self.deliverable_id} from {self.period_start}"


class Campaign(TenantRecord, Mutable, SoftDelete):
    """A brief that bundles deliverables, dates and a budget, and that a person approves before it starts."""

    moves = CAMPAIGN_MOVES

    strategy = TenantForeignKey(Strategy, null=True, blank=True)
    goal = TenantForeignKey(Goal, null=True, blank=True)
    name = models.CharField(max_length=255)
    type = models.CharField(max_length=20, choices=CampaignType)
    objective = models.CharField(max_length=20, choices=CampaignObjective)
    brief = models.TextField(blank=True)
    brief_ref = models.CharField(
        max_length=24, null=True, blank=True, help_text="ObjectId of the brief's long text among the activity outputs."
    )
    status = models.CharField(max_length=20, choices=CampaignStatus, default=CampaignStatus.DRAFT)
    start_date = models.DateField(null=True, blank=True)
    end_date = models.DateField(null=True, blank=True)
    budget_amount = models.DecimalField(max_digits=12, decimal_places=2, null=True, blank=True)
    budget_currency = models.CharField(max_length=10, blank=True, help_text="ISO 4217, such as INR.")
    deliverable_lines = models.JSONField(
        default=list,
        blank=True,
        help_text='What is wanted: [{"type": "blog_posts", "quantity": 4, "platforms": […], "template_id": "…"}]',
    )
    approved_by = UserKey()
    approved_on = models.DateTimeField(null=True, blank=True)
    rejection_notes = models.TextField(blank=True)

    class Meta(TenantRecord.Meta):
        db_table = "campaigns"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], condition=LIVE, name="uniq_campaigns_name"),
            models.CheckConstraint(condition=Q(end_date__gte=F("start_date")), name="campaigns_end_after_start"),
            between("budget_amount", 0, LARGEST, name="campaigns_budget_in_range"),
            models.CheckConstraint(
                condition=Q(budget_amount__isnull=True) | ~Q(budget_currency=""), name="campaigns_budget_has_a_currency"
            ),
            models.CheckConstraint(
                condition=Q(approved_by__isnull=True, approved_on__isnull=True)
                | Q(approved_by__isnull=False, approved_on__isnull=False),
                name="campaigns_approval_is_whole",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "status"], name="idx_campaigns_tenant_status"),
            models.Index(fields=["tenant", "ref_id"], condition=LIVE, name="idx_campaigns_ref"),
        ]

    def __str__(self):
        return self.name


class CampaignDeliverable(TenantRecord):
    """One deliverable that counts towards a campaign."""

    campaign = TenantForeignKey(Campaign, db_index=False)
    deliverable = TenantForeignKey(Deliverable)

    class Meta(TenantRecord.Meta):
        db_table = "campaign_deliverables"
        constraints = [
            models.UniqueConstraint(fields=["campaign", "deliverable"], name="uniq_campaign_deliverables_pair")
        ]

    def __str__(self):
        return f"{self.deliverable} for {self.campaign}"
