"""What PostgreSQL holds of notices, choices, providers and dispatches, asked as the product's own user."""

import pytest
from django.db import connection

from apps.shared.models import JournalEntry
from apps.shared.scoping import WrongTenant, every_tenant
from apps.tenants.models import (
    DispatchLog,
    Notification,
    NotificationPreference,
    NotificationProvider,
    WebhookEndpoint,
)
from tests.tenants.rows import make, refusal


@pytest.mark.acceptance("notifications")
def test_a_person_is_told_of_an_entry_once_and_of_other_things_as_often_as_needed(acme, alice, mark):
    entry = JournalEntry.objects.order_by("ref_id").first()
    told = {"tenant": acme, "journal_entry": entry}
    make(Notification, user=alice.user, **told)

    assert refusal(lambda: make(Notification, user=alice.user, **told)) == "uniq_notifications_entry"
    make(Notification, user=mark.user, **told)
    for _ in range(2):
        make(Notification, tenant=acme, user=alice.user)
    assert Notification.objects.count() == 4


@pytest.mark.acceptance("notifications")
def test_what_was_told_stays_as_it_was_and_may_be_read_and_unread(acme, alice):
    notice = make(Notification, tenant=acme, user=alice.user, severity="urgent")
    rows = Notification.objects.filter(pk=notice.pk)

    assert refusal(lambda: rows.update(title="Nothing happened")) == "guard_immutable"
    rows.update(read_on=notice.created_on)
    rows.update(read_on=None)
    assert (rows.get().title, rows.get().read_on) == ("A topic was approved", None)


def test_a_notice_to_staff_has_no_tenant_and_tells_of_a_clients_entry(acme, rita, alice):
    entry = JournalEntry.objects.order_by("ref_id").first()

    notice = make(Notification, user=rita.user, journal_entry=entry)

    assert refusal(lambda: make(Notification, user=alice.user)) == "guard_user_keys"
    assert Notification.objects.count() == 0  # a client's scope shows no notice of staff
    with every_tenant(reason="a test looks at staff's own rows"):
        assert Notification.objects.get() == notice


@pytest.mark.acceptance("notification_preferences")
def test_a_person_chooses_once_per_kind_and_way(acme, alice):
    chosen = make(NotificationPreference, tenant=acme, user=alice.user)

    again = refusal(lambda: make(NotificationPreference, tenant=acme, user=alice.user, is_enabled=True))

    assert again == "uniq_notification_preferences"
    make(NotificationPreference, tenant=acme, user=alice.user, channel="web")
    assert not NotificationPreference.objects.get(pk=chosen.pk).is_enabled


@pytest.mark.acceptance("notification_preferences")
@pytest.mark.parametrize(
    "kind",
    ["invoice.issued", "payment.failed", "credits.used_up", "spend.capped", "api_token.created", "tenant.suspended"],
)
def test_notices_about_money_and_security_cannot_be_switched_off(acme, alice, kind):
    rule = "notification_preferences_money_and_security_stay_on"

    assert refusal(lambda: make(NotificationPreference, tenant=acme, user=alice.user, kind=kind)) == rule
    chosen = make(NotificationPreference, tenant=acme, user=alice.user, kind=kind, is_enabled=True)
    rows = NotificationPreference.objects.filter(pk=chosen.pk)
    assert refusal(lambda: rows.update(is_enabled=False)) == rule
    assert rows.get().is_enabled


@pytest.mark.acceptance("notification_providers")
def test_a_client_sees_its_own_provider_and_the_platforms_default_and_cannot_write_the_default(world):
    with every_tenant(reason="the platform's own provider is set up"):
        default = make(NotificationProvider, name="Default")
    with world.at("live") as other:
        make(NotificationProvider, tenant=other, name="Another client's")

    with world.at("drafts") as acme:
        own = make(NotificationProvider, tenant=acme, name="Own")
        with pytest.raises(WrongTenant):
            make(NotificationProvider, name="Planted")
        seen = NotificationProvider.objects.get(pk=default.pk)
        with pytest.raises(WrongTenant):
            seen.save()

        assert set(NotificationProvider.objects.all()) == {own, default}


@pytest.mark.acceptance("notification_providers")
@pytest.mark.acceptance("SEC-enc-list")
def test_a_providers_secret_lies_sealed_and_opens_at_its_own_row_only(acme):
    provider = make(NotificationProvider, tenant=acme)

    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM notification_providers WHERE id = %s", [provider.pk])
        (stored,) = cursor.fetchone()
    assert stored.startswith("g1.") and "smtp password" not in stored
    assert NotificationProvider.objects.get(pk=provider.pk).secret.open() == "smtp password"
    assert (
        refusal(lambda: make(NotificationProvider, tenant=acme, priority=-1))
        == "notification_providers_priority_from_zero"
    )


@pytest.mark.acceptance("dispatch_logs")
def test_a_dispatch_names_what_was_sent_by_whom_and_whereto(acme, alice):
    notice = make(Notification, tenant=acme, user=alice.user)
    with every_tenant(reason="the platform's own provider is set up"):
        provider = make(NotificationProvider)
    endpoint = make(WebhookEndpoint, tenant=acme)

    mailed = make(DispatchLog, tenant=acme, notification=notice, provider=provider)
    called = make(DispatchLog, tenant=acme, webhook_endpoint=endpoint, channel="webhook", response_status=503)

    assert list(DispatchLog.objects.order_by("ref_id")) == [mailed, called]


@pytest.mark.acceptance("dispatch_logs")
@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"attempt": 0}, "dispatch_logs_attempt_from_one"),
        ({"duration_ms": -1}, "dispatch_logs_duration_not_negative"),
        ({"response_status": 99}, "dispatch_logs_response_is_http"),
        ({"response_status": 600}, "dispatch_logs_response_is_http"),
    ],
)
def test_a_dispatch_that_cannot_be_is_refused(acme, changes, rule):
    assert refusal(lambda: make(DispatchLog, tenant=acme, **changes)) == rule
    assert DispatchLog.objects.count() == 0


def test_an_endpoint_is_called_for_its_own_client_and_as_a_webhook_only(acme):
    endpoint = make(WebhookEndpoint, tenant=acme)
    rule = "dispatch_logs_endpoint_is_a_clients_webhook"

    assert refusal(lambda: make(DispatchLog, tenant=acme, webhook_endpoint=endpoint)) == rule  # by mail
    assert refusal(lambda: make(DispatchLog, webhook_endpoint=endpoint, channel="webhook")) == rule  # by the platform
