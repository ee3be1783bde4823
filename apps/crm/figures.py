"""What the client's list of leads says in figures."""

from datetime import datetime
from decimal import Decimal

from apps.activities.figures import Figure, Span

from .models import Lead
from .statuses import LeadStatus

SOURCE = "Leadmetrics: leads"


def leads(span: Span, at: datetime) -> list[Figure]:
    """Leads that came in the span, and how many of them are qualified by now."""
    came = Lead.objects.filter(created_on__gte=span.begins, created_on__lt=span.ends)
    qualified = came.filter(status__in=[LeadStatus.QUALIFIED, LeadStatus.CONVERTED])
    return [
        Figure("leads", "New leads", Decimal(came.count()), SOURCE),
        Figure("qualified_leads", "Qualified leads", Decimal(qualified.count()), SOURCE),
    ]
