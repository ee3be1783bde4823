"""Who gets what: strangers, roles, the contract gate, and the client staff work for."""

import json
import re

import pytest

from apps.activities.models import Activity, Approval
from apps.content.models import BlogPost
from apps.shared.scoping import every_tenant, tenant_scope
from apps.tenants.models import TenantAssignment, User
from apps.tenants.permissions import PERMISSIONS
from tests.api.routes import (
    LISTS,
    NAMING,
    REFUSED_AT_DRAFTS,
    ROUTES,
    WRITING,
    body_for,
    headers_for,
    named,
    random_ref,
    records_in_scope,
    state_of,
)

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
OBJECT_ID = re.compile(r"\b[0-9a-f]{24}\b")
# What each route needs; None is for everybody who is signed in.
NEEDS = {
    "GET /me/": None,
    "GET /contract/": "contract.read",
    "POST /contract/accept/": "contract.accept",
    "GET /onboarding-runs/": "context_file.read",
    "GET /onboarding-runs/{ref}/": "context_file.read",
    "GET /strategies/": "strategy.read",
    "GET /strategies/{ref}/": "strategy.read",
    "GET /goals/": "strategy.read",
    "GET /deliverables/": "strategy.read",
    "GET /deliverable-periods/": "strategy.read",
    "GET /deliverable-periods/{ref}/forecast/": "strategy.read",
    "GET /goals/{ref}/readings/": "strategy.read",
    "GET /channels/": "channel.read",
    "GET /channels/{ref}/": "channel.read",
    "GET /channels/{ref}/scores/": "channel.read",
    "POST /channels/connect/": "channel.connect",
    "POST /channels/{ref}/verify/": "channel.connect",
    "POST /channels/{ref}/disconnect/": "channel.connect",
    "GET /usage/": "usage.read",
    "GET /activities/": "activity.read",
    "POST /activities/": "activity.ask",
    "GET /activities/{ref}/": "activity.read",
    "POST /activities/{ref}/retry/": "activity.retry",
    "POST /activities/{ref}/cancel/": "activity.cancel",
    "POST /activities/{ref}/confirm-published/": "activity.finish",
    "POST /activities/{ref}/report-not-published/": "activity.finish",
    "GET /activities/{ref}/runs/": "activity.read",
    "GET /activities/{ref}/output-url/": "activity.read",
    "GET /activities/{ref}/stream/": "activity.read",
    "GET /runs/{ref}/": "run.read",
    "GET /approvals/": "approval.read",
    "GET /approvals/{ref}/": "approval.read",
    "POST /approvals/{ref}/approve/": "approval.decide_as_reviewer",
    "POST /approvals/{ref}/reject/": "approval.decide_as_reviewer",
    "GET /skills/": "skill.read",
    "POST /skills/": "skill.edit",
    "GET /skills/{ref}/": "skill.read",
    "PATCH /skills/{ref}/": "skill.edit",
    "GET /blog-requests/": "post.read",
    "GET /blog-requests/{ref}/": "post.read",
    "GET /blog-posts/": "post.read",
    "GET /blog-posts/{ref}/": "post.read",
    "PATCH /blog-posts/{ref}/": "post.edit",
    "GET /social-media-requests/": "post.read",
    "GET /social-media-requests/{ref}/": "post.read",
    "GET /social-posts/": "post.read",
    "GET /social-posts/{ref}/": "post.read",
    "POST /social-posts/{ref}/engagement/": "post.edit",
}


def call(person, route, path: str, sandbox_url: str, sha256: str, **headers):
    return person.send(
        route.method, path, body_for(route, sandbox_url, sha256), **headers_for(route, sha256), **headers
    )


@pytest.mark.parametrize("route", NAMING, ids=named(NAMING))
def test_a_strangers_record_answers_like_one_that_never_was(route, mallory, world, acme, at_drafts, problem, sandbox):
    before, theirs = state_of(acme), state_of(world.tenant("rival"))

    foreign = call(mallory, route, at_drafts.of(route), sandbox.url, at_drafts.content_sha256)
    absent = call(mallory, route, route.at(random_ref()), sandbox.url, at_drafts.content_sha256)

    code = "not_allowed" if foreign.status_code == 403 else "not_found"
    known = problem(foreign, 403 if code == "not_allowed" else 404, code)
    unknown = problem(absent, foreign.status_code, code)
    assert {**known, "request_id": ""} == {**unknown, "request_id": ""}
    assert route.method != "GET" or foreign.status_code == 404
    assert state_of(acme) == before
    assert state_of(world.tenant("rival")) == theirs
    assert sandbox.world.entries(target="wordpress") == []


