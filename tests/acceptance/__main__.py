"""Write docs/acceptance.md, or look with --check; both refuse markers that show nothing."""

import argparse
import os
import sys
from collections import defaultdict

os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings.test"

import django

django.setup()

from . import page, rows  # noqa: E402  (models are loaded first)
from .collecting import ROOT, CannotCollect, Marked, collect, faults  # noqa: E402

PAGE = ROOT / "docs/acceptance.md"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.acceptance", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 when the page is stale")
    parser.add_argument("--require", default="", metavar="A,B", help="sections to require beside those of the list")
    arguments = parser.parse_args()
    try:
        marked = collect("tests")
    except CannotCollect as error:
        print(error)
        return 1
    listed, meant, held = rows.listed(), rows.names(), rows.held()
    wrong = [*faults(marked, set(meant)), *rows.differing_moves()]
    by_row: dict[str, list[Marked]] = defaultdict(list)
    for test in marked:
        for name in test.rows:
            by_row[meant.get(name, name)].append(test)
    required = {*rows.REQUIRED, *filter(None, arguments.require.split(","))}
    wrong += [f"{section} is no section" for section in sorted(required - rows.SECTIONS.keys())]
    wrong += page.lacking(required, listed, by_row, held)
    text = page.page(listed, by_row, held)
    if arguments.check:
        wrong += page.stale(PAGE, text)
    else:
        PAGE.write_text(text)
    print("\n".join(wrong) or _how_far(listed, by_row, held))
    return int(bool(wrong))


def _how_far(listed, by_row, held) -> str:
    """Shown of all rows, by section."""
    counts = [(section, *page.shown(section, listed, by_row, held)) for section in rows.SECTIONS]
    return "  Acceptance, rows shown: " + " · ".join(f"{section} {done}/{of}" for section, done, of in counts)


if __name__ == "__main__":
    sys.exit(main())
