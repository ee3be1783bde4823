"""Sealing every secret again with the newest key."""

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from apps.shared import rotation
from apps.shared.actors import Actor
from apps.shared.scoping import every_tenant
from apps.tenants.doors.commands import OperatorCommand


class Command(BaseCommand):
    help = (
        "Seal every stored secret with the first of ENCRYPTION_KEYS. First put the new key in front in every process, run this, "
        "then remove the old key. Runs online; killed at any moment, the next run goes on. Exit 1 when a secret does not open."
    )

    def handle(self, *args, **options):
        by, at = Actor.system("command.rotate_encryption_key"), timezone.now()
        with every_tenant(reason="the key changes for the secrets of all clients and of the platform"):
            for model, fields in rotation.sealed_columns().items():
                again = newest = 0
                for batch in OperatorCommand.progress(rotation.rotate(model, by=by, at=at), model._meta.db_table):
                    again, newest = again + batch.sealed_again, newest + batch.had_newest
                columns = ", ".join(field.column for field in fields)
                self.stdout.write(
                    f"{model._meta.db_table} ({columns}): {again} sealed again, {newest} had the newest key."
                )
            broken = list(rotation.unreadable({}))
        for finding in broken:
            self.stdout.write(str(finding))
        if broken:
            raise CommandError(
                f"{len(broken)} secret(s) do not open; keep the old key until they are entered again.", returncode=1
            )
