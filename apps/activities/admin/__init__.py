"""Manage: work and its decisions, what agents and templates are set to, and what models cost."""

from . import costs, pipelines, reviews, sessions, setup, work  # noqa: F401  (they register themselves)
