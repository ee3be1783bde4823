"""The page that tells what shows each row: what cannot show anything is refused, and the page is compared."""

import pytest

from tests.acceptance import page, rows
from tests.acceptance.collecting import CannotCollect, Marked, collect, faults

PLANTED = """
import pytest
from tests.planted_helpers import expect_one, say_one

shows = pytest.mark.acceptance

@shows("ROW-1", "ROW-2")
def test_sound():
    assert 1

@shows("ROW-1")
def test_refusal():
    with pytest.raises(ValueError):
        int("one")

@shows("ROW-1")
def test_by_a_helper():
    expect_one()

@shows("ROW-1")
def test_by_a_fixture(checked):
    checked()

@pytest.mark.parametrize("n", [1, pytest.param(2, marks=shows("ROW-2"))])
def test_with_parameters(n):
    assert n

class TestGroup:
    @shows("ROW-1")
    def test_in_a_class(self):
        assert 1

def test_without_a_marker():
    pass

@shows("ROW-9")
def test_unknown():
    assert 1

@shows("ROW-1")
def test_assertion_free():
    say_one()

@pytest.mark.skip
@shows("ROW-1")
def test_skipped():
    assert 1

@pytest.mark.xfail
@shows("ROW-1")
def test_failing():
    assert 0

@shows("ROW-1")
def test_skips_itself():
    pytest.skip("not today")
    assert 1

@shows("ROW-1")
@pytest.mark.parametrize("n", [])
def test_of_nothing(n):
    assert 1
"""
HELPERS = "def expect_one():\n    assert 1\n\ndef say_one():\n    return 1\n"
FIXTURES = "import pytest\n\n@pytest.fixture\ndef checked():\n    def check():\n        assert 1\n    return check\n"


@pytest.fixture
def planted(tmp_path):
    folder = tmp_path / "tests"
    folder.mkdir()
    (folder / "test_planted.py").write_text(PLANTED.replace("from tests.planted_helpers", "from planted_helpers"))
    (folder / "planted_helpers.py").write_text(HELPERS)
    (folder / "conftest.py").write_text(FIXTURES)
    return tmp_path


@pytest.mark.acceptance("TEST-marker")
def test_a_marker_that_can_show_nothing_is_named(planted):
    found = collect(str(planted / "tests"), root=planted)

    assert [(test.name, test.rows) for test in found] == [
        ("TestGroup::test_in_a_class", ("ROW-1",)),
        ("test_assertion_free", ("ROW-1",)),
        ("test_by_a_fixture", ("ROW-1",)),
        ("test_by_a_helper", ("ROW-1",)),
        ("test_failing", ("ROW-1",)),
        ("test_of_nothing", ("ROW-1",)),
        ("test_refusal", ("ROW-1",)),
        ("test_skipped", ("ROW-1",)),
        ("test_skips_itself", ("ROW-1",)),
        ("test_sound", ("ROW-1", "ROW-2")),
        ("test_unknown", ("ROW-9",)),
        ("test_with_parameters", ("ROW-2",)),
    ]
    at = "tests/test_planted.py::test_"
    assert list(faults(found, {"ROW-1", "ROW-2"}, root=planted)) == [
        f"{at}assertion_free shows nothing: it asserts nothing",
        f"{at}failing shows nothing: xfail",
        f"{at}of_nothing shows nothing: skip",
        f"{at}skipped shows nothing: skip",
        f"{at}skips_itself shows nothing: it may skip itself",
        f"{at}unknown names ROW-9, which is no row of the list",
    ]


def test_files_that_cannot_be_collected_are_no_empty_list(planted):
    (planted / "tests/test_broken.py").write_text("import nothing_of_this_name\n")

    with pytest.raises(CannotCollect, match="nothing_of_this_name"):
        collect(str(planted / "tests"), root=planted)


LISTED = {name: rows.Row(name, "C", "so") for name in ("ROW-1", "ROW-2", "ROW-3")}
TESTS = {"ROW-1": [Marked("tests/test_planted.py", f"test_{n}", ("ROW-1",)) for n in range(5)]}
HELD = {"ROW-2": ["walls"]}


def test_a_row_names_its_tests_its_rules_or_nothing(monkeypatch):
    monkeypatch.setattr(page, "SECTIONS", {"C": "Conventions"})
    monkeypatch.setattr(page, "REQUIRED", set())

    lines = page.page(LISTED, TESTS, HELD).splitlines()

    node = "`tests/test_planted.py::test_"
    assert lines[-3:] == [
        f"| `ROW-1` | so | {node}0`<br>{node}1`<br>{node}2`<br>and 2 more |",
        "| `ROW-2` | so | check_schema: walls |",
        "| `ROW-3` | so | — |",
    ]
    assert "| C | Conventions | 3 | 2 |  |" in lines


def test_a_required_section_wants_every_row_shown():
    assert list(page.lacking({"C"}, LISTED, TESTS, HELD)) == ["ROW-3 is not shown, and section C is required"]
    assert list(page.lacking({"D"}, LISTED, TESTS, HELD)) == []


def test_a_page_that_says_something_else_is_stale(tmp_path):
    path = tmp_path / "acceptance.md"
    assert list(page.stale(path, "new\n")) == ["acceptance.md is stale. Run: python -m tests.acceptance"]

    path.write_text("old\n")
    assert len(list(page.stale(path, "new\n"))) == 1
    assert list(page.stale(path, "old\n")) == []


def test_the_list_is_sound():
    listed = rows.listed()

    assert {row.section for row in listed.values()} == set(rows.SECTIONS)
    assert set(rows.REQUIRED) <= set(rows.SECTIONS)
    assert rows.held().keys() <= listed.keys() | rows.names().keys()
    assert rows.pairs("a b > c; c > d e") == {("a", "c"), ("b", "c"), ("c", "d"), ("c", "e")}
