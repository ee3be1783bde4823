"""The gate to channels: fetch and authorise in one step; absent and foreign look the same."""

from apps.shared.actors import Actor
from apps.shared.lookups import by_ref
from apps.tenants.permissions import require

from .models import Channel


def channel_for(actor: Actor, ref_id: str, *, to: str) -> Channel:
    """`to`: "read" or "connect"."""
    require(actor, f"channel.{to}")
    return by_ref(Channel.objects.all(), ref_id)
