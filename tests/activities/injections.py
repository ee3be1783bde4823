"""Texts by which somebody tries to steer a model; see fixtures/SOURCES.md."""

import tomllib
from pathlib import Path

TEXTS: dict[str, str] = tomllib.loads((Path(__file__).parent / "fixtures/injections.toml").read_text("utf-8"))["texts"]
ALL = "\n\n".join(TEXTS.values())
