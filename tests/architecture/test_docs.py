"""The documents say what is so: generated parts are fresh, and what they name exists."""

import io
import re
import subprocess
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command, get_commands

from apps.shared.guards import records
from apps.storage.documents import COLLECTIONS
from config.management.commands.write_docs import machines

ROOT = settings.BASE_DIR
DOCUMENTS = [
    *ROOT.glob("*.md"),
    *ROOT.glob("apps/*/README.md"),
    *ROOT.glob("docs/**/*.md"),
    ROOT / "devstack/README.md",
    ROOT / "tests/README.md",
]
APPS = sorted(path.parent for path in ROOT.glob("apps/*/__init__.py"))
ADRS = sorted(path for path in ROOT.glob("docs/decisions/*.md") if path.name != "README.md")
LINK = re.compile(r"\]\(([^)\s#]+)?(?:#([\w-]+))?\)")
PATH = re.compile(
    r"`((?:apps|config|devstack|sandbox|docs|docker|templates|static|assets|tests|contracts)/[\w./-]+)(?:::(\w+))?`"
)
CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
READS_VARIABLE = re.compile(r"\benv(?:\.\w+)?\(\s*[\"']([A-Z][A-Z0-9_]+)[\"']")
FOREIGN = {
    "a path of somebody's machine": re.compile(
        r"(?<![\w.])/(?:work|home|root|Users|mnt)/[\w.-]|/tmp/[\w.-]+(?:\.\w+|/)"
    ),
    "a package index": re.compile(
        r"pypi\.org|pythonhosted|registry\.npmjs|index-url|artifactory|nexus/repository", re.IGNORECASE
    ),
    "how it was made": re.compile(
        r"transcript|(?:coding|agent|helper|earlier|previous) session\b(?! of\b)|subagent|Co-Authored-By", re.IGNORECASE
    ),
    "an issue's number": re.compile(r"\b(?:issue|pull request|PR) #?\d+|\(#\d+\)", re.IGNORECASE),
}


def tracked_texts():
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        if path == Path(__file__):  # it has to name what it looks for
            continue
        if path.is_file() and path.suffix not in (".woff2", ".png", ".jpg", ".ico", ".lock"):
            yield name, path.read_text(errors="replace")


def anchors(path):
    return {
        re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-")
        for heading in HEADING.findall(path.read_text())
    }


def test_generated_parts_are_what_the_code_says():
    said = io.StringIO()
    call_command("write_docs", check=True, stdout=said)
    assert said.getvalue() == "  Documents: up to date.\n"


def test_a_stale_part_is_found_and_left_as_it_is(tmp_path, settings):
    for folder in ("docs/rules", "docs/decisions"):
        (tmp_path / folder).mkdir(parents=True)
    for page in (ROOT / "docs/rules").glob("*.md"):
        (tmp_path / "docs/rules" / page.name).write_text(page.read_text())
    settings.BASE_DIR = tmp_path
    call_command("write_docs", check=True, stdout=io.StringIO())
    page = tmp_path / "docs/rules/approvals.md"
    stale = page.read_text().replace("pending --> approved: approve", "pending --> approved: wave_through")
    page.write_text(stale)
    with pytest.raises(CommandError, match="docs/rules/approvals.md"):
        call_command("write_docs", check=True, stdout=io.StringIO())
    assert page.read_text() == stale
    call_command("write_docs", stdout=io.StringIO())
    assert page.read_text() == (ROOT / "docs/rules/approvals.md").read_text()


def test_every_status_has_a_page_with_its_machine():
    pages = {path.stem for path in (ROOT / "docs/rules").glob("*.md")} - {"README"}
    assert pages == set(machines())
    for table in pages:
        assert f"<!-- generated: moves {table} -->" in (ROOT / f"docs/rules/{table}.md").read_text()


