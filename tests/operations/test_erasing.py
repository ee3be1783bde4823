"""erase_tenant: nothing personal of a cancelled client is left anywhere, and nothing of anybody else is touched."""

import io
import json
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from bson import json_util
from django.core.management import call_command
from django.db import DatabaseError, connection, connections, transaction
from django.utils import timezone

from apps import storage
from apps.activities.management.commands.verify_integrity import OF_THE_SCHEMA
from apps.activities.models import Activity, ActivityLease
from apps.channels.models import MediaAsset
from apps.shared import erasing as rows_of_clients
from apps.shared import guards
from apps.shared.actors import Actor
from apps.shared.ids import new_id, spell
from apps.shared.models import JournalEntry
from apps.shared.scoping import every_tenant, tenant_scope
from apps.storage import clients
from apps.storage import erasing as stores
from apps.tenants import erasing
from apps.tenants.doors.tasks import deliver
from apps.tenants.models import Contract, Tenant, User
from apps.tenants.statuses import TENANT_MOVES
from tests import world as worlds
from tests.architecture.rows import make_row
from tests.conftest import Person

PNG = b"\x89PNG\r\n\x1a\n a picture of somebody"


@pytest.fixture
def client_at(own_database, django_db_blocker, sandbox, settings):
    """client_at("signed"): a client of this test's own database that was brought there and then cancelled."""
    settings.CONTRACT_RETENTION_DAYS = 600 / 86_400
    made = []

    def make(stage: str, *, cancel: bool = True) -> worlds.Cast:
        sam, rita = (User.objects.get(email=f"{name}@leadmetrics.test") for name in ("sam", "rita"))
        slug = f"gone-{spell(new_id()).lower()}"
        cast = worlds.make_client(slug, stage, sandbox_url=sandbox.url, sam=sam, rita=rita)
        made.append(cast.tenant)
        if cancel:
            cancelled(cast.tenant)
        return cast

    with django_db_blocker.unblock():
        yield make
        for tenant in made:  # what a failed test left; stores are shared with the other tests
            with tenant_scope(tenant.facts):
                stores.erase_documents()
                stores.erase_objects("content", keep=set())


def cancelled(tenant: Tenant) -> None:
    with tenant_scope(tenant.facts):
        TENANT_MOVES.perform(tenant, "cancel", by=Actor.system("tests"), at=timezone.now())


def everything(*, but: Tenant | None = None) -> dict[str, tuple]:
    """Count and digest of every table's rows; of the client's no more than that `but` leaves them out."""
    found = {}
    with connections["migrator"].cursor() as cursor:
        for model in guards.records():
            table = model._meta.db_table
            column = "id" if table == "tenants" else "tenant_id" if hasattr(model, "tenant") else None
            where = "true"
            if but is not None and column:
                where = f"{column} IS DISTINCT FROM '{but.pk}'"
                if table.startswith("journal_"):
                    where += " AND tenant_id IS NOT NULL"  # the erasure itself is told there
            cursor.execute(f"SELECT count(*), md5(string_agg(t::text, '|' ORDER BY id)) FROM {table} t WHERE {where}")
            found[table] = cursor.fetchone()
    return found


def in_the_stores(tenant: Tenant) -> tuple:
    with tenant_scope(tenant.facts):
        documents = [
            json_util.dumps(raw, sort_keys=True)
            for name in stores._collections()
            for raw in stores._database()[name].find({"tenantId": tenant.ref_id}, sort=[("_id", 1)])
        ]
        return documents, stores.versions("content"), stores.versions("contracts")


def rows_that_say(*words: str) -> list[str]:
    """Tables with a row in which one of the words stands, in whatever column."""
    found = []
    with connections["migrator"].cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')"
        )
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT count(*) FROM "{table}" t WHERE t::text ILIKE ANY(%s)', [[f"%{w}%" for w in words]])
            if cursor.fetchone()[0]:
                found.append(table)
    return found


def documents_that_say(*words: str) -> list[str]:
    return [
        name
        for name in stores._collections()
        for raw in stores._database()[name].find()
        if any(word.lower() in json_util.dumps(raw, ensure_ascii=False).lower() for word in words)
    ]


