"""Skills of a client in the DM Portal: the list, a new one, its versions, and who is faster."""

import pytest

from apps.activities import skill_library
from apps.activities.models import AgentConfig
from apps.shared.models import JournalEntry
from tests.activities.skills import a_text, global_skill, own_skill
from tests.activities.test_skills import edit

LIST = "/dm/c/acme-drafts/skills/"
NEW = "/dm/c/acme-drafts/new-skill/"


def page_of(name: str, action: str = "") -> str:
    return f"{LIST}{name}/{action}"


def versions(name: str) -> list[tuple[int, bool, str]]:
    found = skill_library.versions_of(name, is_global=False)
    return [(skill.version, skill.is_active, skill.document.body) for skill in found]


def typed(**changes) -> dict:
    values = {"description": "When tea is meant. Not for coffee.", "body": "Say *steep*.", "tags": "tea, words"}
    return values | changes


def test_the_list_shows_the_clients_own_and_the_global_ones(acme, rita, skill_names):
    own, shared = own_skill(skill_names("own")), global_skill(skill_names("shared"))

    page = rita.get(LIST)

    assert page.status_code == 200
    assert (own.name in page.text, shared.name in page.text, "brand-voice" in page.text) == (True, True, True)
    assert [row["whose"] for row in page.context["own"] if row["name"] == own.name] == ["This client's own"]
    assert "client-context" not in page.text


def test_a_new_skill_is_written_and_read(acme, rita, skill_names):
    name = skill_names()

    response = rita.post(NEW, typed(name=name, roles=["copywriter"]))

    assert (response.status_code, response["Location"]) == (302, page_of(name))
    assert versions(name) == [(1, True, "Say *steep*.")]
    page = rita.get(page_of(name)).text
    assert "<em>steep</em>" in page
    assert rita.user.name in page
    assert "tea, words" in page


def test_a_whole_file_that_is_pasted_fills_the_fields_that_are_empty(acme, rita, skill_names):
    name = skill_names()
    file = f"---\nname: {name}\ndescription: For tea. Not for coffee.\nroles: [email_writer]\n---\n# Tea\n\nSteep."

    assert rita.post(NEW, {"name": "", "description": "", "body": file, "tags": ""}).status_code == 302

    skill = skill_library.in_force()[name]
    assert (skill.document.body, skill.roles) == ("# Tea\n\nSteep.", ("email_writer",))


def test_a_pasted_file_that_contradicts_the_fields_is_refused(acme, rita, skill_names):
    name = skill_names()
    file = f"---\nname: {name}\ndescription: For tea. Not for coffee.\n---\nSteep."

    page = rita.post(NEW, typed(name="other-name", body=file))

    assert page.status_code == 422
    assert page.text.count("The pasted file says something else") == 2
    assert versions(name) == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"name": ""}, "Give it a name"),
        ({"name": "Tea Words"}, "Lower-case words with hyphens"),
        ({"name": "client-context"}, "context file"),
        ({"description": ""}, "agents choose by this line"),
        ({"body": ""}, "should know"),
        ({"body": "x" * 20_001}, "20,000 fit"),
        ({"body": "a\u202eb"}, "cannot be seen"),
        ({"body": "---\nname: a\ndescription: &x b\n---\nc"}, "no anchors"),
        ({"body": "x" * 100_000}, "at most"),
        ({"body": "a\x00b"}, "ull characters are not allowed"),
        ({"tags": "Tea Time"}, "is no tag"),
        ({"roles": ["boss"]}, "not one of the available choices"),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value[:16],
)
def test_what_does_not_fit_is_told_beside_its_field_and_what_was_typed_stays(acme, rita, skill_names, change, sentence):
    name, entries = skill_names(), JournalEntry.objects.count()

    page = rita.post(NEW, typed(name=name) | change)

    assert page.status_code == 422
    assert sentence in page.text
    assert ("Say *steep*." in page.text) == ("body" not in change)
    assert versions(name) == []
    assert JournalEntry.objects.count() == entries


