"""Manage: onboarding, strategies, goals, promises and campaigns. Read only: they move by decisions and by work."""

from django.contrib import admin

from apps.tenants.doors.admin import ManageAdmin
from apps.tenants.doors.admin_display import EMPTY, badge, column, link, list_of, moment
from apps.tenants.doors.admin_lists import ClientFilter
from apps.tenants.doors.admin_tasks import Panel

from .models import (
    Campaign,
    CampaignDeliverable,
    Deliverable,
    DeliverablePeriod,
    Goal,
    GoalReading,
    OnboardingRun,
    Strategy,
)


@admin.register(OnboardingRun)
class OnboardingRunAdmin(ManageAdmin):
    called = "Onboarding"
    list_display = (
        column("ref_id", label="Onboarding"),
        column("tenant", label="Client"),
        column("status"),
        column("reviewed_by"),
        column("reviewed_on"),
        column("created_on", label="Begun"),
    )
    list_select_related = ("tenant", "reviewed_by")
    list_filter = ("status", ClientFilter)
    empty = "No onboarding yet. It begins when a client accepts the contract."
    sections = (
        (
            "Onboarding",
            (
                "tenant",
                "status",
                "research_output",
                "context_file_id",
                "reviewed_by",
                "reviewed_on",
                "created_on",
                "ref_id",
            ),
        ),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant", "reviewed_by")

    def title_of(self, row):
        return f"Onboarding of {row.tenant.name}"


@admin.register(Strategy)
class StrategyAdmin(ManageAdmin):
    list_display = (
        column("version", label="Version"),
        column("tenant", label="Client"),
        column("status"),
        column("period_months", label="Months"),
        column("approved_by"),
        column("approved_on"),
        column("created_on", label="Drafted"),
    )
    list_select_related = ("tenant", "approved_by")
    list_filter = ("status", ClientFilter)
    sections = (
        (
            "Strategy",
            (
                "tenant",
                "version",
                "status",
                "summary",
                "rationale",
                "period_months",
                "start_date",
                "end_date",
                "ref_id",
            ),
        ),
        ("Approval", ("approved_by", "approved_on", "created_on")),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant", "approved_by")

    def title_of(self, row):
        return f"{row} of {row.tenant.name}"

    def panels(self, request, row):
        goals = Goal.objects.filter(strategy=row).order_by("priority", "ref_id")
        deliverables = Deliverable.objects.filter(strategy=row).select_related("goal").order_by("ref_id")
        return [
            Panel(
                "Goals",
                ("Goal", "Metric", "Baseline", "Now", "Target", "Status"),
                [
                    (
                        link(g),
                        g.metric,
                        f"{g.baseline_value:,}",
                        f"{g.current_value:,}",
                        f"{g.target_value:,}",
                        badge(g.status, g.get_status_display()),
                    )
                    for g in goals
                ],
                "No goals: the draft is not written yet.",
            ),
            Panel(
                "Deliverables",
                ("Promise", "Type", "How many", "For the goal"),
                [
                    (
                        link(d),
                        d.get_type_display(),
                        f"{d.quantity_per_period} {d.get_period_display().lower()}",
                        link(d.goal),
                    )
                    for d in deliverables
                ],
                "Nothing is promised yet.",
            ),
        ]


@admin.register(Goal)
class GoalAdmin(ManageAdmin):
    list_display = (
        "name",
        column("tenant", label="Client"),
        column("metric"),
        column("baseline_value", label="Baseline"),
        column("current_value", label="Now"),
        column("target_value", label="Target"),
        column("status"),
        column("target_date"),
    )
    list_select_related = ("tenant",)
    list_filter = ("status", ClientFilter)
    sections = (
        ("Goal", ("name", "tenant", "strategy", "description", "metric", "status", "priority", "ref_id")),
        ("Figures", ("baseline_value", "current_value", "target_value", "period", "target_date")),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant", "strategy")

    def panels(self, request, row):
        readings = GoalReading.objects.filter(goal=row).order_by("-read_on")[:12]
        return [
            Panel(
                "Readings",
                ("Read", "Value", "Source"),
                [(link(r, f"{r.read_on:%-d %b %Y}"), f"{r.value:,}", r.source) for r in readings],
                "Not measured yet.",
                more=list_of(GoalReading, client=row.tenant.slug),
            )
        ]


@admin.register(GoalReading)
class GoalReadingAdmin(ManageAdmin):
    called = "Goal readings"
    list_display = (
        column("read_on", label="Read"),
        column("tenant", label="Client"),
        column("goal"),
        column("value"),
        column("source"),
    )
    list_select_related = ("tenant", "goal")
    list_filter = (ClientFilter,)
    empty = "No goal was measured yet."
    sections = (("Reading", ("goal", "tenant", "value", "read_on", "source", "evidence", "created_on", "ref_id")),)

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant", "goal")

    def title_of(self, row):
        return f"{row.goal.name}: {row}"


@admin.register(Deliverable)
class DeliverableAdmin(ManageAdmin):
    list_display = (
        "name",
        column("tenant", label="Client"),
        column("type"),
        column("quantity_per_period", label="How many"),
        column("period"),
        column("is_active", label="Active"),
    )
    list_select_related = ("tenant",)
    list_filter = ("type", "is_active", ClientFilter)
    sections = (
        (
            "Deliverable",
            (
                "name",
                "tenant",
                "strategy",
                "goal",
                "type",
                "quantity_per_period",
                "period",
                "platforms",
                "template_id",
                "is_active",
                "ref_id",
            ),
        ),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant", "strategy", "goal")

    def panels(self, request, row):
        periods = DeliverablePeriod.objects.filter(deliverable=row).order_by("-period_start")[:12]
        return [
            Panel(
                "Periods",
                ("From", "To", "Done", "Status"),
                [
                    (
                        link(p, f"{p.period_start:%-d %b %Y}"),
                        f"{p.period_end:%-d %b %Y}",
                        f"{p.completed_count} of {p.target_count}",
                        badge(p.status, p.get_status_display()),
                    )
                    for p in periods
                ],
                "Nothing is planned yet.",
            )
        ]


@admin.register(DeliverablePeriod)
class DeliverablePeriodAdmin(ManageAdmin):
    called = "Periods"
    list_display = (
        "promise",
        column("tenant", label="Client"),
        column("period_start", label="From"),
        column("period_end", label="To"),
        "done",
        column("status"),
    )
    list_select_related = ("tenant", "deliverable")
    list_filter = ("status", ClientFilter)
    empty = "Nothing is planned yet. A month is planned when a strategy is approved."
    sections = (
        (
            "Period",
            (
                "deliverable",
                "tenant",
                "period_start",
                "period_end",
                "target_count",
                "completed_count",
                "status",
                "ref_id",
            ),
        ),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant", "deliverable")

    def title_of(self, row):
        return f"{row.deliverable.name}, {row.period_start:%B %Y}"

    @admin.display(description="Promise")
    def promise(self, row):
        return row.deliverable.name

    @admin.display(description="Done")
    def done(self, row):
        return f"{row.completed_count} of {row.target_count}"


@admin.register(Campaign)
class CampaignAdmin(ManageAdmin):
    list_display = (
        "name",
        column("tenant", label="Client"),
        column("type"),
        column("objective"),
        column("status"),
        column("start_date", label="From"),
        column("end_date", label="To"),
        "budget",
    )
    list_select_related = ("tenant",)
    list_filter = ("status", "type", ClientFilter)
    empty = "No campaigns yet."
    sections = (
        (
            "Campaign",
            (
                "name",
                "tenant",
                "type",
                "objective",
                "status",
                "strategy",
                "goal",
                "start_date",
                "end_date",
                "budget",
                "ref_id",
            ),
        ),
        ("Brief", ("brief", "brief_ref", "deliverable_lines")),
        ("Approval", ("approved_by", "approved_on", "rejection_notes")),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant", "strategy", "goal", "approved_by")

    @admin.display(description="Budget")
    def budget(self, row):
        return EMPTY if row.budget_amount is None else f"{row.budget_amount:,} {row.budget_currency}"

    def panels(self, request, row):
        served = CampaignDeliverable.objects.filter(campaign=row).select_related("deliverable").order_by("ref_id")
        return [
            Panel(
                "Deliverables",
                ("Promise", "Type", "Since"),
                [(link(s.deliverable), s.deliverable.get_type_display(), moment(s.created_on)) for s in served],
                "No deliverable belongs to it yet.",
                more=list_of(CampaignDeliverable, client=row.tenant.slug),
            )
        ]


@admin.register(CampaignDeliverable)
class CampaignDeliverableAdmin(ManageAdmin):
    called = "Campaign deliverables"
    list_display = (
        column("campaign"),
        column("deliverable"),
        column("tenant", label="Client"),
        column("created_on", label="Since"),
    )
    list_select_related = ("tenant", "campaign", "deliverable")
    list_filter = (ClientFilter,)
    empty = "No deliverable belongs to a campaign yet."
    sections = (("Link", ("campaign", "deliverable", "tenant", "created_by", "created_on", "ref_id")),)

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant", "campaign", "deliverable", "created_by")
