"""`make bench`: what the product does in a second, as a ratio to what stands below it."""

import argparse
import os
import platform
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import django
from django.db import connection, connections

django.setup()

from tests.bench import data, functions, stores  # noqa: E402 (models need the set-up)
from tests.bench.rounds import measure, table  # noqa: E402

SHALLOW, DEEP = 100, 2_000  # steps that are due


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a fifth of the data and three rounds, in about a minute")
    quick = parser.parse_args().quick or bool(os.environ.get("QUICK"))
    rounds, rows, claims, planned, pages, calls = (
        (3, 20_000, 10, 25, 50, 10_000) if quick else (5, 100_000, 20, 100, 100, 40_000)
    )
    began = time.monotonic()
    with data.bench_database(), ThreadPoolExecutor(2) as pool:
        results = []
        together = Barrier(2)  # so that each thread closes its own connections, and none closes for both

        def add(pair) -> None:
            results.append(measure(pair, rounds))
            print(f"  {time.monotonic() - began:6.1f} s  {pair.name}", file=sys.stderr, flush=True)

        try:
            add(functions.opening(calls))
            add(functions.ids(calls))
            big, middle, small = data.clients("big", 1), data.clients("middle", 20), data.clients("small", 1)
            data.finished_work([*big * len(middle), *middle], rows // 2 // len(middle))
            data.finished_work(small, 40)
            data.analyse()
            add(stores.list_page(f"first, client with 40 of {rows:,} rows", small[0], after=0, pages=pages))
            add(stores.list_page(f"first, client with {rows // 2:,} rows", big[0], after=0, pages=pages))
            add(
                stores.list_page(
                    f"deep, client with {rows // 2:,} rows", big[0], after=rows // 2 * 9 // 10, pages=pages
                )
            )
            due = data.clients("due", 10)
            data.due_work(due, SHALLOW // len(due))
            for workers in (1, 2):
                add(stores.claims(pool, workers=workers, due=SHALLOW, per_worker=claims))
            data.as_owner("DELETE FROM activity_runs")
            data.as_owner("DELETE FROM activity_leases")
            data.as_owner("DELETE FROM activities WHERE assignee_agent_role = %(role)s", role=data.ROLE)
            data.as_owner("DELETE FROM agent_configs")
            data.due_work(due, DEEP // len(due))
            for workers in (1, 2):
                add(stores.claims(pool, workers=workers, due=DEEP, per_worker=claims))
            data.as_owner("DELETE FROM activity_runs")
            data.as_owner("DELETE FROM activity_leases")
            data.as_owner("DELETE FROM activities WHERE assignee_agent_role = %(role)s", role=data.ROLE)
            data.pipeline()
            for with_order in (False, True):
                kind = "ordered" if with_order else "planned"
                promised = data.clients(kind, planned * (rounds + 3))  # one more to check, and one that is left over
                data.analyse()
                add(stores.planner(promised, per_round=planned, with_order=with_order))
            with connection.cursor() as cursor:
                cursor.execute("SHOW server_version")
                (server,) = cursor.fetchone()
        finally:
            list(pool.map(lambda _: (together.wait(30), connections.close_all()), range(2)))
    print(table(results))
    print(
        f"\n{os.cpu_count()} cores, Python {platform.python_version()}, Django {django.__version__}, PostgreSQL {server}; "
        f"{rounds} rounds after one to warm up, {time.monotonic() - began:.0f} s. "
        "A round whose floor drifted by more than a quarter is dropped (-n)."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
