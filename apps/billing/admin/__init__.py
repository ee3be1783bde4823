"""Manage: what is sold, paid and used. Read only: the payment provider and the work change it."""

from . import credits, invoices, spend, subscriptions  # noqa: F401  (they register themselves)
