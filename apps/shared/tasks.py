"""The tick that looks at the product's own speed."""

import structlog
from celery import shared_task
from django.utils import timezone

from . import timings

log = structlog.get_logger(__name__)


@shared_task(name="shared.slow_queries")
def slow_queries(**_) -> int:
    """Log the ten slowest statements, those over the limit with their plan; returns how many are over it."""
    found = timings.slowest(at=timezone.now())
    for query in found.queries:
        said = {
            "query": query.query,
            "calls": query.calls,
            "mean_ms": round(query.mean_exec_time, 1),
            "total_ms": round(query.total_exec_time),
            "source": found.source,
        }
        if query.is_over:
            log.warning("statement.over_limit", **said, plan=timings.plan_of(query.query))
        else:
            log.info("statement.slowest", **said)
    return sum(query.is_over for query in found.queries)
