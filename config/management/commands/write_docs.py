"""The parts of the documents that follow from the code: written, or looked at with --check."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand, CommandError
from django.db import models

from apps.shared.guards import records
from apps.shared.journal import reactions
from apps.shared.transitions import Move
from apps.tenants.permissions import PERMISSIONS
from apps.tenants.statuses import Role
from config import database_docs
from config.markdown import as_table

GENERATED = re.compile(
    r"(?P<begin><!-- generated: (?P<what>\w+)(?: (?P<about>\w+))? -->\n).*?(?P<end><!-- end -->)", re.DOTALL
)
TITLE = re.compile(r"# (.+)")


class Command(BaseCommand):
    help = "Write the generated parts of the documents. With --check, change nothing and exit 1 when one is stale."
    requires_system_checks = ()

    def add_arguments(self, parser):
        parser.add_argument("--check", action="store_true", help="only look")

    def handle(self, *args, **options):
        root: Path = settings.BASE_DIR
        stale = []
        for path, text in wanted(root):
            if path.exists() and path.read_text() == text:
                continue
            stale.append(str(path.relative_to(root)))
            if not options["check"]:
                path.write_text(text)
        if options["check"] and stale:
            raise CommandError(f"Stale: {', '.join(stale)}. Run: python manage.py write_docs")
        self.stdout.write(f"  Documents: {len(stale)} written." if stale else "  Documents: up to date.")


def wanted(root: Path) -> Iterator[tuple[Path, str]]:
    """Every document with generated parts, and what it should say. A status without a page gets a bare one."""
    for table, model in machines().items():
        page = root / f"docs/rules/{table}.md"
        if not page.exists():
            yield page, filled(f"# {title_of(model)}\n\n<!-- generated: moves {table} -->\n<!-- end -->\n", root)
    for path in sorted([*root.glob("*.md"), *root.glob("apps/*/README.md"), *root.glob("docs/**/*.md")]):
        text = path.read_text()
        if GENERATED.search(text):
            yield path, filled(text, root)


def filled(text: str, root: Path) -> str:
    """The text with every generated part anew. Raises CommandError for a marker that names nothing."""

    def part(found: re.Match) -> str:
        try:
            lines = PARTS[found["what"]](root, found["about"])
        except KeyError as error:
            raise CommandError(f"There is nothing to write for {found['begin'].strip()}") from error
        return "\n".join([found["begin"], *lines, "", found["end"]])

    return GENERATED.sub(part, text)


def machines() -> dict[str, type[models.Model]]:
    """Tables with a status, each with its model."""
    return {model._meta.db_table: model for model in records() if model.moves is not None}


def title_of(model: type[models.Model]) -> str:
    return str(model._meta.verbose_name).capitalize()


def diagram(root: Path, table: str) -> list[str]:
    model = machines()[table]
    first = model._meta.get_field(model.moves.field).default
    last = [str(status) for status in model.moves.statuses if not model.moves.open_from(status)]
    head, *arrows = model.moves.as_mermaid().splitlines()
    return ["```mermaid", head, f"    [*] --> {first}", *arrows, *(f"    {status} --> [*]" for status in last), "```"]


def moves(root: Path, table: str) -> list[str]:
    model = machines()[table]
    rows = [
        [
            move.name,
            ", ".join(s for s in model.moves.statuses.values if s in move.sources),
            move.target,
            f"`{move.journal_code}`",
            then(move),
        ]
        for move in model.moves
    ]
    shown = ", ".join(f"`{value}` {label.lower()}" for value, label in model.moves.statuses.choices)
    return [
        *diagram(root, table),
        "",
        f"Statuses and what people read: {shown}.",
        "",
        *as_table("move from to journal then", rows),
    ]


def then(move: Move) -> str:
    """What `config/reactions.py` says about this move."""
    code = move.journal_code
    told = [f"together: {function.__name__}" for function in reactions.together.get(code, ())]
    told += [f"after: {consumer}" for consumer in reactions.after.get(code, ())]
    return "; ".join(told + ([f"rings {reactions.rings[code]}"] if code in reactions.rings else []))


def rules(root: Path, about: None) -> list[str]:
    return as_table(
        "page table app statuses",
        [
            [
                f"[{title_of(model)}]({table}.md)",
                f"`{table}`",
                model._meta.app_label,
                " · ".join(model.moves.statuses.values),
            ]
            for table, model in sorted(machines().items(), key=lambda item: (item[1]._meta.app_label, item[0]))
        ],
    )


def decisions(root: Path, about: None) -> list[str]:
    found = (path for path in sorted((root / "docs/decisions").glob("*.md")) if path.name[:4].isdigit())
    return [f"* [{TITLE.match(path.read_text())[1]}]({path.name})" for path in found]  # type: ignore[index]


def permissions(root: Path, about: None) -> list[str]:
    rows = [
        [f"`{what}`", *("yes" if role in allowed else "" for role in Role)] for what, allowed in PERMISSIONS.items()
    ]
    return as_table(" ".join(["permission", *Role.values]), rows)


def commands(root: Path, about: None) -> list[str]:
    ours = {name: app for name, app in get_commands().items() if app.startswith(("apps.", "config"))}
    return as_table("command help", [[f"`{name}`", load_command_class(ours[name], name).help] for name in sorted(ours)])


def relations(root: Path, app_label: str) -> list[str]:
    """The tables of an app, each with what it points to."""
    rows = []
    for model in sorted(apps.get_app_config(app_label).get_models(), key=lambda m: m._meta.db_table):
        targets = {f.related_model._meta.db_table for f in model._meta.local_fields if f.is_relation} - {
            "tenants",
            "users",
        }
        said = model.__doc__ or ""
        about = "" if said.startswith(f"{model.__name__}(") else said.partition("\n")[0]  # Django's own docstring
        rows.append([f"`{model._meta.db_table}`", about, ", ".join(sorted(targets))])
    return as_table("table holds refers", rows)


PARTS: dict[str, Callable[..., list[str]]] = {
    part.__name__: part
    for part in (diagram, moves, rules, decisions, permissions, commands, relations, *database_docs.PARTS)
}
