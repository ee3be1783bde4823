"""docs/acceptance.md."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from config.markdown import as_table

from .collecting import Marked
from .rows import REQUIRED, SECTIONS, Row

FIRST = 3
HEAD = """# What shows that it holds

Every row of the acceptance list, what is expected, and what shows it: tests that carry
`@pytest.mark.acceptance("ROW")`, and parts of `check_schema`, which compares the stores with the models and the
specification. "—" stands where nothing shows the row yet. `python -m tests.acceptance` writes this page; `make check`
fails when it is stale, when a test names an unknown row, is skipped or asserts nothing, and when a row of a required section
is not shown.
"""


def page(rows: dict[str, Row], tests: dict[str, list[Marked]], held: dict[str, list[str]]) -> str:
    """The whole page. `tests` and `held` say by row what shows it."""
    lines = [HEAD, *as_table("section title rows shown required", [_summary(s, rows, tests, held) for s in SECTIONS])]
    for section, title in SECTIONS.items():
        own = [row for row in rows.values() if row.section == section]
        lines += ["", f"## {section}. {title}", ""]
        lines += _columns(own, tests, held) if section == "B" else _rows(own, tests, held)
    return "\n".join([*lines, ""])


def shown(section: str, rows, tests, held) -> tuple[int, int]:
    """(rows that something shows, rows) of a section."""
    own = [name for name, row in rows.items() if row.section == section]
    return sum(name in tests or name in held for name in own), len(own)


def lacking(required: set[str], rows, tests, held) -> Iterator[str]:
    """Rows of required sections that nothing shows."""
    for row in rows.values():
        if row.section in required and row.name not in tests and row.name not in held:
            yield f"{row.name} is not shown, and section {row.section} is required"


def stale(path: Path, text: str) -> Iterator[str]:
    if not path.exists() or path.read_text() != text:
        yield f"{path.name} is stale. Run: python -m tests.acceptance"


def _summary(section: str, rows, tests, held) -> list[str]:
    done, of = shown(section, rows, tests, held)
    return [section, SECTIONS[section], str(of), str(done), "yes" if section in REQUIRED else ""]


def _rows(own: list[Row], tests, held) -> list[list[str]]:
    return as_table("row expected shown", [[f"`{r.name}`", r.expected, _by([r.name], tests, held)] for r in own])


def _columns(own: list[Row], tests, held) -> list[str]:
    """One line a table: hundreds of columns in a row tell nobody anything."""
    tables = defaultdict(list)
    for row in own:
        tables[row.name.partition(".")[0]].append(row.name)
    lines = []
    for table, names in sorted(tables.items()):
        missing = [f"`{name.partition('.')[2]}`" for name in names if name not in tests and name not in held]
        lines.append([f"`{table}`", str(len(names)), ", ".join(missing) or "", _by(names, tests, held)])
    return as_table("table columns missing shown", lines)


def _by(names: list[str], tests, held) -> str:
    rules = dict.fromkeys(part for name in names for part in held.get(name, []))
    nodes = list(dict.fromkeys(test.node for name in names for test in tests.get(name, [])))
    said = [f"check_schema: {', '.join(rules)}"] if rules else []
    said += [f"`{node}`" for node in nodes[:FIRST]]
    if len(nodes) > FIRST:
        said.append(f"and {len(nodes) - FIRST} more")
    return "<br>".join(said) or "—"
