"""People who showed interest in a client: where they came from, what was done since, and which of them were one."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from apps.ads.models import AdCampaign
from apps.channels.models import Channel
from apps.shared.constraints import TenantForeignKey, UserKey
from apps.shared.models import Mutable, SoftDelete, TenantRecord

from .statuses import (
    LEAD_MOVES,
    WITHOUT_CHANNEL,
    ActorType,
    LeadActivityType,
    LeadSource,
    LeadStatus,
    MatchedOn,
)

LIVE = Q(deleted_on__isnull=True)


def channel_fits_source(*, name: str) -> models.CheckConstraint:
    """What was typed in or imported came through no channel."""
    return models.CheckConstraint(condition=~Q(source__in=WITHOUT_CHANNEL) | Q(source_channel__isnull=True), name=name)


class Lead(TenantRecord, Mutable, SoftDelete):
    """A contact of a client from any source; source, address and utm columns tell of the first touch."""

    moves = LEAD_MOVES
    personal = (
        "first_name",
        "last_name",
        "email",
        "phone",
        "company",
        "job_title",
        "message",
        "source_url",
        "disqualification_reason",
        "enrichment_data",
        "notes",
    )

    source = models.CharField(max_length=20, choices=LeadSource)
    source_channel = TenantForeignKey(Channel, null=True, blank=True)
    source_campaign = TenantForeignKey(
        AdCampaign, null=True, blank=True, help_text="Set when the lead came from a paid campaign."
    )
    first_name = models.CharField(max_length=255, blank=True)
    last_name = models.CharField(max_length=255, blank=True)
    email = models.CharField(max_length=255, blank=True)
    phone = models.CharField(max_length=50, blank=True)
    company = models.CharField(max_length=255, blank=True)
    job_title = models.CharField(max_length=255, blank=True)
    message = models.TextField(blank=True, help_text="Text of the form, or answers of the lead ad.")
    source_url = models.CharField(max_length=1000, blank=True, help_text="Landing page or address of the ad.")
    utm_source = models.CharField(max_length=255, blank=True)
    utm_medium = models.CharField(max_length=255, blank=True)
    utm_campaign = models.CharField(max_length=255, blank=True)
    status = models.CharField(max_length=20, choices=LeadStatus, default=LeadStatus.NEW)
    disqualification_reason = models.TextField(blank=True)
    assigned_to = UserKey()
    enrichment_data = models.JSONField(
        default=dict, blank=True, help_text="linkedinUrl, companySize, industry, website."
    )
    notes = models.TextField(blank=True)
    last_activity_on = models.DateTimeField(null=True, blank=True)

    class Meta(TenantRecord.Meta):
        db_table = "leads"
        constraints = [channel_fits_source(name="leads_channel_fits_source")]
        indexes = [
            models.Index(fields=["tenant", "status", "created_on"], name="idx_leads_tenant_status"),
            models.Index(fields=["tenant", "source", "source_campaign"], name="idx_leads_source"),
            models.Index(fields=["tenant", "ref_id"], condition=LIVE, name="idx_leads_ref"),
            models.Index(fields=["tenant", "email"], condition=LIVE, name="idx_leads_email"),  # whose contact it is
            models.Index(fields=["tenant", "phone"], condition=LIVE, name="idx_leads_phone"),
        ]

    def __str__(self):
        return f"Lead {self.ref_id}"  # no name: this is what ends up in logs

    @property
    def full_name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()


class LeadActivity(TenantRecord):
    """One entry of a lead's timeline."""

    append_only = True
    personal = ("description", "metadata")

    lead = TenantForeignKey(Lead, db_index=False)
    type = models.CharField(max_length=20, choices=LeadActivityType)
    description = models.TextField(blank=True)
    actor_type = models.CharField(max_length=10, choices=ActorType)
    actor_id = models.CharField(max_length=255, blank=True, help_text="User ref_id or agent role.")
    metadata = models.JSONField(default=dict, blank=True, help_text="Such as emailSubject, fromStatus, toStatus.")

    class Meta(TenantRecord.Meta):
        db_table = "lead_activities"
        verbose_name_plural = "lead activities"
        indexes = [
            models.Index(fields=["tenant", "ref_id"], name="idx_lead_activities_ref"),
            models.Index(fields=["tenant", "lead", "ref_id"], name="idx_lead_activities_lead"),
        ]

    def __str__(self):
        return f"{self.get_type_display()} {self.ref_id}"


