"""One strategy is active; approving the next one archives it in the same transaction."""

import pytest
from django.utils import timezone

from apps.shared.transitions import MoveRefused
from apps.strategy import operations
from apps.strategy.models import Strategy
from apps.strategy.statuses import STRATEGY_MOVES


@pytest.mark.acceptance("FLOW-strategy-approve")
def test_the_next_version_is_active_once_the_client_approved_it_and_the_former_one_is_archived(world):
    with world.at("live") as tenant:
        alice, at = world.alice("live").actor, timezone.now()
        former = Strategy.objects.get(status="active")
        following = operations.begin_strategy(tenant.id, by=alice, at=at)
        assert (following.status, following.version) == ("draft", former.version + 1)
        Strategy.objects.filter(pk=following.pk).update(period_months=6)

        with pytest.raises(MoveRefused):  # of a draft: what was archived for it is active again
            operations.activate_strategy(Strategy.objects.get(pk=following.pk), by=alice, at=at)
        former.refresh_from_db()
        assert former.status == "active"

        waiting = STRATEGY_MOVES.perform(Strategy.objects.get(pk=following.pk), "submit", by=alice, at=at)
        assert waiting.status == "awaiting_approval"
        operations.activate_strategy(waiting, by=alice, at=at)

        former.refresh_from_db()
        active = Strategy.objects.get(status="active")
        assert (former.status, active.pk) == ("archived", following.pk)
        assert (active.approved_by, active.approved_on) == (alice.user, at)