@pytest.mark.parametrize("route", NAMING, ids=named(NAMING))
def test_a_reviewer_who_is_not_assigned_is_a_stranger(route, rita, acme, world, at_drafts, problem, sandbox):
    with every_tenant(reason="the test ends an assignment"):
        TenantAssignment.objects.filter(tenant=acme, user=rita.user).update(ended_on=acme.created_on.replace(year=2100))
    before = state_of(acme)

    foreign = call(rita, route, at_drafts.of(route), sandbox.url, at_drafts.content_sha256)
    absent = call(rita, route, route.at(random_ref()), sandbox.url, at_drafts.content_sha256)
    chosen = call(rita, route, at_drafts.of(route), sandbox.url, at_drafts.content_sha256, **{"X-Tenant": acme.ref_id})

    bodies = [{**problem(answer, 404, "not_found"), "request_id": ""} for answer in (foreign, absent, chosen)]
    assert bodies[0] == bodies[1] == bodies[2]
    assert state_of(acme) == before


@pytest.mark.parametrize("route", NAMING, ids=named(NAMING))
def test_what_cannot_be_a_ref_id_is_404_in_a_path(route, rita, acme, at_drafts, problem, sandbox):
    post = BlogPost.objects.get(ref_id=at_drafts.blog_post)
    for ref in (
        "1",
        str(post.id),
        post.content_ref,
        at_drafts.approval[:-1],
        at_drafts.approval + "0",
        at_drafts.approval.lower(),
        "8" + at_drafts.approval[1:],
        "I" + at_drafts.approval[1:],
        "%00",
        "..",
        "%2e%2e",
        "' OR 1=1--",
        "%F0%9F%92%A9",
        "%ff",
        at_drafts.approval + "%0a",
        "x" * 3_000,
    ):
        response = call(rita, route, route.at(ref), sandbox.url, at_drafts.content_sha256)
        problem(response, 404, "not_found")


@pytest.mark.acceptance("TEST-isolation")
@pytest.mark.parametrize("route", LISTS, ids=named(LISTS))
def test_a_list_shows_nothing_of_others(route, mallory, alice, at_drafts, world):
    with world.at("rival") as rival:
        theirs = records_in_scope()
    mine = alice.get(at_drafts.of(route) + "?limit=100").json()["data"]
    others = mallory.get(theirs.of(route) + "?limit=100").json()["data"]
    if route.path == "/skills/":  # global ones belong to everybody
        mine, others = ([row for row in rows if row["tenant"]] for rows in (mine, others))

    assert mine
    assert others
    assert {row["tenant"] for row in mine} == {world.tenant("drafts").ref_id}
    assert {row["tenant"] for row in others} == {rival.ref_id}
    assert not {row["ref_id"] for row in mine} & {row["ref_id"] for row in others}


def test_the_table_of_needs_knows_every_route():
    assert set(NEEDS) == {str(route) for route in ROUTES}


CAST = {"super_admin": "sam", "reviewer": "rita", "admin": "alice", "member": "mark"}


@pytest.mark.parametrize("role", CAST)
@pytest.mark.parametrize("route", ROUTES, ids=named(ROUTES))
def test_every_role_may_exactly_what_the_table_says(route, role, request, acme, at_drafts, problem, sandbox):
    person = request.getfixturevalue(CAST[role])
    headers = {"X-Tenant": acme.ref_id} if role in ("super_admin", "reviewer") else {}
    sha256 = at_drafts.contract_sha256 if "contract" in route.path else at_drafts.content_sha256
    needs, before = NEEDS[str(route)], state_of(acme)

    response = call(person, route, at_drafts.of(route), sandbox.url, sha256, **headers)

    if needs is None or role in PERMISSIONS[needs]:
        refused_for_its_state = route.path.endswith(REFUSED_AT_DRAFTS)
        assert response.status_code == 409 if refused_for_its_state else response.status_code in (200, 201), (
            response.text
        )
    else:
        problem(response, 403, "not_allowed")
        assert state_of(acme) == before


