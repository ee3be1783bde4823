"""The queue: everything that waits, in order, at a constant price."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.activities import operations
from apps.activities.models import Approval
from apps.activities.queries import waiting_approvals
from apps.shared.errors import InvalidInput
from apps.shared.scoping import tenant_scope
from apps.tenants import queries as tenant_queries
from apps.tenants.doors import paging
from tests.portals.dm.conftest import page_of, standing, system_of


def refs_in(response) -> list[str]:
    """ref_ids of the decisions in the queue, in order."""
    return re.findall(r'data-open href="/dm/c/[a-z-]+/approvals/([0-9A-Z]{26})/', response.text)


def waiting_for(person) -> list[str]:
    with tenant_scope(*(tenant.facts for tenant in tenant_queries.tenants_of(person.user))):
        return list(waiting_approvals(required_role="reviewer").values_list("ref_id", flat=True))


def statements(person, path: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert person.get(path).status_code == 200
    return len(captured)


def test_the_front_door_of_the_portal_is_the_inbox(rita):
    assert rita.get("/dm/")["Location"] == "/dm/inbox/"


def test_it_holds_the_decisions_of_all_clients_with_the_soonest_to_expire_first(rita, world):
    response = rita.get("/dm/inbox/")

    assert refs_in(response) == waiting_for(rita)
    assert len(refs_in(response)) > 5  # context files, topics and drafts of several clients
    assert f"{len(refs_in(response))} decisions wait for you" in " ".join(response.text.split())


def test_it_holds_one_client_when_asked(rita, drafts):
    assert refs_in(rita.get("/dm/inbox/?client=acme-drafts")) == [draft.ref_id for draft in drafts]


@pytest.mark.parametrize("slug", ["acme-nowhere", "' OR 1=1--", "%00", "a" * 500])
def test_it_knows_no_client_that_is_not_assigned(rita, world, slug):
    assert rita.get("/dm/inbox/", {"client": slug}).status_code == 404


def test_nothing_counts_as_opened_before_somebody_opens_it(rita, draft):
    rita.get("/dm/inbox/")

    assert Approval.objects.filter(opened_on__isnull=False).count() == 0


def test_tasks_stand_below_the_queue_and_are_done_from_their_page(rita, acme):
    task = operations.raise_task(
        tenant_id=acme.id,
        title="Call the client",
        note="About the logo",
        origin="test/1",
        by=system_of("tests"),
        at=timezone.now(),
    )
    path = f"/dm/c/acme-drafts/activities/{task.ref_id}/"

    assert path in rita.get("/dm/inbox/").text
    assert "About the logo" in rita.get(path).text
    assert rita.post(f"{path}done/")["Location"] == "/dm/inbox/"

    task.refresh_from_db()
    assert task.status == "completed"
    assert path not in rita.get("/dm/inbox/").text


@pytest.mark.acceptance("PERF-no-n1", "TEST-n1")
@pytest.mark.parametrize(
    ("few", "many"),
    [("/dm/inbox/?client=acme-context", "/dm/inbox/"), ("/dm/c/acme-created/work/", "/dm/c/acme-live/work/")],
)
def test_a_list_costs_the_same_for_one_row_and_for_many(rita, world, few, many):
    statements(rita, few)

    assert statements(rita, few) == statements(rita, many) <= 12


@pytest.mark.parametrize("path", ["/dm/inbox/", "/dm/clients/", "/dm/c/acme-live/work/"])
def test_a_list_is_small_enough_to_be_quick(rita, world, path):
    assert len(rita.get(path).content) < 60_000


def test_the_queue_beside_a_decision_spans_all_clients_and_marks_it(rita, draft):
    response = rita.get(page_of(draft))

    assert refs_in(response) == waiting_for(rita)
    assert re.search(r'queue-row is-current".*?/approvals/([0-9A-Z]{26})/', response.text, re.S)[1] == draft.ref_id


class TestPages:
    """Keyset pages: forth and back over everything, with cursors that fit one list only."""

    def walk(self, rita, direction: str, query: str = "") -> list[list[str]]:
        seen = []
        for _ in range(10):
            page = self.page(rita, query)
            seen.append([row.ref_id for row in page.rows])
            query = page.later_href if direction == "later" else page.earlier_href
            if query is None:
                return seen
        raise AssertionError("The list does not end.")

    def page(self, rita, query: str | None, path: str = "/dm/inbox/"):
        request = RequestFactory().get(path + (query or ""))
        request.user = rita.user
        return paging.page_of(
            request, waiting_approvals(required_role="reviewer"), order=("expires_at", "ref_id"), size=3
        )

    @pytest.fixture(autouse=True)
    def everything(self, rita, world):
        with tenant_scope(*(tenant.facts for tenant in tenant_queries.tenants_of(rita.user))):
            yield

    def test_all_rows_are_seen_once_forth_and_back(self, rita):
        forth = self.walk(rita, "later")
        third = self.page(rita, self.page(rita, self.page(rita, "").later_href).later_href)

        assert [ref for page in forth for ref in page] == waiting_for(rita)
        assert [len(page) for page in forth[:-1]] == [3] * (len(forth) - 1)
        assert self.walk(rita, "earlier", third.earlier_href) == [forth[1], forth[0]]

    def test_rows_that_expire_at_one_moment_are_not_lost_between_pages(self, rita):
        at = timezone.now() + timedelta(hours=1)
        Approval.objects.filter(status="pending").update(expires_at=at)

        assert sorted(ref for page in self.walk(rita, "later") for ref in page) == sorted(waiting_for(rita))

    @pytest.mark.parametrize("place", ["after=x", "before=", "after=%00", "after=" + "A" * 3000, "after=WyJ4Il0:1:2"])
    def test_a_damaged_cursor_is_refused(self, rita, place):
        with pytest.raises(InvalidInput):
            self.page(rita, f"?{place}")

    def test_a_cursor_of_another_person_list_or_filter_is_refused(self, rita, sam):
        cursor = self.page(rita, "").later_href

        for person, query, path in (
            (sam, cursor, "/dm/inbox/"),
            (rita, cursor, "/dm/work/"),
            (rita, f"{cursor}&client=rival", "/dm/inbox/"),
        ):
            with pytest.raises(InvalidInput):
                self.page(person, query, path)


def test_a_damaged_cursor_says_what_to_do(rita, acme):
    before = standing()
    response = rita.get("/dm/inbox/?after=x")

    assert response.status_code == 400
    assert "Start from the first page" in response.text
    assert standing() == before
