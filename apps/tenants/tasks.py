"""What follows from journal entries: the contract is made, the invitation is mailed, the audit copy is kept."""

from django.conf import settings

from apps import storage
from apps.shared.actors import Actor
from apps.shared.ids import spell
from apps.shared.models import JournalEntry
from apps.storage.documents import AuditLog

from . import contract_pdf, operations, outside
from .doors.tasks import consumer
from .models import Contract, Invitation, Tenant
from .statuses import ContractStatus


@consumer("tenants.make_contract")
def make_contract(entry: JournalEntry, *, at) -> None:
    """Render the master contract, store it locked, keep the record. Ringing twice finds it made."""
    tenant, by = Tenant.objects.get(pk=entry.tenant_id), Actor.system("tenants.make_contract")
    if Contract.objects.exclude(status=ContractStatus.SUPERSEDED).exists():
        return
    row_id = operations.contract_id(entry.id)
    contract_ref = spell(row_id)
    template = contract_pdf.read_template()
    pdf = contract_pdf.render(
        template,
        {
            "client_name": tenant.name,
            "client_website": tenant.website,
            "client_gstin": tenant.gstin or "",
            "plan_name": tenant.get_plan_display(),
            "effective_date": entry.created_on.date().isoformat(),
            "contract_ref": contract_ref,
        },
    )
    stored = storage.contracts.store(pdf, contract_ref=contract_ref, template_version=template.version, at=at)
    operations.record_contract(
        tenant,
        row_id=row_id,
        template_version=template.version,
        key=stored.key,
        version_id=stored.version_id,
        sha256=stored.sha256,
        by=by,
        at=at,
    )


@consumer("tenants.send_invitation")
def send_invitation(entry: JournalEntry, *, at) -> None:
    """Mail the link. Sent twice after a crash, both mails carry the same link; a spent invitation is not mailed."""
    invitation = Invitation.objects.select_related("tenant", "user", "created_by").get(ref_id=entry.subject_ref)
    if invitation.accepted_on or invitation.revoked_on or invitation.expires_on <= at:
        return
    token = operations.invitation_token(invitation)
    outside.send_invitation(
        outside.InvitationMail(
            to=invitation.email,
            name=invitation.user.name,
            organisation=invitation.tenant.name if invitation.tenant else "Leadmetrics",
            link=f"{settings.PUBLIC_BASE_URL}/invitation/{token}/",
            inviter=invitation.created_by.name if invitation.created_by else "",
        )
    )


@consumer("storage.relay_audit")
def relay_audit(entry: JournalEntry, *, at) -> None:
    """Copy the entry to MongoDB's audit_logs; the entry's ref_id is the copy's key, so twice is once."""
    tenant = Tenant.objects.filter(pk=entry.tenant_id).first()
    storage.audit.store(
        entry.ref_id,
        AuditLog(
            tenantId=tenant.ref_id if tenant else None,
            createdOn=entry.created_on,
            actorType=entry.actor_type,
            actorId=entry.actor_ref,
            action=entry.code,
            resourceType=entry.subject_type,
            resourceId=entry.subject_ref,
            before=entry.before,
            after=entry.after,
            metadata={"rowCount": entry.row_count, "rowsSha256": entry.rows_sha256}
            if entry.row_count is not None
            else {},
            traceId=entry.request_id,
            ipAddress=entry.ip,
        ),
    )
