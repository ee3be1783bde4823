"""Statuses of money that is set aside, and the moves between them."""

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


R = ReservationStatus
RESERVATION_MOVES = Moves(
    R,
    # move     from                    to          journal
    ("settle", [R.OPEN, R.EXPIRED], R.SETTLED, "spend.settled"),
    ("release", [R.OPEN], R.RELEASED, "spend.released"),
    ("expire", [R.OPEN], R.EXPIRED, "spend.kept_at_estimate"),
)
