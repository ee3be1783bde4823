"""Who enters the portal, and what those see who may not."""

import pytest
from django.test import Client
from django.utils import timezone

from apps.activities.models import AgentConfig, Approval, RecurringTaskTemplate
from apps.channels.models import Channel
from apps.content.models import Backlink
from tests.content.test_social_tables import a_post, a_request
from tests.portals.dm.conftest import NOWHERE, addresses, page_of, standing, without_tokens

AT = timezone.now()
OF_A_CLIENT = sorted(name for name, path in addresses("acme-drafts", NOWHERE).items() if "acme-drafts" in path)
WITH_A_REF = sorted(name for name, path in addresses("acme-drafts", NOWHERE).items() if NOWHERE in path)
ACTIVITY_PAGES = {
    "activity",
    "stream",
    "progress",
    "retry",
    "cancel",
    "done",
    "download_export",
    "published",
    "not_published",
}
AGENT_PAGES = {"switch_agent"}
RECURRING_PAGES = {"recurring_task", "fill_values", "edit_recurring", "spawn_now"}
BACKLINK_PAGES = {"backlink", "move_backlink"}
SOCIAL_PAGES = {"figures"}
LEAD_PAGES = {"lead", "import_columns", "import"}
CHANNEL_PAGES = {"channel"}
SKILL_PAGES = {"new_skill", "skill", "edit_skill", "switch_skill", "restore_skill", "assign_skill"}


def test_the_walk_knows_every_address():
    decisions = {"approval", "approve", "edit", "reject"}
    rows = AGENT_PAGES | RECURRING_PAGES | BACKLINK_PAGES | SOCIAL_PAGES | LEAD_PAGES | CHANNEL_PAGES
    assert set(WITH_A_REF) == ACTIVITY_PAGES | rows | decisions
    assert set(OF_A_CLIENT) - set(WITH_A_REF) == SKILL_PAGES | {
        "client", "work", "ask", "agents", "channels", "exports", "costs", "recurring", "backlinks", "skills", "context", "strategy",
        "leads", "import_leads",
        "sync_goals",
    }  # fmt: skip
    assert set(addresses("a", NOWHERE)) - set(OF_A_CLIENT) == {"start", "inbox", "clients", "all_agents"}


@pytest.mark.parametrize("name", WITH_A_REF)
def test_a_reviewer_who_is_not_assigned_sees_what_is_not_there(draft, olga, rita, name):
    ref_id = draft.activity.ref_id if name in ACTIVITY_PAGES else draft.ref_id
    if name in RECURRING_PAGES:
        ref_id = RecurringTaskTemplate.objects.filter(tenant=draft.tenant).order_by("ref_id")[0].ref_id
    if name in AGENT_PAGES:
        ref_id = AgentConfig.objects.filter(tenant=draft.tenant).order_by("ref_id")[0].ref_id
    if name in BACKLINK_PAGES:
        ref_id = Backlink.objects.create(
            tenant=draft.tenant, target_url="https://a.example/", source_url="https://b.example/", created_on=AT
        ).ref_id
    if name in CHANNEL_PAGES:
        ref_id = Channel.objects.filter(tenant=draft.tenant)[0].ref_id
    if name in SOCIAL_PAGES:
        request = a_request(tenant=draft.tenant)
        ref_id = a_post(request, Channel.objects.filter(tenant=draft.tenant)[0], tenant=draft.tenant).ref_id
    sent = {"shown_sha256": draft.content_sha256, "note": "mine now", "move": "reject"}
    before = standing()

    theirs, random = addresses("acme-drafts", ref_id)[name], addresses("acme-drafts", NOWHERE)[name]
    for ask in (lambda who, path: who.get(path), lambda who, path: who.post(path, sent)):
        got, absent = ask(olga, theirs), ask(rita, random)
        assert got.status_code == absent.status_code
        assert got.status_code in (404, 405)
        if got.status_code == 404:
            assert without_tokens(got) == without_tokens(absent)
    assert standing() == before
    assert Approval.objects.get(pk=draft.pk).opened_on is None


@pytest.mark.parametrize("person", ["alice", "mark", "mallory"])
def test_people_of_clients_have_no_portal(request, draft, person):
    somebody, before = request.getfixturevalue(person), standing()

    for name, path in addresses("acme-drafts", draft.ref_id).items():
        for response in (somebody.get(path), somebody.post(path, {"shown_sha256": draft.content_sha256, "note": "no"})):
            assert response.status_code in (404, 405), name
            assert draft.shown_snapshot["subject"]["title"] not in response.text
    assert standing() == before


def test_a_decision_is_not_found_under_another_client(draft, rita):
    path = page_of(draft).replace("acme-drafts", "acme-topics")

    assert rita.get(path).status_code == 404
    assert rita.post(f"{path}approve/", {"shown_sha256": draft.content_sha256}).status_code == 404


NO_REFERENCES = (
    "1",
    "x" * 26,
    "01m0000000000000000000000a",
    "8" * 26,
    "0" * 25,
    "0" * 300,
    "%00",
    "018f2b0e-0000-7000-8000-000000000000",
)


@pytest.mark.parametrize("name", WITH_A_REF)
def test_a_reference_that_cannot_be_one_is_not_found(rita, world, name):
    for ref_id in NO_REFERENCES:
        assert rita.get(addresses("acme-drafts", ref_id)[name]).status_code == 404, ref_id


def test_whoever_is_not_signed_in_goes_to_the_door_and_comes_back(draft):
    response = Client().get(page_of(draft))

    assert (response.status_code, response["Location"]) == (302, f"/account/login/?next={page_of(draft)}")


def test_a_client_of_another_reviewer_does_not_show_in_the_switcher_or_the_list(olga, world):
    for path in ("/dm/inbox/", "/dm/clients/"):
        assert "acme" not in olga.get(path).text.lower()
    assert "No clients yet" in olga.get("/dm/clients/").text
    assert "Nothing waits for you" in olga.get("/dm/inbox/").text


def test_a_super_admin_sees_every_client(sam, world):
    assert [f"acme-{stage}" in sam.get("/dm/clients/").text for stage in ("created", "context", "drafts", "live")] == [
        True
    ] * 4
