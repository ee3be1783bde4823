"""A skill as a file: Markdown below YAML front matter with name, description, and optional tags and roles. Pure.

    ---
    name: brand-voice
    description: How to write in the client's voice. Use it for every text a reader sees; not for internal notes.
    tags: [writing, voice]
    roles: [copywriter, email_writer]
    ---
    # Brand voice …

What people paste is foreign text: sizes are limited, the front matter may hold plain values only (no anchors, tags or deep
nesting, which is where YAML becomes a program), and characters that nobody sees are refused rather than stored.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import yaml

from . import checks
from .bodies import AGENT_ROLES, PUBLISHER
from .checks import BrandRules
from .prompting import clean

NAME_LENGTH, DESCRIPTION_LENGTH, BODY_LENGTH = 64, 500, 20_000
TAGS, TAG_LENGTH = 10, 40
FRONT_LENGTH = 4_000
FRONT_DEPTH = 2  # the mapping, and a list in it
KEBAB = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
FENCE = re.compile(r"\A\ufeff?---[ \t]*\n(.*?)\n---[ \t]*(?:\n|\Z)", re.DOTALL)
RULES = ("banned", "required", "reading_ease")  # what drafts are held to, see `checks`
FIELDS = ("name", "description", "tags", "roles", *RULES)
RESERVED = frozenset({"client-context"})  # the client's context file, which is edited where it is approved
SKILL_ROLES = tuple(sorted(role for role in AGENT_ROLES if role != PUBLISHER and not role.startswith("system.")))


class BadSkill(ValueError):
    """The text is no skill. `errors` maps a field to sentences for whoever wrote it."""

    def __init__(self, errors: dict[str, list[str]]):
        self.errors = errors
        super().__init__(" ".join(sentence for sentences in errors.values() for sentence in sentences))


@dataclass(frozen=True)
class SkillText:
    """What a skill says. Without roles it is for every agent whose task its words fit."""

    name: str
    description: str
    body: str
    tags: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    rules: BrandRules = BrandRules()

    @property
    def front(self) -> dict[str, Any]:
        """The front matter: what the file begins with, and what is kept beside the text."""
        fields: dict[str, Any] = {"name": self.name, "description": self.description}
        lists = {"tags": self.tags, "roles": self.roles, "banned": self.rules.banned, "required": self.rules.required}
        fields |= {name: list(words) for name, words in lists.items() if words}
        return fields if self.rules.reading_ease is None else fields | {"reading_ease": self.rules.reading_ease}


def unify(text: str) -> str:
    """One kind of line ending, so that differences between versions are real ones."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def has_front_matter(text: str) -> bool:
    return FENCE.match(unify(text)) is not None


def parse(text: str) -> SkillText:
    """The skill of a whole file. Raises BadSkill."""
    text = unify(text)
    found = FENCE.match(text)
    if found is None:
        raise BadSkill({"body": ["The file must begin with front matter between two lines of three dashes."]})
    fields = front_matter(found[1])
    wanted = SkillText(
        name=_text(fields, "name"),
        description=_text(fields, "description"),
        body=text[found.end() :],
        tags=_words(fields, "tags"),
        roles=_words(fields, "roles"),
        rules=_rules(fields),
    )
    return checked(wanted)


def front_matter(source: str) -> dict[str, Any]:
    """The fields of a front matter: a flat mapping of known names. Raises BadSkill for anything else."""
    if len(source) > FRONT_LENGTH:
        raise BadSkill({"body": [f"The front matter has {len(source):,} characters; {FRONT_LENGTH:,} fit."]})
    try:
        depth = 0
        for event in yaml.parse(source, Loader=yaml.SafeLoader):
            is_marked = getattr(event, "anchor", None) or getattr(event, "tag", None)
            if is_marked or isinstance(event, yaml.AliasEvent):
                raise BadSkill(
                    {"body": ["The front matter may hold plain values only: no anchors (&, *), no tags (!)."]}
                )
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > FRONT_DEPTH:
                raise BadSkill({"body": ["The front matter is nested too deeply: a value is text or a list of words."]})
        fields = yaml.load(source, Loader=yaml.BaseLoader)  # texts stay texts: no dates, numbers or booleans
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "it cannot be read"
        raise BadSkill({"body": [f"The front matter is no YAML{where}: {problem}."]}) from error
    if not isinstance(fields, dict):
        raise BadSkill({"body": ["The front matter must be lines of the form “name: value”."]})
    if unknown := [str(name) for name in fields if name not in FIELDS]:
        listed = ", ".join(name[:40] for name in unknown[:5])
        raise BadSkill({"body": [f"The front matter may hold {', '.join(FIELDS)}; nobody knows {listed}."]})
    return fields


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name) or ""
    if not isinstance(value, str):
        raise BadSkill({name: [f"“{name}” in the front matter must be text."]})
    return value


