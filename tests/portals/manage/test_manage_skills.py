"""Global skills in Manage: who enters, adding, editing, switching, bringing back."""

import pytest
from django.test import Client

from apps.activities import skill_library
from apps.shared.models import JournalEntry
from apps.shared.scoping import tenant_scope
from tests.activities.skills import a_text, global_skill
from tests.activities.test_skills import edit

LIST = "/manage/skills/"


def versions(name: str) -> list[tuple[int, bool, str]]:
    with tenant_scope():
        found = skill_library.versions_of(name, is_global=True)
    return [(skill.version, skill.is_active, skill.document.body) for skill in found]


def page_of(name: str, action: str = "") -> str:
    return f"{LIST}s/{name}/{action}"


def typed(**changes) -> dict:
    values = {
        "description": "When tea is meant. Not for coffee.",
        "body": "Say *steep*.",
        "roles": "copywriter",
        "tags": "",
    }
    return values | changes


@pytest.mark.parametrize("person", ["rita", "alice", "mark", "mallory"])
def test_only_a_super_admin_enters(request, person, skill_names, db):
    skill = global_skill(skill_names())
    somebody = request.getfixturevalue(person)

    for path in (
        LIST,
        LIST + "add/",
        page_of(skill.name),
        page_of(skill.name, "edit/"),
        page_of(skill.name, "switch/"),
    ):
        assert somebody.get(path).status_code == 404
        assert somebody.post(path, typed(name=skill_names(), seen_version="1")).status_code == 404
    assert len(versions(skill.name)) == 1


def test_a_stranger_is_led_to_the_sign_in(db):
    assert Client().get(LIST, follow=True).redirect_chain[-1][0].startswith("/account/login/?next=")


def test_the_list_shows_the_starter_set_and_no_clients_skills(sam):
    page = sam.get(LIST).text

    assert "brand-voice" in page
    assert "search-term-rules" in page
    assert "client-context" not in page


def test_a_skill_is_added_edited_and_shows_what_changed(sam, skill_names, everything):
    name = skill_names()

    assert sam.post(LIST + "add/", typed(name=name))["Location"] == page_of(name)
    form = sam.get(page_of(name, "edit/")).context["form"]
    sent = {field.name: field.value() or "" for field in form}
    sam.post(page_of(name, "edit/"), sent | {"body": "Say *brew*."})

    assert versions(name) == [(2, True, "Say *brew*."), (1, True, "Say *steep*.")]
    page = sam.get(page_of(name)).text
    assert "<del>steep</del><ins>brew</ins>" in page
    assert sam.user.name in page
    entries = JournalEntry.objects.filter(subject_type="skills", after__name=name).order_by("ref_id")
    assert [(e.code, e.tenant_id, e.actor_ref) for e in entries] == [
        ("skill.added", None, sam.user.ref_id),
        ("skill.edited", None, sam.user.ref_id),
    ]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"name": "Tea Words"}, "Lower-case words with hyphens"),
        ({"roles": "copywriter, boss"}, "There is no agent “boss”"),
        ({"body": "x" * 20_500}, "20,000 fit"),
        ({"body": "---\nname: a\ndescription: b\n---\nc"}, "Leave out the front matter"),
        ({"tags": "Tea Time"}, "is no tag"),
        ({"nonsense": "1"}, "Unknown field"),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value[:16],
)
def test_what_does_not_fit_is_told_beside_its_field(sam, skill_names, change, sentence):
    name = skill_names()

    page = sam.post(LIST + "add/", typed(name=name) | change)

    assert page.status_code == 422
    assert sentence in page.text
    assert versions(name) == []


def test_whoever_is_slower_overwrites_nothing(sam, skill_names):
    skill = global_skill(skill_names())
    with tenant_scope():
        edit(skill, body="Theirs.")

    page = sam.post(page_of(skill.name, "edit/"), typed(body="Mine.", seen_version="1"))

    assert page.status_code == 409
    assert "Mine." in page.text
    assert versions(skill.name)[0] == (2, True, "Theirs.")


def test_it_is_switched_off_after_a_question_and_an_earlier_version_comes_back(sam, skill_names):
    skill = global_skill(skill_names(), body="One.")
    with tenant_scope():
        edit(skill, body="Two.")

    question = sam.get(page_of(skill.name, "switch/")).text
    assert "No client" in question
    sam.post(page_of(skill.name, "switch/"), {"seen_version": "2"})
    assert "Bring version 1 back" in sam.get(page_of(skill.name) + "?version=1").text
    sam.post(page_of(skill.name, "restore/1/"), {"seen_version": "3"})

    assert versions(skill.name)[:2] == [(4, False, "One."), (3, False, "Two.")]
    stale = sam.post(page_of(skill.name, "switch/"), {"seen_version": "2"}, referer="http://testserver/manage/skills/")
    assert stale.status_code == 302
    assert len(versions(skill.name)) == 4


@pytest.mark.parametrize("name", ["nothing", "..", "A B", "client-context"])
def test_a_skill_that_is_not_there_is_not_found(sam, name):
    assert sam.get(page_of(name)).status_code == 404


def test_markup_is_shown_as_typed(sam, skill_names):
    name = skill_names()
    sam.post(LIST + "add/", typed(name=name, body="<script>alert(1)</script>", description="<b>Bold</b> words"))

    for path in (LIST, page_of(name), page_of(name, "edit/")):
        assert "<script>alert(1)" not in sam.get(path).text
        assert "<b>Bold</b>" not in sam.get(path).text
    assert a_text(name).body not in sam.get(page_of(name)).text