def test_markup_in_a_skill_runs_nowhere(acme, rita, skill_names):
    name = skill_names()
    hostile = "<script>alert(1)</script>\n\n[x](javascript:alert(1)) ![y](http://evil.test/p.png)"
    rita.post(NEW, typed(name=name, body=hostile, description="<img src=x onerror=alert(1)>"))
    rita.post(page_of(name, "edit/"), typed(body=hostile + "\n\nmore", seen_version="1"))

    for path in (LIST, page_of(name), page_of(name) + "?version=2&view=changes", page_of(name, "edit/")):
        page = rita.get(path).text
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert 'href="javascript' not in page
        assert 'src="http://evil' not in page


def test_a_name_that_is_taken_is_refused(acme, rita, skill_names):
    skill = own_skill(skill_names())

    page = rita.post(NEW, typed(name=skill.name))

    assert page.status_code == 422
    assert "There is a skill of this name already" in page.text
    assert len(versions(skill.name)) == 1


def test_an_edit_is_a_new_version_and_the_page_shows_what_changed(acme, rita, skill_names):
    skill = own_skill(skill_names(), body="Say steep.")
    form = rita.get(page_of(skill.name, "edit/")).context["form"]
    sent = {field.name: field.value() for field in form if field.value()}

    response = rita.post(page_of(skill.name, "edit/"), sent | {"body": "Say brew."})

    assert response.status_code == 302
    assert versions(skill.name) == [(2, True, "Say brew."), (1, True, "Say steep.")]
    changes = rita.get(page_of(skill.name) + "?version=2&view=changes").text
    assert "<del>steep</del><ins>brew</ins>" in changes
    assert "This is version 1" in rita.get(page_of(skill.name) + "?version=1").text


def test_whoever_is_slower_sees_both_and_overwrites_only_on_purpose(acme, rita, skill_names):
    skill = own_skill(skill_names(), body="Old.")
    edit(skill, body="Theirs.")

    page = rita.post(page_of(skill.name, "edit/"), typed(body="Mine.", seen_version="1"))

    assert page.status_code == 409
    assert "somebody made version 2" in page.text
    assert "Theirs" in page.text
    assert versions(skill.name)[0] == (2, True, "Theirs.")
    again = {field.name: field.value() for field in page.context["form"] if field.value()}
    assert rita.post(page_of(skill.name, "edit/"), again).status_code == 302
    assert versions(skill.name)[0] == (3, True, "Mine.")


def test_it_is_switched_off_and_on_and_an_earlier_version_comes_back(acme, rita, skill_names):
    skill = own_skill(skill_names(), body="One.")
    edit(skill, body="Two.")

    rita.post(page_of(skill.name, "switch/"), {"seen_version": "2"})
    assert "Switched off" in rita.get(page_of(skill.name)).text
    assert skill.name not in skill_library.in_force()
    rita.post(page_of(skill.name, "switch/"), {"seen_version": "3"})
    rita.post(page_of(skill.name, "restore/"), {"seen_version": "4", "version": "1"})

    assert versions(skill.name)[:3] == [(5, True, "One."), (4, True, "Two."), (3, False, "Two.")]


@pytest.mark.parametrize(
    ("action", "sent"),
    [
        ("switch/", {"seen_version": "1"}),
        ("restore/", {"seen_version": "1", "version": "1"}),
        ("restore/", {"seen_version": "2", "version": "2"}),
        ("restore/", {"seen_version": "2", "version": "9"}),
    ],
)
def test_what_is_stale_or_changes_nothing_is_refused(acme, rita, skill_names, action, sent):
    skill = own_skill(skill_names())
    edit(skill, body="Two.")

    response = rita.post(page_of(skill.name, action), sent)

    assert response.status_code in (404, 409)
    assert len(versions(skill.name)) == 2


@pytest.mark.parametrize("sent", [{}, {"seen_version": "x"}, {"seen_version": "9" * 40}, {"seen_version": "-1"}])
def test_a_form_that_does_not_say_what_it_showed_changes_nothing(acme, rita, skill_names, sent):
    skill = own_skill(skill_names())

    for action in ("switch/", "restore/"):
        assert rita.post(page_of(skill.name, action), sent).status_code == 302
    assert rita.post(page_of(skill.name, "edit/"), typed(**sent)).status_code == 422
    assert len(versions(skill.name)) == 1


