"""The suite's databases: a template per state of the code, a copy per worker, a copy per race or kill test."""

import contextlib
import hashlib
import io
import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from psycopg import sql
from pymongo import MongoClient

from apps.activities.engine import worker
from apps.storage import bootstrap, clients
from tests import world

ROOT = Path(__file__).resolve().parents[1]
PREFIX = "lmtest"
LOCK = 0x7E57
WATCHED = ("apps", "config", "sandbox", "contracts")
DOORS = {
    "views",
    "api",
    "urls",
    "portals",
    "templatetags",
    "admin.py",
    "forms.py",
    "access.py",
    "permissions.py",
    "urls.py",
}


def code_digest() -> str:
    """A digest of all that the template's contents depend on."""
    digest = hashlib.sha256(settings.S3_BUCKET.encode())  # where its objects lie: not the same for all settings
    files = [path for folder in WATCHED for path in (ROOT / folder).rglob("*") if path.is_file()]
    for path in sorted([*files, ROOT / "tests/world.py", ROOT / "tests/databases.py"]):
        if path.suffix in {".py", ".md", ".html"} and not DOORS.intersection(
            path.parts
        ):  # doors write nothing themselves
            digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return digest.hexdigest()[:10]


def owner():
    """A connection of migrator_user outside the test databases; it waits for the lock as long as a template takes."""
    params = settings.DATABASES["migrator"]
    return psycopg.connect(
        host=params["HOST"],
        port=params["PORT"],
        user=params["USER"],
        password=params["PASSWORD"],
        dbname="postgres",
        autocommit=True,
        options="-c lock_timeout=0 -c statement_timeout=0",
    )


def use(name: str) -> None:
    """From here on every connection of this process goes to this database."""
    for alias in ("default", "migrator"):
        connections[alias].close()
        settings.DATABASES[alias]["NAME"] = name
        connections[alias].settings_dict["NAME"] = name


def copy(template: str, name: str) -> None:
    with owner() as db:
        _drop(db, name)
        with locked(db):  # nobody may be connected to the template, and nobody may drop it meanwhile
            db.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))


def drop(name: str) -> None:
    with owner() as db:
        _drop(db, name)


def _drop(db, name: str) -> None:
    try:
        db.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
    except psycopg.errors.InsufficientPrivilege:
        # An autovacuum worker is in it, which only a superuser may end by force; a plain DROP waits until it left.
        db.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))


@contextlib.contextmanager
def locked(db) -> Iterator[None]:
    db.execute("SELECT pg_advisory_lock(%s)", [LOCK])
    try:
        yield
    finally:
        db.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


def template_and_copy(worker: str, *, sandbox_url: str) -> tuple[str, str]:
    """(template, this worker's copy). The template is made by whoever comes first; it is cloned under the same lock."""
    digest = code_digest()
    template, mine = f"{PREFIX}_{digest}", f"{PREFIX}_{digest}_{worker}_{os.getpid()}"
    with owner() as db, locked(db):
        found = db.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", [f"{PREFIX}%"]).fetchall()
        names = {name for (name,) in found}
        if template not in names:
            for old in names:
                if not _in_use(old):
                    with contextlib.suppress(psycopg.Error):  # somebody else's template is being copied
                        db.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(old)))
                        drop_documents(old)
            _make(db, template, sandbox_url=sandbox_url)
        db.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(mine), sql.Identifier(template)))
        _copy_documents(template, mine)
    return template, mine


def _use_documents(name: str) -> None:
    for variable in ("MONGO_URL", "MONGO_AUDIT_URL", "MONGO_AUDIT_READ_URL"):
        setattr(settings, variable, with_database(getattr(settings, variable), name))


def _copy_documents(template: str, mine: str) -> None:
    """Two workers have the same clients: what one writes for a test must not be found by the other's."""
    _use_documents(mine)
    bootstrap.mongodb()
    with MongoClient(settings.MONGO_ADMIN_URL) as client:
        for collection in client[template].list_collection_names():
            client[template][collection].aggregate([{"$merge": {"into": {"db": mine, "coll": collection}}}])


def drop_documents(name: str) -> None:
    with MongoClient(settings.MONGO_ADMIN_URL) as client:
        client.drop_database(name)


def _in_use(name: str) -> bool:
    """A copy carries the id of the process that works in it; what is left of a dead one may go."""
    pid = name.rpartition("_")[2]
    return name.count("_") > 1 and pid.isdigit() and Path("/proc", pid).exists()


def _make(db, template: str, *, sandbox_url: str) -> None:
    making = f"{template}_making"
    db.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(making)))
    db.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(making)))
    drop_documents(template)
    _use_documents(template)
    use(making)
    call_command("migrate", verbosity=0)
    call_command("bootstrap", stdout=io.StringIO())
    world.populate(sandbox_url)
    worker.stop_heartbeat()
    with connections["migrator"].cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")  # once here instead of by autovacuum in every copy, while tests run in it
    for alias in ("default", "migrator"):
        connections[alias].close()
    clients.close()
    db.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(making), sql.Identifier(template)))


def with_database(url: str, name: str) -> str:
    head, _, tail = url.rpartition("/")
    return f"{head}/{name}?{tail.partition('?')[2]}"
