"""Everything that is known of one attempt of an agent, however it ended: for its page and for the API."""

from dataclasses import dataclass, field

from django.db.models import Count, Q, Sum

from apps import storage

from . import failures, prompting
from .engine import traces
from .models import Activity, ActivityRun, LlmCall, ToolCall

TOOL_CALLS_SHOWN = 200


@dataclass(frozen=True)
class RunHistory:
    """A run with its calls; `parts` is empty when they were not kept, `output_version` None where it left no text."""

    run: ActivityRun
    calls: int = 0
    cached_input_tokens: int = 0
    tool_calls: list[ToolCall] = field(default_factory=list)
    parts: list[prompting.Part] = field(default_factory=list)
    output_version: int | None = None

    @property
    def told(self) -> failures.Explanation:
        return failures.explain(self.run.error)


def of_runs(activity: Activity, runs: list[ActivityRun]) -> list[RunHistory]:
    """The history of these runs of one activity, in their order; the same number of statements for one and for many."""
    counted = {
        row["activity_run_id"]: row
        for row in LlmCall.objects.filter(activity_run__in=runs)
        .order_by()
        .values("activity_run_id")
        .annotate(calls=Count("pk"), cached=Sum("cached_input_tokens"))
    }
    tools: dict = {}
    for call in ToolCall.objects.filter(activity_run__in=runs).order_by("ref_id")[:TOOL_CALLS_SHOWN]:
        tools.setdefault(call.activity_run_id, []).append(call)
    parts, versions = traces.prompts_of(activity), _versions(activity, runs)
    return [
        RunHistory(
            run=run,
            calls=counted.get(run.id, {}).get("calls", 0),
            cached_input_tokens=counted.get(run.id, {}).get("cached", 0),
            tool_calls=tools.get(run.id, []),
            parts=parts.get(run.ref_id, []),
            output_version=versions.get(run.ref_id) if run.status == "completed" else None,
        )
        for run in runs
    ]


def tool_count(activity: Activity) -> int:
    """How many tools all attempts at an activity used, through its runs; for a unit those of its steps."""
    of_steps = Q(activity_run__activity__parent_activity=activity)
    return ToolCall.objects.filter(Q(activity_run__activity=activity) | of_steps).count()


def _versions(activity: Activity, runs: list[ActivityRun]) -> dict[str, int]:
    """The version of the text that a run handed in, by the run's ref_id; nothing while the store is away."""
    written = {"activityId": activity.ref_id, "activityRunId": {"$in": [run.ref_id for run in runs]}}
    try:
        found = storage.find(storage.ActivityOutput, written, limit=len(runs))
    except storage.StorageUnavailable:
        return {}
    return {document.activityRunId or "": document.version for _, document in found}
