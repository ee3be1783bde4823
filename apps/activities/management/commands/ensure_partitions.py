"""The months of llm_calls: this one and those ahead."""

from django.core.management.base import BaseCommand
from django.utils import timezone

from apps.activities import operations
from apps.shared.schema_rules import MONTHS_AHEAD


class Command(BaseCommand):
    help = "Make this month's partition of llm_calls and those of the months ahead, and move what DEFAULT caught. Repeatable."

    def handle(self, *args, **options):
        made = operations.ensure_partitions(timezone.now())
        self.stdout.write(f"{made} partition{'' if made == 1 else 's'} made; {MONTHS_AHEAD} months ahead exist.")
