"""Skills: their versions, whose counts, which an agent is given, and what a run keeps about them."""

import threading
from datetime import timedelta

import pytest
from django.utils import timezone

from apps import storage
from apps.activities import integrity, operations, repair, skill_files, skill_library
from apps.activities.models import AgentConfig
from apps.activities.operations import skills as writing
from apps.shared.actors import Actor
from apps.shared.errors import InvalidInput, NotFound
from apps.shared.models import JournalEntry
from apps.shared.scoping import only_tenant, tenant_scope
from tests.activities.skills import SYSTEM, a_text, global_skill, own_skill
from tests.activities.work import attempt, together

NOW = timezone.now()


def edit(skill, *, seen: int | None = None, by: Actor = SYSTEM, **changes):
    return operations.edit_skill(
        skill, a_text(skill.name, **changes), seen_version=seen or skill.version, by=by, at=timezone.now()
    )


def entries(name: str) -> list[tuple[str, int]]:
    found = JournalEntry.objects.filter(subject_type="skills", after__name=name).order_by("ref_id")
    return [(entry.code, entry.after["version"]) for entry in found]


def prompt_of(sandbox) -> str:
    """The latest prompt that reached the model, as it was sent."""
    return [entry for entry in sandbox.world.log if entry["target"] == "anthropic"][-1]["body"]


def test_every_change_is_a_new_version_with_who_and_when_and_the_journal_tells_it(acme, rita, skill_names):
    name = skill_names()
    first = operations.add_skill(a_text(name), is_global=False, by=rita.actor, at=NOW)
    second = edit(first, by=rita.actor, body="Something else.")
    off = operations.switch_skill(second, is_active=False, seen_version=2, by=rita.actor, at=NOW)
    on = operations.switch_skill(off, is_active=True, seen_version=3, by=rita.actor, at=NOW)
    restored = operations.restore_skill(on, version=1, seen_version=4, by=rita.actor, at=NOW)

    versions = skill_library.versions_of(name, is_global=False)
    assert [(v.version, v.is_active, v.document.body) for v in versions] == [
        (5, True, first.document.body),
        (4, True, "Something else."),
        (3, False, "Something else."),
        (2, True, "Something else."),
        (1, True, first.document.body),
    ]
    assert {v.document.createdBy for v in versions} == {rita.user.ref_id}
    assert versions[0].pointer == restored.pointer
    assert entries(name) == [
        ("skill.added", 1),
        ("skill.edited", 2),
        ("skill.switched_off", 3),
        ("skill.switched_on", 4),
        ("skill.restored", 5),
    ]
    story = JournalEntry.objects.get(code="skill.restored", after__name=name)
    assert (story.tenant_id, story.actor_ref, story.after["restored"]) == (acme.id, rita.user.ref_id, 1)


def test_a_version_whose_writer_died_before_the_journal_is_found_and_told(acme, rita, skill_names):
    name, tomorrow = skill_names(), timezone.now() + timedelta(days=1)
    told = own_skill(skill_names())
    untold = writing._store(
        a_text(name), version=1, is_active=True, is_global=False, created_by=rita.user.ref_id, at=NOW
    )

    def found() -> list:
        refs = {untold.document.refId, told.document.refId}
        return [each for each in integrity.of_skills(only_tenant(), older_than=tomorrow) if each.ref_id in refs]

    assert [(each.code, each.table, each.ref_id) for each in found()] == [
        ("journal_gap", "skills", untold.document.refId)
    ]
    assert repair.carry_out(repair.plan(found()), by=SYSTEM, at=timezone.now()) == 1

    assert found() == []
    entry = JournalEntry.objects.get(subject_ref=untold.document.refId)
    assert (entry.code, entry.after["name"], entry.after["written_by"]) == ("skill.added", name, rita.user.ref_id)


def test_what_changes_nothing_writes_nothing(acme, skill_names):
    skill = own_skill(skill_names(), tags=("tea",))

    same = operations.edit_skill(skill, skill.text, seen_version=1, by=SYSTEM, at=NOW)
    for again in (
        lambda: operations.switch_skill(skill, is_active=True, seen_version=1, by=SYSTEM, at=NOW),
        lambda: operations.restore_skill(skill, version=1, seen_version=1, by=SYSTEM, at=NOW),
    ):
        with pytest.raises(operations.NothingToChange):
            again()

    assert same is skill
    assert len(skill_library.versions_of(skill.name, is_global=False)) == 1
    assert entries(skill.name) == [("skill.added", 1)]


def test_whoever_saw_an_older_version_overwrites_nothing(acme, skill_names):
    skill = own_skill(skill_names())
    newer = edit(skill, body="Theirs.")

    for late in (
        lambda: edit(skill, body="Mine."),
        lambda: edit(newer, seen=1, body="Mine."),
        lambda: operations.switch_skill(newer, is_active=False, seen_version=1, by=SYSTEM, at=NOW),
        lambda: operations.restore_skill(newer, version=1, seen_version=1, by=SYSTEM, at=NOW),
    ):
        with pytest.raises(storage.VersionTaken):
            late()

    assert [v.document.body for v in skill_library.versions_of(skill.name, is_global=False)][0] == "Theirs."
    assert entries(skill.name) == [("skill.added", 1), ("skill.edited", 2)]


