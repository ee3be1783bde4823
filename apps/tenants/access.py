"""The gate to clients, people and contracts: fetch and authorise in one step; absent and foreign look the same."""

from apps.shared.actors import Actor

from .models import Contract
from .permissions import require
from .statuses import ContractStatus


def current_contract_for(actor: Actor, *, to: str) -> Contract | None:
    """The contract of the tenant in scope, or None while it is being prepared."""
    require(actor, f"contract.{to}")
    return Contract.objects.exclude(status=ContractStatus.SUPERSEDED).first()
