"""What a skill may say: Markdown below front matter, with everything hostile refused in a sentence."""

from pathlib import Path

import pytest

from apps.activities import skill_files
from apps.activities.checks import BrandRules
from apps.activities.operations.skills import STARTER_SKILLS
from apps.activities.skill_files import BadSkill, SkillText, checked, parse, written

STARTERS = """brand-voice blog-structure seo-on-page meta-descriptions internal-linking linkedin-posts instagram-posts x-posts
gbp-posts newsletter-writing google-ads-copy meta-ads-copy landing-page-copy outreach-etiquette report-writing
search-term-rules claims-and-compliance""".split()
GOOD = SkillText("tea-words", "Which words to use for tea. Not for coffee.", "Say *steep*.", ("tea",), ("copywriter",))


def file_of(front: str, body: str = "Say what is so.") -> str:
    return f"---\n{front}\n---\n{body}\n"


def test_a_file_is_read_whatever_its_line_endings_and_written_back_the_same():
    file = file_of(
        "name: tea-words\ndescription: Which words to use for tea. Not for coffee.\ntags: tea\nroles: [copywriter]",
        "\nSay *steep*.\n",
    )

    assert parse(file) == parse(file.replace("\n", "\r\n")) == parse("\ufeff" + file) == GOOD
    assert parse(written(GOOD)) == GOOD


def test_names_that_yaml_takes_for_something_else_stay_text():
    skill = parse(file_of("name: no\ndescription: 2026-01-01\ntags: [on, 12]"))

    assert (skill.name, skill.description, skill.tags) == ("no", "2026-01-01", ("on", "12"))


@pytest.mark.parametrize("path", sorted(STARTER_SKILLS.glob("*.md")), ids=lambda path: path.stem)
def test_every_starter_skill_says_for_whom_it_is_and_when_it_is_not_meant(path: Path):
    skill = parse(path.read_text(encoding="utf-8"))

    assert skill.name == path.stem
    assert skill.roles
    assert " not " in f" {skill.description.lower()}" or "never" in skill.description
    assert 1_000 < len(skill.body) < 6_000
    assert skill.body.startswith("# ")


def test_the_starter_set_is_whole():
    assert sorted(path.stem for path in STARTER_SKILLS.glob("*.md")) == sorted(STARTERS)


LAUGHS = "name: a\ndescription: b\ntags: &a [x, x]\nroles: [*a, *a, *a]"


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        ("# No front matter", "must begin with front matter"),
        ("", "must begin with front matter"),
        (file_of("name: a\ndescription: [unclosed"), "is no YAML, line"),
        (file_of("- a\n- b"), "must be lines of the form"),
        (file_of("name: a\ndescription: b\nlicence: MIT\nmodel: x"), "nobody knows licence, model"),
        (file_of(LAUGHS), "no anchors"),
        (file_of("name: !!python/object/apply:os.system [ls]\ndescription: b"), "no tags"),
        (file_of("name: " + "[" * 3_000 + "]" * 900), "nested too deeply"),
        (file_of("name: a\ndescription: " + "b" * 5_000), "4,000 fit"),
        (file_of("name: {a: b}\ndescription: b"), "must be text"),
        (file_of("name: a\ndescription: b\nroles: {copywriter: yes}"), "must be a list of words"),
    ],
    ids=lambda value: value[:20] if " " in value else "file",
)
def test_front_matter_that_is_none_is_refused_in_a_sentence(file, sentence):
    with pytest.raises(BadSkill, match=sentence):
        parse(file)


@pytest.mark.parametrize(
    ("change", "field", "sentence"),
    [
        ({"name": ""}, "name", "Give it a name"),
        ({"name": "Tea Words"}, "name", "Lower-case words"),
        ({"name": "tea_words"}, "name", "Lower-case words"),
        ({"name": "../tea"}, "name", "Lower-case words"),
        ({"name": "t" * 65}, "name", "Lower-case words"),
        ({"name": "client-context"}, "name", "context file"),
        ({"description": "  "}, "description", "when to use it"),
        ({"description": "d" * 501}, "description", "500 fit"),
        ({"description": "a\u202eb"}, "description", "cannot be seen"),
        ({"tags": ("a b",)}, "tags", "is no tag"),
        ({"tags": tuple(f"t{n}" for n in range(11))}, "tags", "10 fit"),
        ({"roles": ("boss",)}, "roles", "no agent “boss”"),
        ({"roles": ("publisher",)}, "roles", "no agent"),
        ({"body": "\n \n"}, "body", "should know"),
        ({"body": "b" * 20_001}, "body", "20,000 fit"),
        ({"body": "one\ntwo\u200b\nthree"}, "body", "Line 2 holds"),
        ({"body": "a\x00b"}, "body", "Line 1 holds"),
        ({"body": "a\ud800b"}, "body", "Line 1 holds"),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value[:20],
)
def test_what_does_not_fit_is_refused_beside_its_field(change, field, sentence):
    values = {name: getattr(GOOD, name) for name in GOOD.__dataclass_fields__}

    with pytest.raises(BadSkill) as error:
        checked(SkillText(**values | change))

    assert list(error.value.errors) == [field]
    assert sentence in error.value.errors[field][0]


def test_scripts_that_are_spelled_with_joiners_are_no_hidden_characters():
    assert checked(SkillText("hindi", "नमस्\u200dते", "क्\u200dष 👩\u200d🌾")).body.startswith("क")


def test_everything_that_is_wrong_is_told_at_once():
    with pytest.raises(BadSkill) as error:
        checked(SkillText("", "", ""))

    assert sorted(error.value.errors) == ["body", "description", "name"]
    assert skill_files.has_front_matter(written(GOOD))


def test_the_rules_that_drafts_are_held_to_are_part_of_the_file():
    front = 'name: brand-voice\ndescription: b\nbanned: [cheap, "no brainer", Käse]\nrequired: Drink responsibly.\nreading_ease: 50'
    skill = parse(file_of(front))

    assert skill.rules == BrandRules(("cheap", "no brainer", "Käse"), ("Drink responsibly.",), 50)
    assert parse(written(skill)) == skill


@pytest.mark.parametrize(
    "rule", ["reading_ease: high", "reading_ease: 101", "banned: [[a]]", f"banned: {'x' * 201}", "required: {a: b}"]
)
def test_a_rule_that_nobody_could_follow_is_refused(rule):
    with pytest.raises(BadSkill, match="front matter"):
        parse(file_of(f"name: a\ndescription: b\n{rule}"))
