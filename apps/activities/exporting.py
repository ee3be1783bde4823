"""All rows of one client as JSON lines and CSV in one ZIP, made piece by piece.

A piece is some thousand rows of a table, stored before the job says that it is done; a job that was stopped goes on
after the last of them. At the end the pieces become the archive. Columns follow from the models, as those of Grafana's
views do, so none can be forgotten and none that opens something is in it; ids are written as the ref_ids of the rows.
"""

import csv
import gzip
import io
import json
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from tempfile import SpooledTemporaryFile
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from apps import storage
from apps.shared import reporting
from apps.shared.errors import OperationRefused
from apps.shared.guards import records
from apps.shared.ids import spell
from apps.shared.redaction import redact
from apps.shared.scoping import TenantFacts, TenantModel, only_tenant
from apps.tenants.models import Tenant, User

from .operations import Job

ROWS_OF_A_PIECE = 10_000
ROWS_AT_ONCE = 500
PIECE_IN_MEMORY = 4 << 20  # bytes; what is more lies on disk until it is stored
UNPACKED_AT_ONCE = 1 << 20
FIRST_DAY = (1980, 1, 1, 0, 0, 0)  # of a ZIP: the same rows make the same file

# The mechanics of the product, which say nothing about the client, and what others sent before it was made into rows.
LEFT_OUT = {"activity_leases", "idempotency_keys", "inbound_events", "journal_deliveries"}
COLUMNS_LEFT_OUT = {"id", "tenant_id"}
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet runs a cell that begins so (OWASP, CSV injection)

README = """\
Everything that {name} has in Leadmetrics, as of {at}.

tables/<table>.jsonl   one row per line, as JSON
tables/<table>.csv     the same rows for spreadsheets; a cell that a spreadsheet would run begins with '
manifest.json          how many rows each table has

Rows refer to each other by ref_id. Passwords, keys, tokens and digests are left out.
"""


class PiecesLost(OperationRefused):
    """A part of the export is not there any more. Try again: it is made anew."""

    code = "pieces_lost"


def export(job: Job) -> dict:
    """Gather the client's rows, store the archive, and say where it lies. Raises LeaseLost, PiecesLost, StorageUnavailable."""
    client, models = only_tenant(), tables()
    pieces: list[dict] = job.state.get("pieces", [])
    position, after = job.state.get("position", 0), job.state.get("after", "")
    while position < len(models):
        model = models[position]
        job.tell(f"Reading {_called(model)}", done=position, total=len(models), state=_state(pieces, position, after))
        piece, last = _piece(job, model, client, after=after, number=len(pieces))
        if piece:
            pieces.append(piece)
        position, after = (position, last) if last else (position + 1, "")
    job.tell("Putting it together", done=position, total=len(models), state=_state(pieces, position, ""))
    counts = {model._meta.db_table: 0 for model in models}
    for piece in pieces:
        counts[piece["table"]] += piece["rows"]
    try:
        archive = storage.exports.put_archive(
            _archive(job, pieces, counts, client), export_ref=job.activity.ref_id, name=f"{job.claim.attempt}.zip"
        )
    except storage.BodyMissing as error:
        job.tell("A part was lost; it begins anew", done=0, total=len(models), state={})
        raise PiecesLost from error
    job.check()
    storage.exports.remove_pieces(job.activity.ref_id)
    return {"archive": archive.model_dump(), "tables": len(models), "rows": sum(counts.values()), "bytes": archive.size}


def tables() -> list[Any]:
    """What is exported: every table of clients' rows but LEFT_OUT, the client's people, and the client itself."""
    of_clients = [m for m in records() if issubclass(m, TenantModel) and m._meta.db_table not in LEFT_OUT]
    return [Tenant, User, *of_clients]


def columns(model: Any) -> list[str]:
    """The columns that are written; none that opens something (see `reporting`)."""
    return [column for column in reporting.shown(model) if column not in COLUMNS_LEFT_OUT]


def _state(pieces: list[dict], position: int, after: str) -> dict:
    return {"pieces": pieces, "position": position, "after": after}


def _called(model: Any) -> str:
    return str(model._meta.verbose_name_plural)


def _rows(model: Any, client: TenantFacts, *, after: str) -> QuerySet:
    """The client's live rows behind this ref_id. Rows of the platform itself, such as global templates, are not theirs."""
    rows = model.objects.filter(pk=client.id) if model is Tenant else model.objects.filter(tenant_id=client.id)
    if getattr(model, "soft_deletes", False):
        rows = rows.filter(deleted_on__isnull=True)
    if model._meta.db_table == "review_comments":
        rows = rows.filter(is_internal=False)  # what the agency says among itself
    return rows.filter(ref_id__gt=after).order_by("ref_id")