def erased(run, name: str) -> dict:
    """Look, and erase what was shown; the signed list."""
    shown = run("erase_tenant", name, "--json")
    assert shown.code == 1
    ran = run("erase_tenant", name, "--json", "--yes", shown.report["digest"])
    assert ran.code == 0, ran.text
    return ran.report


@pytest.mark.acceptance("SEC-erase")
def test_nothing_of_the_client_is_left_and_nothing_of_others_is_touched(client_at, run, tmp_path):
    cast, neighbour = client_at("live"), client_at("created", cancel=False)
    tenant, facts = cast.tenant, cast.tenant.facts
    words = [tenant.slug, tenant.name, cast.alice.email, cast.mark.email]
    assert EmailAddress.objects.filter(user=cast.alice).exists()
    session = Person(cast.alice).client.session.session_key
    with tenant_scope(facts):
        picture = storage.media.store(io.BytesIO(PNG), asset_ref=spell(new_id()))
        client, bucket = clients.s3("content")
        client.put_object(Bucket=bucket, Key=picture.key, Body=b"another version")
        client.delete_object(Bucket=bucket, Key=picture.key)  # hidden by a marker, and still there
        contract = Contract.objects.get()
    deliver()
    with connection.cursor() as cursor, transaction.atomic():
        for model in rows_of_clients.tables():  # at least one row in each
            cursor.execute(f"SELECT EXISTS (SELECT FROM {model._meta.db_table} WHERE tenant_id = %s)", [tenant.pk])
            if not cursor.fetchone()[0]:
                make_row(cursor, model, tenant.pk)
    before, neighbours = everything(but=tenant), in_the_stores(neighbour.tenant)
    assert {"users", "journal_entries", "account_emailaddress"} <= set(rows_that_say(*words))
    assert "audit_logs" in documents_that_say(*words)

    signed = erased(run, tenant.slug)
    deliver()
    file = tmp_path / "list.json"
    file.write_text(json.dumps(signed))

    assert rows_that_say(*words) == []
    assert documents_that_say(*words) == []
    documents, content, contracts = in_the_stores(tenant)
    assert (documents, content) == ([], [])
    assert [version.key for version in contracts] == [contract.pdf_s3_key]
    assert session not in rows_of_sessions()

    assert everything(but=tenant) == before
    assert in_the_stores(neighbour.tenant) == neighbours

    went = signed["went"]
    held = {m._meta.db_table for m in rows_of_clients.tables()} | {"account_emailaddress", "django_session"}
    assert set(went["rows"]) == held - set(signed["stays"]["rows"])
    assert set(signed["stays"]["rows"]) == {*erasing.KEPT, "payments", "subscriptions", "credit_topup_orders"}
    assert set(went["documents"]) >= {"audit_logs", "activity_outputs", "strategies_content"}
    assert went["objects"][f"content/{tenant.ref_id}/media/"] == {"objects": 1, "versions": 2, "markers": 1}
    assert went["emptied"] == {"tenants": 1, "users": 2}
    assert signed["stays"]["rows"]["contracts"]["rows"] == 1
    assert list(signed["stays"]["contracts"]) == [contract.pdf_s3_key]
    with every_tenant(reason="the entry is the platform's own"):
        entry = JournalEntry.objects.get(code="tenant.erased", subject_id=tenant.pk)
    assert (entry.tenant_id, entry.after) == (None, signed)

    verified = run("erase_tenant", "--verify", str(file))
    assert verified.code == 0, verified.text
    looked = run("verify_integrity", "--json")
    assert [f for f in looked.report["findings"] if f["code"] not in {"orphan_old", *OF_THE_SCHEMA}] == []
    again = run("erase_tenant", tenant.ref_id, "--yes", signed["digest"])
    assert (again.code, "Nothing" in again.text) == (0, True)


def rows_of_sessions() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT session_key FROM django_session")
        return {key for (key,) in cursor.fetchall()}


