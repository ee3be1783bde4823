"""Rules of the source that a reader would otherwise have to remember."""

import ast
import re
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
PYTHON = {
    str(path.relative_to(ROOT)): path.read_text()
    for folder in ("apps", "config")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if "migrations" not in path.parts
}
TEMPLATES = {str(path.relative_to(ROOT)): path.read_text() for path in sorted((ROOT / "templates").rglob("*.html"))}
DEMO = (
    "apps/portals/browser.py",
    "apps/portals/rehearsal.py",
)  # walks through the product's own doors, as a person would
TREES = {name: ast.parse(text) for name, text in PYTHON.items()}


def places(pattern: str, *, besides: tuple[str, ...] = (), texts: dict[str, str] = PYTHON) -> list[str]:
    """Where a line fits the pattern, files that begin with one of `besides` left out."""
    found = []
    for name, text in texts.items():
        if not name.startswith(besides or ("-",)):
            found += [
                f"{name}:{n}: {line.strip()}" for n, line in enumerate(text.splitlines(), 1) if re.search(pattern, line)
            ]
    return found


def calls(names: set[str]) -> list[tuple[str, ast.Call]]:
    """(file, call) of every call of a function or method with one of these names."""
    found = []
    for file, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                if name in names:
                    found.append((file, node))
    return found


def test_a_status_is_assigned_by_a_move_only():
    assigned = []
    for file, tree in TREES.items():
        for node in ast.walk(tree):
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            for target in targets if isinstance(node, (ast.Assign, ast.AugAssign)) else ():
                flat = target.elts if isinstance(target, ast.Tuple) else [target]
                assigned += [
                    f"{file}:{node.lineno}"
                    for one in flat
                    if isinstance(one, ast.Attribute)
                    and one.attr in ("status", "outreach_status")
                    and not (isinstance(one.value, ast.Name) and one.value.id in ("self", "response", "cls"))
                ]

    assert assigned == []


def test_no_bulk_write_names_a_status():
    named = [
        f"{file}:{call.lineno}"
        for file, call in calls({"update", "bulk_update"})
        if any(keyword.arg == "status" for keyword in call.keywords) and file != "apps/shared/transitions.py"
    ]

    assert named == []


@pytest.mark.parametrize(
    ("pattern", "besides"),
    [
        (r"\bform\.save\(", ()),
        (r"\bserializer\.save\(", ()),
        (r"def perform_(create|update|destroy)\b", ()),
        (r"\.(delay|apply_async)\(", ()),
        (r"\bsend_task\(", ("config/celery.py",)),
        pytest.param(
            r"^\s*(from|import) (pymongo|bson|boto3|botocore)\b",
            ("apps/storage/", "config/settings/"),
            marks=pytest.mark.acceptance("MISC-layout"),
        ),
        (r"^\s*(from|import) (anthropic|openai|ollama)\b", ("apps/activities/adapters/",)),
        (
            r"\b(httpx2?|requests|urllib3|aiohttp)\.(get|post|request|Client|Session)\b",
            ("apps/shared/egress.py", *DEMO),
        ),
        (r"\.(extra|RawSQL)\(", ()),
        (r"shell=True|\beval\(|\bexec\(|\bpickle\b", ()),
        (r"@receiver|post_save|pre_save\.connect|post_save\.connect", ()),
        (r"\bpg_advisory_lock\b", ("apps/shared/management/commands/migrate.py",)),
        (r"\bmark_safe\((?!\"\"\))|\bSafeString\(|\bSafeText\(", ("apps/portals/markup.py",)),
        (r"\bprint\(", ()),
        (r"(^|\s)(from|import) (sandbox|devstack|tests)\b", ()),
    ],
)
def test_a_habit_that_is_banned_is_nowhere(pattern, besides):
    assert places(pattern, besides=besides) == []


# They build walls, views and repairs of tables from the models; names are quoted, and no request reaches them.
SQL_FROM_THE_MODELS = ("apps/shared/", "apps/activities/queries.py", "apps/activities/migrations/")


