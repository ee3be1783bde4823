"""Which tests say that they show a row, and whether they can: pytest collects them, and this file is its plugin.

Collecting runs in a process of its own, so that it can be asked for from within a test.
"""

import ast
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PASSED_OVER = ("skip", "skipif", "xfail")


@dataclass(frozen=True)
class Marked:
    """One test function with the rows it names; `left_out` is the marker that keeps it from failing, or ''."""

    file: str
    name: str  # with its class: TestInbox::test_rows
    rows: tuple[str, ...]
    left_out: str = ""

    @property
    def node(self) -> str:
        return f"{self.file}::{self.name}"


class CannotCollect(Exception):
    """pytest did not get through the files."""


def collect(*paths: str, root: Path = ROOT) -> list[Marked]:
    """Every marked test below the paths, parameters together. Raises CannotCollect."""
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder, "found.json")
        command = [
            *(sys.executable, "-m", "pytest", "--collect-only", "-qq", "-c", str(ROOT / "pyproject.toml")),
            *("--rootdir", str(root), "--ds=config.settings.test", "-o", "addopts=--strict-markers --strict-config"),
            "--assert=plain",
            *("-p", "no:randomly", "-p", "no:xdist", "-p", "no:cacheprovider", "-p", "tests.acceptance.collecting"),
            *("--marked-to", str(found), *paths),
        ]
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if ran.returncode or not found.exists():
            raise CannotCollect(f"{ran.stdout[-3000:]}{ran.stderr[-1000:]}".strip())
        each = [Marked(**{**said, "rows": tuple(said["rows"])}) for said in json.loads(found.read_text())]
    together: dict[tuple, dict[str, None]] = {}
    for test in each:
        together.setdefault((test.file, test.name, test.left_out), {}).update(dict.fromkeys(test.rows))
    return [Marked(file, name, tuple(rows), left_out) for (file, name, left_out), rows in sorted(together.items())]


def pytest_addoption(parser):
    parser.addoption("--marked-to", help="write the tests with an acceptance marker to this file")


def pytest_collection_finish(session):
    marked = [test for item in session.items if (test := _marked(item, session.config.rootpath)).rows]
    Path(session.config.getoption("--marked-to")).write_text(json.dumps([asdict(test) for test in marked]))


def _marked(item, root: Path) -> Marked:
    rows = [row for marker in item.iter_markers("acceptance") for row in marker.args]
    left_out = next((marker.name for marker in item.iter_markers() if marker.name in PASSED_OVER), "")
    name = item.nodeid.partition("[")[0].partition("::")[2]
    return Marked(item.path.relative_to(root).as_posix(), name, tuple(rows), left_out)


def faults(tests: list[Marked], known: set[str], *, root: Path = ROOT) -> Iterator[str]:
    """What keeps a marked test from showing its row."""
    for test in tests:
        for row in test.rows:
            if row not in known:
                yield f"{test.node} names {row}, which is no row of the list"
        function = _functions(root / test.file).get(test.name.rpartition("::")[2])
        skips = function is not None and any(_called(node) in PASSED_OVER for node in ast.walk(function))
        if test.left_out or skips:
            yield f"{test.node} shows nothing: {test.left_out or 'it may skip itself'}"
        if function is None or not _asserts(function, root / test.file, root):
            yield f"{test.node} shows nothing: it asserts nothing"


@cache
def _functions(path: Path) -> dict[str, ast.AST]:
    """All functions of a file by name, methods too."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name: node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, functions)}


@cache
def _shared(root: Path) -> dict[str, tuple[ast.AST, Path]]:
    """Functions that tests take from elsewhere: fixtures of the conftests, and helpers of modules without tests."""
    files = [path for path in sorted((root / "tests").rglob("*.py")) if not path.name.startswith("test_")]
    return {name: (function, path) for path in files for name, function in _functions(path).items()}


def _asserts(function: ast.AST, path: Path, root: Path, seen: frozenset[str] = frozenset()) -> bool:
    """It has an assert, pytest.raises or pytest.fail, or calls a function of the suite that has."""
    for node in ast.walk(function):
        name = _called(node)
        if isinstance(node, ast.Assert) or name in ("raises", "fail"):
            return True
        if name and name not in seen:
            helper, home = _functions(path).get(name), path
            if helper is None:
                helper, home = _shared(root).get(name, (None, path))
            if helper is not None and helper is not function and _asserts(helper, home, root, seen | {name}):
                return True
    return False


def _called(node: ast.AST) -> str:
    """The name of what a call calls: `f` of f(…), and of pytest.f(…); methods of other things are not looked into."""
    if not isinstance(node, ast.Call):
        return ""
    if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
        return node.func.attr if node.func.value.id == "pytest" else ""
    return node.func.id if isinstance(node.func, ast.Name) else ""
