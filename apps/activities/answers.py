"""An agent's answer as what people decide on, where no row of its own stands for it."""

from datetime import datetime

from apps.shared.actors import Actor
from apps.shared.errors import NotFound

from . import registry
from .models import Activity


def load(ref_id: str, *, lock: bool = False) -> Activity:
    """The activity that handed the answer in. Its unit is locked by whoever decides, which holds its steps still."""
    step = Activity.objects.select_related("parent_activity", "deliverable").filter(ref_id=ref_id).first()
    if step is None:
        raise NotFound
    return step


def shown(step: Activity) -> dict:
    return {
        "activity": step.ref_id,
        "title": step.output_summary.get("title") or f"{step.title}: {step.unit.title}",
        "step": step.title,
        "version": step.output_summary.get("version"),
        "content_type": step.output_summary.get("content_type", "text/markdown"),
    }


def release(step: Activity, *, by: Actor, at: datetime, activity: Activity) -> None:
    """What the agent's work brings once it is approved at the final gate."""
    work = registry.work_of(step)
    if work is not None and work.released is not None:
        work.released(step, by=by, at=at, gate=activity)


def still_holds(step: Activity) -> None:
    """Raises a refusal where the answer can no longer be approved, as what it was made from has changed."""
    work = registry.work_of(step)
    if work is not None and work.still_holds is not None:
        work.still_holds(step)


def send_back(step: Activity, *, by: Actor, at: datetime, note: str) -> None:
    """Nothing beside the steps, which the decision moves."""