@pytest.mark.acceptance("PERF-no-raw-sql")
def test_sql_is_a_constant_with_parameters():
    built = []
    for file, call in calls({"execute", "executemany", "raw", "mogrify"}):
        statement = call.args[0] if call.args else None
        is_constant = isinstance(statement, (ast.Constant, ast.Name, ast.Attribute))
        if statement is not None and not is_constant and not file.startswith(SQL_FROM_THE_MODELS):
            built.append(f"{file}:{call.lineno}")

    assert built == []


@pytest.mark.acceptance("PERF-no-offset")
def test_no_list_is_cut_by_an_offset():
    offsets = []
    for file, tree in TREES.items():
        if not re.search(r"/(views|api|queries|access)(/|\.py)", file):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
                first, last = node.slice.lower, node.slice.upper
                if first and last and not isinstance(first, ast.Constant):  # rows[start:end], which is OFFSET
                    offsets.append(f"{file}:{node.lineno}")

    assert offsets == []
    assert places(r"\bOFFSET\s+[%\d]") == []
    assert places(r"\bPaginator\b", besides=("apps/storage/",)) == []


def test_no_template_trusts_text():
    assert places(r"\|\s*safe\b|autoescape off|\|\s*safeseq", texts=TEMPLATES) == []


def test_leaving_tenancy_always_says_why():
    without = [
        f"{file}:{call.lineno}"
        for file, call in calls({"every_tenant"})
        if [keyword.arg for keyword in call.keywords] != ["reason"]
        or not isinstance(call.keywords[0].value, ast.Constant)
        or len(call.keywords[0].value.value) < 10
    ]

    assert without == []


@pytest.mark.acceptance("SEC-tenant-filter")
def test_a_scope_is_entered_in_the_doors_only():
    elsewhere = [
        f"{file}:{call.lineno}"
        for file, call in calls({"tenant_scope"})
        if not file.startswith(("apps/tenants/doors/", "apps/shared/")) and (call.args or call.keywords)
    ]

    assert elsewhere == []  # an empty scope, in which there is nothing, may be entered anywhere


def imported(tree: ast.Module) -> set[str]:
    """Every module and name an import statement mentions, in its parts."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            module = getattr(node, "module", None) or ""
            found.update(part for name in [module, *(alias.name for alias in node.names)] for part in name.split("."))
    return found


def test_what_calls_out_knows_no_rows_and_no_transaction():
    knowing = {
        name: sorted(imported(tree) & {"models", "operations", "queries", "transaction", "connection"})
        for name, tree in TREES.items()
        if name.endswith("/outside.py") or "/adapters/" in name or "/platforms/" in name
    }

    assert {name: known for name, known in knowing.items() if known} == {}
    assert len(knowing) > 8


def test_operations_touch_no_network():
    for name, tree in TREES.items():
        if re.search(r"/operations(/|\.py)", name):
            assert not imported(tree) & {"egress", "outside", "adapters", "httpx2", "tasks"}, name


@pytest.mark.parametrize("verb", ["create", "bulk_create", "get_or_create", "update_or_create", "bulk_update"])
def test_rows_are_written_in_operations_only(verb):
    may = re.compile(
        r"apps/(shared|storage)/|/operations(/|\.py)|apps/tenants/(doors|sign_in)|/management/commands/|/engine/|/seeds"
    )
    written = [
        f"{file}:{call.lineno}"
        for file, call in calls({verb})
        if isinstance(call.func, ast.Attribute)
        and getattr(call.func.value, "attr", "") in ("objects", "with_deleted", "_default_manager", "_base_manager")
        and not may.search(file)
    ]

    assert written == []


def test_no_import_of_our_own_hides_in_a_function():
    hidden = []
    for file, tree in TREES.items():
        for function in ast.walk(tree):
            if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
                for node in ast.walk(function):
                    if isinstance(node, ast.ImportFrom) and (
                        node.level or (node.module or "").startswith(("apps", "config"))
                    ):
                        hidden.append(f"{file}:{node.lineno} {function.name}")

    assert [place for place in hidden if not place.startswith("config/apps.py")] == []  # models must be loaded first
