"""The frame of a body that goes on after its request has ended: who reads it is looked up anew each time."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from apps.shared.actors import Actor
from apps.shared.errors import NotFound
from apps.shared.scoping import tenant_scope

from .. import queries
from ..models import User
from ..permissions import require


@contextmanager
def entered_again(user: User, tenant_id: UUID, *, to: str) -> Iterator[None]:
    """The scope of one client for somebody who may still do `to` there. Raises NotFound or NotAllowed when not."""
    now = User.objects.filter(pk=user.pk).first()
    tenant = next((each for each in queries.tenants_of(now) if each.pk == tenant_id), None) if now else None
    if now is None or tenant is None or not now.is_active or (now.tenant_id is not None and not tenant.is_open):
        raise NotFound
    require(Actor.human(now), to)
    with tenant_scope(tenant.facts):
        yield
