"""Manage: clients, contracts, people, assignments, invitations, notices, tokens and what other systems send."""

from . import clients, contracts, doors, notices, people  # noqa: F401  (they register themselves)
