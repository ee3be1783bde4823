"""Manage: clients, people, assignments, invitations and contracts."""

from . import clients, people  # noqa: F401  (they register themselves)
