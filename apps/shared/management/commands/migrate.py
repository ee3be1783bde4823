"""`migrate`, ended by what no migration may forget: guards, the table of allowed moves, grants, and the reporting views."""

from django.conf import settings
from django.core.management.commands.migrate import Command as DjangoMigrate
from django.db import connections, transaction
from django.db.migrations.executor import MigrationExecutor

from apps.shared import guards, reporting

LOCK = 0x1EADAE7  # one number for every runner of this product: two at once take turns


class Command(DjangoMigrate):
    help = "Apply migrations as the owner of the tables, then attach guards, grants and reporting views. Safe to run twice and at once."

    def handle(self, *args, **options):
        if options["database"] == "default" and "migrator" in settings.DATABASES:
            options["database"] = "migrator"
        connection = connections[options["database"]]
        if options["plan"] or options["check_unapplied"]:
            return super().handle(*args, **options)
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', '0', false)")
            cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
            # A statement that cannot get its lock in three seconds gives up, so that traffic does not queue behind it.
            cursor.execute("SELECT set_config('lock_timeout', '3s', false)")
        try:
            self._clear_the_way(connection, options)
            super().handle(*args, **options)
            with connection.cursor() as cursor:
                tables = set(connection.introspection.table_names(cursor))
                if {model._meta.db_table for model in guards.records()} <= tables:
                    built = guards.install(cursor)
                    guards.fill_allowed_moves(cursor, release=settings.RELEASE)
                    guards.grant(cursor, tables)
                    with transaction.atomic(using=options["database"]):  # Grafana finds the old views or the new ones
                        shown = reporting.install(cursor)
                    if options["verbosity"] >= 1:
                        self.stdout.write(f"  Guards: {len(built)} built; allowed moves and grants are in place.")
                        self.stdout.write(f"  Reporting: {shown} views made.")
        finally:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])

    @staticmethod
    def _clear_the_way(connection, options) -> None:
        """Without the views while tables change: PostgreSQL refuses to alter or drop a column that a view shows."""
        executor = MigrationExecutor(connection)
        if options["app_label"] or executor.migration_plan(executor.loader.graph.leaf_nodes()):
            with connection.cursor() as cursor:
                reporting.remove(cursor)
