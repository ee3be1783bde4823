"""Skills for tests. MongoDB keeps what a test wrote when PostgreSQL forgets it, so every test has names of its own."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.utils import timezone

from apps.activities import operations
from apps.activities.skill_files import SkillText
from apps.activities.skill_library import SkillVersion
from apps.shared.actors import Actor
from apps.shared.ids import new_id, spell
from apps.shared.scoping import tenant_scope
from apps.storage import clients

SYSTEM = Actor.system("tests")


def a_name(word: str = "skill") -> str:
    """A name that no other test has."""
    return f"{word}-{spell(new_id()).lower()}"


def a_text(name: str, **changes) -> SkillText:
    values = {"description": f"About {name}. Not for others.", "body": f"What to know about {name}."}
    return SkillText(name, **values | changes)


def own_skill(name: str, **changes) -> SkillVersion:
    """A skill of the client in scope."""
    return operations.add_skill(a_text(name, **changes), is_global=False, by=SYSTEM, at=timezone.now())


def global_skill(name: str, **changes) -> SkillVersion:
    with tenant_scope():
        return operations.add_skill(a_text(name, **changes), is_global=True, by=SYSTEM, at=timezone.now())


@contextmanager
def names_that_go() -> Iterator[list[str]]:
    """Names whose skills, of whomever, are gone afterwards."""
    names: list[str] = []
    try:
        yield names
    finally:
        clients.database()["skills"].delete_many({"name": {"$in": names}})
