"""This week's readings of every client's goals."""

from apps.activities import operations
from apps.tenants.doors.commands import OperatorCommand


class Command(OperatorCommand):
    help = (
        "Have the goals read for this week of each client, unless that was begun already. It only asks for the work: the"
        " workers do it, and a page of the client's shows how far it is."
    )

    def for_tenant(self, tenant, *, by, at):
        return operations.sync_goals(tenant, by=by, at=at) is not None

    def report(self, done):
        self.stdout.write(f"{done} client{'' if done == 1 else 's'} to be read.")
