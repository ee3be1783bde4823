"""Work, runs, decisions and model calls of all clients."""

from django.contrib import admin

from apps.tenants.doors.admin import ManageAdmin
from apps.tenants.doors.admin_display import EMPTY, badge, column, link, moment, usd
from apps.tenants.doors.admin_lists import ClientFilter, text_filter
from apps.tenants.doors.admin_tasks import Panel, moves

from .. import operations
from ..models import Activity, ActivityLease, ActivityRun, Approval, LlmCall, ToolCall
from ..statuses import ACTIVITY_MOVES


def retry(activity: Activity, *, by, at) -> Activity:
    return operations.retry_activity(activity, by=by, at=at)


def cancel(activity: Activity, *, by, at) -> Activity:
    return (operations.cancel_unit if activity.is_unit else operations.cancel_activity)(activity, by=by, at=at)


@admin.register(Activity)
class ActivityAdmin(ManageAdmin):
    list_display = (
        "title",
        column("tenant", label="Client"),
        "assignee",
        column("status"),
        column("due_date", label="Due"),
        column("created_on", label="Made"),
    )
    list_select_related = ("tenant", "assignee_user")
    list_filter = (
        "status",
        "type",
        "assignee_type",
        ClientFilter,
        text_filter(
            "agent", "assignee_agent_role", name="agent", placeholder_="copywriter", also={"assignee_type": "agent"}
        ),
    )
    tasks = moves(
        ACTIVITY_MOVES,
        {"retry": ("activity.retry", retry), "cancel": ("activity.cancel", cancel)},
        asks={
            "cancel": "Work that was not begun does not begin, and a run under way is thrown away. What was decided or published stays."
        },
    )
    sections = (
        (
            "Activity",
            (
                "title",
                "tenant",
                "type",
                "status",
                "assignee",
                "priority",
                "pipeline_step",
                "is_approval_gate",
                "ref_id",
            ),
        ),
        ("When", ("due_date", "ready_on", "started_on", "completed_on", "created_on")),
        ("Belongs to", ("parent_activity", "deliverable", "goal", "origin_key")),
        ("Notes", ("revision_note", "rejection_note")),
        ("Data", ("output_summary", "output_ref", "input_data")),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant", "assignee_user")

    @admin.display(description="Assignee")
    def assignee(self, row):
        return row.assignee_agent_role or (row.assignee_user.name if row.assignee_user else "Nobody")

    def panels(self, request, row):
        runs = ActivityRun.objects.filter(activity=row).order_by("-attempt")[:20]
        panels = [
            Panel(
                "Runs",
                ("Attempt", "Status", "Model", "Cost", "Started", "Error"),
                [
                    (
                        link(r, f"Attempt {r.attempt}"),
                        badge(r.status, r.get_status_display()),
                        r.model_id,
                        usd(r.cost_usd),
                        moment(r.started_on),
                        r.error[:200] or EMPTY,
                    )
                    for r in runs
                ],
                "No agent has tried this.",
            )
        ]
        if row.is_unit:
            steps = Activity.objects.filter(parent_activity=row).select_related("assignee_user").order_by("ref_id")
            panels.insert(
                0,
                Panel(
                    "Steps",
                    ("Step", "Assignee", "Status", "Done"),
                    [
                        (link(s), self.assignee(s), badge(s.status, s.get_status_display()), moment(s.completed_on))
                        for s in steps
                    ],
                    "No steps.",
                ),
            )
        if row.is_approval_gate:
            asked = Approval.objects.filter(activity=row).select_related("decided_by").order_by("-ref_id")
            panels.append(
                Panel(
                    "Decisions",
                    ("Asked", "Status", "Decided by", "Note"),
                    [
                        (
                            link(a, f"{a.created_on:%-d %b %Y, %H:%M}"),
                            badge(a.status, a.get_status_display()),
                            link(a.decided_by),
                            a.decision_note or EMPTY,
                        )
                        for a in asked
                    ],
                    "Not asked yet.",
                )
            )
        return panels


@admin.register(ActivityRun)
class ActivityRunAdmin(ManageAdmin):
    called = "Runs"
    list_display = (
        "run",
        column("tenant", label="Client"),
        "agent",
        column("status"),
        column("model_id", label="Model"),
        column("cost_usd", label="Cost"),
        column("started_on"),
        column("error"),
    )
    list_select_related = ("tenant", "activity")
    list_filter = ("status", "adapter_type", ClientFilter)
    empty = "No agent has run yet."
    sections = (
        ("Run", ("activity", "tenant", "agent", "attempt", "status", "error", "ref_id")),
        (
            "Model",
            (
                "adapter_type",
                "model_id",
                "session",
                "input_tokens",
                "output_tokens",
                "cost_usd",
                "duration_ms",
                "started_on",
                "ended_on",
            ),
        ),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant", "activity", "session")

    def title_of(self, row):
        return f"Attempt {row.attempt}: {row.activity.title}"

    @admin.display(description="Run")
    def run(self, row):
        return self.title_of(row)

    @admin.display(description="Agent")
    def agent(self, row):
        return row.activity.assignee_agent_role or EMPTY

    def panels(self, request, row):
        calls = LlmCall.objects.filter(activity_run=row).order_by("created_on")[:50]
        return [
            Panel(
                "Model calls",
                ("Call", "Model", "In", "Out", "Cost", "Took"),
                [
                    (
                        link(c, f"{c.created_on:%H:%M:%S}"),
                        c.model_id,
                        f"{c.input_tokens:,}",
                        f"{c.output_tokens:,}",
                        usd(c.cost_usd),
                        f"{c.duration_ms / 1000:.1f} s",
                    )
                    for c in calls
                ],
                "No model was called.",
            ),
            Panel(
                "Tool calls",
                ("Call", "Status", "Took", "Error"),
                [
                    (
                        link(c),
                        badge(c.status, c.get_status_display()),
                        f"{c.duration_ms / 1000:.1f} s",
                        c.error[:200] or EMPTY,
                    )
                    for c in ToolCall.objects.filter(activity_run=row).order_by("ref_id")[:50]
                ],
                "No tool was used.",
            ),
        ]


@admin.register(ActivityLease)
class ActivityLeaseAdmin(ManageAdmin):
    called = "Leases"
    list_display = (
        "activity_title",
        column("tenant", label="Client"),
        column("attempt"),
        column("worker"),
        column("heartbeat_on"),
        column("expires_on", label="Held until"),
    )
    list_select_related = ("tenant", "activity")
    list_filter = (ClientFilter,)
    empty = "No work was claimed yet."
    sections = (
        ("Lease", ("activity", "tenant", "attempt", "worker", "leased_on", "heartbeat_on", "expires_on", "ref_id")),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant", "activity")

    def title_of(self, row):
        return f"Lease of {row.activity.title}"

    @admin.display(description="Activity")
    def activity_title(self, row):
        return row.activity.title


@admin.register(Approval)
class ApprovalAdmin(ManageAdmin):
    list_display = (
        column("subject_type", label="Of"),
        column("tenant", label="Client"),
        "step",
        column("status"),
        column("risk_level", label="Risk"),
        column("assigned_to"),
        column("expires_at", label="Expires"),
        column("decided_by"),
        column("decided_on"),
    )
    list_select_related = ("tenant", "activity", "assigned_to", "decided_by")
    list_filter = ("status", "subject_type", "required_role", "risk_level", ClientFilter)
    empty = "Nobody was asked for a decision yet."
    sections = (
        (
            "Approval",
            ("subject_type", "subject_ref", "tenant", "activity", "status", "risk_level", "required_role", "ref_id"),
        ),
        (
            "Who",
            ("requested_by_type", "requested_by_id", "assigned_to", "held_by", "held_until", "hold_note", "expires_at"),
        ),
        (
            "Decision",
            (
                "decided_by",
                "decided_on",
                "decision_note",
                "decision_ip",
                "decision_user_agent",
                "opened_on",
                "review_seconds",
            ),
        ),
        ("What was shown", ("content_sha256", "content_ref", "shown_snapshot")),
    )

    def get_queryset(self, request):
        return (
            super().get_queryset(request).select_related("tenant", "activity", "assigned_to", "held_by", "decided_by")
        )

    def title_of(self, row):
        return f"{row.get_subject_type_display()}: {row.activity.title}"

    @admin.display(description="Step")
    def step(self, row):
        return row.activity.title


@admin.register(LlmCall)
class LlmCallAdmin(ManageAdmin):
    called = "Model calls"
    list_display = (
        column("created_on", label="When"),
        column("tenant", label="Client"),
        column("agent_role", label="Agent"),
        column("model_id", label="Model"),
        column("input_tokens", label="In"),
        column("output_tokens", label="Out"),
        column("cost_usd", label="Cost"),
        column("duration_ms", label="Took (ms)"),
    )
    list_select_related = ("tenant",)
    list_filter = (
        "adapter_type",
        ClientFilter,
        text_filter("agent", "agent_role", name="agent", placeholder_="copywriter"),
    )
    empty = "No model was called yet."
    sections = (
        (
            "Call",
            ("run", "tenant", "agent_role", "adapter_type", "model_id", "created_on", "duration_ms", "ref_id"),
        ),
        (
            "Money",
            (
                "input_tokens",
                "cached_input_tokens",
                "output_tokens",
                "input_usd_per_million",
                "output_usd_per_million",
                "cost_usd",
            ),
        ),
        ("Digests", ("prompt_hash", "response_hash")),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant", "activity_run__activity")

    def title_of(self, row):
        return f"Call of {row.agent_role}"

    @admin.display(description="Run")
    def run(self, row):
        return link(row.activity_run, f"Attempt {row.activity_run.attempt}: {row.activity_run.activity.title}")
