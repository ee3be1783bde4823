"""This period's work for every client with an active strategy."""

from apps.activities import operations
from apps.tenants.doors.commands import OperatorCommand


class Command(OperatorCommand):
    help = (
        "Make this period's rows and units from active deliverables, a few clients at a time. What is planned or closed"
        " already is left alone; killed at any moment, the next run makes the rest."
    )
    at_once = operations.CLIENTS_AT_ONCE
    side_by_side = 2  # one prepares while PostgreSQL works for the other

    def for_tenants(self, tenants, *, by, at):
        return operations.plan_tenants(tenants, by=by, at=at)

    def report(self, done):
        self.stdout.write(f"{done} unit{'' if done == 1 else 's'} of work planned.")
