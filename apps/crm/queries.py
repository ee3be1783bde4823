"""What pages ask about leads and imports of them."""

from dataclasses import dataclass

from django.db.models import Q, QuerySet

from apps.activities.models import Activity

from .contacts import e164
from .models import Lead, LeadActivity, LeadTouch


@dataclass(frozen=True)
class ImportResult:
    """What an import did, or did before it stopped; `errors` are {row, reason} of the first rows that were refused."""

    rows: int
    added: int
    known: int
    unchanged: int
    refused: int
    errors: list[dict]


def leads(*, status: str = "", source: str = "", q: str = "", country_code: str = "") -> QuerySet[Lead]:
    """Live leads of the client in scope; `q` is a whole e-mail address or phone number, which an index finds."""
    rows = Lead.objects.all()
    if status:
        rows = rows.filter(status=status)
    if source:
        rows = rows.filter(source=source)
    if q:
        q = q.strip()
        rows = rows.filter(Q(email=q.lower()) | Q(phone__in={q, e164(q, country_code=country_code)} - {""}))
    return rows


def timeline(lead: Lead) -> QuerySet[LeadActivity]:
    """What happened with a lead, the newest first."""
    return LeadActivity.objects.filter(lead=lead).select_related("created_by").order_by("-ref_id")


def touches(lead: Lead) -> QuerySet[LeadTouch]:
    """Its contacts with the client as the sources reported them, the newest first."""
    return LeadTouch.objects.filter(lead=lead).order_by("-ref_id")


def result_of(job: Activity) -> ImportResult | None:
    """None before the first rows were read."""
    told = job.output_summary.get("state", job.output_summary)
    if "rows" not in told:
        return None
    return ImportResult(**told)
