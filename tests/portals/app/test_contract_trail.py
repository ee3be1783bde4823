"""The legal trail beside the acceptance record: what happened to which PDF, by whom and from where."""

import pytest
from django.utils import timezone

from apps.shared.models import JournalEntry
from apps.tenants import operations as tenants
from apps.tenants.models import ContractEvent
from tests.tenants.rows import refusal

BROWSER = {"User-Agent": "Reader/1"}


def trail() -> list[tuple]:
    """(what, who) of the client in scope, oldest first."""
    return [(e.event, e.user and e.user.email) for e in ContractEvent.objects.select_related("user").order_by("ref_id")]


def agreed(gate) -> dict[str, str]:
    return {"agree": "on", "shown_sha256": gate.contract.pdf_sha256}


@pytest.mark.acceptance("contract_events")
def test_storing_the_pdf_begins_the_trail(gate):
    event = ContractEvent.objects.get()

    assert (event.contract, event.event, event.user) == (gate.contract, "generated", None)
    assert (event.pdf_sha256, event.occurred_on) == (gate.contract.pdf_sha256, gate.contract.generated_on)


@pytest.mark.acceptance("contract_events")
@pytest.mark.acceptance("FLOW-contract-accept")
def test_reading_downloading_and_accepting_each_leave_who_when_and_where(gate):
    before = timezone.now()
    gate.mark.get("/app/contract/", **BROWSER)
    gate.alice.get("/app/contract/", **BROWSER)
    gate.alice.get("/app/contract/pdf/", **BROWSER)
    gate.alice.post("/app/contract/accept/", agreed(gate), **BROWSER)

    alice, mark = gate.alice.user.email, gate.mark.user.email
    assert trail() == [
        ("generated", None),
        ("viewed", mark),
        ("viewed", alice),
        ("downloaded", alice),
        ("accepted", alice),
    ]
    for event in ContractEvent.objects.exclude(event="generated"):
        assert (event.ip, event.user_agent, event.pdf_sha256) == ("127.0.0.1", "Reader/1", gate.contract.pdf_sha256)
        assert before <= event.occurred_on <= timezone.now()
    gate.contract.refresh_from_db()
    assert ContractEvent.objects.get(event="accepted").occurred_on == gate.contract.accepted_on


@pytest.mark.acceptance("FLOW-contract-accept")
def test_a_second_click_adds_nothing_to_the_trail(gate):
    gate.alice.post("/app/contract/accept/", agreed(gate))
    gate.alice.post("/app/contract/accept/", agreed(gate))

    assert trail() == [("generated", None), ("accepted", gate.alice.user.email)]


@pytest.mark.acceptance("FLOW-contract-accept")
def test_acceptance_and_its_line_in_the_trail_are_kept_together_or_not_at_all(gate, monkeypatch):
    noted, entries = [], JournalEntry.objects.count()

    def fails(*_, **__):
        noted.extend(trail())
        raise RuntimeError("the power went")

    # The last write of the transaction fails, after the line was written.
    monkeypatch.setattr(type(gate.tenant), "save", fails)
    with pytest.raises(RuntimeError):
        tenants.accept_contract(
            gate.contract, by=gate.alice.actor, at=timezone.now(), shown_sha256=gate.contract.pdf_sha256
        )

    assert noted[-1] == ("accepted", gate.alice.user.email)
    assert trail() == [("generated", None)]
    assert JournalEntry.objects.count() == entries
    assert gate.is_closed()


def test_a_refused_acceptance_is_not_on_the_trail(gate):
    gate.alice.post("/app/contract/accept/", {**agreed(gate), "shown_sha256": "0" * 64})
    gate.mark.post("/app/contract/accept/", agreed(gate))

    assert trail() == [("generated", None), ("viewed", gate.alice.user.email)]  # the current version was shown instead


def test_asking_for_the_headers_only_shows_nothing(gate):
    for path in ("/app/contract/", "/app/contract/pdf/"):
        gate.alice.client.head(path)

    assert trail() == [("generated", None)]


def test_who_is_refused_leaves_no_trail(gate, sam, mallory):
    for path in ("/app/contract/", "/app/contract/pdf/"):
        sam.get(path)
        mallory.get(path)

    assert trail() == [("generated", None)]


@pytest.mark.acceptance("contract_events")
def test_reading_it_through_the_api_is_on_the_trail_too(gate):
    answer = gate.alice.get("/api/v1/contract/").json()["data"]
    gate.alice.send("POST", "/api/v1/contract/accept/", {"shown_sha256": answer["sha256"], "agree": True})

    alice = gate.alice.user.email
    assert trail() == [("generated", None), ("viewed", alice), ("accepted", alice)]


@pytest.mark.acceptance("contract_events")
def test_a_contract_is_made_and_accepted_once(gate):
    again = {"by": gate.alice.actor, "at": timezone.now()}

    assert refusal(lambda: tenants.note_contract_event(gate.contract, "generated", **again)) == (
        "uniq_contract_events_once"
    )
    assert trail() == [("generated", None)]


@pytest.mark.acceptance("contract_events")
def test_manage_shows_the_trail_on_the_contracts_page(gate, sam):
    gate.alice.get("/app/contract/pdf/", **BROWSER)
    gate.alice.post("/app/contract/accept/", agreed(gate), **BROWSER)

    response = sam.get(f"/manage/tenants/contract/{gate.contract.ref_id}/")

    (panel,) = response.context["panels"]
    shown = [tuple(str(cell) for cell in row[1:]) for row in panel.rows]
    assert (response.status_code, panel.title) == (200, "Trail")
    assert [(what, from_, with_) for what, _, from_, with_, _ in shown] == [
        ("Accepted", "127.0.0.1", "Reader/1"),
        ("Downloaded", "127.0.0.1", "Reader/1"),
        ("Generated", "–", "–"),
    ]
    assert "Alice Ahuja" in shown[0][1] and shown[2][1] == "The system"
    assert {print_ for *_, print_ in shown} == {gate.contract.pdf_sha256[:16]}
