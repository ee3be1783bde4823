"""What was read of a goal, over the API."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from apps.shared.actors import Actor
from apps.strategy import operations
from apps.strategy.models import Goal

AT = datetime(2026, 3, 18, 9, tzinfo=UTC)


@pytest.mark.acceptance("goal_readings")
def test_readings_of_a_goal_come_page_by_page_with_source_and_evidence(alice, acme):
    goal, other = Goal.objects.order_by("ref_id")[:2]
    for days in (3, 2, 1):
        for each in (goal, other):
            operations.record_reading(
                each,
                value=Decimal(days),
                source="Google Analytics",
                evidence="Sessions; metric sessions.",
                read_on=AT - timedelta(days=days),
                by=Actor.system("tests"),
                at=AT,
            )

    path = f"/api/v1/goals/{goal.ref_id}/readings/"
    first = alice.get(f"{path}?limit=2").json()
    second = alice.get(path, {"limit": 2, "cursor": first["pagination"]["next_cursor"]}).json()

    assert [row["value"] for row in first["data"] + second["data"]] == ["3.00", "2.00", "1.00"]
    assert {row["goal"] for row in first["data"] + second["data"]} == {goal.ref_id}
    assert (first["data"][0]["source"], first["data"][0]["evidence"]) == (
        "Google Analytics",
        "Sessions; metric sessions.",
    )
    assert second["pagination"]["next_cursor"] is None
