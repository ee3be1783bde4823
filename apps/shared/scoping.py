"""Which tenants the current code works for, and the models that obey it.

Inside `tenant_scope(acme, globex)` a tenant model shows the rows of these tenants only. Writing needs the row's tenant
among them; a row without one is stamped when the scope holds exactly one. Outside any scope, asking raises
NoTenantScope: not a filter one remembers, a queryset one cannot obtain. Only the frames in `tenants/doors` enter it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import models
from django.db.models import Q


@dataclass(frozen=True)
class TenantFacts:
    """What lower layers may know about a tenant. `tenants` fills it in; nothing below imports the model."""

    id: UUID
    ref_id: str
    slug: str
    status: str
    privacy_level: str
    time_zone: str
    contract_accepted: bool


_EVERY_TENANT = object()
_scope: ContextVar[Any] = ContextVar("tenant_scope", default=None)  # None, _EVERY_TENANT, or {id: TenantFacts}


class NoTenantScope(RuntimeError):
    """A tenant's data was asked for outside tenant_scope()."""


class WrongTenant(RuntimeError):
    """A row was written outside its own tenant's scope, or without saying whose it is."""


@contextmanager
def _entered(scope: Any) -> Iterator[None]:
    token = _scope.set(scope)
    try:
        yield
    finally:
        _scope.reset(token)


def tenant_scope(*tenants: TenantFacts):
    """Work for these tenants; for none at all (a reviewer without clients) everything is empty."""
    return _entered({tenant.id: tenant for tenant in tenants})


def every_tenant(*, reason: str):
    """Leave tenancy on purpose. The reason is for the reader and for grep."""
    if not reason:
        raise ValueError("Say why every tenant is needed.")
    return _entered(_EVERY_TENANT)


def facts_of(tenant_id: UUID) -> TenantFacts:
    """The facts of a tenant in scope; raises NoTenantScope for any other."""
    scope = _scope.get()
    if not isinstance(scope, dict) or tenant_id not in scope:
        raise NoTenantScope(f"Tenant {tenant_id} is not in scope.")
    return scope[tenant_id]


def only_tenant() -> TenantFacts:
    """The one tenant in scope; raises NoTenantScope when there is none or more than one."""
    scope = _scope.get()
    if not isinstance(scope, dict) or len(scope) != 1:
        raise NoTenantScope("Exactly one tenant is needed here.")
    return next(iter(scope.values()))


def tenants_in_scope() -> list[TenantFacts]:
    """Facts of all tenants in scope, in no particular order; raises NoTenantScope outside one."""
    scope = _scope.get()
    if not isinstance(scope, dict):
        raise NoTenantScope("No set of tenants is in scope.")
    return list(scope.values())


class TenantQuerySet(models.QuerySet):
    def bulk_create(self, objs, *args, **kwargs):
        objs = list(objs)
        for obj in objs:
            obj.belong_to_scope()
        return super().bulk_create(objs, *args, **kwargs)


class TenantManager(models.Manager.from_queryset(TenantQuerySet)):  # type: ignore[misc]
    """Hands out the live rows of the tenants in scope, or nothing at all: no scope, no queryset."""

    shows_deleted = False

    def get_queryset(self):
        scope = _scope.get()
        if scope is None:
            raise NoTenantScope(self.model._meta.label)
        rows = super().get_queryset()
        if scope is not _EVERY_TENANT:
            # `=` and `IN` are planned differently, and one tenant is the usual case.
            mine = Q(tenant_id=next(iter(scope))) if len(scope) == 1 else Q(tenant_id__in=scope)
            rows = rows.filter(mine | Q(tenant_id__isnull=True) if self.model.shows_global_rows else mine)
        if getattr(self.model, "soft_deletes", False) and not self.shows_deleted:
            rows = rows.filter(deleted_on__isnull=True)
        return rows


class DeletedToo(TenantManager):
    """For restoring and for `verify_integrity`: soft-deleted rows as well."""

    shows_deleted = True


class TenantModel(models.Model):
    """A row that belongs to a tenant."""

    shows_global_rows = False

    tenant = models.ForeignKey("tenants.Tenant", models.PROTECT, related_name="+", db_index=False)

    objects = TenantManager()
    with_deleted = DeletedToo()

    class Meta:
        abstract = True
        base_manager_name = "objects"  # save(), refresh_from_db() and forward keys obey as well

    def belong_to_scope(self) -> None:
        scope = _scope.get()
        if scope is None:
            raise NoTenantScope(self._meta.label)
        if self.tenant_id is None and scope is not _EVERY_TENANT and len(scope) == 1:
            self.tenant_id = next(iter(scope))
        if self.tenant_id is None or (scope is not _EVERY_TENANT and self.tenant_id not in scope):
            raise WrongTenant(f"{self._meta.label} {self.pk}")

    def save(self, *args, **kwargs):
        self.belong_to_scope()
        super().save(*args, **kwargs)


class PlatformOrTenantModel(TenantModel):
    """A row of a tenant, or of the platform itself (tenant NULL). The list of such tables is guarded by a test.

    Nothing is stamped here: whoever writes says whose the row is. Where `shows_global_rows` is set, platform rows are
    templates that every tenant reads and only code outside tenancy writes.
    """

    tenant = models.ForeignKey(  # type: ignore[assignment]
        "tenants.Tenant", models.PROTECT, related_name="+", db_index=False, null=True, blank=True
    )

    class Meta:
        abstract = True
        base_manager_name = "objects"

    def belong_to_scope(self) -> None:
        scope = _scope.get()
        if scope is None:
            raise NoTenantScope(self._meta.label)
        if scope is _EVERY_TENANT:
            return
        if self.shows_global_rows if self.tenant_id is None else self.tenant_id not in scope:
            raise WrongTenant(f"{self._meta.label} {self.pk}")
