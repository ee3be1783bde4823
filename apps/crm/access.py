"""The gate to leads and imports: fetch and authorise in one step; absent and foreign look the same."""

from apps import storage
from apps.activities.bodies import IMPORT_LEADS
from apps.activities.models import Activity
from apps.shared.actors import Actor
from apps.shared.errors import NotFound
from apps.shared.lookups import by_ref
from apps.tenants.permissions import require

from .models import Lead


def lead_for(actor: Actor, ref_id: str, *, to: str) -> Lead:
    """`to`: "read"."""
    require(actor, f"lead.{to}")
    rows = Lead.objects.select_related("source_channel", "source_campaign", "assigned_to")
    return by_ref(rows, ref_id)


def upload_for(actor: Actor, ref_id: str) -> storage.imports.Upload:
    """A file that is there to be imported."""
    require(actor, "lead.import")
    upload = storage.imports.find(ref_id)
    if upload is None:
        raise NotFound
    return upload


def import_for(actor: Actor, ref_id: str) -> Activity:
    """The job that reads or read a file."""
    require(actor, "lead.import")
    jobs = Activity.objects.select_related("tenant", "created_by").filter(assignee_agent_role=IMPORT_LEADS)
    return by_ref(jobs, ref_id)