@pytest.mark.acceptance("SEC-erase")
@pytest.mark.acceptance("PLACE-contract")
def test_the_rows_that_stay_say_nothing_but_what_the_contract_needs(client_at, run):
    cast = client_at("signed")
    tenant = cast.tenant
    Tenant.objects.filter(pk=tenant.pk).update(gstin="27AAAAA0000A1Z5", branding={"logo": "x"}, custom_domain="x.test")
    User.objects.filter(pk=cast.alice.pk).update(last_login=timezone.now())
    with tenant_scope(tenant.facts):
        before = Contract.objects.values().get()

    erased(run, tenant.ref_id)

    row, alice = Tenant.objects.get(pk=tenant.pk), User.objects.get(pk=cast.alice.pk)
    assert (row.slug, row.name, row.status) == (f"erased-{row.ref_id.lower()}", "Erased client", "cancelled")
    assert (row.website, row.industry, row.gstin, row.branding, row.custom_domain) == ("", "", None, {}, None)
    assert (alice.email, alice.name) == (f"erased-{alice.ref_id.lower()}@erased.invalid", "Erased person")
    assert not alice.has_usable_password()
    assert (alice.app_access, alice.preferences, alice.last_login) == ([], {}, None)
    assert (alice.tenant_id, alice.role, alice.created_on) == (tenant.pk, "admin", cast.alice.created_on)
    with tenant_scope(row.facts):
        assert Contract.objects.values().get() == before
        pdf = storage.contracts.read(
            before["pdf_s3_key"], version_id=before["pdf_version_id"], sha256=before["pdf_sha256"]
        )
    assert pdf.startswith(b"%PDF")


@pytest.mark.acceptance("SEC-erase")
@pytest.mark.acceptance("S3-worm")
def test_a_contract_goes_once_its_lock_has_ended(client_at, run, settings):
    cast = client_at("created", cancel=False)  # its lock holds for ten minutes
    settings.CONTRACT_RETENTION_DAYS = 5 / 86_400  # S3 refuses a lock that has ended before it arrives
    short = client_at("created")
    cancelled(cast.tenant)
    while run("erase_tenant", short.tenant.slug, "--json").report["contracts"]:
        pass  # some seconds, until its lock has ended

    signed, other = erased(run, short.tenant.slug), erased(run, cast.tenant.slug)

    assert signed["went"]["rows"]["contracts"] == 1
    assert signed["stays"] == {"rows": {}, "contracts": {}, "files": []}
    assert in_the_stores(short.tenant) == ([], [], [])
    assert "contracts" not in other["went"]["rows"]
    assert len(in_the_stores(cast.tenant)[2]) == 1


@pytest.mark.acceptance("SEC-erase")
def test_rows_the_law_keeps_stay_with_the_files_they_name(client_at, run, monkeypatch, settings):
    tenant = client_at("created").tenant
    monkeypatch.setattr(erasing, "KEPT", {"media_assets": "as an invoice is"})
    settings.S3_ADMIN_ACCESS_KEY = ""  # the product's own identity may do it here
    with tenant_scope(tenant.facts):
        named, loose = (storage.media.store(io.BytesIO(PNG), asset_ref=spell(new_id())) for _ in range(2))
        MediaAsset.objects.create(
            kind="image", file_name="a.png", content_type=named.content_type, bytes=named.size, s3_key=named.key,
            s3_version_id=named.version_id, sha256=named.sha256, created_on=timezone.now(),
        )  # fmt: skip

    signed = erased(run, tenant.slug)

    assert [version.key for version in in_the_stores(tenant)[1]] == [named.key]
    assert signed["stays"]["rows"] == {"media_assets": {"rows": 1, "because": "as an invoice is"}}
    assert signed["stays"]["files"] == [named.key]
    assert list(signed["went"]["objects"].values()) == [{"objects": 1, "versions": 1, "markers": 0}]
    assert loose.key not in json.dumps(signed)


@pytest.mark.acceptance("SEC-erase")
def test_what_may_not_be_erased_is_refused_and_nothing_changes(client_at, run, settings):
    cast, active = client_at("signed"), client_at("created", cancel=False)
    tenant = cast.tenant
    digest = run("erase_tenant", tenant.slug, "--json").report["digest"]
    before, kept = everything(), in_the_stores(tenant)

    said = [
        run("erase_tenant", active.tenant.slug),
        run("erase_tenant", active.tenant.slug, "--yes", digest),
        run("erase_tenant", "nobody", "--yes", digest),
        run("erase_tenant", tenant.slug, "--yes", "0" * 64),
        run("erase_tenant"),
        run("erase_tenant", tenant.slug),
    ]
    admin, settings.MONGO_ADMIN_URL = settings.MONGO_ADMIN_URL, ""
    said.append(run("erase_tenant", tenant.slug, "--yes", digest))
    settings.MONGO_ADMIN_URL = "mongodb://127.0.0.1:1/admin?serverSelectionTimeoutMS=100"
    said.append(run("erase_tenant", tenant.slug, "--yes", digest))
    settings.MONGO_ADMIN_URL = admin

    assert [ran.code for ran in said] == [2, 2, 2, 2, 2, 1, 2, 2]
    assert (everything(), in_the_stores(tenant)) == (before, kept)


