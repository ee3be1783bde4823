"""Whether all stores agree: pointers, objects, counts, money, work, the journal's copy, and the walls around them."""

import json

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection
from django.utils import timezone

from apps.activities import integrity, registry, repair
from apps.activities.tasks import ORPHANS_AFTER
from apps.shared import grant_rules, rotation, schema_rules
from apps.shared.actors import Actor
from apps.shared.findings import Finding
from apps.shared.scoping import TenantFacts, every_tenant
from apps.storage import StorageUnavailable
from apps.storage import integrity as stores
from apps.strategy.models import DeliverablePeriod
from apps.tenants import queries as tenant_queries
from apps.tenants.doors.commands import OperatorCommand
from apps.tenants.doors.tasks import inside
from apps.tenants.models import Contract

OF_THE_SCHEMA = {"grant_drift", "constraint_missing", "index_missing", "partition_missing", "default_partition_used"}


class Command(BaseCommand):
    help = (
        "Read PostgreSQL, MongoDB and S3 and report where they disagree: missing or altered content, orphans, wrong counts "
        "and spend, stranded work, gaps in the journal, weakened walls. Exit 0 when clean, 1 on a finding, 2 when it could not "
        "look. With --repair it tells what it would put right and what a person has to; with --yes and the plan's name it "
        "does so, and looks again."
    )
    requires_system_checks = ()

    def add_arguments(self, parser):
        parser.add_argument("--json", action="store_true", help="one object on stdout instead of lines")

        parser.add_argument("--repair", action="store_true", help="tell what would be put right; change nothing")
        parser.add_argument("--yes", metavar="PLAN", help="carry out the plan of this name, if it is still the same")

    def handle(self, *args, **options):
        self._look()
        if options["yes"]:
            self._carry_out(options["yes"])
            self._look()
        self._report(as_json=options["json"], plan=repair.plan(self.findings) if options["repair"] else None)

    def _carry_out(self, wanted: str) -> None:
        steps = repair.plan(self.findings)
        if repair.digest_of(steps) != wanted:
            raise CommandError("The findings have changed since that plan. Run --repair again and read the new one.")
        done = repair.carry_out(steps, by=Actor.system("command.verify_integrity"), at=self.at)
        self.stderr.write(f"{done} repair{'s' * (done != 1)} carried out.")

    def _look(self) -> None:
        self.at = timezone.now()
        self.checked = {"pointers": 0, "objects": 0, "periods": 0, "tenants": 0}
        self.findings: list[Finding] = []
        self.notes: list[str] = []
        try:
            tenants = tenant_queries.facts_of_all(only_open=False)
            for tenant in OperatorCommand.progress(tenants, "Clients"):
                with inside(tenant.id):
                    self._client(tenant)
            self._everything({tenant.id: tenant.ref_id for tenant in tenants})
        except DatabaseError as error:
            raise CommandError(f"PostgreSQL could not be looked at: {error}", returncode=2) from error
        except StorageUnavailable as error:
            raise CommandError(f"MongoDB or S3 could not be looked at: {error.__cause__}", returncode=2) from error

    def _client(self, tenant: TenantFacts) -> None:
        self.checked["tenants"] += 1
        self.checked["periods"] += DeliverablePeriod.objects.count()
        for column in registry.POINTERS:
            self._count("pointers", stores.check_pointers(column))
        for rule in registry.FOUND_BY_REF:
            self.findings += stores.check_found(rule)
        for model in registry.IS_REFERENCED:
            self._count("objects", stores.check_objects(model))
        contracts = Contract.objects.values_list("ref_id", "pdf_s3_key", "pdf_version_id", "pdf_sha256")
        seen, found, notes = stores.check_contracts([stores.PinnedPdf(*row) for row in contracts])
        self._count("pointers", (seen, []))
        self._count("objects", (seen, found))
        self.notes += notes
        self.findings += stores.orphans(registry.IS_REFERENCED, older_than=self.at - ORPHANS_AFTER)
        self.findings += integrity.of_tenant(tenant, at=self.at)
        self.findings += integrity.of_skills(tenant, older_than=self.at - ORPHANS_AFTER)

    def _everything(self, refs: dict) -> None:
        with every_tenant(reason="the journal, the secrets and the walls are those of all clients"):
            self.findings += integrity.of_journal(refs, at=self.at)
            self.findings += rotation.unreadable(refs)
        self.findings += stores.documents_of_strangers(
            registry.IS_REFERENCED, set(refs.values()), older_than=self.at - ORPHANS_AFTER
        )
        with connection.cursor() as cursor:
            found = [*schema_rules.look(cursor, at=self.at), *grant_rules.look(cursor)]
        self.findings += [finding for finding in found if finding.code in OF_THE_SCHEMA]

    def _count(self, what: str, result: tuple[int, list[Finding]]) -> None:
        seen, found = result
        self.checked[what] += seen
        self.findings += found

    def _report(self, *, as_json: bool, plan: list[repair.Step] | None) -> None:
        if as_json:
            report = {
                "ok": not self.findings,
                "checked": self.checked,
                "findings": [finding.as_json() for finding in self.findings],
                "notes": self.notes,
            }
            if plan is not None:
                report["plan"] = {
                    "name": repair.digest_of(plan),
                    "by_itself": [str(step) for step in plan if step.do],
                    "by_hand": [str(step) for step in plan if not step.do],
                }
            self.stdout.write(json.dumps(report, indent=2))
        else:
            for line in [*self.findings, *(f"note: {note}" for note in self.notes)]:
                self.stdout.write(str(line))
            looked = ", ".join(f"{count} {what}" for what, count in self.checked.items())
            self.stdout.write(
                f"Looked at {looked}: {len(self.findings) or 'no'} finding{'s' * (len(self.findings) != 1)}."
            )
            self._tell(plan)
        if self.findings:
            raise CommandError(f"{len(self.findings)} finding(s).", returncode=1)

    def _tell(self, plan: list[repair.Step] | None) -> None:
        if not plan:
            return
        for title, steps in (
            ("Would be put right:", [step for step in plan if step.do]),
            ("For a person:", [step for step in plan if not step.do]),
        ):
            if steps:
                self.stdout.write("\n".join([title, *(f"  {step}" for step in steps)]))
        if any(step.do for step in plan):
            self.stdout.write(f"Carry it out with: verify_integrity --yes {repair.digest_of(plan)}")
