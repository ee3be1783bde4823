"""Scores of channels and integrations: what PostgreSQL takes and what it refuses, and that a secret stays one."""

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from apps.channels.models import Channel, ChannelScore, Integration
from apps.channels.statuses import INTEGRATION_MOVES

NOW = timezone.now()
SECRET = "Zq7 wXy2 mNp4 kLr9"


def refused_by(write) -> str:
    """The name of the constraint that refuses the write; nothing of it stays."""
    with pytest.raises(IntegrityError) as error, transaction.atomic():
        write()
    return error.value.__cause__.diag.constraint_name


def score(**changes) -> ChannelScore:
    values = {"channel": Channel.objects.get(), "score": 80, "period": "2026-04", "scored_on": NOW, "created_on": NOW}
    return ChannelScore.objects.create(**{**values, **changes})


def integration(**changes) -> Integration:
    values = {"provider": "dataforseo", "name": "Rankings", "auth_type": "basic", "created_on": NOW}
    return Integration.objects.create(**{**values, **changes})


@pytest.mark.acceptance("channel_scores")
@pytest.mark.acceptance("REL-05")
def test_a_channel_keeps_the_scores_of_all_its_months(acme):
    score(score=0, period="2026-03")
    score(score=100, period="2026-12")
    score(score=70, period="2026-12")

    found = ChannelScore.objects.filter(channel=Channel.objects.get()).order_by("ref_id")
    assert [(s.period, s.score) for s in found] == [("2026-03", 0), ("2026-12", 100), ("2026-12", 70)]


@pytest.mark.acceptance("channel_scores")
@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"score": 101}, "channel_scores_score_in_range"),
        ({"score": -1}, "channel_scores_score_in_range"),
        *(
            ({"period": period}, "channel_scores_period_is_a_month")
            for period in ("2026-13", "2026-00", "2026-4", "26-04", "", "April", "2026/04", "202604")
        ),
    ],
)
def test_a_score_that_cannot_be_is_refused(acme, changes, constraint):
    assert refused_by(lambda: score(**changes)) == constraint
    assert not ChannelScore.objects.exists()


@pytest.mark.acceptance("channel_scores")
def test_a_score_is_never_changed(acme):
    kept = score()

    for change in (lambda rows: rows.update(score=100), lambda rows: rows.delete()):
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
            change(ChannelScore.objects.filter(pk=kept.pk))
    assert ChannelScore.objects.get().score == 80


@pytest.mark.acceptance("integrations")
@pytest.mark.acceptance("SEC-enc-list")
def test_the_secret_of_an_integration_lies_sealed_and_opens_through_its_row_only(acme):
    made = integration(secret=SECRET, config={"login": "agency"})

    with connection.cursor() as cursor:
        cursor.execute("SELECT secret, integrations::text FROM integrations WHERE id = %s", [made.pk])
        stored, row = cursor.fetchone()
    assert stored.startswith("g1.") and SECRET not in row
    assert Integration.objects.get().secret.open() == SECRET
    assert SECRET not in repr(Integration.objects.get().secret)


@pytest.mark.acceptance("integrations")
def test_manage_says_that_a_secret_is_set_and_no_more(acme, sam):
    made = integration(secret=SECRET)

    for address in ("/manage/channels/integration/", f"/manage/channels/integration/{made.ref_id}/"):
        page = sam.get(address).text
        assert "Rankings" in page and SECRET not in page and "g1." not in page
    assert "Set" in page


@pytest.mark.acceptance("integrations")
def test_an_integration_without_authentication_keeps_no_secret(acme):
    assert refused_by(lambda: integration(auth_type="none", secret=SECRET)) == "integrations_secret_has_a_use"
    assert integration(auth_type="none").secret is None


@pytest.mark.acceptance("integrations")
def test_a_name_is_free_again_once_its_integration_is_deleted(acme):
    first = integration()

    assert refused_by(integration) == "uniq_integrations_name"
    integration(provider="sendgrid")
    Integration.objects.filter(pk=first.pk).update(deleted_on=NOW)
    integration()
    assert sorted(i.provider for i in Integration.objects.all()) == ["dataforseo", "sendgrid"]


@pytest.mark.acceptance("SM-integrations")
def test_integrations_move_as_specified():
    pairs = "active-disabled disabled-active active-error error-active error-disabled"

    assert INTEGRATION_MOVES.allowed_pairs() == {tuple(pair.split("-")) for pair in pairs.split()}
