"""The contract: the gate in front of the client dashboard."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse

from apps import storage
from apps.shared.errors import NotFound

from .. import access, operations
from ..doors import portal
from ..forms import AcceptanceForm
from ..models import Contract
from ..permissions import may
from ..statuses import ContractEventType

PAGE = "app/tenants/contract.html#contract"


@portal.app(before_contract=True)
def contract(request: HttpRequest) -> HttpResponse:
    """The contract to read and agree to; while it is being made the page asks again by itself."""
    return _page(request, access.current_contract_for(request.actor, to="read"), AcceptanceForm())


@portal.app(before_contract=True)
def contract_pdf(request: HttpRequest) -> HttpResponse:
    """Off to exactly the version that the record names; the address lives a quarter of an hour."""
    current = access.current_contract_for(request.actor, to="read")
    if current is None:
        raise NotFound
    _note(request, current, ContractEventType.DOWNLOADED)
    name = f"{request.tenant.slug}-contract-{current.template_version}.pdf"
    return HttpResponseRedirect(
        storage.contracts.url(current.pdf_s3_key, version_id=current.pdf_version_id, file_name=name)
    )


@portal.app(methods=["GET", "POST"], before_contract=True)
def accept_contract(request: HttpRequest) -> HttpResponse:
    """Agree to the PDF that was shown. A second click changes nothing."""
    if request.method != "POST":  # reloaded after a refusal, or signed in again on the way
        return redirect("app:contract")
    current = access.current_contract_for(request.actor, to="accept")
    if current is None:
        raise NotFound
    form = AcceptanceForm(request.POST)
    if not form.is_valid():
        return _page(request, current, form, status=422)
    try:
        operations.accept_contract(
            current, by=request.actor, at=request.at, shown_sha256=form.cleaned_data["shown_sha256"]
        )
    except operations.ContractChanged as error:
        current = access.current_contract_for(request.actor, to="read")
        return _page(request, current, AcceptanceForm(), status=error.http_status, changed=error.detail)
    return portal.done(request, reverse("app:home"))


def _page(
    request: HttpRequest, current: Contract | None, form: AcceptanceForm, *, status: int = 200, changed: str = ""
) -> HttpResponse:
    context = {
        "contract": current,
        "form": form,
        "changed": changed,
        "may_accept": may(request.actor, "contract.accept"),
        "is_accepted": request.tenant.contract_accepted_on is not None,
        "agency": "Leadmetrics",
    }
    if current is not None:
        _note(request, current, ContractEventType.VIEWED)
    return portal.respond(request, PAGE, context, status=status)


def _note(request: HttpRequest, current: Contract, event: str) -> None:
    if request.method != "HEAD":  # nothing is shown
        operations.note_contract_event(current, event, by=request.actor, at=request.at)