def _words(fields: dict[str, Any], name: str) -> tuple[str, ...]:
    value = fields.get(name) or []
    if isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise BadSkill({name: [f"“{name}” in the front matter must be a list of words."]})
    return tuple(word.strip() for word in value if word.strip())


def _rules(fields: dict[str, Any]) -> BrandRules:
    rules = checks.rules_of(fields)
    wanted = {name: fields[name] for name in RULES if fields.get(name)}
    if "reading_ease" in wanted and rules.reading_ease is None:
        raise BadSkill({"body": ["“reading_ease” in the front matter is a whole number from 0 to 100."]})
    for name, kept in (("banned", rules.banned), ("required", rules.required)):
        value = wanted.get(name, [])
        phrases = value if isinstance(value, list) else [value]
        if not all(isinstance(phrase, str) and len(phrase) <= checks.RULE_LENGTH for phrase in phrases):
            raise BadSkill({"body": [f"“{name}” in the front matter must be a list of words or short phrases."]})
        if len(phrases) > checks.MOST_RULES or (phrases and not kept):
            raise BadSkill({"body": [f"“{name}” in the front matter holds {checks.MOST_RULES} phrases at most."]})
    return rules


def checked(wanted: SkillText) -> SkillText:
    """The skill with its lines unified and its lists without repetitions. Raises BadSkill with all that is wrong."""
    tidy = SkillText(
        name=wanted.name.strip(),
        description=" ".join(wanted.description.split()),
        body=unify(wanted.body).strip(),
        tags=tuple(dict.fromkeys(tag.strip().lower() for tag in wanted.tags)),
        roles=tuple(sorted(set(wanted.roles))),
        rules=wanted.rules,
    )
    errors = {
        "name": list(_name_problems(tidy.name)),
        "description": list(_description_problems(tidy.description)),
        "tags": list(_tag_problems(tidy.tags)),
        "roles": [f"There is no agent “{role[:60]}”." for role in tidy.roles if role not in SKILL_ROLES][:5],
        "body": list(_body_problems(tidy.body)),
    }
    if problems := {name: sentences for name, sentences in errors.items() if sentences}:
        raise BadSkill(problems)
    return tidy


def _name_problems(name: str) -> Iterable[str]:
    if not name:
        yield "Give it a name, such as brand-voice."
    elif len(name) > NAME_LENGTH or not KEBAB.fullmatch(name):
        yield f"Lower-case words with hyphens between them, {NAME_LENGTH} characters at most, such as brand-voice."
    elif name in RESERVED:
        yield "This name belongs to the client's context file, which is edited under Context file."


def _description_problems(description: str) -> Iterable[str]:
    if not description:
        yield "Say when to use it, and when not: agents choose by this line."
    elif len(description) > DESCRIPTION_LENGTH:
        yield f"It has {len(description):,} characters; {DESCRIPTION_LENGTH} fit."
    if hidden := _hidden(description):
        yield hidden


def _tag_problems(tags: tuple[str, ...]) -> Iterable[str]:
    if len(tags) > TAGS:
        yield f"{len(tags)} tags; {TAGS} fit."
    for tag in tags[:TAGS]:
        if len(tag) > TAG_LENGTH or not KEBAB.fullmatch(tag):
            yield f"“{tag[:TAG_LENGTH]}” is no tag: lower-case words with hyphens between them."


def _body_problems(body: str) -> Iterable[str]:
    if not body:
        yield "Write down what the agent should know."
    elif has_front_matter(body):
        yield "Leave out the front matter: the fields beside this one hold what it says."
    elif len(body) > BODY_LENGTH:
        yield f"It has {len(body):,} characters; {BODY_LENGTH:,} fit. Agents read all of it: cut it, or make two skills."
    elif hidden := _hidden(body):
        yield hidden


def _hidden(text: str) -> str:
    for number, line in enumerate(text.split("\n"), start=1):
        if clean(line) != line:
            return f"Line {number} holds characters that cannot be seen. Type that line again instead of pasting it."
    return ""


def readable(text: str) -> str:
    """A file as Markdown that people read: the front matter stands in a block of its own."""
    text = unify(text)
    found = FENCE.match(text)
    return f"```\n{found[1]}\n```\n\n{text[found.end() :]}" if found else text


def written(skill: SkillText) -> str:
    """The whole file again, as `parse` reads it; what versions are compared by."""
    front = yaml.safe_dump(skill.front, sort_keys=False, allow_unicode=True, width=10_000, default_flow_style=None)
    return f"---\n{front}---\n\n{skill.body}\n"
