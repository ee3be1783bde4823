"""The context file: stored twice as specified, edited by reviewers, given in full to every agent of the client."""

from datetime import datetime

from django.db import transaction

from apps import storage
from apps.shared import locks
from apps.shared.actors import Actor
from apps.strategy import operations as strategy
from apps.strategy.models import OnboardingRun
from apps.strategy.statuses import OnboardingStatus
from apps.tenants.models import Tenant

from .. import checks
from ..models import Activity
from .edits import pending_at, replace_output, store_edit
from .gates import refresh_gate


def store(markdown: str, *, run_ref: str, at: datetime) -> dict[str, str]:
    """Under its fixed key beside the research, and as a skill of the client; the pointers of both documents."""
    research = storage.write(
        storage.OnboardingResearch(runId=run_ref, createdOn=at), {"generatedContextFile": markdown}
    )
    former = storage.find(
        storage.Skill, {"name": "client-context", "source": "context_file"}, sort=[("version", -1)], limit=1
    )
    skill = storage.write(
        storage.Skill(
            name="client-context",
            description="Who the client is, whom it serves, how it speaks. Always given in full.",
            body=markdown,
            version=former[0][1].version + 1 if former else 1,
            source="context_file",
            createdOn=at,
        )
    )
    return {"research": research, "skill": skill}


def approved() -> str:
    """The text a reviewer approved last for the tenant in scope; '' before the first."""
    run = OnboardingRun.objects.filter(status=OnboardingStatus.COMPLETED).order_by("-ref_id").first()
    return storage.document(storage.Skill, run.context_file_id).body if run else ""


def edit_context_file(
    gate: Activity, markdown: str, *, by: Actor, at: datetime, shown_sha256: str, change_note: str = ""
) -> OnboardingRun:
    """A reviewer's version: stored as a new version, and the pending approval is bound to it.

    Raises NotEditable outside of review, ApprovalStale when the text changed after it was opened.
    """
    pending_at(gate, shown_sha256=shown_sha256)  # before anything is stored; asked again under the lock
    run = OnboardingRun.objects.get(ref_id=gate.subject_ref)
    written = gate.unit.steps.get(pipeline_step="context_file")
    pointers = store(markdown, run_ref=run.ref_id, at=at)
    website = Tenant.objects.values_list("website", flat=True).get(pk=run.tenant_id)
    edited = store_edit(
        written,
        markdown,
        subject_ref=run.ref_id,
        output_type="context_file",
        change_note=change_note,
        by=by,
        at=at,
    )
    with transaction.atomic():
        _, written, gate = locks.take(gate.unit, written, gate)
        replace_output(
            written,
            gate,
            edited,
            shown_sha256=shown_sha256,
            findings=checks.run(checks.Draft({"markdown": markdown}, is_public=False), checks.Ground(website=website)),
        )
        run = strategy.replace_context_file(run, skill_pointer=pointers["skill"], by=by, at=at)
        refresh_gate(gate, by=by, at=at)
    return run
