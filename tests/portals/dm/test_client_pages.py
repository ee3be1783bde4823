"""Pages of one client at every stage, and the list of clients."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.activities.models import Approval
from apps.strategy.models import DeliverablePeriod
from tests.portals.dm.conftest import page_of
from tests.world import STAGES


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("page", ["", "work/", "costs/", "context/", "strategy/"])
def test_every_page_stands_at_every_stage(rita, world, stage, page):
    with CaptureQueriesContext(connection) as captured:
        response = rita.get(f"/dm/c/acme-{stage}/{page}")

    assert response.status_code == 200
    assert len(captured) <= 16


@pytest.mark.parametrize(
    ("stage", "done"),
    [
        ("created", []),
        ("context", ["Contract accepted", "Website connected", "Research"]),
        ("strategy", ["Contract accepted", "Website connected", "Research", "Context file"]),
    ],
)
def test_the_set_up_shows_how_far_it_is(rita, world, stage, done):
    page = rita.get(f"/dm/c/acme-{stage}/").text
    steps = ["Contract accepted", "Website connected", "Research", "Context file", "Strategy", "First month planned"]

    assert [label for label in steps if f'{label}<span class="sr-only">, done</span>' in page] == done


def test_a_client_whose_month_is_planned_shows_promise_units_channel_and_spending(rita, world):
    page = " ".join(rita.get("/dm/c/acme-live/").text.split())

    for part in ("Set-up is complete", "2 of 2", "Company blog", "Connected", "of $50.00", "8 of 8"):
        assert part in page


def test_empty_places_say_why_and_what_comes_next(rita, world):
    pages = {page: rita.get(f"/dm/c/acme-created/{page}").text for page in ("", "context/", "strategy/")}

    assert "Nothing is promised yet" in pages[""]
    assert "No channels yet" in pages[""]
    assert "No context file yet" in pages["context/"]
    assert "No strategy yet" in pages["strategy/"]


def test_the_context_file_leads_to_its_decision_and_then_shows_what_was_approved(rita, world):
    with world.at("context"):
        asked = Approval.objects.select_related("tenant").get(status="pending")

    assert f'href="{page_of(asked)}"' in rita.get("/dm/c/acme-context/context/").text
    approved = rita.get("/dm/c/acme-drafts/context/").text
    assert "version 1, approved" in approved
    assert "Read and decide" not in approved


@pytest.mark.parametrize(
    "path", ["context/?version=9", "context/?version=x", "strategy/?version=0", "strategy/?version=%00"]
)
def test_a_version_that_does_not_exist_is_not_found(rita, world, path):
    assert rita.get(f"/dm/c/acme-drafts/{path}").status_code == 404


@pytest.mark.parametrize("page", ["context/", "strategy/"])
def test_a_text_that_cannot_be_had_leaves_the_page_standing(rita, world, documents_away, page):
    documents_away()
    response = rita.get(f"/dm/c/acme-drafts/{page}")

    assert response.status_code == 200
    assert "The text cannot be shown at the moment" in response.text


def test_the_clients_are_listed_with_what_calls_for_somebody(rita, world):
    with world.at("drafts"):
        period = DeliverablePeriod.objects.get()
        DeliverablePeriod.objects.filter(pk=period.pk).update(status="at_risk")
    page = rita.get("/dm/clients/").text

    assert '<a class="text-link" href="/dm/inbox/?client=acme-drafts">2</a>' in page
    assert page.count('<span class="text-warning-ink">1</span>') == 1


def test_a_client_is_found_by_name(rita, world):
    assert rita.get("/dm/clients/", {"q": "acme live"}).text.count("<tr data-row>") == 1
    for nothing in ("nobody", "%", "_", "\\", "' OR 1=1--", "%" * 1_000, "\x00"):
        response = rita.get("/dm/clients/", {"q": nothing})
        assert response.status_code == 200
        assert "No client of that name" in response.text


def test_the_list_of_clients_costs_the_same_however_many_there_are(rita, olga, world):
    with CaptureQueriesContext(connection) as none:
        olga.get("/dm/clients/")
    with CaptureQueriesContext(connection) as many:
        rita.get("/dm/clients/")

    assert len(none) <= len(many) <= 12
