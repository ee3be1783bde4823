"""This period's work for every client with an active strategy."""

from apps.activities import operations
from apps.tenants.doors.commands import OperatorCommand


class Command(OperatorCommand):
    help = "Make this period's rows and units from active deliverables. What is planned already is left alone."

    def for_tenant(self, tenant, *, by, at):
        return operations.plan_tenant(tenant, by=by, at=at)

    def report(self, done):
        self.stdout.write(f"{done} unit{'' if done == 1 else 's'} of work planned.")
