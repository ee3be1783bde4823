"""Notices, tokens, endpoints and messages from outside in Manage: listed and shown, their secrets never."""

import pytest

from apps.tenants.models import (
    ContractEvent,
    DispatchLog,
    InboundEvent,
    Notification,
    WebhookEndpoint,
)
from tests.portals.manage.conftest import UUID
from tests.tenants.rows import USUAL, make

SECRETS = ("smtp password", "signing secret", "g1.", "d" * 64)


@pytest.fixture
def row(world, everything):
    """row(model): a row of it, of the client whose drafts wait."""

    def made(model):
        tenant = world.tenant("drafts")
        if model is ContractEvent:
            return ContractEvent.objects.filter(tenant=tenant).latest("ref_id")
        takes_user = "user" in {field.name for field in model._meta.fields}
        return make(model, tenant=tenant, **({"user": world.alice("drafts").user} if takes_user else {}))

    return made


@pytest.mark.parametrize("model", [ContractEvent, *USUAL], ids=lambda m: m._meta.db_table)
def test_a_row_is_listed_and_shown_without_its_secrets_and_changed_by_nobody(sam, row, model):
    shown = row(model)
    address = f"/manage/tenants/{model._meta.model_name}/"

    listed = sam.get(address, {"client": "acme-drafts", "q": shown.ref_id})
    page = sam.get(f"{address}{shown.ref_id}/")

    assert (listed.status_code, page.status_code) == (200, 200)
    assert [found.ref_id for found in listed.context["cl"].result_list] == [shown.ref_id]
    assert shown.ref_id in page.text
    for text in (listed.text, page.text):
        assert [secret for secret in SECRETS if secret in text] == []
        assert UUID.findall(text) == []
    assert page.context["tasks"] == []
    assert sam.post(f"{address}{shown.ref_id}/", {}).status_code == 405


@pytest.mark.parametrize("model", USUAL, ids=lambda m: m._meta.db_table)
def test_an_empty_list_says_so(sam, db, model):
    response = sam.get(f"/manage/tenants/{model._meta.model_name}/")

    assert (response.status_code, list(response.context["cl"].result_list)) == (200, [])


def test_a_message_from_outside_is_evidence_and_not_shown_itself(sam, row):
    event = row(InboundEvent)

    page = sam.get(f"/manage/tenants/inboundevent/{event.ref_id}/")

    assert event.body_sha256 in page.text
    assert "memory at" not in page.text


def test_a_notice_and_an_endpoint_tell_what_was_delivered(sam, row, world):
    notice, endpoint = row(Notification), row(WebhookEndpoint)
    mine = {"tenant": world.tenant("drafts")}
    make(DispatchLog, notification=notice, **mine)
    make(DispatchLog, webhook_endpoint=endpoint, channel="webhook", status="failed", response_status=503, **mine)

    told = sam.get(f"/manage/tenants/notification/{notice.ref_id}/").context["panels"][0].rows
    called = sam.get(f"/manage/tenants/webhookendpoint/{endpoint.ref_id}/").context["panels"][0].rows

    assert [(row[1], row[2]) for row in told] == [("E-mail", "al…@acme.test")]
    assert [(row[1], row[5]) for row in called] == [("Webhook", 503)]
