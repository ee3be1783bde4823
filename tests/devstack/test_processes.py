"""Processes are started again, stopped in order, and never left behind. Real ones, in a folder of their own."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from devstack.console import Trouble
from devstack.places import CHECKOUT, Places, refuse_old_machine
from devstack.processes import Service, Supervisor, end_leftovers, leftovers


@pytest.fixture
def places(tmp_path: Path) -> Places:
    (tmp_path / "logs").mkdir()
    return Places(local=tmp_path, data=tmp_path, owner=(os.getuid(), os.getgid()), server_user={})


@pytest.fixture
def supervisor(places):
    supervisor = Supervisor(places)
    yield supervisor
    supervisor.stop()


def shell(places: Places, name: str, script: str, **more) -> Service:
    """A service that runs a shell script in the test's folder."""
    return Service(
        name=name, title=name.title(), command=["sh", "-c", script], environment={"PATH": os.defpath},
        folder=places.data, tier=0, **more,
    )  # fmt: skip


def until(condition, *, seconds: float = 10):
    """The first true answer of `condition`, asked again and again."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
    return answer


def test_a_killed_service_is_started_again(places, supervisor, capsys):
    supervisor.start(shell(places, "sleeper", "exec sleep 60"))
    (first,) = until(lambda: leftovers(places.data))
    os.kill(first, signal.SIGKILL)

    until(lambda: supervisor.watch() or set(leftovers(places.data)) - {first})

    assert "Sleeper was ended by SIGKILL; starting it again" in capsys.readouterr().out


def test_children_of_a_killed_service_go_before_it_is_started_again(places, supervisor):
    supervisor.start(shell(places, "parent", "sleep 60 & sleep 60 & wait"))
    until(lambda: len(leftovers(places.data)) == 3)
    former = set(leftovers(places.data))
    os.kill(min(former), signal.SIGKILL)

    until(lambda: supervisor.watch() or len(set(leftovers(places.data)) - former) == 3)

    assert not former & set(leftovers(places.data))


def test_a_service_that_keeps_dying_ends_the_stack_with_its_last_words(places, supervisor):
    supervisor.start(shell(places, "doomed", "echo no space left; exit 3"))

    with pytest.raises(Trouble, match=r"Doomed ended with code 3, 5 times[\s\S]*no space left"):
        until(supervisor.watch, seconds=20)


def test_a_service_that_never_starts_is_explained(places, supervisor):
    service = shell(
        places, "mute", "echo cannot open file; exit 127", hints={127: " A library is missing."}, ready=refuse
    )
    supervisor.start(service)

    with pytest.raises(Trouble, match=r"Mute ended with code 127. A library is missing.[\s\S]*cannot open file"):
        supervisor.wait_until_ready(service)


def refuse() -> None:
    raise ConnectionRefusedError


def test_nothing_survives_a_supervisor_that_is_killed(places):
    script = f"""
import os, sys, time
from pathlib import Path
sys.path.insert(0, {str(CHECKOUT)!r})
from devstack.places import Places
from devstack.processes import Service, Supervisor
folder = Path({str(places.data)!r})
supervisor = Supervisor(Places(local=folder, data=folder, owner=({os.getuid()}, {os.getgid()}), server_user={{}}))
supervisor.start(Service(name="sleeper", title="Sleeper", command=["sleep", "60"], environment=dict(os.environ), folder=folder, tier=0))
print("started", flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "started\n"
        assert list(leftovers(places.data).values()) == ["sleeper"]
        process.kill()

    until(lambda: not leftovers(places.data))


def test_leftovers_that_do_not_leave_are_killed(places, supervisor):
    supervisor.start(shell(places, "stubborn", "trap '' TERM; while :; do sleep 1; done"))
    until(lambda: leftovers(places.data))

    end_leftovers(places.data, patience=0)

    assert leftovers(places.data) == {}


def test_the_highest_tier_stops_first(places):
    supervisor = Supervisor(places)
    for name, tier in {"record": 0, "product": 10}.items():
        script = f"trap 'echo {name} >> order; exit' TERM; echo {name} > {name}.up; while :; do sleep 0.05; done"
        service = Service(
            name=name, title=name, command=["sh", "-c", script], environment={"PATH": os.defpath},
            folder=places.data, tier=tier,
        )  # fmt: skip
        supervisor.start(service)
    until(lambda: (places.data / "record.up").exists() and (places.data / "product.up").exists())

    supervisor.stop()

    assert (places.data / "order").read_text().split() == ["product", "record"]


def test_a_command_answers_with_its_own_exit_code(supervisor):
    environment = {"PATH": os.environ["PATH"]}

    assert supervisor.hand_over_to(["sh", "-c", "exit 7"], environment=environment) == 7
    assert supervisor.hand_over_to(["sh", "-c", "kill -9 $$"], environment=environment) == 128 + 9
    assert supervisor.hand_over_to(["no-such-program"], environment=environment) == 127


@pytest.mark.parametrize(
    ("cpu", "libc", "why"),
    [
        ("flags : fpu sse4_2", ("glibc", "2.36"), "AVX"),
        ("flags : fpu avx sse4_2", ("glibc", "2.31"), "glibc 2.34 or newer; this is glibc 2.31"),
        ("flags : fpu avx sse4_2", ("", ""), "another libc"),
    ],
)
def test_a_machine_the_wheels_do_not_fit_is_told_the_other_way(cpu, libc, why):
    with pytest.raises(Trouble, match=f"{why}.*make up COMPOSE=1"):
        refuse_old_machine(cpu=cpu, libc=libc)


def test_a_machine_the_wheels_fit_is_not_refused():
    refuse_old_machine(cpu="flags : fpu avx sse4_2", libc=("glibc", "2.34"))
