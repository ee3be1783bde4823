"""The gate in front of the dashboard."""

import hashlib
import re
from urllib.request import urlopen

import pytest
from django.test import Client
from django.utils import timezone

from apps.shared.models import JournalEntry
from apps.shared.scoping import every_tenant
from apps.storage import clients
from apps.strategy.models import OnboardingRun
from apps.tenants import operations as tenants
from apps.tenants.models import Contract, ContractEvent, Invitation, Tenant
from tests.conftest import Person
from tests.portals.app.conftest import NOWHERE, addresses

OPEN = {"contract", "contract_pdf", "accept_contract"}


def agreed(gate, **changes) -> dict[str, str]:
    return {"agree": "on", "shown_sha256": gate.contract.pdf_sha256, **changes}


@pytest.mark.acceptance("FLOW-contract-gate")
def test_every_page_leads_to_the_contract_by_every_method(gate):
    for name, path in addresses(NOWHERE).items():
        if name in OPEN:
            continue
        for person in (gate.alice, gate.mark):
            got, asked = person.get(path), person.client.head(path)
            by_htmx = person.get(path, **{"HX-Request": "true"})
            sent = person.post(path, {"shown_sha256": "0" * 64, "note": "x"})
            assert by_htmx.status_code == 405 or (by_htmx.status_code, by_htmx["HX-Redirect"]) == (
                204,
                "/app/contract/",
            )
            for response in (got, asked, sent):
                leads_on = response.status_code == 302 and response["Location"] == "/app/contract/"
                assert leads_on or response.status_code == 405, (name, response.status_code)
            assert 302 in {got.status_code, sent.status_code}
            for method in ("OPTIONS", "PUT", "PATCH", "DELETE", "TRACE"):
                assert person.client.generic(method, path).status_code == 405
    assert gate.is_closed()


@pytest.mark.acceptance("FLOW-contract-modal")
def test_the_first_sign_in_shows_the_contract_on_a_page_of_its_own(gate):
    page = gate.alice.client.get("/app/", follow=True)

    text = page.content.decode()
    assert page.redirect_chain == [("/app/contract/", 302)]
    assert 'href="/app/contract/pdf/"' in text
    assert "I have read the contract and agree to it." in text
    assert 'id="rail"' not in text  # nothing else to click on
    assert gate.is_closed()


@pytest.fixture
def something_above(gate):
    """Another file is stored above the contract's PDF; without a lock, so that it can be taken away again."""
    client, bucket = clients.s3("contracts")
    key = gate.contract.pdf_s3_key
    version = client.put_object(Bucket=bucket, Key=key, Body=b"%PDF-1.7 something else")["VersionId"]
    yield
    client.delete_object(Bucket=bucket, Key=key, VersionId=version)


@pytest.mark.acceptance("S3-fixed-keys")
def test_the_pdf_is_exactly_the_version_on_record(gate, something_above):
    response = gate.mark.get("/app/contract/pdf/")
    with urlopen(response["Location"]) as download:
        pdf, kind = download.read(), download.headers["Content-Disposition"]

    assert response.status_code == 302
    assert hashlib.sha256(pdf).hexdigest() == gate.contract.pdf_sha256
    assert kind == 'attachment; filename="acme-created-contract-v1.0.pdf"'


def test_the_pdf_is_fetched_from_the_address_that_browsers_reach(gate, settings):
    settings.S3_PUBLIC_ENDPOINT = "https://files.agency.example"

    response = gate.alice.get("/app/contract/pdf/")

    assert response["Location"].startswith("https://files.agency.example/")
    assert f"/{gate.contract.pdf_s3_key}?" in response["Location"]


