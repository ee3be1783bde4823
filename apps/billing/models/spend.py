"""What model calls may cost: counters with caps, and the reservations that raise them."""

from django.db import models
from django.db.models import Q

from apps.shared.constraints import between
from apps.shared.models import Mutable, TenantRecord

from ..statuses import RESERVATION_MOVES, CounterScope, ReservationStatus


class SpendCounter(TenantRecord, Mutable):
    """Settled and reserved USD of one scope: a tenant's month, a role's month, or an activity over all its runs."""

    month = models.DateField(
        null=True, blank=True, help_text="First of the month in the tenant's time zone; NULL for an activity."
    )
    scope = models.CharField(max_length=20, choices=CounterScope)
    scope_key = models.CharField(
        max_length=100, blank=True, help_text="'' for the tenant, agent role, or activity ref_id."
    )
    cap_usd = models.DecimalField(max_digits=10, decimal_places=4, null=True, blank=True)
    settled_usd = models.DecimalField(max_digits=12, decimal_places=6, default=0)
    reserved_usd = models.DecimalField(max_digits=12, decimal_places=6, default=0)

    class Meta(TenantRecord.Meta):
        db_table = "spend_counters"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "month", "scope", "scope_key"], nulls_distinct=False, name="uniq_spend_counters_scope"
            ),
            between("cap_usd", 0, 999_999, name="spend_counters_cap_in_range"),
            between("settled_usd", 0, 999_999, name="spend_counters_settled_in_range"),
            between("reserved_usd", 0, 999_999, name="spend_counters_reserved_in_range"),
            models.CheckConstraint(
                condition=Q(scope=CounterScope.ACTIVITY, month__isnull=True)
                | (~Q(scope=CounterScope.ACTIVITY) & Q(month__isnull=False)),
                name="spend_counters_month_but_for_activity",
            ),
        ]

    def __str__(self):
        return f"{self.scope} {self.scope_key} {self.month or ''}"


class SpendReservation(TenantRecord, Mutable):
    """One model call's money, set aside before the request and settled to its real cost after it."""

    moves = RESERVATION_MOVES

    month = models.DateField()
    activity_ref = models.CharField(max_length=26, db_collation="C")
    run_ref = models.CharField(max_length=26, db_collation="C")
    agent_role = models.CharField(max_length=100)
    model_id = models.CharField(max_length=100)
    reserved_usd = models.DecimalField(max_digits=10, decimal_places=6)
    settled_usd = models.DecimalField(max_digits=10, decimal_places=6, null=True, blank=True)
    status = models.CharField(max_length=20, choices=ReservationStatus, default=ReservationStatus.OPEN)
    expires_on = models.DateTimeField()
    settled_on = models.DateTimeField(null=True, blank=True)

    class Meta(TenantRecord.Meta):
        db_table = "spend_reservations"
        constraints = [
            between("reserved_usd", 0, 9_999, name="spend_reservations_reserved_in_range"),
            between("settled_usd", 0, 9_999, name="spend_reservations_settled_in_range"),
        ]
        indexes = [
            models.Index(fields=["expires_on"], condition=Q(status="open"), name="idx_spend_reservations_open"),
            models.Index(fields=["tenant", "activity_ref"], name="idx_spend_res_activity"),
        ]

    def __str__(self):
        return f"{self.reserved_usd} for {self.activity_ref}"
