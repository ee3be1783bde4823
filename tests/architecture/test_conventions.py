"""Conventions that every table keeps, those of later releases included."""

import pytest
from django.db import models
from django.utils import timezone

from apps.shared.guards import records
from apps.shared.models import BaseRecord, Mutable, SoftDelete
from apps.shared.scoping import tenant_scope
from apps.strategy.models import Goal
from apps.strategy.statuses import GOAL_MOVES
from config import schema

RECORDS = records()
MIXINS = {
    BaseRecord: {"id", "ref_id", "created_by", "created_on"},
    Mutable: {"updated_by", "updated_on"},
    SoftDelete: {"deleted_by", "deleted_on"},
}


def columns_of(model) -> set[str]:
    return {field.column for field in model._meta.local_concrete_fields}


@pytest.mark.acceptance("CONV-mixins")
@pytest.mark.parametrize("model", RECORDS, ids=lambda m: m._meta.db_table)
def test_a_table_has_a_set_of_fields_whole_or_not_at_all(model):
    for mixin, fields in MIXINS.items():
        assert mixin._meta.abstract
        assert columns_of(model) & fields == (fields if issubclass(model, mixin) else set())


@pytest.mark.acceptance("CONV-deleted")
@pytest.mark.parametrize("model", RECORDS, ids=lambda m: m._meta.db_table)
def test_deletion_is_a_moment_and_never_a_flag(model):
    assert not columns_of(model) & {"is_deleted", "deleted", "deleted_at", "deletedAt"}


@pytest.mark.acceptance("CONV-updated")
def test_a_record_says_who_changed_it_last_and_nothing_before_its_first_change(world, rita):
    with world.at("live") as tenant, tenant_scope(tenant.facts):
        goal = Goal.objects.create(
            strategy=tenant_strategy(),
            name="Be found",
            metric="organic_sessions",
            period="monthly",
            baseline_value=0,
            current_value=0,
            target_value=10,
            created_on=timezone.now(),
        )
        assert (goal.updated_by_id, goal.updated_on) == (None, None)

        at = timezone.now()
        goal = GOAL_MOVES.perform(goal, "mark_on_track", by=rita.actor, at=at)

        assert (goal.updated_by_id, goal.updated_on) == (rita.user.pk, at)


def tenant_strategy():
    return Goal.objects.select_related("strategy").first().strategy


# What the seeds name by the platform itself.
NAMED_BY_THEIR_PLATFORM = {"cms_post_id", "platform_post_id", "form_key"}
# Our own: ids of documents, models, accounts of agents.
OURS = {
    "ref_id",
    "context_file_id",
    "template_id",
    "model_id",
    "requested_by_id",
    "actor_id",
    "request_id",
    "s3_version_id",
    "pdf_version_id",
}


@pytest.mark.acceptance("CONV-external")
def test_ids_of_outside_systems_begin_with_external_or_with_the_platforms_name():
    text_ids = {
        c.name
        for t in schema.TABLES.values()
        for c in t.columns
        if c.name.endswith("_id") and c.kind.startswith("char")
    }

    others = {name for name in text_ids if not name.startswith(("external_", "razorpay_"))}

    assert others <= NAMED_BY_THEIR_PLATFORM | OURS


# Unique over deleted rows too: what was handed out, or says why a row exists.
OVER_ALL_ROWS = {"ref_id", "email", "origin_key", "form_key", "digest", "token_digest", "s3_key"}


@pytest.mark.acceptance("CONV-unique")
@pytest.mark.parametrize("model", [m for m in RECORDS if issubclass(m, SoftDelete)], ids=lambda m: m._meta.db_table)
def test_what_is_unique_on_a_table_that_soft_deletes_is_so_among_live_rows(model):
    for field in model._meta.local_fields:
        if field.unique and not field.primary_key:
            assert field.column in OVER_ALL_ROWS
    for constraint in model._meta.constraints:
        if isinstance(constraint, models.UniqueConstraint) and not OVER_ALL_ROWS & set(constraint.fields):
            assert "deleted_on__isnull" in str(constraint.condition), constraint.name
