"""The gate to clients, people and contracts: fetch and authorise in one step; absent and foreign look the same."""

from apps.shared.actors import Actor
from apps.shared.errors import NotFound
from apps.shared.ids import is_ref_id

from .models import Contract
from .permissions import require
from .statuses import ContractStatus


def current_contract_for(actor: Actor, *, to: str) -> Contract | None:
    """The contract of the tenant in scope, or None while it is being prepared."""
    require(actor, f"contract.{to}")
    return Contract.objects.exclude(status=ContractStatus.SUPERSEDED).first()


def contract_for(actor: Actor, ref_id: str, *, to: str) -> Contract:
    require(actor, f"contract.{to}")
    contract = Contract.objects.filter(ref_id=ref_id).first() if is_ref_id(ref_id) else None
    if contract is None:
        raise NotFound
    return contract