@pytest.mark.acceptance("FLOW-contract-accept")
def test_accepting_opens_the_gate_and_keeps_who_when_and_where(gate):
    before = timezone.now()

    response = gate.alice.post("/app/contract/accept/", agreed(gate), **{"User-Agent": "Reader/1"})

    gate.contract.refresh_from_db()
    gate.tenant.refresh_from_db()
    contract = gate.contract
    assert (response.status_code, response["Location"]) == (302, "/app/")
    assert (contract.status, contract.accepted_by, contract.accepted_ip, contract.accepted_user_agent) == (
        "accepted",
        gate.alice.user,
        "127.0.0.1",
        "Reader/1",
    )
    assert before <= contract.accepted_on == gate.tenant.contract_accepted_on <= timezone.now()
    assert OnboardingRun.objects.count() == 1
    assert gate.alice.get("/app/").status_code == 200
    assert gate.mark.get("/app/").status_code == 200


@pytest.mark.acceptance("FLOW-contract-accept")
def test_a_second_click_changes_nothing(gate):
    gate.alice.post("/app/contract/accept/", agreed(gate))
    gate.contract.refresh_from_db()
    record, entries = (gate.contract.accepted_on, gate.contract.updated_on), JournalEntry.objects.count()

    again = gate.alice.post("/app/contract/accept/", agreed(gate))

    gate.contract.refresh_from_db()
    assert (again.status_code, again["Location"]) == (302, "/app/")
    assert (gate.contract.accepted_on, gate.contract.updated_on) == record
    assert (JournalEntry.objects.count(), OnboardingRun.objects.count()) == (entries, 1)


def test_a_member_reads_it_and_may_not_accept_it(gate):
    page, sent = gate.mark.get("/app/contract/"), gate.mark.post("/app/contract/accept/", agreed(gate))

    assert "An admin of Acme Created has to agree to it first." in page.text
    assert "Agree and begin" not in page.text
    assert sent.status_code == 403
    assert gate.is_closed()


@pytest.mark.parametrize(
    ("changes", "status", "says"),
    [
        ({"agree": ""}, 422, "Tick the box if you agree."),
        ({"agree": "off"}, 302, None),  # what a browser sends is presence, not the word
        ({"shown_sha256": ""}, 422, "which contract you read"),
        ({"shown_sha256": "nonsense"}, 422, "which contract you read"),
        ({"shown_sha256": "\0" * 64}, 422, "which contract you read"),
        ({"shown_sha256": "A" * 64}, 422, "which contract you read"),
        ({"shown_sha256": "0" * 64}, 409, "The contract was renewed after you opened it."),
    ],
)
def test_a_form_that_does_not_fit_is_refused_on_the_same_page(gate, changes, status, says):
    wanted = {name: value for name, value in agreed(gate, **changes).items() if value}

    response = gate.alice.post("/app/contract/accept/", wanted)

    assert response.status_code == status
    if says:
        assert says in response.text
        assert f'value="{gate.contract.pdf_sha256}"' in response.text
        assert gate.is_closed()


def test_without_a_csrf_token_nothing_is_accepted(gate):
    client = Client(enforce_csrf_checks=True)
    client.force_login(gate.alice.user)

    plain = client.post("/app/contract/accept/", agreed(gate))
    foreign = client.post("/app/contract/accept/", agreed(gate), headers={"Origin": "null"})

    assert (plain.status_code, foreign.status_code) == (403, 403)
    assert gate.is_closed()


def test_the_form_on_the_page_is_accepted_as_it_stands(gate):
    client = Client(enforce_csrf_checks=True)
    client.force_login(gate.alice.user)
    page = client.get("/app/contract/").content.decode()
    fields = dict(re.findall(r'name="(csrfmiddlewaretoken|shown_sha256)" value="([^"]+)"', page))

    response = client.post("/app/contract/accept/", {**fields, "agree": "on"})

    assert (response.status_code, response["Location"]) == (302, "/app/")


def test_a_get_of_the_accepting_address_leads_back_to_the_contract(gate):
    response = gate.alice.get("/app/contract/accept/", agreed(gate))

    assert (response.status_code, response["Location"]) == (302, "/app/contract/")
    assert gate.is_closed()


