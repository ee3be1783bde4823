"""Who am I, and the contract: the two that are open before the contract is accepted."""

from django.middleware.csrf import get_token
from drf_spectacular.utils import extend_schema

from apps.shared.errors import OperationRefused

from .. import access, operations
from ..doors.viewsets import TenantViewSet
from ..models import Contract
from ..permissions import require
from ..statuses import ContractEventType
from .serializers import Acceptance, ContractSerializer, MeSerializer


class ContractNotReady(OperationRefused):
    """The contract is being prepared. Ask again in a minute."""

    code = "contract_not_ready"
    http_status = 404


class MeViewSet(TenantViewSet):
    """Who is signed in, with which role, for which clients."""

    serializer_class = MeSerializer
    open_before_contract = True

    def retrieve(self, request):
        """Who is signed in, with which role, for which clients; and the CSRF token of the session."""
        return self.answer(
            {"user": request.user, "tenants": request.tenants, "csrf_token": get_token(request._request)}
        )


class ContractViewSet(TenantViewSet):
    """The client's contract."""

    serializer_class = ContractSerializer
    open_before_contract = True

    def retrieve(self, request):
        """The current contract. Staff name the client with X-Tenant."""
        contract = self._current(to="read")
        operations.note_contract_event(contract, ContractEventType.VIEWED, by=request.actor, at=request.at)
        return self.answer(contract)

    @extend_schema(request=Acceptance, responses=ContractSerializer)
    def accept(self, request):
        """Accept the contract that was read. A second time changes nothing."""
        contract = self._current(to="accept")
        wanted = self.read(Acceptance)
        contract = operations.accept_contract(
            contract, by=request.actor, at=request.at, shown_sha256=wanted["shown_sha256"]
        )
        return self.answer(contract)

    def _current(self, *, to: str) -> Contract:
        require(self.request.actor, f"contract.{to}")
        self.one_tenant()
        contract = access.current_contract_for(self.request.actor, to=to)
        if contract is None:
            raise ContractNotReady
        return contract
