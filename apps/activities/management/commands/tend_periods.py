"""How each client's promises stand: kept, missed, at risk or on their way."""

from apps.activities import operations
from apps.tenants.doors.commands import OperatorCommand


class Command(OperatorCommand):
    help = "Close the periods that are over, and put those at risk that will not be kept, or back. Repeatable."

    def for_tenant(self, tenant, *, by, at):
        return operations.tend_periods(tenant, by=by, at=at)

    def report(self, done):
        self.stdout.write(f"{done} promise{'' if done == 1 else 's'} moved.")
