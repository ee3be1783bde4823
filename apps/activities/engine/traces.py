"""What a run was told, kept without its words: the parts of its prompt by name, length and digest, for ninety days.

They stand in `event_logs`, beside the other events of the engine: a run has them however it ended, while an output is
only there when it ended well. The words themselves are nowhere (`llm_calls.prompt_hash` is a digest too).
"""

from dataclasses import asdict

import structlog
from django.utils import timezone

from apps import storage

from .. import prompting
from ..models import Activity

log = structlog.get_logger(__name__)

PROMPTED = "run.prompted"


def keep_prompt(activity: Activity, run_ref: str, prompt: prompting.Prompt) -> None:
    """Keep the parts of this run's prompt. While the store is away the run goes on without."""
    parts = prompting.parts_of(prompt)
    try:
        storage.write(
            storage.EventLog(
                activityId=activity.ref_id,
                level="info",
                code=PROMPTED,
                message=f"{activity.assignee_agent_role} was told {len(parts)} parts.",
                data={"run": run_ref, "parts": [asdict(part) for part in parts]},
                createdOn=timezone.now(),
            )
        )
    except storage.StorageUnavailable:
        log.warning("prompt.not_kept", run=run_ref)


def prompts_of(activity: Activity) -> dict[str, list[prompting.Part]]:
    """The kept parts by the ref_id of the run; nothing while the store is away."""
    try:
        found = storage.find(
            storage.EventLog, {"activityId": activity.ref_id, "code": PROMPTED}, sort=[("createdOn", -1)], limit=100
        )
    except storage.StorageUnavailable:
        return {}
    return {event.data["run"]: [prompting.Part(**part) for part in event.data["parts"]] for _, event in found}
