"""The four servers: each is one function that says how to run it and how to know that it works."""

import contextlib
import json
import os
import secrets
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
import botocore.config
import psycopg
import pymongo
import pymongo.errors
import redis

from devstack.console import ANOTHER_WAY, Trouble
from devstack.environment import password
from devstack.places import CHECKOUT, Places
from devstack.ports import HOST, Block
from devstack.processes import Service, end_leftovers

NAMES = ("postgres", "mongo", "s3", "valkey")  # in the order of starting; the record of truth stops last
ROLES_SQL = CHECKOUT / "docker/postgres-init.sql"
APP_RIGHTS = ["Read", "Write", "List", "Tagging", "PutObjectRetention", "GetObjectRetention"]  # no Admin: no buckets
WHEEL_HINTS = {
    -signal.SIGILL: f" That is an instruction this processor lacks. {ANOTHER_WAY}",
    127: f" A library is missing (mongod needs libcurl4 and libssl3). {ANOTHER_WAY}",
}


def services(places: Places, block: Block, seed: str, programs: Mapping[str, Path]) -> list[Service]:
    """The servers whose programs are given, in the order of starting. `seed` is the root of their passwords."""
    makers = {"postgres": postgres, "mongo": mongo, "s3": s3, "valkey": valkey}
    return [makers[name](places, block, seed, programs[name]) for name in NAMES if name in programs]


def _service(places: Places, block: Block, *, name: str, title: str, command: list[str], **more: Any) -> Service:
    """What all servers share: an ordinary user, a folder of their own, and a bare environment.

    Inherited PG*, AWS_* or S3_BUCKET variables would change what a server does.
    """
    home = places.server_home(name)
    return Service(
        name=name,
        title=title,
        command=command,
        folder=home,
        user=places.server_user,
        tier=NAMES.index(name),
        environment={"PATH": os.defpath, "HOME": str(home), "TMPDIR": str(home)},
        hints=WHEEL_HINTS,
        detail=f"{HOST}:{block.port(name)}",
        **more,
    )


def postgres(places: Places, block: Block, seed: str, program: Path) -> Service:
    """PostgreSQL 16 with the three roles of docker/postgres-init.sql."""
    data, port = places.server_home("postgres"), block.port("postgres")
    superuser = password(seed, "postgres postgres")

    def prepare() -> None:
        if not (data / "global/pg_control").exists():
            _initialise(places, data, program, superuser)
        # A killed postmaster whose number somebody else has now, or that nobody has reaped, counts as running. With
        # none of its processes left the lock file means nothing.
        end_leftovers(places.data, names={"postgres"})
        (data / "postmaster.pid").unlink(missing_ok=True)

    def ready() -> None:
        with psycopg.connect(
            host=HOST, port=port, user="postgres", password=superuser, dbname="postgres"
        ) as connection:
            connection.execute("SELECT 1")
        _make_roles(places, data, program.with_name("psql"), port, seed, superuser)

    settings = {
        "listen_addresses": HOST,
        "port": port,
        "unix_socket_directories": "",
        "timezone": "UTC",
        "max_connections": 200,
        "shared_buffers": "256MB",
    }
    return _service(
        places,
        block,
        name="postgres",
        title="PostgreSQL",
        prepare=prepare,
        ready=ready,
        stop_signal=signal.SIGINT,  # the fast shutdown; SIGTERM waits for clients to leave
        command=[str(program), "-D", str(data), *(f"--{name}={value}" for name, value in settings.items())],
    )


def _initialise(places: Places, data: Path, program: Path, superuser: str) -> None:
    for left in data.iterdir():  # by an initdb that was interrupted
        _as_server(places, ["rm", "-rf", str(left)], folder=data)
    secret = places.keep(places.data / "initdb.password", superuser, for_server=True)
    try:
        settings = ["-U", "postgres", "-A", "scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8"]
        initdb = str(program.with_name("initdb"))
        _as_server(places, [initdb, *settings, "-D", str(data), f"--pwfile={secret}"], folder=data)
    finally:
        secret.unlink()


def _make_roles(places: Places, data: Path, psql: Path, port: int, seed: str, superuser: str) -> None:
    """Run the file that Docker's PostgreSQL runs too: roles, default privileges, database. It may be run again."""
    roles = {
        f"{role.upper()}_PASSWORD": password(seed, f"postgres {role}")
        for role in ("migrator_user", "app_user", "readonly_user")
    }
    _as_server(
        places,
        [str(psql), *f"-h {HOST} -p {port} -U postgres -d postgres -X -q -v ON_ERROR_STOP=1".split()],
        folder=data,
        environment={"PGPASSWORD": superuser, **roles},
        typed=ROLES_SQL.read_text(),
    )