class LeadForm(TenantRecord, Mutable, SoftDelete):
    """A form on a client's site that sends leads to an address of its own."""

    write_once = ("form_key",)

    form_key = models.CharField(max_length=40, unique=True, help_text="In the address /hooks/leads/<form_key>/.")
    name = models.CharField(max_length=255)
    source_channel = TenantForeignKey(Channel, null=True, blank=True)
    field_map = models.JSONField(default=dict, blank=True, help_text="Name of a field in the form: column of the lead.")
    allowed_origins = ArrayField(models.TextField(), default=list, blank=True, help_text="Sites that may send it.")
    consent_text = models.TextField(blank=True, help_text="What people agree to when they send it.")
    is_active = models.BooleanField(default=True)

    class Meta(TenantRecord.Meta):
        db_table = "lead_forms"
        constraints = [
            models.CheckConstraint(condition=Q(form_key__regex=r"^[A-Za-z0-9_-]+$"), name="lead_forms_key_url_safe")
        ]
        indexes = [models.Index(fields=["tenant", "ref_id"], condition=LIVE, name="idx_lead_forms_ref")]

    def __str__(self):
        return self.name


class LeadTouch(TenantRecord):
    """One contact of a lead with the client, as the source reported it."""

    append_only = True
    personal = ("source_url", "consent", "raw_summary")

    lead = TenantForeignKey(Lead, db_index=False)
    source = models.CharField(max_length=20, choices=LeadSource)
    source_channel = TenantForeignKey(Channel, null=True, blank=True, db_index=False)
    source_campaign = TenantForeignKey(AdCampaign, null=True, blank=True)
    source_url = models.CharField(max_length=1000, blank=True)
    utm_source = models.CharField(max_length=255, blank=True)
    utm_medium = models.CharField(max_length=255, blank=True)
    utm_campaign = models.CharField(max_length=255, blank=True)
    external_event_id = models.CharField(
        max_length=255, null=True, blank=True, help_text="The source's own id of the event; NULL where it has none."
    )
    consent = models.JSONField(default=dict, blank=True, help_text="What was agreed to, and when.")
    occurred_on = models.DateTimeField()
    raw_summary = models.JSONField(default=dict, blank=True)

    class Meta(TenantRecord.Meta):
        db_table = "lead_touches"
        verbose_name_plural = "lead touches"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "source", "external_event_id"], name="uniq_lead_touches_event"),
            models.CheckConstraint(condition=~Q(external_event_id=""), name="lead_touches_event_null_or_named"),
            channel_fits_source(name="lead_touches_channel_fits_source"),
        ]
        indexes = [
            models.Index(fields=["tenant", "ref_id"], name="idx_lead_touches_ref"),
            models.Index(fields=["tenant", "lead", "ref_id"], name="idx_lead_touches_lead"),
        ]

    def __str__(self):
        return f"{self.get_source_display()} {self.ref_id}"


class LeadMerge(TenantRecord):
    """Two leads found to be one person, or the undoing of an earlier merge."""

    append_only = True
    personal = ("field_choices",)

    kept_lead = TenantForeignKey(Lead)
    merged_lead = TenantForeignKey(Lead)
    matched_on = ArrayField(models.TextField(choices=MatchedOn), default=list, blank=True)
    field_choices = models.JSONField(default=dict, blank=True, help_text="Which of the two each column was taken from.")
    reverts_merge = TenantForeignKey("self", null=True, blank=True, db_index=False)

    class Meta(TenantRecord.Meta):
        db_table = "lead_merges"
        constraints = [
            models.CheckConstraint(condition=~Q(kept_lead=F("merged_lead")), name="lead_merges_two_leads"),
            models.CheckConstraint(
                condition=Q(reverts_merge__isnull=True) | ~Q(reverts_merge=F("id")), name="lead_merges_reverts_another"
            ),
            models.UniqueConstraint(fields=["tenant", "reverts_merge"], name="uniq_lead_merges_reverted_once"),
        ]
        indexes = [models.Index(fields=["tenant", "ref_id"], name="idx_lead_merges_ref")]

    def __str__(self):
        return f"{'Undone merge' if self.reverts_merge_id else 'Merge'} {self.ref_id}"
