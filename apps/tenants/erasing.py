"""Erasing a cancelled client: what would go, its going, and the signed list that is left of it.

Rows go first, then documents, then objects: without rows there is no work, no delivery and no secret, so nothing writes
documents any more, and no document is left without its object. The client's own row goes last of all and is only
emptied; it says the ref_id and with it every prefix and tenantId, so whatever a killed run left is found by the next.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from django.apps import apps
from django.contrib.auth.hashers import make_password
from django.contrib.sessions.models import Session
from django.db import connections, models, transaction

from apps.shared import encryption, erasing, journal
from apps.shared.actors import Actor
from apps.shared.models import BaseRecord, JournalEntry
from apps.shared.scoping import every_tenant
from apps.storage import erasing as stores

from .models import Tenant, User

OWNER = "migrator"  # the connection of the tables' owner
PURPOSE = "tenant.erased"  # what the key of the signature is derived for
UNTIL_UNLOCKED = "the record of a signed contract, to enforce or defend a claim, as long as its PDF is locked"
TAX_LAW = "tax law: CGST Act section 36, Companies Act section 128"
# Rows that stay, and why. What they refer to stays with them.
KEPT = {"contracts": UNTIL_UNLOCKED, "contract_events": UNTIL_UNLOCKED, "invoices": TAX_LAW, "credit_notes": TAX_LAW}

# Columns that keep their value when a row is emptied; a column that is not named here is emptied.
FACTS_OF_ROW = {"id", "ref_id", "created_by", "created_on"}
TENANT_STAYS = FACTS_OF_ROW | set(
    "status plan data_privacy_level deployment_mode contract_accepted_on timezone currency".split()
)
USER_STAYS = FACTS_OF_ROW | {"tenant", "role", "status", "deleted_by", "deleted_on"}
NOWHERE = "erased.invalid"  # RFC 2606: no mail ever arrives there


@dataclass(frozen=True)
class Plan:
    """What a client has now: what would go, and what would stay. `digest` changes with any of it."""

    client: str
    rows: dict[str, int]
    documents: dict[str, int]
    objects: dict[str, dict[str, int]]
    emptied: dict[str, int]
    stays: dict[str, dict[str, Any]]
    contracts: dict[str, str]  # key of a locked PDF -> until when
    files: list[str]  # keys of files that kept rows name

    @property
    def is_done(self) -> bool:
        return not (self.rows or self.documents or self.objects or self.emptied)

    @property
    def digest(self) -> str:
        return sha256(canonical(asdict(self)).encode()).hexdigest()


def canonical(value: Any) -> str:
    """One spelling of a JSON value, to be digested and signed."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def look(tenant: Tenant, *, at: datetime) -> Plan:
    """Count in all stores; the client must be in scope. Raises StorageUnavailable and DatabaseError."""
    locked = stores.locked_contracts(at=at)
    with connections[OWNER].cursor() as cursor:
        counts = {m._meta.db_table: erasing.count(cursor, m._meta.db_table, tenant.id) for m in erasing.tables()}
    stays = _staying(counts, contracts_are_locked=bool(locked))
    rows = {table: count for table, count in counts.items() if count and table not in stays}
    files = _files_of(tenant, stays)
    objects = {f"content/{k}": v for k, v in stores.objects("content", keep=files).items()}
    if not locked:
        objects |= {f"contracts/{k}": v for k, v in stores.objects("contracts", keep=set()).items()}
    return Plan(
        client=tenant.ref_id,
        rows=rows | {name: count for name, held in _accounts(tenant).items() if (count := held.count())},
        documents=stores.documents(),
        objects=objects,
        emptied=_to_empty(tenant),
        stays={table: {"rows": counts[table], "because": why} for table, why in stays.items()},
        contracts={key: until.isoformat() for key, until in sorted(locked.items())},
        files=sorted(files),
    )


def begin(tenant: Tenant, plan: Plan, *, by: Actor, at: datetime) -> None:
    """Tell the journal what is about to go, so that a killed run leaves its word."""
    after = {"digest": plan.digest, **asdict(plan)}
    with every_tenant(reason="the entry is the platform's own and outlives the client"), transaction.atomic():
        journal.record_of_platform("tenant.erasure_begun", tenant, by=by, at=at, after=after)


def remove(tenant: Tenant, plan: Plan, *, told: Callable[[str, int], None]) -> None:
    """Rows, documents, objects, in this order and in batches. Killed anywhere, a new plan goes on where it stopped."""
    with connections[OWNER].cursor() as cursor:
        for model in erasing.tables():
            table = model._meta.db_table
            if table not in plan.stays:
                for gone in erasing.erase(cursor, table, tenant.id):
                    told(table, gone)
    for name, held in _accounts(tenant).items():
        told(name, held.delete()[0])
    for collection, gone in stores.erase_documents().items():
        told(collection, gone)
    for alias in ("content", *([] if plan.contracts else ["contracts"])):
        for folder, counts in stores.erase_objects(alias, keep=set(plan.files)).items():
            told(f"{alias}/{folder}", counts["versions"] + counts["markers"])