def test_every_table_and_collection_has_its_place():
    said = {page: (ROOT / f"docs/database/{page}.md").read_text() for page in ("postgresql", "mongodb")}

    assert [m._meta.db_table for m in records() if f"### `{m._meta.db_table}`\n" not in said["postgresql"]] == []
    assert [d.collection for d in COLLECTIONS if f"## `{d.collection}`\n" not in said["mongodb"]] == []


def test_every_make_command_that_is_named_exists():
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z0-9]+):.*##", makefile, re.MULTILINE))
    code = "\n".join(part for path in DOCUMENTS for part in CODE.findall(path.read_text()))
    named = set(re.findall(r"\bmake ([a-z0-9]+)", code))
    readme = set(re.findall(r"`make ([a-z0-9]+)`", (ROOT / "README.md").read_text()))
    assert {"up", "test", "demo", "check", "e2e", "chaos"} <= readme
    assert named <= targets
    assert readme == targets - {"help"}


def test_every_django_command_that_is_named_exists():
    named = {name for path in DOCUMENTS for name in re.findall(r"manage\.py ([a-z_]+)", path.read_text())}
    assert named and named <= set(get_commands())


def test_every_file_and_function_that_is_named_exists():
    missing = []
    for path in DOCUMENTS:
        for name, function in PATH.findall(path.read_text()):
            target = ROOT / name
            if not target.exists():
                missing.append(f"{path.relative_to(ROOT)}: {name}")
            elif function and not re.search(
                rf"^\s*(?:def|class) {function}\b|^{function}\b.*=", target.read_text(), re.MULTILINE
            ):
                missing.append(f"{path.relative_to(ROOT)}: {name}::{function}")
    assert missing == []


def test_every_link_leads_somewhere():
    dead = []
    for path in DOCUMENTS:
        for target, anchor in LINK.findall(path.read_text()):
            if target.startswith(("http:", "https:")):
                continue
            there = (path.parent / target).resolve() if target else path
            if not there.exists() or (anchor and there.suffix == ".md" and anchor not in anchors(there)):
                dead.append(f"{path.relative_to(ROOT)}: {target}#{anchor}")
    assert dead == []


def test_every_decision_stands_in_the_index_under_its_title():
    index = (ROOT / "docs/decisions/README.md").read_text()
    assert [path.name[:4] for path in ADRS] == [f"{number:04d}" for number in range(1, len(ADRS) + 1)]
    for path in ADRS:
        number, title = re.match(r"# (\d+)\. (.+)", path.read_text()).groups()
        assert (
            path.name
            == f"{int(number):04d}-{re.sub(r'[^a-z0-9]+', '-', title.lower().replace(chr(39), '')).strip('-')}.md"
        )
        assert f"* [{number}. {title}]({path.name})\n" in index
        for part in ("**Context.**", "**Decision.**", "**Price.**", "**Revisit when**"):
            assert part in path.read_text(), (path.name, part)


def test_every_variable_the_settings_read_is_in_the_table_of_operations():
    sources = "".join(path.read_text() for path in (ROOT / "config/settings").glob("*.py"))
    read = set(READS_VARIABLE.findall(sources))
    told = set(re.findall(r"`([A-Z][A-Z0-9_]+)`", (ROOT / "docs/operations.md").read_text()))
    assert len(read) > 25
    assert read - told == set()


@pytest.mark.parametrize("app", APPS, ids=lambda path: path.name)
def test_every_app_says_what_it_is_for_in_half_a_page(app):
    text = (app / "README.md").read_text()
    assert text.startswith(f"# {app.name}\n")
    assert "## Who calls whom" in text
    written = re.sub(r"<!-- generated.*?<!-- end -->", "", text, flags=re.DOTALL)
    assert len(written.splitlines()) <= 50


def test_no_file_tells_of_a_machine_a_package_index_or_how_it_was_made():
    found = []
    for name, text in tracked_texts():
        for number, line in enumerate(text.splitlines(), 1):
            for what, pattern in FOREIGN.items():
                if pattern.search(line):
                    found.append(f"{name}:{number}: {what}: {line.strip()[:120]}")
    assert found == []
