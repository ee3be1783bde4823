"""Which statements take longest on average."""

import json
from dataclasses import asdict

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from apps.shared import timings


class Command(BaseCommand):
    help = (
        "Show the statements with the highest mean time, from pg_stat_statements where PostgreSQL has it, else from the "
        "product's own timings of this week and last. Exit 1 when a mean is over 100 ms, 2 when nobody could say."
    )
    requires_system_checks = ()

    def add_arguments(self, parser):
        parser.add_argument("--limit", type=int, default=10, help="how many (default: 10)")
        parser.add_argument("--json", action="store_true", help="one object on stdout instead of lines")

    def handle(self, *args, **options):
        if options["limit"] < 1:
            raise CommandError("--limit must be at least 1.", returncode=2)
        try:
            found = timings.slowest(limit=options["limit"], at=timezone.now())
        except timings.TimingsUnavailable as error:
            raise CommandError(f"Nobody could say how long statements take: {error}", returncode=2) from error
        over = [query for query in found.queries if query.is_over]
        if options["json"]:
            queries = [asdict(query) for query in found.queries]
            report = {"ok": not over, "source": found.source, "limit_ms": timings.SLOW_MS, "queries": queries}
            self.stdout.write(json.dumps(report, indent=2))
        else:
            self.stdout.write(f"From {found.source}:")
            for query in found.queries:
                self.stdout.write(f"{query.mean_exec_time:10.1f} ms  {query.calls:>8} calls  {query.query}")
        if over:
            raise CommandError(f"{len(over)} statement(s) take more than {timings.SLOW_MS:.0f} ms.", returncode=1)