@pytest.mark.acceptance("SEC-erase")
def test_work_under_way_is_waited_for_and_a_change_asks_for_a_new_look(client_at, run):
    cast = client_at("signed")
    now, digest = timezone.now(), run("erase_tenant", cast.tenant.slug, "--json").report["digest"]
    with tenant_scope(cast.tenant.facts):
        lease = ActivityLease.objects.create(
            activity=Activity.objects.filter(assignee_type="agent").first(), attempt=1, worker="tests", leased_on=now,
            heartbeat_on=now, created_on=now, expires_on=now + timedelta(minutes=1),
        )  # fmt: skip
        before = everything()

        while_at_work = run("erase_tenant", cast.tenant.slug, "--yes", digest)
        unchanged = everything()
        ActivityLease.objects.filter(pk=lease.pk).update(expires_on=now - timedelta(seconds=1))
        changed = run("erase_tenant", cast.tenant.slug, "--yes", digest)

    assert (while_at_work.code, changed.code) == (2, 2)
    assert unchanged == before
    assert erased(run, cast.tenant.slug)["went"]["rows"]["activity_leases"] == 1


class Killed(BaseException):
    """What nothing catches, as nothing catches SIGKILL."""


@pytest.mark.acceptance("SEC-erase")
def test_killed_anywhere_a_new_look_finishes_it(client_at, run, monkeypatch, tmp_path):
    tenant = client_at("signed").tenant
    with tenant_scope(tenant.facts):
        storage.media.store(io.BytesIO(PNG), asset_ref=spell(new_id()))

    def die(*args, **kwargs):
        raise Killed

    really_erase = rows_of_clients.erase

    def die_half_way(cursor, table, tenant_id):
        if table == "activities":
            raise Killed
        return really_erase(cursor, table, tenant_id)

    places = [
        ("apps.shared.erasing.erase", die_half_way),
        ("apps.tenants.erasing.stores.erase_documents", die),
        ("apps.tenants.erasing.stores.erase_objects", die),
        ("apps.tenants.erasing._empty", die),
    ]
    for place, dies in places:
        digest = run("erase_tenant", tenant.slug, "--json").report["digest"]
        with monkeypatch.context() as patched, pytest.raises(Killed):
            patched.setattr(place, dies)
            call_command("erase_tenant", tenant.slug, "--yes", digest, stdout=io.StringIO())
        assert run("erase_tenant", tenant.slug, "--yes", digest).code == 2  # of another state than it is by now

    signed = erased(run, tenant.slug)
    file = tmp_path / "list.json"
    file.write_text(json.dumps(signed))
    began = signed["begun"]
    assert len(began) == len(places) + 1
    assert "activity_dependencies" in began[0]["rows"] and "activity_dependencies" not in began[1]["rows"]
    assert ("activities" in began[1]["rows"], "activities" in began[2]["rows"]) == (True, False)
    assert ("audit_logs" in began[2]["documents"], began[3]["documents"]) == (True, {})
    assert (len(began[3]["objects"]), began[4]["objects"]) == (1, {})
    assert run("erase_tenant", "--verify", str(file)).code == 0
    assert run("verify_integrity", "--json").about("journal_gap") == []


