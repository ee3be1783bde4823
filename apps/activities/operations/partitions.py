"""The months of `llm_calls`."""

from datetime import datetime

from django.db import connection, transaction

from apps.shared import locks
from apps.shared.schema_rules import months


def ensure_partitions(at: datetime) -> int:
    """Make the partitions of llm_calls that lack: this month, the months ahead, and months of which DEFAULT caught rows.

    Returns how many were missing.
    """
    made = 0
    with transaction.atomic(), connection.cursor() as cursor:
        locks.take_turns("llm_calls partitions")
        cursor.execute("SELECT DISTINCT date_trunc('month', created_on)::date FROM llm_calls_default")
        caught = {month for (month,) in cursor.fetchall()}
        for month in sorted(caught.union(months(at))):
            cursor.execute("SELECT ensure_llm_calls_partition(%s)", [month])
            made += bool(cursor.fetchone()[0])
    return made
