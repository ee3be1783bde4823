"""Manage: work and its decisions, and what agents and templates are set to."""

from . import setup, work  # noqa: F401  (they register themselves)
