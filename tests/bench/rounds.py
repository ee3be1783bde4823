"""Rounds: the product and its floor alternate on the same rows, so that only their ratio is read."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

DRIFT = 0.25  # a round whose floor is further than this from the floor's median says more about the machine


def nothing() -> None:
    pass


@dataclass(frozen=True)
class Pair:
    """What is compared. Each side does its work once and answers how many things it did; `prepare` is not timed.

    `check` compares the answers and raises AssertionError: a fast wrong answer is no result.
    """

    name: str
    floor_name: str
    product: Callable[[], int]
    floor: Callable[[], int]
    check: Callable[[], None]
    prepare: Callable[[], None] = nothing
    note: str = ""


@dataclass(frozen=True)
class Result:
    pair: Pair
    rounds: int  # that count
    dropped: int
    product: float  # median, things per second
    floor: float
    ratio: float  # median of the rounds' product/floor


def measure(pair: Pair, rounds: int) -> Result:
    """Check once, warm up once, then `rounds` rounds; who begins changes every time."""
    pair.prepare()
    pair.check()
    rates: list[tuple[float, float]] = []
    for number in range(rounds + 1):
        sides = {"product": pair.product, "floor": pair.floor}
        found = {}
        for side in sorted(sides, reverse=number % 2 == 0):
            pair.prepare()
            began = time.perf_counter()
            done = sides[side]()
            found[side] = done / (time.perf_counter() - began)
        if number:
            rates.append((found["product"], found["floor"]))
    middle = median(floor for _, floor in rates)
    kept = [rate for rate in rates if abs(rate[1] / middle - 1) <= DRIFT] or rates
    return Result(
        pair,
        rounds=len(kept),
        dropped=len(rates) - len(kept),
        product=median(product for product, _ in kept),
        floor=median(floor for _, floor in kept),
        ratio=median(product / floor for product, floor in kept),
    )


def table(results: list[Result]) -> str:
    """All results as text, one line each."""
    head = ("what", "per second", "floor", "per second", "ratio", "rounds", "")
    lines = [head]
    for result in results:
        dropped = f" (-{result.dropped})" if result.dropped else ""
        lines.append(
            (
                result.pair.name,
                f"{result.product:,.0f}",
                result.pair.floor_name,
                f"{result.floor:,.0f}",
                f"{result.ratio:.2f}",
                f"{result.rounds}{dropped}",
                result.pair.note,
            )
        )
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    right = {1, 3, 4, 5}
    return "\n".join(
        "  ".join(
            text.rjust(width) if n in right else text.ljust(width)
            for n, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
