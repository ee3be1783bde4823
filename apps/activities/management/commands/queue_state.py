"""What waits where, over all clients."""

import json

from django.core.management.base import BaseCommand
from django.utils import timezone

from apps.activities import queries


class Command(BaseCommand):
    help = "Show how much work is due, claimed, scheduled, blocked or with a person, and whether everything is at rest."

    def add_arguments(self, parser):
        parser.add_argument("--json", action="store_true", help="one object on stdout instead of lines")

    def handle(self, *args, **options):
        state = queries.queue_state(timezone.now())
        if options["json"]:
            self.stdout.write(json.dumps(state))
            return
        for name, value in state.items():
            shown = (
                ", ".join(f"{count} {status}" for status, count in value.items()) if isinstance(value, dict) else value
            )
            self.stdout.write(f"{name.replace('_', ' '):<20} {shown}")
