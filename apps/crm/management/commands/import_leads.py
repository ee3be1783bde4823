"""Leads of one client from a CSV file, as the page does it: the same job, worked by the workers."""

from pathlib import Path

from django.core.management.base import CommandError

from apps.crm import importing, operations
from apps.crm.bodies import NAMES, ImportPlan, guessed, problem_of
from apps.crm.csv_files import LARGEST_BYTES, FileTooLarge
from apps.tenants.doors.commands import OperatorCommand


class Command(OperatorCommand):
    help = (
        "Begin the import of a client's leads from a CSV file whose first row names the columns. Which column is what follows"
        " from the names and is printed. The same file twice adds nothing."
    )

    def add_arguments(self, parser):
        super().add_arguments(parser)
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--country-code", default="", help="digits before phone numbers that name no country, such as 91"
        )

    def handle(self, *args, **options):
        if not options["tenant"]:
            raise CommandError("Name the client: --tenant <ref_id or slug>.")
        code = options["country_code"].removeprefix("+")
        if code and not (code.isascii() and code.isdigit() and len(code) <= 3 and code[0] != "0"):
            raise CommandError("A country code has one to three digits, such as 91.")
        self.path, self.country_code = options["file"], code
        super().handle(*args, **options)

    def for_tenant(self, tenant, *, by, at):
        try:
            if self.path.stat().st_size > LARGEST_BYTES:
                raise FileTooLarge
            upload = importing.keep(self.path.read_bytes(), name=self.path.name)
        except OSError as error:
            raise CommandError(f"{self.path} cannot be read: {error.strerror}.") from error
        columns = importing.reread(upload).columns
        targets = guessed(columns)
        for column, target in zip(columns, targets, strict=True):
            self.stdout.write(f"  {column or '(no name)'}: {NAMES[target] if target else 'not imported'}")
        if problem := problem_of(targets):
            raise CommandError(f"Call the columns by their names, such as e-mail and phone. {problem}")
        plan = ImportPlan(targets=targets, country_code=self.country_code)
        self.ref_id = operations.begin_import(tenant.id, upload, plan=plan, by=by, at=at).ref_id

    def report(self, done):
        self.stdout.write(f"The import is activity {self.ref_id}. It begins as soon as a worker is free.")
