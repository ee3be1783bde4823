"""This period's work for every client with an active strategy, and how its promises stand."""

from apps.activities import operations
from apps.tenants.doors.commands import OperatorCommand


class Command(OperatorCommand):
    help = (
        "Make this period's rows and units from active deliverables, close the periods that are over, and put those at"
        " risk that will not be kept. What is planned or closed already is left alone."
    )

    def for_tenant(self, tenant, *, by, at):
        made = operations.plan_tenant(tenant, by=by, at=at)
        operations.tend_periods(tenant, by=by, at=at)
        return made

    def report(self, done):
        self.stdout.write(f"{done} unit{'' if done == 1 else 's'} of work planned.")
