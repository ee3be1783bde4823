"""The field sets every record is composed of, and the journal."""

from django.db import models

from .constraints import DigestField, UserKey
from .ids import RefIdField, new_id
from .scoping import PlatformOrTenantModel, TenantModel


class BaseRecord(models.Model):
    """id for joins, ref_id for everyone else, who and when. `append_only` tables refuse every later change."""

    append_only = False
    write_once: tuple[str, ...] = ()  # columns that keep their first value once it is set
    fixed: tuple[str, ...] = ()  # columns that never change, or not in rows of which `fixed_when` is true
    fixed_when = ""  # a condition on OLD, in SQL
    guarded_by: tuple[tuple[str, str, str], ...] = ()  # (trigger, events, function): a rule no constraint can hold
    moves = None  # the MOVES table of its status column
    personal: tuple[
        str, ...
    ] = ()  # columns about a person, who may ask for erasure: their values stay out of the journal

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    ref_id = RefIdField()
    created_by = UserKey(editable=False)
    created_on = models.DateTimeField(editable=False)

    class Meta:
        abstract = True


class Mutable(models.Model):
    updated_by = UserKey(editable=False)
    updated_on = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        abstract = True


class SoftDelete(models.Model):
    soft_deletes = True

    deleted_by = UserKey(editable=False)
    deleted_on = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        abstract = True


class TenantRecord(TenantModel, BaseRecord):
    """What nearly every table is: a record of one tenant."""

    class Meta(TenantModel.Meta):
        abstract = True


class PlatformOrTenantRecord(PlatformOrTenantModel, BaseRecord):
    class Meta(PlatformOrTenantModel.Meta):
        abstract = True


class JournalEntry(PlatformOrTenantRecord):
    """One thing that happened. Written by `journal.record` only."""

    append_only = True

    code = models.CharField(max_length=100)
    subject_type = models.CharField(max_length=50, help_text="Table of the row it happened to.")
    subject_id = models.UUIDField(null=True, blank=True)
    subject_ref = models.CharField(max_length=26, blank=True, db_collation="C")
    actor_type = models.CharField(max_length=20, choices=[(v, v) for v in ("human", "agent", "system", "integration")])
    actor_ref = models.CharField(max_length=255)
    on_behalf_of = models.UUIDField(null=True, blank=True)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    row_count = models.IntegerField(null=True, blank=True)
    rows_sha256 = DigestField(null=True, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    run_ref = models.CharField(max_length=26, null=True, blank=True)
    ip = models.CharField(max_length=45, null=True, blank=True)

    class Meta(PlatformOrTenantRecord.Meta):
        db_table = "journal_entries"
        verbose_name_plural = "journal entries"
        indexes = [
            models.Index(fields=["tenant", "ref_id"], name="idx_journal_tenant_ref"),
            models.Index(fields=["subject_ref", "ref_id"], name="idx_journal_subject"),  # the story of one record
        ]

    def __str__(self):
        return f"{self.code} {self.subject_ref}"


class JournalDelivery(PlatformOrTenantRecord, Mutable):
    """A consumer that still has to hear of an entry; the row is deleted when it has. The only outbox."""

    rows_may_be_deleted = True

    journal_entry = models.ForeignKey(JournalEntry, models.PROTECT, related_name="+", db_index=False)
    consumer = models.CharField(max_length=100)
    attempts = models.SmallIntegerField(default=0)
    next_on = models.DateTimeField()
    last_error = models.TextField(blank=True)

    class Meta(PlatformOrTenantRecord.Meta):
        db_table = "journal_deliveries"
        verbose_name_plural = "journal deliveries"
        constraints = [
            models.UniqueConstraint(fields=["journal_entry", "consumer"], name="uniq_journal_deliveries_consumer")
        ]
        indexes = [models.Index(fields=["next_on"], name="idx_journal_deliveries_next")]

    def __str__(self):
        return f"{self.consumer} of {self.journal_entry_id}"


class AllowedMove(models.Model):
    """What the trigger on every status column reads; filled from the MOVES tables at the end of migrate."""

    pk = models.CompositePrimaryKey("table_name", "column_name", "old_value", "new_value")
    table_name = models.CharField(max_length=63)
    column_name = models.CharField(max_length=63)
    old_value = models.CharField(max_length=50)
    new_value = models.CharField(max_length=50)
    release = models.CharField(max_length=50)

    class Meta:
        db_table = "allowed_moves"