def test_while_the_contract_is_being_made_the_page_asks_again_by_itself(world, sam):
    by, at = sam.actor, timezone.now()
    with every_tenant(reason="a client is created"):
        wanted = tenants.NewClient(name="Brand New", slug="brand-new", admin_name="Nia", admin_email="nia@new.test")
        tenant = tenants.create_tenant(wanted, by=by, at=at)
    with every_tenant(reason="its admin joins"):
        nia = Person(
            tenants.accept_invitation(Invitation.objects.get(tenant=tenant), password="calm herons wade", at=at)
        )

    page = nia.get("/app/contract/")
    part = nia.get("/app/contract/", **{"HX-Request": "true"})
    refused = [
        nia.get("/app/contract/pdf/").status_code,
        nia.post("/app/contract/accept/", {"agree": "on"}).status_code,
    ]

    assert "Your contract is being prepared" in page.text
    assert 'hx-trigger="every 2s"' in page.text
    assert 'href="/app/contract/"' in page.text  # without scripts one looks again by hand
    assert part.text.strip().startswith('<div id="contract" hx-get="/app/contract/"')
    assert refused == [404, 404]


@pytest.mark.acceptance("FLOW-contract-supersede")
@pytest.mark.acceptance("SM-contracts")
def test_a_forced_renewal_closes_the_gate_again_until_the_new_contract_is_accepted(gate, sam, run_world):
    gate.alice.post("/app/contract/accept/", agreed(gate))
    first = gate.contract
    researched = OnboardingRun.objects.count()

    asked = sam.post(f"/manage/tenants/contract/{first.ref_id}/renew/")
    waiting = gate.alice.get("/app/")
    run_world()
    renewed = Contract.objects.exclude(pk=first.pk).get(tenant=gate.tenant)
    old = gate.alice.post("/app/contract/accept/", agreed(gate))
    gate.alice.post("/app/contract/accept/", {"agree": "on", "shown_sha256": renewed.pdf_sha256})

    assert (asked.status_code, waiting["Location"]) == (302, "/app/contract/")
    assert (Contract.objects.get(pk=first.pk).status, renewed.pdf_s3_key != first.pdf_s3_key) == ("superseded", True)
    assert old.status_code == 409 and "There is a newer version" in old.text
    assert Contract.objects.get(pk=renewed.pk).status == "accepted"
    assert Tenant.objects.get(pk=gate.tenant.pk).contract_accepted_on is not None
    assert OnboardingRun.objects.count() == researched
    trail = ContractEvent.objects.filter(contract=first).values_list("event", flat=True)
    assert {"accepted", "superseded", "reacceptance_forced"} <= set(trail)


def test_nobody_but_a_super_admin_forces_a_renewal(gate, rita):
    for person in (gate.alice, gate.mark, rita):
        assert person.post(f"/manage/tenants/contract/{gate.contract.ref_id}/renew/").status_code in (302, 403, 404)

    assert Contract.objects.get(pk=gate.contract.pk).status == "pending_acceptance"


def test_hostile_names_are_inert(gate):
    Tenant.objects.filter(pk=gate.tenant.pk).update(
        name="<img src=x onerror=alert(1)>{{7*7}}", branding={"accent": "red;}</style><script>"}
    )

    for person in (gate.alice, gate.mark):
        text = person.get("/app/contract/").text
        assert "<img src=x" not in text
        assert "</style><script>" not in text
        assert "&lt;img src=x onerror=alert(1)&gt;{{7*7}}" in text


def test_staff_and_visitors_find_no_contract_here(gate, sam, rita):
    for path in ("/app/contract/", "/app/contract/pdf/", "/app/contract/accept/"):
        assert (sam.get(path).status_code, rita.get(path).status_code) == (404, 404)
        assert Client().get(path)["Location"].startswith("/account/login/?next=")
    assert sam.post("/app/contract/accept/", agreed(gate)).status_code == 404
    assert gate.is_closed()
