"""What agents remember of their work towards a goal, and which tools they used."""

from django.contrib import admin, messages
from django.utils import timezone

from apps.tenants.doors.admin import ManageAdmin
from apps.tenants.doors.admin_display import badge, column, link, moment, usd
from apps.tenants.doors.admin_lists import ClientFilter, text_filter
from apps.tenants.doors.admin_tasks import Panel, Task

from .. import operations
from ..models import ActivityRun, Session, ToolCall


def end_session(request, session: Session) -> None:
    operations.end_session(session, by=request.actor, at=request.at)
    messages.success(request, "Ended. The agent's next piece of work for this goal begins anew.")


@admin.register(Session)
class SessionAdmin(ManageAdmin):
    called = "Sessions"
    list_display = (
        column("agent_role", label="Agent"),
        column("tenant", label="Client"),
        column("goal"),
        column("model_id", label="Model"),
        column("token_count", label="Tokens"),
        "state",
        column("expires_at", label="Expires"),
    )
    list_select_related = ("tenant", "goal")
    list_filter = (
        "adapter_type",
        ClientFilter,
        text_filter("agent", "agent_role", name="agent", placeholder_="copywriter"),
    )
    empty = "No agent has worked towards a goal yet."
    tasks = (
        Task(
            "end",
            "End session",
            "session.end",
            end_session,
            when=lambda session: session.expires_at > timezone.now(),
            asks="The agent forgets what it handed in for this goal so far. The work itself stays.",
        ),
    )
    sections = (
        (
            "Session",
            (
                "agent_role",
                "tenant",
                "goal",
                "state",
                "expires_at",
                "token_count",
                "created_on",
                "updated_on",
                "ref_id",
            ),
        ),
        ("Model", ("adapter_type", "model_id", "external_session_id")),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant", "goal")

    @admin.display(description="State")
    def state(self, row):
        return "Open" if row.expires_at > timezone.now() else "Over"

    def panels(self, request, row):
        runs = ActivityRun.objects.filter(session=row).select_related("activity").order_by("-ref_id")[:20]
        return [
            Panel(
                "Latest runs",
                ("Run", "Status", "Cost", "Started"),
                [
                    (
                        link(r, f"Attempt {r.attempt}: {r.activity.title}"),
                        badge(r.status, r.get_status_display()),
                        usd(r.cost_usd),
                        moment(r.started_on),
                    )
                    for r in runs
                ],
                "No run belongs to it.",
            )
        ]


@admin.register(ToolCall)
class ToolCallAdmin(ManageAdmin):
    called = "Tool calls"
    list_display = (
        "call",
        column("tenant", label="Client"),
        column("status"),
        column("duration_ms", label="Took (ms)"),
        column("error"),
        column("created_on", label="When"),
    )
    list_select_related = ("tenant",)
    list_filter = (
        "status",
        ClientFilter,
        text_filter("tool", "tool_name", name="tool", placeholder_="google_search_console"),
    )
    empty = "No agent has used a tool yet."
    sections = (
        ("Call", ("tool_name", "method", "run", "tenant", "status", "error", "duration_ms", "created_on", "ref_id")),
        ("Data", ("input", "output")),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant", "activity_run__activity")

    @admin.display(description="Call")
    def call(self, row):
        return str(row)

    @admin.display(description="Run")
    def run(self, row):
        return link(row.activity_run, f"Attempt {row.activity_run.attempt}: {row.activity_run.activity.title}")