def test_of_two_who_write_the_same_version_at_once_one_is_told_so(own_database, django_db_blocker, skill_names):
    with django_db_blocker.unblock():
        from tests.conftest import World

        with World().at("drafts"):
            skill = own_skill(skill_names())
            answers = together(*(lambda body=body: edit(skill, body=body) for body in ("One.", "Two.", "Three.")))

            assert sorted(type(answer).__name__ for answer in answers) == [
                "SkillVersion",
                "VersionTaken",
                "VersionTaken",
            ]
            assert len(skill_library.versions_of(skill.name, is_global=False)) == 2
    assert threading.active_count() >= 1


def test_a_name_is_taken_once_and_kept(acme, skill_names):
    skill = own_skill(skill_names())

    with pytest.raises(operations.SkillExists):
        own_skill(skill.name)
    with pytest.raises(InvalidInput) as renamed:
        operations.edit_skill(skill, a_text(skill_names()), seen_version=1, by=SYSTEM, at=NOW)
    with pytest.raises(InvalidInput) as empty:
        edit(skill, body=" ", roles=("boss",))
    with pytest.raises(NotFound):
        operations.restore_skill(skill, version=7, seen_version=1, by=SYSTEM, at=NOW)

    assert list(renamed.value.errors) == ["name"]
    assert sorted(empty.value.errors) == ["body", "roles"]
    assert len(skill_library.versions_of(skill.name, is_global=False)) == 1


@pytest.mark.acceptance("MON-skills")
def test_a_clients_skill_replaces_the_global_one_of_its_name_for_that_client_until_it_is_off(world, skill_names):
    name = skill_names()
    shared = global_skill(name, body="For all.")
    with world.at("drafts"):
        assert skill_library.in_force()[name].document.body == "For all."
        own = own_skill(name, body="For us.")
        assert skill_library.in_force()[name].pointer == own.pointer
    with world.at("rival"):
        assert skill_library.in_force()[name].pointer == shared.pointer
    with world.at("drafts"):
        operations.switch_skill(own, is_active=False, seen_version=1, by=SYSTEM, at=NOW)
        assert skill_library.in_force()[name].pointer == shared.pointer
    with tenant_scope():
        operations.switch_skill(shared, is_active=False, seen_version=1, by=SYSTEM, at=NOW)
    with world.at("drafts"):
        assert name not in skill_library.in_force()
        (entry,) = [entry for entry in skill_library.library() if entry.name == name]
        assert (entry.holds, entry.shown.version) == (None, 2)


@pytest.mark.acceptance("MON-skills")
def test_an_agent_sees_what_fits_its_role_or_its_task_and_gets_whole_what_is_assigned(
    draft, rita, sandbox, skill_names
):
    whole, listed, other, by_words, off = (skill_names(word) for word in ("whole", "listed", "other", "words", "off"))
    assigned = own_skill(whole, body="Never say “artisanal”.", roles=("copywriter",))
    own_skill(listed, body="Body of the listed one.", roles=("copywriter",))
    own_skill(other, roles=("data_analyst",))
    own_skill(by_words, description="How to write an article.", body="Article, article.")
    operations.switch_skill(
        own_skill(off, roles=("copywriter",)), is_active=False, seen_version=1, by=SYSTEM, at=timezone.now()
    )
    (changed,) = operations.assign_skill(assigned, ["copywriter"], seen=[], by=rita.actor, at=timezone.now())
    newer = edit(assigned, body="Never say “artisanal” or “bespoke”.", roles=("copywriter",))

    step = attempt(draft)

    sent = prompt_of(sandbox)
    assert changed.agent_role == "copywriter"
    assert (
        "Never say “artisanal” or “bespoke”." in sent.encode().decode("unicode_escape", "ignore") or "bespoke" in sent
    )
    assert f"{whole}: About {whole}. Not for others." in sent
    assert f"{listed}: About {listed}." in sent
    assert f"{by_words}: How to write an article." in sent
    assert "brand-voice: How to write in a client" in sent
    assert "Body of the listed one." not in sent
    assert other not in sent
    assert off not in sent
    kept = storage.document(storage.ActivityOutput, step.output_ref).metadata["skills"]
    assert kept == [{"name": whole, "version": 2, "pointer": newer.pointer, "isGlobal": False}]


def test_the_context_file_reaches_every_agent_in_full(world, sandbox, run_world, alice):
    """The live check gathers no context file of its own."""
    sent = [
        entry["body"]
        for stage in ("client",)
        for entry in _prompts_after_release(world, sandbox, run_world, stage)
        if "published_post" in entry["body"]
    ]

    assert len(sent) == 2
    assert all('name=\\"context_file\\"' in body for body in sent)


