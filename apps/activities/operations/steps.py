"""What a step keeps of its own work beside its text: what it goes by, and what came of it."""

from datetime import datetime
from typing import Any

from django.db import transaction

from apps.shared import locks

from ..models import Activity


def keep_input(activity: Activity, *, at: datetime, **facts: Any) -> None:
    """Found before an agent is asked; what looks at the step later sees the same. `facts` are JSON."""
    with transaction.atomic():
        (step,) = locks.take(activity)
        step.input_data = {**step.input_data, **facts}
        step.updated_on = at
        step.save(update_fields=["input_data", "updated_on"])
    activity.input_data = step.input_data


def keep_outcome(activity: Activity, **facts: Any) -> None:
    """Beside what is known of it already. `facts` are JSON; the caller holds the step's lock."""
    activity.output_summary = {**activity.output_summary, **facts}
    activity.save(update_fields=["output_summary"])
