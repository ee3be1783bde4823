"""Where leads come from, how far they are, and the moves between their statuses."""

from django.db.models import TextChoices

from apps.shared.transitions import Moves


class LeadSource(TextChoices):
    WEBSITE_FORM = "website_form", "Website form"
    FACEBOOK_LEAD_AD = "facebook_lead_ad", "Facebook lead ad"
    GOOGLE_LEAD_FORM = "google_lead_form", "Google lead form"
    MANUAL = "manual", "By hand"
    IMPORT = "import", "Import"
    OTHER = "other", "Other"


WITHOUT_CHANNEL = (LeadSource.MANUAL, LeadSource.IMPORT)


class LeadStatus(TextChoices):
    NEW = "new", "New"
    CONTACTED = "contacted", "Contacted"
    QUALIFIED = "qualified", "Qualified"
    DISQUALIFIED = "disqualified", "Disqualified"
    CONVERTED = "converted", "Converted"


class LeadActivityType(TextChoices):
    NOTE = "note", "Note"
    EMAIL_SENT = "email_sent", "E-mail sent"
    EMAIL_RECEIVED = "email_received", "E-mail received"
    CALL = "call", "Call"
    STATUS_CHANGE = "status_change", "Change of status"
    ENRICHMENT = "enrichment", "Enrichment"


class ActorType(TextChoices):
    HUMAN = "human", "Person"
    AGENT = "agent", "Agent"
    SYSTEM = "system", "System"


class MatchedOn(TextChoices):
    EMAIL = "email", "E-mail"
    PHONE = "phone", "Phone"


L = LeadStatus
LEAD_MOVES = Moves(
    L,
    # move          from                                      to              journal
    ("contact", [L.NEW, L.DISQUALIFIED], L.CONTACTED, "lead.contacted"),
    ("qualify", [L.NEW, L.CONTACTED], L.QUALIFIED, "lead.qualified"),
    ("disqualify", [L.NEW, L.CONTACTED, L.QUALIFIED], L.DISQUALIFIED, "lead.disqualified"),
    ("convert", [L.QUALIFIED], L.CONVERTED, "lead.converted"),
)
