"""The real servers, through the command line, in a folder and on ports of their own."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from devstack.places import CHECKOUT

WRITE_AND_COUNT = """
import os, uuid
import boto3, psycopg, pymongo, redis
from botocore.config import Config

with psycopg.connect(os.environ["DATABASE_MIGRATOR_URL"], autocommit=True) as migrator:
    migrator.execute("CREATE TABLE IF NOT EXISTS visits (at timestamptz DEFAULT now())")
with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as app:
    app.execute("INSERT INTO visits DEFAULT VALUES")
    rows = app.execute("SELECT count(*) FROM visits").fetchone()[0]
    refused = []
    for statement in ("DELETE FROM visits", "TRUNCATE visits", "CREATE TABLE mine ()"):
        try:
            app.execute(statement)
        except psycopg.errors.InsufficientPrivilege:
            refused.append(statement.split()[0])
    timeout = app.execute("SHOW statement_timeout").fetchone()[0]
documents = pymongo.MongoClient(os.environ["MONGO_ADMIN_URL"])["leadmetrics"]["visits"]
documents.insert_one({})
s3 = boto3.client(
    "s3", endpoint_url=os.environ["S3_ENDPOINT"], region_name="us-east-1",
    aws_access_key_id=os.environ["S3_ACCESS_KEY"], aws_secret_access_key=os.environ["S3_SECRET_KEY"],
    config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
)
s3.put_object(Bucket="devstack-probe", Key=f"visits/{uuid.uuid4()}", Body=b"x")
objects = s3.list_objects_v2(Bucket="devstack-probe", Prefix="visits/")["KeyCount"]
keys = redis.Redis.from_url(os.environ["REDIS_URL"]).incr("visits")
print(rows, documents.count_documents({}), objects, keys, ",".join(refused), timeout)
"""


@pytest.fixture
def folder():
    """A folder the servers' ordinary user can reach, which pytest's own, made by root, is not."""
    place = Path(tempfile.mkdtemp(prefix="devstack-test-", dir="/tmp"))
    place.chmod(0o755)
    yield place / ".local"
    devstack(place / ".local", "down")
    shutil.rmtree(place)


def devstack(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Run the command line with a bare environment: the suite's own servers must not count as given ones."""
    return subprocess.run(
        [sys.executable, "-m", "devstack", "--folder", str(folder), *arguments], cwd=CHECKOUT, env=bare(),
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def bare() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": "/", "DEVSTACK_BASE_PORT": "28000"}


def visit(folder: Path) -> str:
    done = devstack(folder, "run", "--", sys.executable, "-c", WRITE_AND_COUNT)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()  # nothing but the command's own words


def test_everything_written_is_there_after_supervisor_and_servers_were_killed(folder):
    assert visit(folder) == "1 1 1 1 DELETE,TRUNCATE,CREATE 30s"

    command = [sys.executable, "-m", "devstack", "--folder", str(folder), "run", "--", "sleep", "600"]
    with subprocess.Popen(command, cwd=CHECKOUT, env=bare(), stdout=subprocess.DEVNULL) as process:
        try:
            state = folder / "data/stack.json"
            deadline = time.monotonic() + 60
            while not (state.exists() and json.loads(state.read_text())["working"]):
                assert time.monotonic() < deadline
                time.sleep(0.1)
            assert visit(folder) == "2 2 2 2 DELETE,TRUNCATE,CREATE 30s"  # attached to the running one
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            for pid in (process.pid, *map(int, children)):
                os.kill(pid, signal.SIGKILL)
        finally:
            process.kill()

    assert visit(folder) == "3 3 3 3 DELETE,TRUNCATE,CREATE 30s"
    assert (folder / "env").stat().st_mode & 0o777 == 0o600


def test_down_is_content_when_nothing_runs(folder):
    done = devstack(folder, "down")

    assert done.returncode == 0
    assert "Nothing was running." in done.stdout