def _as_server(
    places: Places, command: list[str], *, folder: Path, environment: Mapping[str, str] | None = None, typed: str = ""
) -> None:
    """Run a program of a server as the servers' user. Raises Trouble with what it said when it fails."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={"PATH": os.defpath, "HOME": str(folder), **(environment or {})},
        input=typed,
        capture_output=True,
        text=True,
        check=False,
        **places.server_user,
    )
    if done.returncode:
        hint = WHEEL_HINTS.get(done.returncode, "")
        raise Trouble(f"{Path(command[0]).name} ended with code {done.returncode}.{hint}\n{done.stderr.strip()}")


def mongo(places: Places, block: Block, seed: str, program: Path) -> Service:
    """mongod with its first user, `admin`; `manage.py bootstrap` makes the others.

    Wire compression stays off: the wheel's 6.0.5 is open to CVE-2025-14847.
    """
    data, secret = places.server_home("mongo"), password(seed, "mongo admin")
    place: dict[str, Any] = {
        "host": HOST,
        "port": block.port("mongo"),
        "directConnection": True,
        "serverSelectionTimeoutMS": 500,
    }

    settings = (
        f"--bind_ip {HOST} --port {block.port('mongo')} --networkMessageCompressors disabled --wiredTigerCacheSizeGB 0.25 "
        "--setParameter ttlMonitorSleepSecs=1 --setParameter diagnosticDataCollectionEnabled=false"
    ).split()

    def ready() -> None:
        with pymongo.MongoClient(**place) as nobody, contextlib.suppress(pymongo.errors.OperationFailure):
            nobody.admin.command("createUser", "admin", pwd=secret, roles=["root"])  # refused once a user exists
        with pymongo.MongoClient(username="admin", password=secret, **place) as admin:
            admin.admin.command("usersInfo")  # a ping would answer without a login

    return _service(
        places,
        block,
        name="mongo",
        title="MongoDB",
        ready=ready,
        command=[str(program), "--dbpath", str(data), "--auth", "--nounixsocket", *settings],
    )


def s3(places: Places, block: Block, seed: str, program: Path) -> Service:
    """SeaweedFS with two identities: `bootstrap` makes buckets, `app` only uses them.

    `disableHttp`: without it the filer lists and deletes without a login. `autoCreateBucket=false`: a missing bucket
    is an error, as on AWS.
    """
    data, bucket = places.server_home("s3"), "devstack-probe"
    app_key = password(seed, "s3 app")
    identities = [
        _identity("bootstrap", password(seed, "s3 bootstrap"), ["Admin"]),
        _identity("app", app_key, APP_RIGHTS),
    ]
    logins = places.keep(places.data / "s3.json", json.dumps({"identities": identities}), for_server=True)
    flags: dict[str, object] = {
        "dir": data,
        "ip": HOST,
        "ip.bind": HOST,
        "disableHttp": "true",
        "master.telemetry": "false",
        "admin.ui": "false",
        "webdav": "false",
        "s3.config": logins,
        "s3.autoCreateBucket": "false",
        "bucket": bucket,
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "s3.localSocket": data / "s3.sock",
        "filer.localSocket": data / "filer.sock",
    }
    for part in ("s3", "master", "filer", "volume", "admin"):
        flags |= {f"{part}.port": block.port(part), f"{part}.port.grpc": block.port(f"{part}.grpc")}

    def ready() -> None:
        config = botocore.config.Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            connect_timeout=1,
            read_timeout=1,  # one in ten first requests hangs for good while the master is found; the next one works
            retries={"total_max_attempts": 1},
        )
        client = boto3.client(
            "s3",
            endpoint_url=f"http://{HOST}:{block.port('s3')}",
            region_name="us-east-1",
            aws_access_key_id="devstack-app",
            aws_secret_access_key=app_key,
            config=config,
        )
        sent = secrets.token_bytes(16)  # the port opens seconds before objects can be kept
        client.put_object(Bucket=bucket, Key="probe", Body=sent)
        if client.get_object(Bucket=bucket, Key="probe")["Body"].read() != sent:
            raise Trouble("S3 gave back other bytes than it was given.")

    return _service(
        places,
        block,
        name="s3",
        title="S3 (SeaweedFS)",
        ready=ready,
        tidy=block.remove_sockets,
        command=[str(program), "-logtostderr=true", "mini", *(f"-{name}={value}" for name, value in flags.items())],
    )


def _identity(name: str, secret: str, actions: list[str]) -> dict[str, object]:
    return {"name": name, "actions": actions, "credentials": [{"accessKey": f"devstack-{name}", "secretKey": secret}]}


def valkey(places: Places, block: Block, seed: str, program: Path) -> Service:
    """Valkey with its append-only file on: what it acknowledged is still there after kill -9."""
    data, port, secret = places.server_home("valkey"), block.port("valkey"), password(seed, "valkey")
    lines = (f"bind {HOST}", f"port {port}", f'dir "{data}"', f"requirepass {secret}", "appendonly yes", 'save ""', "")
    # A file, because everybody on the machine can read a command line.
    settings = places.keep(places.data / "valkey.conf", "\n".join(lines), for_server=True)

    def ready() -> None:
        with redis.Redis(HOST, port, password=secret, socket_timeout=2) as client:
            client.ping()  # answers LOADING, an error, until the data is back

    return _service(places, block, name="valkey", title="Valkey", ready=ready, command=[str(program), str(settings)])
