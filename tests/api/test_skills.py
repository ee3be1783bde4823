"""Skills over the API: versions by ETag, global ones read only, and what the client's name does."""

import pytest

from apps.activities import skill_library
from tests.activities.skills import global_skill, own_skill

PATH = "/api/v1/skills/"


def made(**changes) -> dict:
    values = {"description": "When tea is meant. Not for coffee.", "body": "Say *steep*."}
    return values | changes


def test_a_skill_is_made_changed_switched_off_and_tells_its_versions(rita, acme, skill_names):
    name, client = skill_names(), {"X-Tenant": acme.ref_id}

    first = rita.send("POST", PATH, made(name=name, tags=["tea"], roles=["copywriter"]), **client)
    path = f"{PATH}{first.json()['data']['ref_id']}/"
    second = rita.send("PATCH", path, {"body": "Say *brew*."}, **client, **{"If-Match": first["ETag"]})
    off = rita.send("PATCH", path, {"is_active": False}, **client, **{"If-Match": second["ETag"]})
    read = rita.get(path, **client)

    assert [answer.status_code for answer in (first, second, off, read)] == [201, 200, 200, 200]
    assert [answer["ETag"] for answer in (first, second, off, read)] == ['"1"', '"2"', '"3"', '"3"']
    told = read.json()["data"]
    assert (told["body"], told["tags"], told["roles"], told["is_active"]) == (
        "Say *brew*.",
        ["tea"],
        ["copywriter"],
        False,
    )
    assert told["tenant"] == acme.ref_id
    assert [(v["version"], v["is_active"], v["created_by"]) for v in told["versions"]] == [
        (3, False, rita.user.ref_id),
        (2, True, rita.user.ref_id),
        (1, True, rita.user.ref_id),
    ]
    assert name not in skill_library.in_force()


def test_an_edit_needs_the_version_that_was_read(rita, acme, skill_names, problem):
    skill = own_skill(skill_names())
    path, client = f"{PATH}{skill.document.refId}/", {"X-Tenant": acme.ref_id}
    rita.send("PATCH", path, {"body": "Theirs."}, **client, **{"If-Match": '"1"'})

    problem(rita.send("PATCH", path, {"body": "Mine."}, **client), 428, "if_match_missing")
    for tag in ('"1"', '"9"', "*", 'W/"2"', '"x"', "2"):
        problem(rita.send("PATCH", path, {"body": "Mine."}, **client, **{"If-Match": tag}), 412, "version_stale")
    assert skill_library.in_force()[skill.name].document.body == "Theirs."


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "Tea Words"}, "name"),
        ({"name": "client-context"}, "name"),
        ({"roles": ["boss"]}, "roles"),
        ({"roles": "copywriter"}, "roles"),
        ({"tags": ["a b"]}, "tags"),
        ({"tags": [{}]}, "tags"),
        ({"body": "a\u202eb"}, "body"),
        ({"body": "---\nname: a\n---\nb"}, "body"),
        ({"body": "x" * 20_001}, "body"),
        ({"description": " "}, "description"),
        ({"is_active": True}, "is_active"),
        ({"source": "global"}, "source"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_does_not_fit_is_400_and_writes_nothing(rita, acme, skill_names, problem, change, field):
    name = skill_names()

    answer = rita.send("POST", PATH, made(name=name) | change, **{"X-Tenant": acme.ref_id})

    assert list(problem(answer, 400, "invalid_input")["errors"]) == [field]
    assert name not in skill_library.in_force()


def test_a_name_that_is_taken_is_409(rita, acme, skill_names, problem):
    skill = own_skill(skill_names())

    problem(rita.send("POST", PATH, made(name=skill.name), **{"X-Tenant": acme.ref_id}), 409, "skill_exists")


def test_global_skills_are_read_and_not_edited(rita, alice, mark, acme, skill_names, problem):
    skill = global_skill(skill_names())
    path = f"{PATH}{skill.document.refId}/"

    assert alice.get(path).json()["data"]["tenant"] is None
    answer = rita.send("PATCH", path, {"body": "x"}, **{"X-Tenant": acme.ref_id, "If-Match": '"1"'})
    assert "to replace it" in problem(answer, 403, "not_allowed")["detail"]
    for person in (alice, mark):
        problem(person.send("PATCH", path, {"body": "x"}, **{"If-Match": '"1"'}), 403, "not_allowed")
        problem(person.send("POST", PATH, made(name=skill_names())), 403, "not_allowed")


def test_staff_say_for_whom(rita, acme, skill_names, problem):
    skill = own_skill(skill_names())

    problem(rita.send("POST", PATH, made(name=skill_names())), 400, "tenant_required")
    problem(rita.get(f"{PATH}{skill.document.refId}/"), 400, "tenant_required")


def test_a_context_file_and_another_clients_skill_are_not_there(alice, mallory, world, acme, skill_names, problem):
    mine = own_skill(skill_names())
    with world.at("rival"):
        theirs = own_skill(skill_names())

    problem(alice.get(f"{PATH}{theirs.document.refId}/"), 404, "not_found")
    problem(mallory.get(f"{PATH}{mine.document.refId}/"), 404, "not_found")
    seen = alice.get(PATH, {"limit": 100}).json()["data"]
    assert mine.name in {row["name"] for row in seen}
    assert {theirs.name, "client-context"}.isdisjoint({row["name"] for row in seen})


def test_pages_follow_each_other_without_gap_or_double(alice, acme):
    whole = [row["ref_id"] for row in alice.get(PATH, {"limit": 100}).json()["data"]]
    found, cursor = [], ""
    while cursor is not None:
        page = alice.get(PATH, {"limit": 7, **({"cursor": cursor} if cursor else {})}).json()
        found += [row["ref_id"] for row in page["data"]]
        cursor = page["pagination"]["next_cursor"]

    assert set(whole[:12]) <= set(found)  # other tests make and remove skills meanwhile
    assert found == sorted(set(found))