@pytest.mark.parametrize("move", ["approve", "reject"])
def test_the_clients_gate_is_the_admins_alone(move, sam, rita, alice, mark, world, problem):
    with world.at("client") as tenant:
        approval = Approval.objects.filter(status="pending").order_by("ref_id").first()
        path, body = (
            f"/api/v1/approvals/{approval.ref_id}/{move}/",
            {"shown_sha256": approval.content_sha256, "note": "Yes."},
        )
        before = state_of(tenant)
        for person in (sam, rita, world.mark("client")):
            problem(person.send("POST", path, body), 403, "not_allowed")
        assert state_of(tenant) == before

        assert world.alice("client").send("POST", path, body).status_code == 200


@pytest.mark.acceptance("FLOW-contract-gate")
@pytest.mark.parametrize("route", ROUTES, ids=named(ROUTES))
def test_only_reading_and_accepting_the_contract_is_open_before_it_is_accepted(
    route, alice, acme, at_drafts, problem, sandbox
):
    type(acme).objects.filter(pk=acme.pk).update(contract_accepted_on=None)
    before = state_of(acme)

    response = call(alice, route, at_drafts.of(route), sandbox.url, at_drafts.contract_sha256)

    if route.before_contract:
        assert response.status_code == 200
    else:
        problem(response, 403, "contract_required")
        assert state_of(acme) == before


@pytest.mark.parametrize("status", ["suspended", "cancelled"])
def test_a_closed_account_opens_nothing(status, alice, acme, at_drafts, problem, sandbox):
    type(acme).objects.filter(pk=acme.pk).update(status=status)
    before = state_of(acme)

    for route in ROUTES:
        problem(call(alice, route, at_drafts.of(route), sandbox.url, at_drafts.contract_sha256), 403, "not_allowed")

    assert state_of(acme) == before


def test_who_was_given_no_app_is_let_into_none(alice, rita, problem):
    for person in (alice, rita):
        User.objects.filter(pk=person.user.pk).update(app_access=[])
        problem(person.get("/api/v1/me/"), 403, "not_allowed")


def test_me_names_the_clients_of_each(alice, rita, sam, acme, world):
    mine = alice.get("/api/v1/me/").json()["data"]

    assert (mine["ref_id"], mine["email"], mine["role"]) == (alice.user.ref_id, alice.user.email, "admin")
    assert [client["ref_id"] for client in mine["tenants"]] == [acme.ref_id]
    assert {c["slug"] for c in rita.get("/api/v1/me/").json()["data"]["tenants"]} == {
        c["slug"] for c in sam.get("/api/v1/me/").json()["data"]["tenants"]
    }


def test_staff_read_over_all_their_clients_or_the_one_they_name(rita, acme, world):
    everywhere = rita.get("/api/v1/approvals/?status=pending&limit=100").json()["data"]
    here = rita.get("/api/v1/approvals/?status=pending", **{"X-Tenant": acme.ref_id}).json()["data"]

    assert {row["tenant"] for row in here} == {acme.ref_id}
    assert {acme.ref_id, world.tenant("rival").ref_id, world.tenant("client").ref_id} <= {
        row["tenant"] for row in everywhere
    }
    assert here == [row for row in everywhere if row["tenant"] == acme.ref_id]


def test_staff_act_on_a_row_for_the_client_whose_row_it_is(rita, world, at_drafts):
    with world.at("strategy"):  # a scope of somebody else's, as a test of nothing carrying over
        response = rita.send(
            "POST", f"/api/v1/approvals/{at_drafts.approval}/approve/", {"shown_sha256": at_drafts.content_sha256}
        )

    assert (response.status_code, response.json()["data"]["tenant"]) == (200, world.tenant("drafts").ref_id)
    assert Approval.objects.get(ref_id=at_drafts.approval).status == "approved"


def test_a_row_of_another_client_than_the_named_one_is_404(rita, world, at_drafts, problem):
    headers = {"X-Tenant": world.tenant("rival").ref_id}
    body = {"shown_sha256": at_drafts.content_sha256}

    problem(rita.send("POST", f"/api/v1/approvals/{at_drafts.approval}/approve/", body, **headers), 404, "not_found")
    problem(rita.get(f"/api/v1/approvals/{at_drafts.approval}/", **headers), 404, "not_found")


@pytest.mark.parametrize("wanted", ["", "x", "acme-drafts", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "' OR 1=1--", "x" * 500])
def test_a_client_that_is_not_theirs_to_choose_is_404_for_staff(rita, wanted, problem):
    problem(rita.get("/api/v1/approvals/", **{"X-Tenant": wanted}), 404, "not_found")