def finish(tenant: Tenant, plan: Plan, *, by: Actor, at: datetime) -> dict[str, Any]:
    """Empty the client's row and those of its people, and journal the signed list of what went; returns the list."""
    told = {
        "what": "tenant.erased",
        "client": tenant.ref_id,
        "erased_on": at.isoformat(),
        "digest": plan.digest,
        "went": {"rows": plan.rows, "documents": plan.documents, "objects": plan.objects, "emptied": plan.emptied},
        "stays": {"rows": plan.stays, "contracts": plan.contracts, "files": plan.files},
    }
    with every_tenant(reason="the entry is the platform's own and outlives the client"), transaction.atomic():
        told["begun"] = list(_begun(tenant))
        key_id, signature = encryption.sign(canonical(told), purpose=PURPOSE)
        signed = {**told, "key_id": key_id, "hmac_sha256": signature}
        for user in User.objects.filter(tenant=tenant).order_by("id"):
            address = f"erased-{user.ref_id.lower()}@{NOWHERE}"
            changes = {"email": address, "name": "Erased person", "password": make_password(None), "updated_on": at}
            _empty(user, keep=USER_STAYS, changes=changes)
        _empty(
            tenant,
            keep=TENANT_STAYS,
            changes={"slug": _erased_slug(tenant), "name": "Erased client", "updated_on": at},
        )
        journal.record_of_platform("tenant.erased", tenant, by=by, at=at, after=signed)
    return signed


def _begun(tenant: Tenant) -> Iterator[dict[str, Any]]:
    """What each run that led here had found: of a killed one only this tells what it removed."""
    about = JournalEntry.objects.filter(subject_id=tenant.pk).order_by("ref_id")
    last = about.filter(code="tenant.erased").last()
    for entry in about.filter(code="tenant.erasure_begun", ref_id__gt=last.ref_id if last else ""):
        found = {name: entry.after[name] for name in ("digest", "rows", "documents", "objects")}
        yield {"entry": entry.ref_id, "on": entry.created_on.isoformat(), **found}


def check(signed: dict[str, Any], *, at: datetime) -> Iterator[str]:
    """What is wrong with a list, or left of its client. The client must be in scope."""
    if fault := fault_of(signed):
        yield fault
        return
    tenant = Tenant.objects.get(ref_id=signed["client"])
    with every_tenant(reason="the entry is the platform's own"):
        if not JournalEntry.objects.filter(code="tenant.erased", subject_id=tenant.pk, after=signed).exists():
            yield "The journal has no such list."
    plan = look(tenant, at=at)
    for store in (plan.rows, plan.documents, plan.objects, plan.emptied):
        yield from (f"{name} still has {_shown(count)} of the client." for name, count in store.items())


def fault_of(signed: dict[str, Any]) -> str:
    """Why the signature is not that of this installation; '' when it is."""
    told = {name: value for name, value in signed.items() if name not in ("key_id", "hmac_sha256")}
    try:
        is_ours = encryption.is_signature(
            str(signed.get("hmac_sha256")), canonical(told), key_id=str(signed.get("key_id")), purpose=PURPOSE
        )
    except encryption.Undecryptable:
        return "The key that signed the list is not among ENCRYPTION_KEYS."
    return "" if is_ours else "The list is not what was signed."


def _shown(count: int | dict[str, int]) -> str:
    return str(count) if isinstance(count, int) else ", ".join(f"{n} {what}" for what, n in count.items())


def _staying(counts: dict[str, int], *, contracts_are_locked: bool) -> dict[str, str]:
    """Tables of which the client's rows stay, with the reason."""
    stays = {
        table: why
        for table, why in KEPT.items()
        if counts.get(table) and (contracts_are_locked or why != UNTIL_UNLOCKED)
    }
    for model in erasing.tables():  # what refers comes first, so one pass is enough
        if model._meta.db_table in stays:
            for other in erasing.referred(model):
                if counts.get(other._meta.db_table):
                    stays.setdefault(other._meta.db_table, f"{model._meta.db_table} refer to it")
    return stays


def _files_of(tenant: Tenant, stays: dict[str, str]) -> set[str]:
    """The objects in the content bucket that rows that stay name."""
    keys: set[str] = set()
    for model in erasing.tables():
        if model._meta.db_table in stays and KEPT.get(model._meta.db_table) != UNTIL_UNLOCKED:
            rows = getattr(model, "with_deleted", model.objects)
            for field in (f for f in model._meta.local_fields if f.column.endswith("s3_key")):
                keys.update(rows.filter(tenant_id=tenant.id).values_list(field.name, flat=True))
    return keys - {"", None}


def _accounts(tenant: Tenant) -> dict[str, models.QuerySet]:
    """Rows that packages keep about the client's people: addresses, factors, sessions."""
    found = {}
    for model in apps.get_models():
        for field in model._meta.local_fields:
            if field.related_model is User and not issubclass(model, BaseRecord):
                found[model._meta.db_table] = model._base_manager.using(OWNER).filter(
                    **{f"{field.name}__tenant_id": tenant.id}
                )
    people = {str(pk) for pk in User.objects.filter(tenant=tenant).values_list("pk", flat=True)}
    sessions = Session.objects.using(OWNER)
    theirs = [s.pk for s in sessions.iterator() if s.get_decoded().get("_auth_user_id") in people]
    return found | {Session._meta.db_table: sessions.filter(pk__in=theirs)}


def _erased_slug(tenant: Tenant) -> str:
    return f"erased-{tenant.ref_id.lower()}"


def _to_empty(tenant: Tenant) -> dict[str, int]:
    counts = {
        User._meta.db_table: User.objects.filter(tenant=tenant).exclude(email__endswith=f"@{NOWHERE}").count(),
        Tenant._meta.db_table: int(tenant.slug != _erased_slug(tenant)),
    }
    return {table: count for table, count in counts.items() if count}


def _empty(row: Tenant | User, *, keep: set[str], changes: dict[str, Any]) -> None:
    for field in row._meta.local_concrete_fields:
        if field.name not in keep:
            empty = None if field.null else field.get_default()
            setattr(row, field.name, changes.get(field.name, empty))
    row.save(update_fields=[f.name for f in row._meta.local_concrete_fields if f.name not in keep])
