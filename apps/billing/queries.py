"""What was spent, as pages and commands read it."""

from django.db.models import DateField, DateTimeField, DecimalField, Func, OuterRef, Subquery, Value
from django.db.models.functions import Cast, Coalesce, Now

from .models import SpendCounter
from .statuses import CounterScope


def spent_this_month() -> Coalesce:
    """For a queryset of clients: what each one's calls of its own running month cost so far, in USD at six places.

    Until a month's first call `tenants.current_month_spend_usd` is the month before.
    """
    there = Func(OuterRef("timezone"), Now(), function="timezone", output_field=DateTimeField())
    month = Cast(Func(Value("month"), there, function="date_trunc", output_field=DateTimeField()), DateField())
    counters = SpendCounter.objects.filter(tenant_id=OuterRef("pk"), scope=CounterScope.TENANT, month=month)
    return Coalesce(Subquery(counters.values("settled_usd")), Value(0), output_field=DecimalField())
