"""Known secrets are put into every sealed column and used; then every page, answer, table, document and log line is
searched for them, in the spellings they are likely to be echoed in."""

import base64
import html
import json
import logging
from datetime import timedelta
from decimal import Decimal
from urllib.parse import quote

import pytest
from django.contrib import admin
from django.db import connection
from django.utils import timezone

from apps.activities import operations as work
from apps.activities.models import AgentConfig
from apps.channels import operations as channels
from apps.channels.models import Channel, Integration
from apps.shared import rotation
from apps.shared.actors import Actor
from apps.shared.guards import records
from apps.shared.scoping import every_tenant
from apps.storage import clients
from apps.tenants.doors.admin import ManageAdmin
from apps.tenants.doors.tasks import deliver
from apps.tenants.models import NotificationProvider, WebhookEndpoint
from config.logs import JsonFormatter
from tests.api.routes import ROUTES, records_in_scope
from tests.portals.app.conftest import addresses as app_addresses
from tests.portals.dm.conftest import addresses as dm_addresses

AT = timezone.now()
BY = Actor.system("tests")
# One for every column and every way in; with characters that HTML, JSON and addresses spell differently.
SECRETS = {
    name: f"Zq7 wXy2+/&<{name}>"
    for name in (
        "site-password", "site-password-of-today", "refresh-token", "api-key", "api-key-of-today", "env-secret",
        "integration-secret",
        "provider-secret",
        "webhook-secret",
        "former-webhook-secret",
    )
}  # fmt: skip


def spellings() -> dict[str, str]:
    """Every spelling that is looked for, and whose it is."""
    found = {}
    for name, secret in SECRETS.items():
        raw = secret.encode()
        plain = {secret, secret.replace(" ", "")}
        forms = {f"<{name}>", f"&lt;{name}&gt;", f"\\u003C{name}\\u003E", quote(f"<{name}>"), quote(secret), raw.hex()}
        for offset in range(3):  # as it stands inside a longer base64 text, such as that of «user:password»
            inner = base64.b64encode(b"\0" * offset + raw).decode()
            forms.add(inner[4 : -4 if inner.endswith("=") else None])
        found |= dict.fromkeys(plain | forms, name)
    return found


SPELLED = spellings()


def shows(text: str) -> set[str]:
    """Names of the secrets in the text; `ciphertext` for a sealed value."""
    return {name for spelling, name in SPELLED.items() if spelling in text} | (
        {"ciphertext"} if "g1.k1." in text else set()
    )


@pytest.fixture
def known(acme):
    """One record of each kind of the client, as it was before the secrets came."""
    return records_in_scope()


@pytest.fixture
def planted(acme, sandbox, sam, caplog):
    """Every sealed column of the product has a secret, entered by the operation that there is for it."""
    caplog.set_level(logging.DEBUG)
    channel = channels.connect_wordpress(
        acme.id,
        channels.WordPressSite("Second blog", f"{sandbox.url}/wordpress/second", "editor", SECRETS["site-password"]),
        by=sam.actor,
        at=AT,
    )
    channel = channels.edit_wordpress(
        channel,
        channels.WordPressSite(
            "Second blog", f"{sandbox.url}/wordpress/second", "editor", SECRETS["site-password-of-today"], "draft"
        ),
        by=sam.actor,
        at=AT,
    )
    channel.refresh_token = SECRETS["refresh-token"]
    channel.save(update_fields=["refresh_token"])
    facts = work.ProviderFacts(
        "Other models", "https://models.example", True, False, [{"model_id": "m", "context_tokens": 9}]
    )
    provider = work.add_provider(facts, adapter_type="openai", api_key=SECRETS["api-key"], by=sam.actor, at=AT)
    provider = work.edit_provider(
        provider, facts, api_key=SECRETS["api-key-of-today"], forget_key=False, by=sam.actor, at=AT, seen_on=None
    )
    config = AgentConfig.objects.order_by("ref_id").first()
    config.env_secrets = {"CRM_PASSWORD": SECRETS["env-secret"]}
    config.save(update_fields=["env_secrets"])
    integration = Integration.objects.create(
        provider="custom", name="CRM", auth_type="basic", secret=SECRETS["integration-secret"], created_on=AT
    )
    carrier = NotificationProvider.objects.create(
        tenant=acme, kind="email", name="Mail", secret=SECRETS["provider-secret"], created_on=AT
    )
    endpoint = WebhookEndpoint.objects.create(
        url="https://hooks.example/in",
        secret=SECRETS["webhook-secret"],
        previous_secret=SECRETS["former-webhook-secret"],
        created_on=AT,
    )
    work.edit_agent_config(
        config,
        work.AgentSettings(
            is_enabled=True, adapter_type=config.adapter_type, model_id=config.model_id, max_concurrent=2,
            timeout_ms=config.timeout_ms, max_cost_usd_per_activity=Decimal("1.5"), escalation_after_failures=3,
            monthly_cap_usd=None,
        ),
        by=sam.actor, at=AT, seen_on=config.updated_on,
    )  # fmt: skip
    return {type(row): row for row in (channel, provider, config, integration, carrier, endpoint)}