def test_client_people_choose_nobody(alice, acme, world, problem):
    for tenant in (acme, world.tenant("rival")):
        problem(alice.get("/api/v1/approvals/", **{"X-Tenant": tenant.ref_id}), 400, "parse_error")


@pytest.mark.parametrize("path", ["/api/v1/usage/", "/api/v1/contract/"])
def test_what_is_about_one_client_wants_to_know_which(path, rita, acme, problem):
    problem(rita.get(path), 400, "tenant_required")
    assert rita.get(path, **{"X-Tenant": acme.ref_id}).status_code == 200


def test_connecting_wants_to_know_for_which_client(rita, sandbox, problem, acme):
    route = next(route for route in ROUTES if route.path == "/channels/connect/")
    before = state_of(acme)

    problem(rita.send("POST", "/api/v1/channels/connect/", body_for(route, sandbox.url)), 400, "tenant_required")

    assert state_of(acme) == before


NOBODY_SETS = "tenant tenant_id ref_id id status created_by decided_by required_role content_sha256 role".split()


@pytest.mark.parametrize("route", WRITING, ids=named(WRITING))
def test_a_field_nobody_may_set_is_400(route, rita, alice, acme, at_drafts, problem, sandbox):
    person = alice if "contract" in route.path else rita
    headers = {"X-Tenant": acme.ref_id} if person is rita else {}
    before = state_of(acme)
    for name in NOBODY_SETS:
        body = {**body_for(route, sandbox.url, at_drafts.content_sha256), name: "approved"}

        response = person.send(
            route.method, at_drafts.of(route), body, **headers_for(route, at_drafts.content_sha256), **headers
        )

        assert problem(response, 400, "invalid_input")["errors"] == {name: ["Unknown field."]}
    assert state_of(acme) == before


@pytest.mark.acceptance("SEC-expose-ref")
def test_nothing_shows_how_rows_are_joined_or_where_texts_lie(sam, world):
    for stage in ("strategy", "topics", "drafts", "live"):
        tenant = world.tenant(stage)
        headers = {"X-Tenant": tenant.ref_id}
        for route in ROUTES:
            if route.method != "GET" or route.streams:
                continue
            if not route.noun:
                texts = [sam.get(route.at(""), **headers)]
            else:
                lists = {"onboarding_run": "onboarding-runs", "strategy": "strategies", "channel": "channels"}
                plural = lists.get(
                    route.noun, {"activity": "activities"}.get(route.noun, route.noun.replace("_", "-") + "s")
                )
                if route.noun == "run":  # listed with its activity only
                    written = sam.get("/api/v1/activities/?pipeline_step=draft&limit=3", **headers).json()["data"]
                    plurals = [f"activities/{activity['ref_id']}/runs" for activity in written]
                else:
                    plurals = [plural]
                rows = [r for p in plurals for r in sam.get(f"/api/v1/{p}/?limit=12", **headers).json()["data"]]
                texts = [sam.get(route.at(row["ref_id"]), **headers) for row in rows]
            for answer in texts:
                assert answer.status_code == 200 or answer.json()["code"] == "no_output_yet", (route, answer.text)
                told = without_links(answer.json())
                assert not UUID.search(told), (str(route), UUID.search(told))
                assert not OBJECT_ID.search(told), (str(route), OBJECT_ID.search(told))
                assert "rehearsal application password" not in told


def without_links(told: dict) -> str:
    """The answer as text, but for addresses, whose signatures are nobody's ids."""
    data = told.get("data", {})
    if isinstance(data, dict):
        told = {**told, "data": {name: value for name, value in data.items() if not name.endswith("url")}}
    return json.dumps(told)


def test_people_of_two_clients_taking_turns_see_their_own_only(alice, mallory, world, problem):
    """One connection, one process: errors and refusals between the requests carry nothing over."""
    mine, theirs = world.tenant("drafts").ref_id, world.tenant("rival").ref_id
    for _ in range(10):
        assert {r["tenant"] for r in alice.get("/api/v1/activities/").json()["data"]} == {mine}
        problem(mallory.send("POST", f"/api/v1/approvals/{random_ref()}/approve/", {}), 404, "not_found")
        assert {r["tenant"] for r in mallory.get("/api/v1/activities/").json()["data"]} == {theirs}
        problem(alice.send("POST", "/api/v1/contract/accept/", b"{"), 400, "parse_error")
    with tenant_scope(world.tenant("drafts").facts):
        assert Activity.objects.exists()
