"""Manage: what was synced from ads platforms, and what agents propose. Syncs and decisions change it; here an agent is asked."""

from datetime import timedelta

from django.contrib import admin, messages
from django.utils.formats import date_format

from apps.tenants.doors.admin import ManageAdmin
from apps.tenants.doors.admin_display import EMPTY, badge, column, link, list_of, shown
from apps.tenants.doors.admin_lists import ClientFilter
from apps.tenants.doors.admin_tasks import Panel, Task

from . import operations, queries
from .models import (
    AdCampaign,
    AdCampaignDay,
    AdKeyword,
    AdOptimizationRecommendation,
    SearchTermClassification,
    SearchTermReport,
)

REVIEW = ("Review", ("reviewed_by", "reviewed_on", "pushed_on", "push_result"))


def money(amount, currency: str) -> str:
    return EMPTY if amount is None else f"{shown(amount)} {currency}".strip()


def have_terms_judged(request, campaign: AdCampaign) -> None:
    task = operations.ask_for_verdicts(campaign, by=request.actor, at=request.at)
    messages.success(request, f"An agent is asked: {task.title}. Its verdicts wait for a person.")


@admin.register(AdCampaign)
class AdCampaignAdmin(ManageAdmin):
    list_display = (
        "name",
        column("tenant", label="Client"),
        column("platform"),
        column("status"),
        "budget",
        "spent",
        column("last_synced_on", label="Synced"),
    )
    list_select_related = ("tenant",)
    list_filter = ("platform", "status", ClientFilter)
    tasks = (
        Task(
            "judge",
            "Have search terms judged",
            "search_term.judge",
            have_terms_judged,
            when=lambda campaign: queries.unjudged(campaign).exists(),
        ),
    )
    empty = "No campaigns yet. Syncing an ads account brings them."
    sections = (
        ("Campaign", ("name", "tenant", "channel", "platform", "status", "campaign_type", "campaign", "ref_id")),
        ("Money", ("budget", "spent")),
        ("On the platform", ("external_campaign_id", "performance_snapshot", "last_synced_on")),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant", "channel", "campaign")

    @admin.display(description="Budget")
    def budget(self, row):
        return money(row.budget_amount, row.budget_currency)

    @admin.display(description="Spent")
    def spent(self, row):
        return money(row.total_spend, row.budget_currency)

    def panels(self, request, row):
        days = AdCampaignDay.objects.filter(ad_campaign=row).order_by("-day")[:7]
        proposed = AdOptimizationRecommendation.objects.filter(ad_campaign=row).order_by("-ref_id")[:5]
        return [
            Panel(
                "Latest days",
                ("Day", "Impressions", "Clicks", "Conversions", "Cost"),
                [
                    (
                        link(day, date_format(day.day, "j M Y")),
                        shown(day.impressions),
                        shown(day.clicks),
                        shown(day.conversions),
                        money(day.cost, day.currency),
                    )
                    for day in days
                ],
                "No days are recorded yet.",
                more=list_of(AdCampaignDay, client=row.tenant.slug),
            ),
            Panel(
                "Recommendations",
                ("Recommendation", "Status"),
                [(link(one), badge(one.status, one.get_status_display())) for one in proposed],
                "Nothing is recommended.",
                more=list_of(AdOptimizationRecommendation, client=row.tenant.slug),
            ),
        ]


@admin.register(AdCampaignDay)
class AdCampaignDayAdmin(ManageAdmin):
    called = "Campaign days"
    list_display = (
        column("day"),
        column("ad_campaign", label="Campaign"),
        column("tenant", label="Client"),
        column("impressions"),
        column("clicks"),
        column("conversions"),
        "spent",
    )
    list_select_related = ("tenant", "ad_campaign")
    list_filter = (ClientFilter,)
    empty = "No days yet. Syncing an ads account brings them."
    sections = (
        ("Day", ("day", "ad_campaign", "tenant", "ref_id")),
        ("Figures", ("impressions", "clicks", "conversions", "spent", "created_on", "updated_on")),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant", "ad_campaign")

    @admin.display(description="Cost")
    def spent(self, row):
        return money(row.cost, row.currency)

    def title_of(self, row):
        return f"{row.ad_campaign} on {date_format(row.day, 'j M Y')}"


@admin.register(AdKeyword)
class AdKeywordAdmin(ManageAdmin):
    list_display = (
        "text",
        column("match_type"),
        column("ad_campaign", label="Campaign"),
        column("tenant", label="Client"),
        column("status"),
        column("bid_amount", label="Bid"),
        column("last_synced_on", label="Synced"),
    )
    list_select_related = ("tenant", "ad_campaign")
    list_filter = ("match_type", "status", ClientFilter)
    empty = "No keywords yet. Syncing an ads account brings them."
    sections = (
        ("Keyword", ("text", "match_type", "tenant", "channel", "ad_campaign", "status", "bid_amount", "ref_id")),
        ("On the platform", ("external_keyword_id", "performance_snapshot", "last_synced_on")),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant", "channel", "ad_campaign")


@admin.register(SearchTermReport)
class SearchTermReportAdmin(ManageAdmin):
    called = "Search terms"
    list_display = (
        "search_term",
        column("ad_campaign", label="Campaign"),
        column("tenant", label="Client"),
        "days",
        column("impressions"),
        column("clicks"),
        column("cost"),
    )
    list_select_related = ("tenant", "ad_campaign")
    list_filter = (ClientFilter,)
    empty = "No search terms yet. Syncing an ads account brings them."
    sections = (
        ("Search term", ("search_term", "days", "tenant", "channel", "ad_campaign", "ref_id")),
        ("Figures", ("impressions", "clicks", "ctr", "conversions", "cost", "synced_on")),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant", "channel", "ad_campaign")

    @admin.display(description="Days")
    def days(self, row):
        first, last = row.report_date_range.lower, row.report_date_range.upper - timedelta(days=1)
        return f"{date_format(first, 'j M Y')} to {date_format(last, 'j M Y')}"

    def panels(self, request, row):
        verdicts = SearchTermClassification.objects.filter(search_term_report=row).order_by("-ref_id")[:5]
        return [
            Panel(
                "Verdicts",
                ("Verdict", "Status"),
                [
                    (link(one, one.get_classification_display()), badge(one.status, one.get_status_display()))
                    for one in verdicts
                ],
                "Nobody has classified it.",
            )
        ]


@admin.register(SearchTermClassification)
class SearchTermClassificationAdmin(ManageAdmin):
    called = "Verdicts on search terms"
    list_display = (
        column("search_term_report", label="Search term"),
        column("tenant", label="Client"),
        column("classification", label="Agent says"),
        column("override_classification", label="Person says"),
        column("status"),
        column("created_on", label="Made"),
    )
    list_select_related = ("tenant", "search_term_report")
    list_filter = ("status", "classification", ClientFilter)
    empty = "No search term was classified yet."
    sections = (
        (
            "Verdict",
            (
                "search_term_report",
                "tenant",
                "status",
                "classification",
                "override_classification",
                "recommended_match_type",
                "agent_reasoning",
                "activity",
                "ref_id",
            ),
        ),
        REVIEW,
    )

    def get_queryset(self, request):
        rows = super().get_queryset(request)
        return rows.select_related("tenant", "search_term_report", "activity", "reviewed_by")

    def title_of(self, row):
        return f"{row.search_term_report}: {row.get_classification_display().lower()}"


@admin.register(AdOptimizationRecommendation)
class AdOptimizationRecommendationAdmin(ManageAdmin):
    called = "Recommendations"
    list_display = (
        "title",
        column("tenant", label="Client"),
        column("ad_campaign", label="Campaign"),
        column("type"),
        column("priority"),
        column("status"),
        column("created_on", label="Made"),
    )
    list_select_related = ("tenant", "ad_campaign")
    list_filter = ("status", "platform", "type", "priority", ClientFilter)
    empty = "Nothing was recommended yet."
    sections = (
        (
            "Recommendation",
            ("title", "tenant", "type", "priority", "status", "snooze_until", "reasoning", "impact_estimate", "ref_id"),
        ),
        ("Belongs to", ("platform", "channel", "ad_campaign", "activity")),
        ("Change", ("change_payload",)),
        REVIEW,
    )

    def get_queryset(self, request):
        rows = super().get_queryset(request)
        return rows.select_related("tenant", "channel", "ad_campaign", "activity", "reviewed_by")