def test_a_global_skill_is_read_here_and_replaced_for_the_client(acme, rita, skill_names):
    shared = global_skill(skill_names(), body="For all.")

    for action in ("edit/", "switch/", "restore/"):
        assert rita.post(page_of(shared.name, action), typed(seen_version="1", version="1")).status_code == 404
    form = rita.get(f"{NEW}?from={shared.name}").context["form"]
    sent = {field.name: field.value() for field in form if field.value()}
    rita.post(f"{NEW}?from={shared.name}", sent | {"body": "For us."})

    assert skill_library.in_force()[shared.name].document.body == "For us."
    page = rita.get(page_of(shared.name) + "?view=changes&against=global").text
    assert "<del>all</del><ins>us</ins>" in page
    assert rita.get(f"{NEW}?from={shared.name}").status_code == 302


def test_agents_are_chosen_who_get_it_in_full(acme, rita, skill_names):
    skill = own_skill(skill_names())

    both = ["copywriter", "data_analyst"]
    rita.post(page_of(skill.name, "assign/"), {"assigned": both})
    rita.post(page_of(skill.name, "assign/"), {"assigned": ["copywriter"], "seen": both})

    assert AgentConfig.objects.get(agent_role="copywriter").skill_ids == [skill.pointer]
    assert AgentConfig.objects.get(agent_role="data_analyst").skill_ids == []
    assert "copywriter" in next(row for row in rita.get(LIST).context["own"] if row["name"] == skill.name)["agents"]
    assert rita.post(page_of(skill.name, "assign/"), {"assigned": ["boss"]}).status_code == 422


def test_two_who_choose_agents_at_once_lose_nothing(acme, rita, skill_names):
    skill = own_skill(skill_names())
    address = page_of(skill.name, "assign/")
    rita.post(address, {"assigned": ["copywriter"]})
    shown = rita.get(page_of(skill.name)).context["assign_form"]["seen"]
    assert 'type="hidden" name="seen" value="copywriter"' in str(shown)

    rita.post(address, {"assigned": ["copywriter", "data_analyst"], "seen": shown.value()})  # one adds an agent
    rita.post(address, {"assigned": ["strategy_writer"], "seen": shown.value()})  # the other moves it elsewhere

    has = AgentConfig.objects.filter(skill_ids__contains=[skill.pointer]).order_by("agent_role")
    assert list(has.values_list("agent_role", flat=True)) == ["data_analyst", "strategy_writer"]


def test_a_preview_shows_what_was_typed_and_saves_nothing(acme, rita, skill_names):
    name = skill_names()

    part = rita.post(NEW, typed(name=name, body="**Bold**", preview="1"), **{"HX-Request": "true"})

    assert part.status_code == 200
    assert part.text.strip().startswith("<div")
    assert "<strong>Bold</strong>" in part.text
    assert versions(name) == []


@pytest.mark.parametrize("name", ["nothing", "..", "%00", "A B", "x" * 300, "client-context"])
def test_a_skill_that_is_not_there_is_not_found(acme, rita, name):
    assert rita.get(page_of(name)).status_code == 404


def test_a_version_that_is_not_there_is_not_found(acme, rita, skill_names):
    skill = own_skill(skill_names())

    for wanted in ("2", "0", "x", "%00"):
        assert rita.get(page_of(skill.name) + f"?version={wanted}").status_code == 404


def test_the_skills_of_another_client_are_not_found(world, rita, skill_names):
    with world.at("rival"):
        theirs = own_skill(skill_names(), body="Theirs alone.")

    assert rita.get(page_of(theirs.name)).status_code == 404
    assert theirs.name not in rita.get(LIST).text
    with world.at("drafts"):
        rita.post(NEW, typed(name=theirs.name))
        assert skill_library.in_force()[theirs.name].document.body == "Say *steep*."
    with world.at("rival"):
        assert skill_library.in_force()[theirs.name].document.body == "Theirs alone."


def test_a_texts_own_words_are_kept_in_the_history(acme, rita, skill_names):
    skill = own_skill(skill_names())
    edit(skill, body="Second.", by=rita.actor)

    page = rita.get(page_of(skill.name)).text

    assert rita.user.name in page
    assert "version 2" in page
    assert a_text(skill.name).body not in page
