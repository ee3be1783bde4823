"""What is sold, what was paid for it, the credits it gives, and what model calls may cost."""

from .credits import CreditBalance, CreditLedgerEntry, CreditTopupOrder
from .invoices import CreditNote, Invoice, Payment
from .spend import SpendCounter, SpendReservation
from .subscriptions import BillingEffect, BillingEvent, Plan, Subscription

__all__ = [
    "BillingEffect",
    "BillingEvent",
    "CreditBalance",
    "CreditLedgerEntry",
    "CreditNote",
    "CreditTopupOrder",
    "Invoice",
    "Payment",
    "Plan",
    "SpendCounter",
    "SpendReservation",
    "Subscription",
]