@pytest.mark.parametrize(
    "echo",
    [
        str, json.dumps, html.escape, quote, lambda s: quote(s, safe=""), lambda s: s.encode().hex(), lambda s: s.replace(" ", ""),
        *(lambda s, user=user: base64.b64encode(f"{user}:{s}".encode()).decode() for user in ("a", "ab", "abc")),
    ],
)  # fmt: skip
def test_the_search_knows_a_secret_in_every_spelling(echo):
    for name, secret in SECRETS.items():
        assert name in shows(f"could not sign in with {echo(secret)} today")


def manage_addresses(planted) -> list[str]:
    """Start page, search, every list, the page of a row of every model and of every planted row, and their forms."""
    found = ["/manage/", "/manage/search/?s=CRM", "/manage/search/?s=Second"]
    with every_tenant(reason="a test picks a row of every model"):
        for model, page in admin.site._registry.items():
            if not isinstance(page, ManageAdmin):
                continue
            base = f"/manage/{model._meta.app_label}/{model._meta.model_name}/"
            found += [base, f"{base}?q=Second", *([f"{base}add/"] if page.add else [])]
            rows = [planted[model]] if model in planted else []
            for row in [*rows, *model._default_manager.order_by("-pk")[:2]]:
                found += [f"{base}{row.ref_id}/", *(f"{base}{row.ref_id}/{task.name}/" for task in page.tasks)]
    return found


def test_the_walk_plants_a_secret_in_every_sealed_column(planted):
    held = {
        f"{model._meta.db_table}.{field.column}"
        for model, row in planted.items()
        for field in rotation.sealed_columns()[model]
        if getattr(model._default_manager.get(pk=row.pk), field.name) is not None
    }

    assert held == {
        f"{model._meta.db_table}.{field.column}"
        for model, fields in rotation.sealed_columns().items()
        for field in fields
    }


@pytest.mark.acceptance("SEC-decrypt")
def test_no_page_of_manage_shows_a_secret(planted, sam):
    pages = {path: sam.get(path) for path in manage_addresses(planted)}

    assert {path: shows(page.text) for path, page in pages.items() if shows(page.text)} == {}
    assert {page.status_code for page in pages.values()} <= {200, 302, 405, 409}
    assert sum(page.status_code == 200 for page in pages.values()) > 80
    assert "CRM_PASSWORD" not in pages["/manage/"].text


@pytest.mark.acceptance("SEC-decrypt")
def test_no_page_of_the_portals_and_no_answer_of_the_api_shows_a_secret(known, planted, alice, rita, sam, acme):
    texts, answered = {}, 0
    for person, paths in (
        (alice, [*app_addresses(known.approval).values(), *app_addresses(known.blog_post).values()]),
        (rita, dm_addresses(acme.slug, known.approval).values()),
        (rita, dm_addresses(acme.slug, known.activity).values()),
        (alice, [known.of(route) for route in ROUTES if route.method == "GET"]),
        (alice, [f"/api/v1/channels/{planted[Channel].ref_id}/", "/api/v1/channels/?limit=100"]),
        (sam, [known.of(route) for route in ROUTES if route.method == "GET"]),
    ):
        for path in paths:
            answer = person.get(path)
            answered += answer.status_code == 200
            texts[path] = answer.text + repr(answer.headers)
    for action in ("verify", "disconnect"):
        answer = alice.send("POST", f"/api/v1/channels/{planted[Channel].ref_id}/{action}/")
        texts[action] = answer.text + repr(answer.headers)

    assert {path: shows(text) for path, text in texts.items() if shows(text)} == {}
    assert answered > 40


@pytest.mark.acceptance("SEC-decrypt")
@pytest.mark.acceptance("SEC-aes")
def test_a_secret_lies_in_no_table_in_no_document_and_in_no_line_of_the_log(planted, sam, acme, caplog):
    channel = planted[Channel]
    for task in ("test", "disconnect"):
        sam.post(f"/manage/channels/channel/{channel.ref_id}/{task}/")
    sam.post(
        "/manage/channels/channel/add/",
        {
            "client": acme.slug,
            "name": "x",
            "site_url": "ftp://x",
            "username": "u",
            "application_password": SECRETS["site-password"],
        },
    )
    deliver()

    sealed = {model._meta.db_table for model in rotation.sealed_columns()}
    in_tables, in_documents, lines = {}, {}, []
    with connection.cursor() as cursor:
        for model in records():
            table = model._meta.db_table
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            found = set().union(*(shows(row) for (row,) in cursor.fetchall()))
            if found - ({"ciphertext"} if table in sealed else set()):
                in_tables[table] = found
    for name in ("audit_logs", "event_logs", "tool_call_logs", "activity_outputs"):
        source = clients.audit_reader() if name == "audit_logs" else clients.database()
        rows = source[name].find({"createdOn": {"$gte": AT - timedelta(seconds=1)}})
        in_documents[name] = set().union(*(shows(repr(row)) for row in rows))
    written = JsonFormatter()
    lines = [written.format(record) for record in caplog.records]

    assert in_tables == {}
    assert {name: found for name, found in in_documents.items() if found} == {}
    edited = {"tenantId": acme.ref_id, "action": "channel.edited", "createdOn": {"$gte": AT - timedelta(seconds=1)}}
    assert clients.audit_reader()["audit_logs"].count_documents(edited) == 1  # the copies were made and looked at
    assert [line for line in lines if shows(line)] == []
    assert len(lines) > 10
