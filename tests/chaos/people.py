"""The people of a client's first month while the processes die: they see what failed, and have it tried again."""

import threading
from collections.abc import Callable
from typing import Any

from django.db import connections

from apps.portals.rehearsal import Addresses
from apps.portals.rehearsal_month import MonthWalk, has_form


class PatientWalk(MonthWalk):
    """Rita also looks after what agents failed at, and after mails of which nobody knows whether they left."""

    def __init__(self, addresses: Addresses, *, on_client: Callable[[str], None]):
        super().__init__(addresses, lambda seconds, what: print(f"{seconds:6.1f} s  {what}"))
        self.on_client, self.slug, self.retried = on_client, "", 0
        self.is_month_begun = False

    def connect_wordpress(self, slug: str) -> None:
        super().connect_wordpress(slug)
        self.slug = slug
        self.on_client(slug)

    def wait_for(self, look: Callable, what: str) -> Any:
        return super().wait_for(lambda: look() or self.help_out(), what)

    def help_out(self) -> None:
        """What cannot wait until the month's work is done."""
        if self.slug:
            for link in self.tasks():
                page = self.rita.open(link)
                if page.heading.startswith("Failed"):
                    self.do(link)

    def work_through(self, slug: str) -> tuple[int, int]:
        self.is_month_begun = True
        return super().work_through(slug)

    def do(self, address: str) -> bool:
        page = self.rita.open(address)
        if page.heading.startswith("Failed"):
            self.try_again(page.links("/activities/"))
        elif page.heading.startswith("Did this outreach mail leave"):
            self.say_it_left()
        return super().do(address)

    def try_again(self, addresses: list[str]) -> None:
        for address in addresses:
            page = self.rita.open(address)
            if has_form(page, "/retry/"):
                self.rita.submit(page, page.form(action="/retry/"))
                self.retried += 1

    def say_it_left(self) -> None:
        overview = self.rita.open(f"/dm/c/{self.slug}/backlinks/")
        for address in dict.fromkeys(overview.links("/backlinks/0")):
            page = self.rita.open(address)
            if 'value="ask"' in page.text:
                self.rita.submit(page, page.form(action="/move/"), move="ask")


class Walking:
    """A walk on a thread of its own."""

    def __init__(self, walk: PatientWalk):
        self.walk = walk
        self.stopped_by: Exception | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.walk.run()
        except Exception as error:
            self.stopped_by = error
        finally:
            connections.close_all()

    @property
    def is_over(self) -> bool:
        return not self._thread.is_alive()
