"""Taking back what the dead left, hearing unheard bells, and removing content nothing refers to."""

from django.core.management.base import CommandError

from apps.activities import tasks
from apps.storage import StorageUnavailable
from apps.tenants.doors.commands import RepeatedCommand
from apps.tenants.doors.tasks import deliver


class Command(RepeatedCommand):
    help = (
        "Give back work whose worker died, keep the money of lost calls at its estimate, make deliveries that are due, ring for "
        "due work, and remove old content that no row refers to. Safe to run beside everything else, twice at once, and to kill."
    )
    every = "SWEEP_SECONDS"

    def round(self, *, is_first: bool) -> str:
        taken, delivered = tasks.sweep(), deliver()
        told = f"{taken} lease(s) and reservation(s) taken back, {delivered} delivery(ies) made"
        if is_first:  # a long sweep looks at content once; beat has a daily tick for it
            try:
                removed = tasks.sweep_content()
            except StorageUnavailable as error:
                raise CommandError(f"{told}. Content was not swept: {error.detail}") from error
            told += f", {removed} orphan(s) removed from the content stores"
        return f"{told}."
