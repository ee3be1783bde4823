"""How each client's channels stand: asked for by hand, besides the month's own scoring."""

from apps.activities import operations
from apps.tenants.doors.commands import OperatorCommand


class Command(OperatorCommand):
    help = (
        "Have the connected channels of every client scored now, by the workers or run_due. A client whose channels are"
        " being scored already, or that has none to score, is left alone."
    )

    def for_tenant(self, tenant, *, by, at):
        try:
            operations.begin_scoring(tenant, by=by, at=at)
        except (operations.NothingToScore, operations.ScoringUnderWay):
            return 0
        return 1

    def report(self, done):
        self.stdout.write(f"{done} client{'' if done == 1 else 's'}: scoring asked for.")
