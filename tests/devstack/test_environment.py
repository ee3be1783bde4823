"""What the product is told: generated values, the user's values, and the file between them."""

import os
import subprocess
from pathlib import Path

import pytest

from devstack import environment
from devstack.console import Trouble
from devstack.places import Places

OURS = {
    "DATABASE_URL": "postgres://app_user:x@127.0.0.1:21400/leadmetrics",
    "DATABASE_MIGRATOR_URL": "postgres://migrator_user:x@127.0.0.1:21400/leadmetrics",
    "DATABASE_READONLY_URL": "postgres://readonly_user:x@127.0.0.1:21400/leadmetrics",
    "MONGO_URL": "mongodb://app_user:x@127.0.0.1:21401/leadmetrics?authSource=admin",
    "ANTHROPIC_BASE_URL": "http://127.0.0.1:21414/anthropic",
    "ANTHROPIC_API_KEY": "rehearsal",
    "OPENAI_BASE_URL": "http://127.0.0.1:21414/openai/v1",
    "OPENAI_API_KEY": "rehearsal",
}


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(local=tmp_path, data=tmp_path, owner=(os.getuid(), os.getgid()), server_user={})


def test_what_the_user_sets_wins():
    settled, outside = environment.settle(OURS, {"MONGO_URL": "", "ANTHROPIC_BASE_URL": "http://localhost:1/anthropic"})

    assert settled == {**OURS, "ANTHROPIC_BASE_URL": "http://localhost:1/anthropic"}
    assert outside == set()


@pytest.mark.parametrize("vendor", ["ANTHROPIC", "OPENAI"])
def test_a_real_model_key_is_not_sent_to_the_sandbox(vendor):
    settled, _ = environment.settle(OURS, {f"{vendor}_API_KEY": "real"})

    assert settled[f"{vendor}_API_KEY"] == "real"
    assert set(OURS) - set(settled) == {f"{vendor}_BASE_URL"}


def test_a_server_with_an_address_from_outside_is_not_started():
    theirs = {name: OURS[name].replace("21400", "5432") for name in environment.SERVER_VARIABLES["postgres"]}

    settled, outside = environment.settle(OURS, theirs)

    assert outside == {"postgres"}
    assert settled == {**OURS, **theirs}


def test_an_outside_server_comes_with_all_its_addresses():
    with pytest.raises(Trouble, match="then DATABASE_MIGRATOR_URL, DATABASE_READONLY_URL must be set as well"):
        environment.settle(OURS, {"DATABASE_URL": "postgres://a:b@db/x"})


def test_a_shell_that_read_the_env_file_does_not_make_the_servers_outside_ones():
    _, outside = environment.settle(OURS, OURS)

    assert outside == set()


def test_times_set_by_the_user_reach_the_file():
    settled, _ = environment.settle(OURS, {"LEASE_SECONDS": "6", "UNRELATED": "1"})

    assert settled == {**OURS, "LEASE_SECONDS": "6"}


def test_a_shell_reads_the_file_as_it_was_written(places):
    given = {**OURS, "EMPTY": "", "ODD": "a b & $HOME ~ 'quoted' \"twice\" ; #"}

    path = environment.write(places, given)

    names = " ".join(f'"${name}"' for name in given)
    said = subprocess.run(
        ["sh", "-c", f"set -a; . {path}; printf '%s\\n' {names}"], capture_output=True, text=True, check=True
    )
    assert said.stdout.splitlines() == list(given.values())
    assert environment.read(path) == given
    assert path.stat().st_mode & 0o777 == 0o600


def test_simple_readers_get_generated_addresses_unquoted(places):
    lines = environment.write(places, OURS).read_text().splitlines()

    assert lines == [f"{name}={value}" for name, value in OURS.items()]


def test_secrets_are_made_once(places):
    first = environment.kept_secrets(places)

    assert environment.kept_secrets(places) == first
    assert set(first) == {"SEED", "SECRET_KEY", "ENCRYPTION_KEYS", "DEMO_PASSWORD"}
    assert environment.password(first["SEED"], "app_user") != environment.password(first["SEED"], "readonly_user")
