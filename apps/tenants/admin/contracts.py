"""Contracts, and the trail of what happened to each."""

from django.contrib import admin, messages
from django.utils import timezone
from django.utils.html import format_html

from apps import storage

from .. import operations
from ..doors.admin import ManageAdmin
from ..doors.admin_display import EMPTY, column, link, list_of
from ..doors.admin_lists import ClientFilter
from ..doors.admin_tasks import Panel, Task
from ..models import Contract, ContractEvent
from ..statuses import ContractStatus

SHOWN = 30  # lines of the trail on the contract's own page; the rest is in the list


def renew(request, contract: Contract) -> None:
    operations.force_reacceptance(contract.tenant, by=request.actor, at=request.at)
    messages.success(request, f"A new contract is being made for {contract.tenant.name}.")


@admin.register(Contract)
class ContractAdmin(ManageAdmin):
    list_display = (
        column("ref_id", label="Contract"),
        column("tenant", label="Client"),
        column("template_version"),
        column("status"),
        column("generated_on"),
        column("accepted_on"),
        column("accepted_by"),
    )
    list_select_related = ("tenant", "accepted_by")
    list_filter = ("status", ClientFilter)
    empty = "No contracts yet. One is made for each new client."
    tasks = (
        Task(
            "renew",
            "Ask for acceptance again",
            "contract.renew",
            renew,
            when=lambda contract: contract.status != ContractStatus.SUPERSEDED,
            asks="The client's pages stay closed until its admin accepts a contract that is made from today's text.",
            is_grave=True,
        ),
    )
    sections = (
        ("Contract", ("tenant", "status", "template_version", "generated_on", "pdf", "ref_id")),
        ("Acceptance", ("accepted_on", "accepted_by", "accepted_ip", "accepted_user_agent")),
        ("Evidence", ("pdf_sha256", "pdf_s3_key", "pdf_version_id")),
    )

    def panels(self, request, row):
        trail = ContractEvent.objects.filter(contract=row).select_related("user").order_by("-ref_id")[:SHOWN]
        return [
            Panel(
                "Trail",
                ("When", "What", "Who", "From", "With", "Fingerprint of the PDF"),
                [
                    (
                        link(e, f"{timezone.localtime(e.occurred_on):%-d %b %Y, %H:%M:%S}"),
                        e.get_event_display(),
                        link(e.user) if e.user else "The system",
                        e.ip or EMPTY,
                        e.user_agent[:100] or EMPTY,
                        e.pdf_sha256[:16],
                    )
                    for e in trail
                ],
                "Nothing is on record.",
                more=list_of(ContractEvent, client=row.tenant.slug),
            )
        ]

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant", "accepted_by")

    def title_of(self, row):
        return f"Contract {row.template_version} of {row.tenant.name}"

    @admin.display(description="PDF")
    def pdf(self, row):
        """Exactly the stored version; the link works for a quarter of an hour."""
        url = storage.contracts.url(
            row.pdf_s3_key,
            version_id=row.pdf_version_id,
            file_name=f"contract-{row.tenant.slug}-{row.template_version}.pdf",
        )
        return format_html('<a class="link" href="{}" rel="noreferrer">Download</a>', url)


@admin.register(ContractEvent)
class ContractEventAdmin(ManageAdmin):
    called = "Contract trail"
    list_display = (
        column("occurred_on", label="When"),
        column("tenant", label="Client"),
        column("event", label="What"),
        "who",
        column("ip"),
        column("pdf_sha256"),
    )
    list_select_related = ("tenant", "user")
    list_filter = ("event", ClientFilter)
    empty = "Nothing happened to a contract yet."
    sections = (
        ("Event", ("contract", "tenant", "event", "occurred_on", "ref_id")),
        ("Who", ("who", "ip", "user_agent")),
        ("Evidence", ("pdf_sha256",)),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant", "contract", "user")

    def title_of(self, row):
        return f"{row.get_event_display()}: contract of {row.tenant.name}"

    @admin.display(description="Who")
    def who(self, row):
        return link(row.user) if row.user else "The system"
