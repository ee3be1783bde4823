"""`make bench`: what the product does in a second, as a ratio to what stands below it; a whole month; exact sums."""

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

from tests.bench import data, functions, money, noop, stores  # noqa: E402 (models need the set-up)
from tests.bench.rounds import measure, table  # noqa: E402

SHALLOW, DEEP = 100, 2_000  # steps that are due
PARTS = ("functions", "lists", "claims", "planner", "month", "money")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a fifth of the data and three rounds, in about a minute")
    parser.add_argument("--only", choices=PARTS, action="append", help="this part; several times for several")
    parser.add_argument("--clients", type=int, help="so many are planned at once in the part `month` (1,000)")
    parser.add_argument("--calls", type=int, help="so many model calls in the part `money` (10,000)")
    asked = parser.parse_args()
    quick, parts = asked.quick or bool(os.environ.get("QUICK")), asked.only or PARTS
    rounds, rows, claims, planned, pages, calls, month, model_calls = (
        (3, 20_000, 10, 25, 50, 10_000, 200, 1_000) if quick else (5, 100_000, 40, 100, 100, 40_000, 1_000, 10_000)
    )
    began = time.monotonic()
    with data.bench_database(), ThreadPoolExecutor(2) as pool:
        results, told = [], []
        together = Barrier(2)  # so that each thread closes its own connections, and none closes for both

        def add(pair) -> None:
            results.append(measure(pair, rounds))
            say(f"{pair.name}; {pair.floor_name}")

        def say(what: str) -> None:
            print(f"  {time.monotonic() - began:6.1f} s  {what}", file=sys.stderr, flush=True)

        try:
            if "functions" in parts:
                add(functions.opening(calls))
                add(functions.ids(calls))
            big, middle, small = data.clients("big", 1), data.clients("middle", 20), data.clients("small", 1)
            data.finished_work([*big * len(middle), *middle], rows // 2 // len(middle))
            data.finished_work(small, 40)
            data.analyse()
            if "lists" in parts:
                add(stores.list_page(f"first, client with 40 of {rows:,} rows", small[0], after=0, pages=pages))
                name = f"client with {rows // 2:,} rows"
                add(stores.list_page(f"first, {name}", big[0], after=0, pages=pages))
                add(stores.list_page(f"deep, {name}", big[0], after=rows // 2 * 9 // 10, pages=pages))
            if "claims" in parts:
                due = data.clients("due", 10)
                below, bare_queue, celery = stores.CLAIM_FLOORS
                for depth in (SHALLOW, DEEP):
                    data.due_work(due, depth // len(due))
                    for workers, floor in ((1, below), (2, below), (2, bare_queue)):
                        add(stores.claims(pool, workers=workers, due=depth, per_worker=claims, floor=floor))
                    if depth == SHALLOW:
                        with noop.celery_worker():
                            add(stores.claims(pool, workers=2, due=depth, per_worker=claims, floor=celery))
                    data.work_is_gone()
            if "money" in parts:
                told.append(money.spend(asked.calls or model_calls))
                say(told[-1])
                data.work_is_gone()
            data.pipeline()
            if "planner" in parts:
                for with_order in (False, True):
                    kind = "ordered" if with_order else "planned"
                    # One more to check, and one that is left over.
                    promised = data.clients(kind, planned * (rounds + 3))
                    data.analyse()
                    add(stores.planner(promised, per_round=planned, with_order=with_order))
            if "month" in parts:
                told.append(stores.whole_month(asked.clients or month))
                say(told[-1])
            with connection.cursor() as cursor:
                cursor.execute("SHOW server_version")
                (server,) = cursor.fetchone()
        finally:
            list(pool.map(lambda _: (together.wait(30), connections.close_all()), range(2)))
    if results:
        print(table(results))
    print(*told, sep="\n")
    print(
        f"\n{os.cpu_count()} cores, Python {platform.python_version()}, Django {django.__version__}, PostgreSQL {server}; "
        f"{rounds} rounds after one to warm up, {time.monotonic() - began:.0f} s. "
        "A round whose floor drifted by more than a quarter is dropped (-n)."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
