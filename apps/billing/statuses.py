"""Statuses of subscriptions, orders, invoices, payments and reservations, and the moves between them."""

from django.db.models import TextChoices

from apps.shared.transitions import Moves


class CounterScope(TextChoices):
    TENANT = "tenant", "Client and month"
    ROLE = "role", "Agent role and month"
    ACTIVITY = "activity", "Activity"


class ReservationStatus(TextChoices):
    OPEN = "open", "Open"
    SETTLED = "settled", "Settled"
    RELEASED = "released", "Released"
    EXPIRED = "expired", "Kept at its estimate"


class EntryType(TextChoices):
    ALLOCATED = "allocated", "Given by the plan"
    TOPPED_UP = "topped_up", "Bought"
    RESERVED = "reserved", "Set aside"
    CONSUMED = "consumed", "Used"
    RELEASED = "released", "Released"
    REFUNDED = "refunded", "Refunded"
    EXPIRED = "expired", "Expired"
    ADJUSTED = "adjusted", "Corrected"


class TopupStatus(TextChoices):
    CREATED = "created", "Created"
    PAID = "paid", "Paid"
    FAILED = "failed", "Failed"
    EXPIRED = "expired", "Expired"
    REFUNDED = "refunded", "Refunded"


class InvoiceStatus(TextChoices):
    DRAFT = "draft", "Draft"
    PENDING = "pending", "Issued"
    PAID = "paid", "Paid"
    OVERDUE = "overdue", "Overdue"
    CANCELLED = "cancelled", "Cancelled"


class SubscriptionStatus(TextChoices):
    CREATED = "created", "Created"
    AUTHENTICATED = "authenticated", "Mandate given"
    ACTIVE = "active", "Active"
    PENDING = "pending", "Payment missed"
    HALTED = "halted", "Halted"
    PAUSED = "paused", "Paused"
    CANCELLED = "cancelled", "Cancelled"
    COMPLETED = "completed", "Completed"
    EXPIRED = "expired", "Expired"


class PaymentStatus(TextChoices):
    CREATED = "created", "Created"
    AUTHORIZED = "authorized", "Authorized"
    CAPTURED = "captured", "Captured"
    FAILED = "failed", "Failed"
    REFUNDED = "refunded", "Refunded"


R = ReservationStatus
RESERVATION_MOVES = Moves(
    R,
    # move     from                    to          journal
    ("settle", [R.OPEN, R.EXPIRED], R.SETTLED, "spend.settled"),
    ("release", [R.OPEN], R.RELEASED, "spend.released"),
    ("expire", [R.OPEN], R.EXPIRED, "spend.kept_at_estimate"),
)

T = TopupStatus
TOPUP_MOVES = Moves(
    T,
    ("pay", [T.CREATED, T.FAILED, T.EXPIRED], T.PAID, "topup.paid"),  # also by a late capture
    ("fail", [T.CREATED], T.FAILED, "topup.failed"),
    ("expire", [T.CREATED], T.EXPIRED, "topup.expired"),
    ("refund", [T.PAID], T.REFUNDED, "topup.refunded"),
)

V = InvoiceStatus
INVOICE_MOVES = Moves(
    V,
    ("issue", [V.DRAFT], V.PENDING, "invoice.issued"),
    ("mark_paid", [V.PENDING, V.OVERDUE], V.PAID, "invoice.marked_paid"),
    ("mark_overdue", [V.PENDING], V.OVERDUE, "invoice.marked_overdue"),
    ("cancel", [V.DRAFT, V.PENDING, V.OVERDUE], V.CANCELLED, "invoice.cancelled"),
)

S = SubscriptionStatus
OPEN_SUBSCRIPTIONS = [S.CREATED, S.AUTHENTICATED, S.ACTIVE, S.PENDING, S.HALTED, S.PAUSED]
SUBSCRIPTION_MOVES = Moves(
    S,
    ("authenticate", [S.CREATED], S.AUTHENTICATED, "subscription.authenticated"),
    ("activate", [S.CREATED, S.AUTHENTICATED], S.ACTIVE, "subscription.activated"),
    ("miss_payment", [S.ACTIVE], S.PENDING, "subscription.payment_missed"),
    ("halt", [S.PENDING], S.HALTED, "subscription.halted"),
    ("recover", [S.PENDING, S.HALTED], S.ACTIVE, "subscription.recovered"),
    ("pause", [S.ACTIVE], S.PAUSED, "subscription.paused"),
    ("resume", [S.PAUSED], S.ACTIVE, "subscription.resumed"),
    ("cancel", OPEN_SUBSCRIPTIONS, S.CANCELLED, "subscription.cancelled"),
    ("complete", [S.ACTIVE], S.COMPLETED, "subscription.completed"),
    ("expire", [S.CREATED, S.AUTHENTICATED], S.EXPIRED, "subscription.expired"),
)

P = PaymentStatus
PAYMENT_MOVES = Moves(
    P,
    ("authorize", [P.CREATED], P.AUTHORIZED, "payment.authorized"),
    ("capture", [P.CREATED, P.AUTHORIZED, P.FAILED], P.CAPTURED, "payment.captured"),  # from failed: a late capture
    ("fail", [P.CREATED, P.AUTHORIZED], P.FAILED, "payment.failed"),
    ("refund", [P.CAPTURED], P.REFUNDED, "payment.refunded"),
)