@pytest.mark.acceptance("SEC-erase")
def test_an_altered_list_and_a_trace_that_came_back_are_told(client_at, run, tmp_path, settings):
    tenant = client_at("created").tenant
    signed = erased(run, tenant.slug)
    file = tmp_path / "list.json"

    def verified(said, text: str = "") -> tuple[int, str]:
        file.write_text(text or json.dumps(said))
        ran = run("erase_tenant", "--verify", str(file))
        return ran.code, ran.text

    assert verified(signed)[0] == 0
    altered = json.loads(json.dumps(signed))
    altered["went"]["rows"]["activity_templates"] += 1
    assert verified(altered) == (1, "The list is not what was signed.\n")
    assert verified({**signed, "key_id": "nobody's"})[0] == 1
    assert verified({}, text="no list")[0] == 2
    assert verified({**signed, "client": spell(new_id())})[0] == 2
    keys = settings.ENCRYPTION_KEYS
    settings.ENCRYPTION_KEYS = ["new:" + keys[0].partition(":")[2][::-1].lstrip("=").ljust(44, "="), *keys]
    assert verified(signed)[0] == 0
    settings.ENCRYPTION_KEYS = keys

    stores._database()["event_logs"].insert_one(
        storage.EventLog(
            tenantId=tenant.ref_id, refId=spell(new_id()), level="info", code="x", message="", createdOn=timezone.now()
        ).model_dump()
    )
    assert verified(signed) == (1, "event_logs still has 1 of the client.\n")
    erased(run, tenant.ref_id)
    assert verified(signed)[0] == 0


def refused(statement: str, values=(), *, using: str = "default") -> str | None:
    with connections[using].cursor() as cursor:
        try:
            with transaction.atomic(using=using):
                cursor.execute(statement, values)
                transaction.set_rollback(True, using=using)
        except DatabaseError as error:
            return error.__cause__.sqlstate
    return None


@pytest.mark.acceptance("SEC-erase")
@pytest.mark.acceptance("SEC-append-only")
def test_only_the_owner_may_erase_and_only_what_a_cancelled_client_has(client_at):
    tenant, active = client_at("created").tenant, client_at("created", cancel=False).tenant
    erase = "SELECT erase_rows(%s, %s, 10)"

    assert refused(erase, ["journal_entries", tenant.pk]) == "42501"
    assert refused("SELECT rows_of_tenant('goals', %s)", [tenant.pk]) == "42501"
    assert refused("DELETE FROM journal_entries WHERE tenant_id = %s", [tenant.pk]) == "42501"
    assert refused(erase, ["journal_deliveries", tenant.pk], using="migrator") is None
    assert refused(erase, ["journal_deliveries", active.pk], using="migrator") == "55000"
    assert refused(erase, ["journal_deliveries", new_id()], using="migrator") == "55000"
    for table in ("users", "tenants", "llm_providers", "llm_calls_default", "nothing", "goals; DROP TABLE goals", 'x"'):
        assert refused(erase, [table, tenant.pk], using="migrator") == "42P01", table
    assert refused(erase, ["activity_templates", tenant.pk], using="migrator") is None
    assert refused(erase, ["contracts", tenant.pk], using="migrator") == "23503"  # its events are still there


@pytest.mark.acceptance("SEC-erase")
def test_rows_that_refer_to_a_younger_one_of_their_table_go_too(client_at):
    tenant = client_at("signed").tenant
    names = [model._meta.db_table for model in rows_of_clients.tables()]
    with connections["migrator"].cursor() as cursor:
        cursor.execute(
            "UPDATE activities SET parent_activity_id = (SELECT max(id::text)::uuid FROM activities WHERE tenant_id = %s) "
            "WHERE tenant_id = %s AND parent_activity_id IS NULL",
            [tenant.pk, tenant.pk],
        )
        assert cursor.rowcount
        for table in names[: names.index("activities")]:
            list(rows_of_clients.erase(cursor, table, tenant.pk))
        total = rows_of_clients.count(cursor, "activities", tenant.pk)
        cursor.execute("SELECT erase_rows('activities', %s, 1)", [tenant.pk])

        assert total > 1
        assert cursor.fetchone() == (total,)


def test_tables_come_before_those_they_refer_to():
    order = rows_of_clients.tables()

    assert {m._meta.db_table for m in order} == {m._meta.db_table for m in guards.records() if hasattr(m, "tenant")} - {
        "users"
    }
    for place, model in enumerate(order):
        assert not set(rows_of_clients.referred(model)) & set(order[:place]), model


def test_what_stays_takes_along_what_it_refers_to(monkeypatch):
    monkeypatch.setattr(erasing, "KEPT", {"goal_readings": "the test", "backlinks": "the test"})
    counts = {"goal_readings": 2, "goals": 1, "strategies": 1, "backlinks": 0, "activities": 3, "channels": 1}

    stays = erasing._staying(counts, contracts_are_locked=True)

    assert stays == {
        "goal_readings": "the test",
        "goals": "goal_readings refer to it",
        "strategies": "goals refer to it",
    }
