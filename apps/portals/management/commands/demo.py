"""Walk the first journey and a month of all deliverables through the doors, and print what happened."""

import os

from django.conf import settings
from django.core.cache import cache
from django.core.management.base import BaseCommand, CommandError

from apps.portals.browser import WalkStopped
from apps.portals.rehearsal import Addresses, Walk, Walked
from apps.portals.rehearsal_month import MonthWalk


class Command(BaseCommand):
    help = "Take a new client from nothing to live blog posts over HTTP; every run makes another client."

    def handle(self, *args, **options):
        sandbox, password = os.environ.get("SANDBOX_URL", ""), os.environ.get("DEMO_PASSWORD", "")
        if not sandbox or not password:
            raise CommandError("The demo needs the development stack: run it by `make demo` or `make up`.")
        addresses = Addresses(settings.PUBLIC_BASE_URL, sandbox.rstrip("/"), password)
        model = (
            "the rehearsal model" if settings.ANTHROPIC_BASE_URL.startswith(sandbox) else settings.ANTHROPIC_BASE_URL
        )
        self.stdout.write(f"  The first journey, at {addresses.product}, with {model}")
        cache.set("rehearsal", "running", timeout=None)
        try:
            walked = Walk(addresses, self._say).run()
            self._sum_up(walked)
            self.stdout.write("  A month with all ten types of deliverables")
            month = MonthWalk(addresses, self._say).run()
        except WalkStopped as error:
            cache.set("rehearsal", "failed", timeout=None)
            raise CommandError(f"The demo stopped. {error}") from error
        cache.set("rehearsal", "done", timeout=None)
        self._sum_up(month)
        for link in walked.live:
            self.stdout.write(f"  Live post        {link}")
        self.stdout.write(f"  Manage           {addresses.product}/manage/  sam@leadmetrics.test")
        self.stdout.write(f"  DM Portal        {addresses.product}/dm/  {walked.reviewer_email}")
        self.stdout.write(f"  Client dashboard {addresses.product}/app/  {walked.admin_email}")
        self.stdout.write(f"  Mail catcher     {addresses.sandbox}/mail/")
        self.stdout.write("  Every password is DEMO_PASSWORD in .local/env.")

    def _sum_up(self, walked: Walked) -> None:
        self.stdout.write(f"  {walked.seconds:6.1f} s  in all, for {walked.client}")
        self.stdout.write(f"            it cost {walked.cost}\n")

    def _say(self, seconds: float, what: str) -> None:
        self.stdout.write(f"  {seconds:6.1f} s  {what}")
