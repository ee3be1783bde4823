"""Whether PostgreSQL, MongoDB and S3 stand as the code and the specification say."""

import json

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection
from django.utils import timezone

from apps.shared import grant_rules, schema_rules
from apps.storage import StorageUnavailable, structure


class Command(BaseCommand):
    help = (
        "Compare tables, keys, indexes, walls, moves, partitions and grants of PostgreSQL, collections and users of MongoDB, "
        "and the buckets of S3 with what they should be. Repairs nothing. Exit 0 when clean, 1 on a finding, 2 when it "
        "could not look."
    )
    requires_system_checks = ()

    def add_arguments(self, parser):
        parser.add_argument("--json", action="store_true", help="one object on stdout instead of lines")

    def handle(self, *args, **options):
        try:
            with connection.cursor() as cursor:
                found = schema_rules.look(cursor, at=timezone.now())
                found += grant_rules.look(cursor)
        except DatabaseError as error:
            raise CommandError(f"PostgreSQL could not be looked at: {error}", returncode=2) from error
        try:
            of_stores, notes = structure.look()
        except StorageUnavailable as error:
            raise CommandError(f"MongoDB or S3 could not be looked at: {error.__cause__}", returncode=2) from error
        found += of_stores
        if options["json"]:
            report = {"ok": not found, "findings": [finding.as_json() for finding in found], "notes": notes}
            self.stdout.write(json.dumps(report, indent=2))
        else:
            for line in [*found, *(f"note: {note}" for note in notes)]:
                self.stdout.write(str(line))
            if not found:
                self.stdout.write("The schema is as it should be.")
        if found:
            raise CommandError(f"{len(found)} finding(s).", returncode=1)
