"""What PostgreSQL holds of tokens, messages from outside, kept answers, endpoints and saved views, as the product's user."""

from datetime import timedelta

import pytest
from django.db import connection

from apps.shared.scoping import every_tenant
from apps.tenants.models import ApiToken, IdempotencyKey, InboundEvent, SavedView, WebhookEndpoint
from tests.tenants.rows import AT, make, refusal


@pytest.mark.acceptance("api_tokens")
def test_no_two_tokens_have_the_same_digest_whoever_they_belong_to(world, rita):
    with world.at("live") as other:
        make(ApiToken, tenant=other, user=world.alice("live").user)

    with world.at("drafts") as acme:
        alice = world.alice("drafts").user
        assert refusal(lambda: make(ApiToken, tenant=acme, user=alice)) == "api_tokens_digest_key"
        make(ApiToken, tenant=acme, user=alice, digest="e" * 64)
        assert refusal(lambda: make(ApiToken, user=alice, digest="f" * 64)) == "guard_user_keys"  # no member of staff
        make(ApiToken, user=rita.user, digest="f" * 64)


@pytest.mark.acceptance("api_tokens")
def test_a_withdrawn_token_stays_withdrawn_and_no_token_becomes_another(acme, alice):
    token = make(ApiToken, tenant=acme, user=alice.user)
    rows = ApiToken.objects.filter(pk=token.pk)

    assert refusal(lambda: rows.update(revoked_by=alice.user)) == "api_tokens_revoked_says_when"
    rows.update(revoked_by=alice.user, revoked_on=AT)
    assert refusal(lambda: rows.update(revoked_by=None, revoked_on=None)) == "guard_immutable"
    assert refusal(lambda: rows.update(digest="e" * 64)) == "guard_immutable"
    assert (rows.get().revoked_on, rows.get().digest) == (AT, "d" * 64)


@pytest.mark.acceptance("api_tokens")
def test_a_token_expires_after_it_was_made(acme, alice):
    assert refusal(lambda: make(ApiToken, tenant=acme, user=alice.user, expires_on=AT)) == "api_tokens_expire_later"


@pytest.mark.acceptance("inbound_events")
def test_a_message_that_comes_twice_is_kept_once_whosever_it_is(acme):
    make(InboundEvent, headers={"content-type": "application/json"}, body=b"\x00\xff{")

    assert refusal(lambda: make(InboundEvent)) == "uniq_inbound_events_external"
    assert refusal(lambda: make(InboundEvent, tenant=acme)) == "uniq_inbound_events_external"
    make(InboundEvent, source="lead_form")
    with every_tenant(reason="messages of nobody so far"):
        kept = InboundEvent.objects.get(source="razorpay")
    assert (bytes(kept.body), kept.tenant) == (b"\x00\xff{", None)


@pytest.mark.acceptance("idempotency_keys")
def test_a_key_holds_for_one_tenant_person_and_route_staff_and_nobody_included(world, rita):
    with world.at("drafts") as acme:
        alice, mark = world.alice("drafts").user, world.mark("drafts").user
        make(IdempotencyKey, tenant=acme, user=alice)
        make(IdempotencyKey, tenant=acme, user=mark)
        make(IdempotencyKey, tenant=acme, user=alice, route="POST /api/v1/other/")
        make(IdempotencyKey, user=rita.user)
        make(IdempotencyKey, tenant=acme)

        for owner in ({"tenant": acme, "user": alice}, {"user": rita.user}, {"tenant": acme}):
            assert refusal(lambda owner=owner: make(IdempotencyKey, **owner)) == "uniq_idempotency_keys"
    with world.at("live") as other:
        make(IdempotencyKey, tenant=other)


@pytest.mark.acceptance("idempotency_keys")
def test_the_first_answer_is_the_one_that_is_kept_until_the_key_expires(acme, alice):
    key = make(IdempotencyKey, tenant=acme, user=alice.user)
    rows = IdempotencyKey.objects.filter(pk=key.pk)

    assert refusal(lambda: rows.update(response_body={"data": 1})) == "idempotency_keys_no_answer_while_in_flight"
    assert refusal(lambda: rows.update(response_status=0)) == "idempotency_keys_response_is_http"
    rows.update(response_status=201, response_body={"data": 1})
    assert refusal(lambda: rows.update(response_status=500)) == "guard_immutable"
    assert refusal(lambda: rows.update(response_body={"data": 2})) == "guard_immutable"
    assert refusal(lambda: rows.update(request_sha256="c" * 64)) == "guard_immutable"
    assert (rows.get().response_status, rows.get().response_body) == (201, {"data": 1})
    with connection.cursor() as cursor:  # the only table beside the outbox whose rows may go
        cursor.execute("DELETE FROM idempotency_keys WHERE id = %s", [key.pk])
    make(IdempotencyKey, tenant=acme, user=alice.user)


@pytest.mark.acceptance("webhook_endpoints")
@pytest.mark.parametrize("url", ["http://hooks.acme.test/", "https:///etc/passwd", "ftp://hooks.acme.test/", ""])
def test_only_https_is_called(acme, url):
    assert refusal(lambda: make(WebhookEndpoint, tenant=acme, url=url)) == "webhook_endpoints_https_only"
    assert WebhookEndpoint.objects.count() == 0


@pytest.mark.acceptance("webhook_endpoints")
def test_an_endpoint_that_was_disabled_is_off_and_says_since_when(acme):
    endpoint = make(WebhookEndpoint, tenant=acme)
    rows = WebhookEndpoint.objects.filter(pk=endpoint.pk)

    assert refusal(lambda: rows.update(disabled_on=AT)) == "webhook_endpoints_disabled_is_off"
    assert refusal(lambda: rows.update(is_enabled=False, disabled_reason="x")) == "webhook_endpoints_reason_says_when"
    assert refusal(lambda: rows.update(failure_count=-1)) == "webhook_endpoints_failures_not_negative"
    rows.update(is_enabled=False, disabled_on=AT, disabled_reason="50 failures in a row", failure_count=50)
    assert not rows.get().is_enabled


@pytest.mark.acceptance("webhook_endpoints")
@pytest.mark.acceptance("SEC-enc-list")
def test_signing_secrets_lie_sealed_the_former_one_too(acme):
    endpoint = make(WebhookEndpoint, tenant=acme, previous_secret="former secret")

    with connection.cursor() as cursor:
        cursor.execute("SELECT secret, previous_secret FROM webhook_endpoints WHERE id = %s", [endpoint.pk])
        stored = cursor.fetchone()
    assert [text[:3] for text in stored] == ["g1.", "g1."]
    kept = WebhookEndpoint.objects.get(pk=endpoint.pk)
    assert (kept.secret.open(), kept.previous_secret.open()) == ("signing secret", "former secret")


@pytest.mark.acceptance("saved_views")
def test_a_view_has_its_name_once_per_person_and_page_until_it_is_deleted(acme, alice, mark):
    view = make(SavedView, tenant=acme, user=alice.user, query={"status": ["completed"]})

    assert refusal(lambda: make(SavedView, tenant=acme, user=alice.user)) == "uniq_saved_views_name"
    assert (
        refusal(lambda: make(SavedView, tenant=acme, user=mark.user, position=-1)) == "saved_views_position_from_zero"
    )
    make(SavedView, tenant=acme, user=mark.user)
    make(SavedView, tenant=acme, user=alice.user, page="dm:content:posts")
    SavedView.objects.filter(pk=view.pk).update(deleted_on=AT + timedelta(minutes=1), deleted_by=alice.user)
    make(SavedView, tenant=acme, user=alice.user)
