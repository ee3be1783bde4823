"""The block of ports: remembered, stepped over when taken, never shared."""

import os
import socket
from contextlib import closing
from pathlib import Path

import pytest

from devstack import ports
from devstack.console import Trouble
from devstack.places import Places

FIRST = 27200  # far from where stacks live


@pytest.fixture
def make_places(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(ports, "FIRST", FIRST)
    monkeypatch.delenv("DEVSTACK_BASE_PORT", raising=False)

    def make(name: str) -> Places:
        folder = tmp_path / name
        folder.mkdir()
        return Places(local=folder, data=folder, owner=(os.getuid(), os.getgid()), server_user={})

    return make


def test_a_block_that_is_used_is_stepped_over(make_places):
    with closing(ports.choose(make_places("mine"))) as mine, closing(ports.choose(make_places("theirs"))) as theirs:
        assert theirs.base == mine.base + ports.BLOCK
        assert mine.port("postgres") == mine.base
        assert mine.port("sandbox.smtp") == mine.base + ports.BLOCK - 1


def test_one_port_taken_by_a_stranger_moves_the_block(make_places):
    with socket.socket() as stranger:
        stranger.bind((ports.HOST, FIRST + 64 + 5))
        stranger.listen()
        places = make_places("mine")
        (places.local / "port").write_text(str(FIRST + 64))

        with closing(ports.choose(places)) as block:
            assert block.base > FIRST + 64
            assert (places.local / "port").read_text() == str(block.base)


def test_the_block_is_remembered(make_places):
    places = make_places("mine")
    (places.local / "port").write_text(str(FIRST + 160))

    with closing(ports.choose(places)) as block:
        assert block.base == FIRST + 160


def test_a_first_port_that_is_no_number_is_explained(make_places, monkeypatch):
    monkeypatch.setenv("DEVSTACK_BASE_PORT", "many")

    with pytest.raises(Trouble, match="'many', which is no number"):
        ports.choose(make_places("mine"))
