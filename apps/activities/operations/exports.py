"""The export of all that is a client's: asking for one, and opening what came out."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from apps.shared import journal
from apps.shared.actors import Actor
from apps.shared.errors import NotFound, OperationRefused

from ..bodies import EXPORT_CLIENT
from ..models import Activity
from .jobs import JobBegun, begin_job, is_one_under_way, jobs_of

KEPT_FOR = timedelta(days=7)  # a copy of everything a client has should not lie about


class ExportUnderWay(OperationRefused):
    """An export of this client is being made already. Wait for it, or cancel it first."""

    code = "export_under_way"


class ExportGone(OperationRefused):
    """This export was removed after seven days. Make a new one."""

    code = "export_gone"
    http_status = 410


def begin_export(tenant_id: UUID, *, by: Actor, at: datetime) -> Activity:
    """Have everything of the client gathered in one file. Raises ExportUnderWay while another one is being made."""
    exports = jobs_of(tenant_id, EXPORT_CLIENT)
    if is_one_under_way(exports):
        raise ExportUnderWay
    number = exports.count() + 1
    try:
        return begin_job(
            tenant_id,
            role=EXPORT_CLIENT,
            title=f"Export number {number}",
            origin_key=f"export/{number}",  # of two clicks at once the second is refused by the database
            journal_code="export.begun",
            input_data={},
            by=by,
            at=at,
        )
    except JobBegun as error:
        raise ExportUnderWay from error


def open_export(export: Activity, *, by: Actor, at: datetime) -> dict:
    """Where the finished file lies, {key, version_id, sha256, size}; that it was fetched is journalled.

    Raises NotFound for what is no finished export, ExportGone once it was removed.
    """
    archive = export.output_summary.get("archive")
    if export.assignee_agent_role != EXPORT_CLIENT or export.completed_on is None or archive is None:
        raise NotFound
    if at >= export.completed_on + KEPT_FOR:
        raise ExportGone
    with transaction.atomic():
        journal.record("export.opened", export, by=by, at=at, after={"sha256": archive["sha256"]})
    return archive