def _prompts_after_release(world, sandbox, run_world, stage: str) -> list[dict]:
    from tests.world import decide_all

    with world.at(stage) as tenant:
        decide_all(tenant, world.alice(stage).user)
    run_world()
    return [entry for entry in sandbox.world.log if entry["target"] == "anthropic"]


def test_skills_of_another_client_are_neither_seen_nor_assigned(world, skill_names):
    name = skill_names()
    with world.at("rival"):
        theirs = own_skill(name, roles=("copywriter",))
    with world.at("drafts"):
        assert name not in {entry.name for entry in skill_library.library()}
        assert skill_library.versions_of(name, is_global=False) == []
        assert skill_library.assigned_names([theirs.pointer]) == []


def test_an_agent_reads_no_more_than_fits_and_is_told_the_names_of_the_rest(draft, rita, skill_names):
    skills = [own_skill(skill_names(f"long-{n}"), body="Words. " * 2_800) for n in range(4)]
    for skill in skills:
        operations.assign_skill(skill, ["copywriter"], seen=[], by=rita.actor, at=timezone.now())

    given = skill_library.given_to(draft, AgentConfig.objects.get(agent_role="copywriter"))

    assert [s.name for s in given.whole] == [s.name for s in skills[:3]]
    assert skills[3].name in [s.name for s in given.listed]


def test_assigning_changes_what_was_changed_and_refuses_agents_there_are_not(acme, rita, skill_names):
    skill = own_skill(skill_names())
    both = ["copywriter", "strategy_writer"]
    operations.assign_skill(skill, both, seen=[], by=rita.actor, at=NOW)
    changed = operations.assign_skill(skill, ["copywriter"], seen=both, by=rita.actor, at=NOW + timedelta(minutes=1))

    assert [config.agent_role for config in changed] == ["strategy_writer"]
    assert AgentConfig.objects.get(agent_role="copywriter").skill_ids == [skill.pointer]
    with pytest.raises(InvalidInput):
        operations.assign_skill(skill, ["boss"], seen=[], by=rita.actor, at=NOW)
    AgentConfig.objects.filter(agent_role="data_analyst").update(
        skill_ids=[own_skill(skill_names()).pointer for _ in range(writing.MOST_ASSIGNED)]
    )
    with pytest.raises(InvalidInput):
        operations.assign_skill(skill, ["copywriter", "data_analyst"], seen=["copywriter"], by=rita.actor, at=NOW)
    assert JournalEntry.objects.filter(code="agent_config.skills_assigned").count() == 3


def test_starter_skills_are_put_in_place_once_and_a_changed_file_is_a_new_version(
    db, skill_names, tmp_path, monkeypatch
):
    name = skill_names("starter")
    file = tmp_path / f"{name}.md"
    monkeypatch.setattr(writing, "STARTER_SKILLS", tmp_path)
    file.write_text(skill_files.written(a_text(name)))

    assert [operations.seed_global_skills(at=NOW) for _ in range(2)] == [1, 0]
    with tenant_scope():
        (first,) = skill_library.versions_of(name, is_global=True)
        edited = edit(first, body="What a super admin made of it.")
    assert operations.seed_global_skills(at=NOW) == 0

    file.write_text(skill_files.written(a_text(name, body="What the next release says.")))
    assert [operations.seed_global_skills(at=NOW) for _ in range(2)] == [1, 0]
    with tenant_scope():
        newest = skill_library.versions_of(name, is_global=True)[0]
    assert (edited.version, newest.version, newest.document.createdBy) == (2, 3, None)
    assert newest.document.body == "What the next release says."


def test_a_starter_skill_that_was_switched_off_stays_off_and_clients_own_stay_as_they_are(
    world, skill_names, tmp_path, monkeypatch
):
    name = skill_names("starter")
    monkeypatch.setattr(writing, "STARTER_SKILLS", tmp_path)
    shared = global_skill(name)
    with tenant_scope():
        operations.switch_skill(shared, is_active=False, seen_version=1, by=SYSTEM, at=NOW)
    with world.at("drafts"):
        own = own_skill(name, body="Ours.")
    (tmp_path / f"{name}.md").write_text(skill_files.written(a_text(name, body="New words.")))

    operations.seed_global_skills(at=NOW)

    with world.at("drafts"):
        (newest, *_) = skill_library.versions_of(name, is_global=True)
        assert (newest.version, newest.is_active, newest.document.body) == (3, False, "New words.")
        assert skill_library.in_force()[name].pointer == own.pointer


def test_the_starter_set_is_there_after_bootstrap(acme):
    assert {path.stem for path in writing.STARTER_SKILLS.glob("*.md")} <= {
        entry.name for entry in skill_library.library() if entry.shared
    }
    assert "client-context" not in skill_library.in_force()
