"""The frames of operator commands: a scope per tenant, rounds of work, progress on a terminal, exit 1 on a finding."""

import signal
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection, connections
from django.utils import timezone
from rich.console import Console
from rich.progress import track

from apps.shared.actors import Actor
from apps.shared.errors import OperationRefused
from apps.shared.scoping import TenantFacts, tenant_scope

from .. import queries

T = TypeVar("T")
log = structlog.get_logger()


class OperatorCommand(BaseCommand):
    """A command over tenants: `--tenant <ref_id or slug>` for one, otherwise every open one.

    Subclasses define `for_tenant(tenant, *, by, at)`, or `for_tenants`, which takes `at_once` of them; what it returns is
    summed up and handed to `report`. With `side_by_side`, so many batches are worked on at one time, each on a thread and
    a connection of its own. A client that cannot be worked on keeps no other waiting: those of its batch are worked on one
    by one, and it is named at the end, with exit 1.
    """

    at_once = 1
    side_by_side = 1

    def add_arguments(self, parser):
        parser.add_argument("--tenant", help="ref_id or slug of one client; without it every open client")

    def handle(self, *args, **options):
        at, by = timezone.now(), Actor.system(f"command.{self.__module__.rsplit('.', 1)[-1]}")
        tenants = queries.facts_of_all()
        if wanted := options["tenant"]:
            tenants = [tenant for tenant in tenants if wanted in (tenant.ref_id, tenant.slug)]
            if not tenants:
                raise CommandError(f"There is no open client {wanted!r}.")
        batches = [tenants[first : first + self.at_once] for first in range(0, len(tenants), self.at_once)]
        failed: list[str] = []

        def work(batch: Sequence[TenantFacts]) -> int:
            try:
                with tenant_scope(*batch):
                    return self.for_tenants(batch, by=by, at=at) or 0
            except Exception as error:
                if len(batch) > 1:
                    return sum(work([tenant]) for tenant in batch)
                failed.append(self._told(batch[0], error))
                return 0

        def work_beside(batch: Sequence[TenantFacts]) -> int:
            try:
                return work(batch)
            finally:
                connections.close_all()  # this thread's

        is_beside = self.side_by_side > 1 and len(batches) > 1
        if is_beside and not connection.in_atomic_block:
            connection.close()  # the threads may need the pool's last one
        with ThreadPoolExecutor(self.side_by_side) as pool:
            counts = pool.map(work_beside, batches) if is_beside else map(work, batches)
            done = sum(count for count, _ in zip(counts, self.progress(batches, "Clients"), strict=True))
        if done or not failed:
            self.report(done)
        if failed:
            raise CommandError("\n".join(failed))

    @staticmethod
    def _told(tenant: TenantFacts, error: Exception) -> str:
        """What a person reads of a failure at one client; a defect goes to the log whole."""
        if isinstance(error, OperationRefused):
            return f"{tenant.slug}: {error.detail}"
        if isinstance(error, CommandError):
            return str(error)
        log.error("command.failed", tenant=tenant.ref_id, exc_info=error)
        return f"{tenant.slug}: {type(error).__name__}, as the log tells."

    def for_tenants(self, tenants: Sequence[TenantFacts], *, by: Actor, at) -> int | None:
        (tenant,) = tenants
        return self.for_tenant(tenant, by=by, at=at)

    def for_tenant(self, tenant: TenantFacts, *, by: Actor, at) -> int | None:
        raise CommandError("This command does nothing for a client.")

    def report(self, done: int) -> None:
        self.stdout.write(f"{done}")

    @staticmethod
    def progress(items: Iterable[T], label: str) -> Iterator[T]:
        """A progress bar where somebody looks on, silence in logs."""
        if not sys.stderr.isatty():
            return iter(items)
        return iter(track(items, label, console=Console(stderr=True), transient=True))  # stdout is for the answer


class RepeatedCommand(BaseCommand):
    """Rounds of work: one with `--once`, otherwise again and again until SIGTERM or Ctrl-C ends it after the current one.

    Subclasses name the setting with the seconds between rounds and define `round(is_first)`, which returns what was done.
    """

    every = "SWEEP_SECONDS"

    def add_arguments(self, parser):
        parser.add_argument("--once", action="store_true", help="one round, then end")

    def handle(self, *args, **options):
        self._stop = threading.Event()
        if not options["once"]:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: self._stop.set())
        is_first = True
        while True:
            self.stdout.write(self.round(is_first=is_first))
            is_first = False
            if options["once"] or self._stop.wait(getattr(settings, self.every)):
                return

    @property
    def is_told_to_stop(self) -> bool:
        return self._stop.is_set()

    def round(self, *, is_first: bool) -> str:
        raise CommandError("This command does nothing in a round.")

    def show(self, text: str) -> None:
        """How far it is, where somebody looks on."""
        if sys.stderr.isatty():
            self.stderr.write(f"\r{text}", ending="")
