"""Walking a whole table in the order of its key: every page starts where the last one ended, and none is skipped."""

from collections.abc import Iterator
from typing import TypeVar

from django.db import models

Row = TypeVar("Row", bound=models.Model)
BATCH = 500


def batches(rows: models.QuerySet[Row]) -> Iterator[list[Row]]:
    last = None
    while True:
        page = rows.order_by("pk") if last is None else rows.order_by("pk").filter(pk__gt=last)
        found = list(page[:BATCH])
        if not found:
            return
        yield found
        last = found[-1].pk
