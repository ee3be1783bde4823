"""The first journey, in one breath."""

import pytest

from apps.content.models import BlogPost
from apps.strategy.models import DeliverablePeriod
from tests.world import decide_all


@pytest.mark.acceptance("FLOW-blog-publish")
def test_what_the_client_approves_is_live_once_and_counts(world, sandbox, run_world):
    with world.at("client") as tenant:
        decide_all(tenant, world.alice("client").user)
        run_world()

        posts = list(BlogPost.objects.order_by("ref_id"))
        created = [
            e
            for e in sandbox.world.entries(target="wordpress")
            if (e.get("recorded") or {}).get("kind") == "post.created"
        ]
        assert [p.status for p in posts] == ["published", "published"]
        assert len(created) == 2
        assert [p.published_url.startswith(sandbox.url) for p in posts] == [True, True]
        assert list(DeliverablePeriod.objects.values_list("completed_count", "status")) == [(2, "completed")]
