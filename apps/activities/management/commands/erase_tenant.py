"""Removing everything personal of a cancelled client from every store, and proving it."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from django.db.models import Q
from django.utils import timezone

from apps.activities.models import ActivityLease
from apps.shared.actors import Actor
from apps.storage import StorageUnavailable
from apps.tenants import erasing
from apps.tenants.doors.tasks import inside
from apps.tenants.models import Tenant
from apps.tenants.statuses import TenantStatus

ROUNDS = 3  # somebody who was just writing is done by the second


class Command(BaseCommand):
    help = (
        "Remove everything personal of a cancelled client from PostgreSQL, MongoDB and S3. Alone it shows what would go and "
        "exits 1; with the digest it showed it does it and signs a list of what went. Killed at any moment, a new look and "
        "the new digest finish it. --verify checks such a list and that nothing is left. Exit 2 when it is refused or could "
        "not look."
    )

    def add_arguments(self, parser):
        parser.add_argument("client", nargs="?", help="slug or ref_id of a cancelled client")
        parser.add_argument("--yes", metavar="DIGEST", help="erase what was shown under this digest")
        parser.add_argument("--json", action="store_true", help="one object on stdout instead of lines")
        parser.add_argument("--verify", metavar="FILE", help="check a signed list, and that its client is gone")

    def handle(self, *args, **options):
        if bool(options["client"]) == bool(options["verify"]):
            raise CommandError("Name a client, or a list with --verify.", returncode=2)
        self.at, self.by = timezone.now(), Actor.system("command.erase_tenant")
        self.as_json = options["json"]
        self._need_owners()
        try:
            if options["verify"]:
                self._verify(Path(options["verify"]))
            else:
                self._erase(options["client"], options["yes"])
        except DatabaseError as error:
            raise CommandError(f"PostgreSQL refused or could not be reached: {error}", returncode=2) from error
        except StorageUnavailable as error:
            raise CommandError(f"MongoDB or S3 refused: {error.__cause__ or error}", returncode=2) from error

    def _need_owners(self) -> None:
        missing = [] if erasing.OWNER in settings.DATABASES else ["DATABASE_MIGRATOR_URL"]
        missing += [] if settings.MONGO_ADMIN_URL else ["MONGO_ADMIN_URL"]
        if missing:
            raise CommandError(
                f"Set {' and '.join(missing)}: only owners may remove what is append-only.", returncode=2
            )

    def _erase(self, name: str, digest: str | None) -> None:
        tenant = Tenant.objects.filter(Q(slug=name) | Q(ref_id=name)).first()
        if tenant is None:
            raise CommandError(f"There is no client {name!r}.", returncode=2)
        if tenant.status != TenantStatus.CANCELLED:
            raise CommandError(f"{name} is {tenant.status}. Only a cancelled client can be erased.", returncode=2)
        with inside(tenant.id):
            if leases := ActivityLease.objects.filter(expires_on__gt=self.at).count():
                raise CommandError(
                    f"{name} has {leases} step(s) under way. Try again when they are over.", returncode=2
                )
            plan = erasing.look(tenant, at=self.at)
            if plan.is_done:
                self.stdout.write(json.dumps(_shown(plan)) if self.as_json else f"Nothing of {name} is left to erase.")
                return
            if digest is None:
                self._show(plan)
                raise CommandError(f"Nothing was erased. To erase it: --yes {plan.digest}", returncode=1)
            if digest != plan.digest:
                raise CommandError(
                    f"{name} has something else by now than was shown. Nothing was erased; look again.", returncode=2
                )
            signed = self._carry_out(tenant, plan)
        self.stdout.write(json.dumps(signed, indent=2) if self.as_json else _in_words(signed))

    def _carry_out(self, tenant: Tenant, plan: erasing.Plan) -> dict[str, Any]:
        erasing.begin(tenant, plan, by=self.by, at=self.at)
        gone: Counter[str] = Counter()

        def told(name: str, count: int) -> None:
            gone[name] += count
            if self.stderr.isatty():
                self.stderr.write(f"\r{name}: {gone[name]} gone", ending="\033[K")

        left = plan
        for _ in range(ROUNDS):
            erasing.remove(tenant, left, told=told)
            left = erasing.look(tenant, at=self.at)
            if not (left.rows or left.documents or left.objects):
                return erasing.finish(tenant, plan, by=self.by, at=self.at)
        raise CommandError("Something of the client is still being written. Look again.", returncode=1)

    def _show(self, plan: erasing.Plan) -> None:
        if self.as_json:
            self.stdout.write(json.dumps(_shown(plan), indent=2))
            return
        for title, counts in (("rows", plan.rows), ("documents", plan.documents), ("rows emptied", plan.emptied)):
            for name, count in counts.items():
                self.stdout.write(f"  {name:<40} {count:>8} {title}")
        for folder, found in plan.objects.items():
            self.stdout.write(f"  {folder:<40} " + ", ".join(f"{count} {what}" for what, count in found.items()))
        for line in _staying(plan.stays, plan.contracts, plan.files):
            self.stdout.write(line)

    def _verify(self, path: Path) -> None:
        try:
            signed = json.loads(path.read_text())
            tenant = Tenant.objects.filter(ref_id=signed["client"]).first()
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CommandError(f"{path} is no list of this command.", returncode=2) from error
        if tenant is None:
            raise CommandError(f"There is no client {signed['client']!r}.", returncode=2)
        with inside(tenant.id):
            found = list(erasing.check(signed, at=self.at))
        for line in found:
            self.stdout.write(line)
        if found:
            raise CommandError(f"{len(found)} finding(s).", returncode=1)
        self.stdout.write("The list is genuine, and nothing of the client is left but what it names.")


def _shown(plan: erasing.Plan) -> dict[str, Any]:
    return {"digest": plan.digest, "is_done": plan.is_done, **vars(plan)}


def _in_words(signed: dict[str, Any]) -> str:
    went, stays = signed["went"], signed["stays"]
    versions = sum(found["versions"] + found["markers"] for found in went["objects"].values())
    return "\n".join(
        [
            f"{signed['client']} is erased: {sum(went['rows'].values())} rows, {sum(went['documents'].values())} documents, "
            f"{versions} versions and markers in S3, {sum(went['emptied'].values())} rows emptied.",
            *_staying(stays["rows"], stays["contracts"], stays["files"]),
            f"Signed with {signed['key_id']}: {signed['hmac_sha256']}",
        ]
    )


def _staying(rows: dict[str, Any], contracts: dict[str, str], files: list[str]) -> list[str]:
    return [
        *(f"  stays: {table}, {kept['rows']} rows: {kept['because']}" for table, kept in rows.items()),
        *(f"  stays: {key}, locked until {until}" for key, until in contracts.items()),
        *(f"  stays: {key}, named by a row that stays" for key in files),
    ]
