"""CSV files of leads, and the import of one as far as a test wants it."""

import csv
import io
from datetime import timedelta

from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from apps.activities.engine import claim as claiming
from apps.activities.models import Activity
from apps.activities.operations import Job
from apps.crm import importing, operations
from apps.crm.bodies import ImportPlan, guessed
from apps.crm.models import Lead
from apps.shared.actors import Actor
from apps.shared.scoping import every_tenant, only_tenant

BY = Actor.system("tests")
COLUMNS = ("First name", "Last name", "E-mail", "Phone", "Company")
NADIA = ("Nadia", "Noor", "nadia@visitors.test", "+91 98123 45678", "Noor & Daughters")
OMAR = ("Omar", "Okafor", "omar@visitors.test", "", "Okafor Ltd")


def csv_of(*rows: tuple[str, ...], columns: tuple[str, ...] = COLUMNS, delimiter: str = ",") -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows([columns, *rows])
    return text.getvalue()


def many(count: int, start: int = 0) -> list[tuple[str, ...]]:
    return [(f"Person {n}", "", f"p{n}@visitors.test", "", "") for n in range(start, start + count)]


def uploaded(text: str | bytes, name: str = "leads.csv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, text.encode() if isinstance(text, str) else text, content_type="text/csv")


def nobody_else_works() -> None:
    with every_tenant(reason="a test wants to know what is claimed"):
        due = Activity.objects.filter(assignee_type="agent", status="assigned")
        due.update(ready_on=timezone.now() + timedelta(days=1))


def begun(text: str | bytes, *, name: str = "leads.csv", country_code: str = "") -> Activity:
    """An import of this file into the client in scope, with the columns as their names say, due."""
    upload = importing.keep(text.encode() if isinstance(text, str) else text, name=name)
    plan = ImportPlan(targets=guessed(importing.reread(upload).columns), country_code=country_code)
    return operations.begin_import(only_tenant().id, upload, plan=plan, by=BY, at=timezone.now())


def claimed(job_class=Job) -> Job:
    taken = claiming.claim("tests")
    assert taken is not None
    return job_class(taken, Activity.objects.get(pk=taken.activity_id), BY)


def people() -> dict[str, Lead]:
    return {lead.email: lead for lead in Lead.objects.all()}
