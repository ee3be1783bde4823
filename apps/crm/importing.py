"""A file of leads, read in batch by batch: the job `system.import_leads`.

A batch and the place behind it are committed together, so an attempt that was stopped loses nothing and the next one
begins at the row where it stopped. A row is one event, known by the digest of what it says: the same row again, in
this file or another, adds nothing.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from hashlib import sha256
from itertools import islice

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils import timezone

from apps import storage
from apps.activities.operations import Job
from apps.shared.errors import InvalidInput
from apps.shared.ids import new_id, spell

from . import csv_files, operations
from .bodies import DETAILS, FULL_NAME, NAMES, ORIGIN, ImportPlan
from .contacts import Contact, cleaned
from .csv_files import CsvFile
from .statuses import LeadSource

ROWS_AT_ONCE = 500
ERRORS_KEPT = 200
LONGEST_NAME = 180  # with what stands before it in the title of the job


@dataclass
class Tally:
    """What an import did so far: rows read, and of these leads added, touches on known ones, unchanged and refused."""

    rows: int = 0
    added: int = 0
    known: int = 0
    unchanged: int = 0
    refused: int = 0
    errors: list[dict] = field(default_factory=list)  # {row, reason} of the first ERRORS_KEPT that were refused

    def refuse(self, row: int, reason: str) -> None:
        self.refused += 1
        if len(self.errors) < ERRORS_KEPT:
            self.errors.append({"row": row, "reason": reason})

    def in_words(self) -> str:
        return f"{self.added:,} added, {self.known:,} known, {self.unchanged:,} unchanged, {self.refused:,} refused"


def keep(content: bytes, *, name: str) -> storage.imports.Upload:
    """Store a file that can be read. Raises FileTooLarge, FileUnreadable and StorageUnavailable."""
    sum(1 for _ in csv_files.opened(content).rows())  # every row is looked at before anything is kept
    name = " ".join(name.split())[:LONGEST_NAME] or "file.csv"
    return storage.imports.put(content, upload_ref=spell(new_id()), name=name)


def content_of(file: UploadedFile) -> bytes:
    """The bytes of an uploaded file. Raises FileTooLarge before anything is read."""
    if (file.size or 0) > csv_files.LARGEST_BYTES:
        raise csv_files.FileTooLarge
    return file.read()


def reread(upload: storage.imports.Upload) -> CsvFile:
    """Raises ImportFileGone once it was removed, StorageUnavailable."""
    try:
        return csv_files.opened(storage.imports.read(upload))
    except storage.BodyMissing as error:
        raise operations.ImportFileGone from error


def import_leads(job: Job) -> dict:
    """Receive every row that is left, and say what became of all. Raises LeaseLost, ImportFileGone, StorageUnavailable."""
    upload = storage.imports.Upload.model_validate(job.activity.input_data["file"])
    plan = ImportPlan.model_validate(job.activity.input_data["plan"])
    file, tally = reread(upload), Tally(**job.state)
    total = sum(1 for _ in file.rows())
    job.tell(f"Reading {upload.name}", done=tally.rows, total=total)
    rows = islice(file.rows(), tally.rows, None)
    while batch := list(islice(rows, ROWS_AT_ONCE)):
        contacts = list(_contacts(batch, plan, tally, file_name=upload.name, at=job.activity.created_on))
        with transaction.atomic():
            for received in operations.receive_leads(contacts, by=job.by, at=timezone.now()):
                setattr(tally, received.outcome, getattr(tally, received.outcome) + 1)
            tally.rows += len(batch)
            job.tell(tally.in_words(), done=tally.rows, total=total, state=asdict(tally))
    return asdict(tally)


def _contacts(
    batch: list[tuple[int, list[str]]], plan: ImportPlan, tally: Tally, *, file_name: str, at: datetime
) -> Iterator[Contact]:
    """The rows of which something can be made; why the others were refused goes to the tally."""
    for number, cells in batch:
        if any(cell.strip() for cell in cells[len(plan.targets) :]):
            tally.refuse(number, "The row has more cells than there are columns.")
            continue
        try:
            told = cleaned(_values(cells, plan.targets), country_code=plan.country_code)
        except InvalidInput as error:
            tally.refuse(number, "; ".join(f"{NAMES[name]}: {text[0]}" for name, text in error.errors.items()))
            continue
        yield Contact(
            source=LeadSource.IMPORT,
            occurred_on=at,
            told=f"Imported from {file_name}, row {number}.",
            details={name: told[name] for name in DETAILS if name in told},
            origin={name: told[name] for name in ORIGIN if name in told},
            external_event_id=f"row:{_digest(told)}",
            raw_summary={"file": file_name, "row": number, **told},
        )


def _values(cells: list[str], targets: list[str]) -> dict[str, str]:
    values = {target: cell for target, cell in zip(targets, cells, strict=False) if target}
    first, _, last = " ".join(values.pop(FULL_NAME, "").split()).partition(" ")
    return {**values, **({"first_name": first, "last_name": last} if first else {})}


def _digest(told: dict[str, str]) -> str:
    return sha256(json.dumps(told, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
