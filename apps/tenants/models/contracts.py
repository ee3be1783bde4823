"""The contract: its PDF, the record of its acceptance, and the trail beside it."""

from django.db import models
from django.db.models import Q

from apps.shared.constraints import DigestField, TenantForeignKey, UserKey
from apps.shared.models import Mutable, TenantRecord

from ..statuses import CONTRACT_MOVES, ContractEventType, ContractStatus
from .people import User

E = ContractEventType


class Contract(TenantRecord, Mutable):
    """The generated PDF and the record of its acceptance, which never changes once it is made."""

    moves = CONTRACT_MOVES
    write_once = (
        "template_version",
        "generated_on",
        "pdf_s3_key",
        "pdf_version_id",
        "pdf_sha256",
        "accepted_on",
        "accepted_by",
        "accepted_ip",
        "accepted_user_agent",
    )

    template_version = models.CharField(max_length=50)
    generated_on = models.DateTimeField()
    status = models.CharField(max_length=30, choices=ContractStatus, default=ContractStatus.PENDING_ACCEPTANCE)
    accepted_on = models.DateTimeField(null=True, blank=True)
    accepted_by = UserKey()
    accepted_ip = models.CharField(max_length=45, blank=True)
    accepted_user_agent = models.TextField(blank=True)
    pdf_s3_key = models.CharField(max_length=1000)
    pdf_version_id = models.CharField(max_length=255)
    pdf_sha256 = DigestField(null=True, blank=True)

    class Meta(TenantRecord.Meta):
        db_table = "contracts"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant"], condition=~Q(status=ContractStatus.SUPERSEDED), name="uniq_contracts_current"
            ),
            models.CheckConstraint(
                condition=Q(status=ContractStatus.PENDING_ACCEPTANCE)
                | Q(status=ContractStatus.SUPERSEDED)
                | Q(accepted_on__isnull=False, accepted_by__isnull=False),
                name="contracts_accepted_says_who_and_when",
            ),
        ]
        indexes = [models.Index(fields=["tenant", "ref_id"], name="idx_contracts_ref")]

    def __str__(self):
        return f"Contract {self.template_version}"


class ContractEvent(TenantRecord):
    """One thing that happened to a contract's PDF: the legal trail beside the acceptance record."""

    append_only = True

    contract = TenantForeignKey(Contract, db_index=False)
    event = models.CharField(max_length=30, choices=ContractEventType)
    user = models.ForeignKey(
        User,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        help_text="Empty: the system did it.",
    )
    pdf_sha256 = DigestField(help_text="Of the PDF as it was at that moment.")
    ip = models.CharField(max_length=45, blank=True)
    user_agent = models.TextField(blank=True)
    occurred_on = models.DateTimeField()

    class Meta(TenantRecord.Meta):
        db_table = "contract_events"
        constraints = [
            models.UniqueConstraint(
                fields=["contract", "event"],
                condition=Q(event__in=[E.GENERATED, E.ACCEPTED, E.SUPERSEDED, E.REACCEPTANCE_FORCED]),
                name="uniq_contract_events_once",  # it is viewed and downloaded any number of times
            )
        ]
        indexes = [
            models.Index(fields=["tenant", "ref_id"], name="idx_contract_events_ref"),
            models.Index(fields=["contract", "ref_id"], name="idx_contract_events_contract"),  # the trail of one
        ]

    def __str__(self):
        return f"{self.get_event_display()} {self.occurred_on:%Y-%m-%d %H:%M}"