def _piece(job: Job, model: Any, client: TenantFacts, *, after: str, number: int) -> tuple[dict | None, str]:
    """(a stored piece, the ref_id after which the next begins). None where no row is left, '' where the table ends."""
    names, count, last = columns(model), 0, after
    fields = [model._meta.get_field(name).attname for name in names]
    with SpooledTemporaryFile(max_size=PIECE_IN_MEMORY) as file:
        with gzip.GzipFile(fileobj=file, mode="wb", mtime=0) as packed:
            while count < ROWS_OF_A_PIECE:
                batch = list(_rows(model, client, after=last).values_list(*fields, "ref_id")[:ROWS_AT_ONCE])
                for *values, _ in batch:
                    row = {name: _plain(value) for name, value in zip(names, values, strict=True)}
                    packed.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
                count += len(batch)
                last = batch[-1][-1] if batch else last
                if len(batch) < ROWS_AT_ONCE:
                    last = ""
                    break
                job.check()
        if not count:
            return None, ""
        table = model._meta.db_table
        stored = storage.exports.put_piece(
            file,  # type: ignore[arg-type]  # a SpooledTemporaryFile has all of BinaryIO that is used
            export_ref=job.activity.ref_id,
            name=f"{number:05}-{table}.jsonl.gz",
        )
    return {"table": table, "rows": count, "part": stored.model_dump()}, last


def _plain(value: Any) -> Any:
    """A column's value as JSON has it; what JSON columns hold is looked through for secrets once more."""
    match value:
        case UUID():
            return spell(value)
        case Decimal():
            return str(value)
        case datetime() | date():
            return value.isoformat()
        case dict() | list() | tuple():
            return json.loads(json.dumps(redact(value), default=str))
    return value if value is None or isinstance(value, (bool, int, float)) else str(value)


class _Sink:
    """What `zipfile` writes, until it is taken: there is never more in it than a chunk makes."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, data: bytes) -> int:
        self._written += data
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def take(self) -> bytes:
        taken, self._written = bytes(self._written), bytearray()
        return taken


def _archive(job: Job, pieces: list[dict], counts: dict[str, int], client: TenantFacts) -> Iterator[bytes]:
    """The ZIP in chunks, read from the stored pieces. Between two files it looks whether the job may go on."""
    sink = _Sink()
    name = Tenant.objects.values_list("name", flat=True).get(pk=client.id)
    at = timezone.now().isoformat(timespec="seconds")
    columns_of = {model._meta.db_table: columns(model) for model in tables()}
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[arg-type]  # unseekable is enough
        archive.writestr(_entry("README.txt"), README.format(name=name, at=at))
        manifest = {"client": client.ref_id, "name": name, "made_on": at, "rows": counts}
        archive.writestr(_entry("manifest.json"), json.dumps(manifest, ensure_ascii=False, indent=2))
        for table in dict.fromkeys(piece["table"] for piece in pieces):
            job.check()
            of_table = [storage.StoredPart.model_validate(piece["part"]) for piece in pieces if piece["table"] == table]
            for ending, chunks in (("jsonl", _lines(of_table)), ("csv", _csv(of_table, columns_of[table]))):
                with archive.open(_entry(f"tables/{table}.{ending}"), "w", force_zip64=True) as file:
                    for chunk in chunks:
                        file.write(chunk)
                        yield sink.take()
    yield sink.take()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, FIRST_DAY)
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def _lines(parts: list[storage.StoredPart]) -> Iterator[bytes]:
    """The JSON lines of these pieces in chunks."""
    for part in parts:
        unpack = zlib.decompressobj(wbits=31)  # gzip
        for chunk in storage.exports.read_piece(part):
            while chunk:
                yield unpack.decompress(chunk, UNPACKED_AT_ONCE)
                chunk = unpack.unconsumed_tail
        yield unpack.flush()


def _csv(parts: list[storage.StoredPart], names: list[str]) -> Iterator[bytes]:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(names)
    rest = b""
    for chunk in _lines(parts):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            row = json.loads(line)
            writer.writerow([_cell(row[name]) for name in names])
        yield text.getvalue().encode()
        text.seek(0)
        text.truncate()


def _cell(value: Any) -> Any:
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and value.startswith(FORMULA):
        return f"'{value}"
    return value
