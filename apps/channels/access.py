"""The gate to channels: fetch and authorise in one step; absent and foreign look the same."""

from apps.shared.actors import Actor
from apps.shared.errors import NotFound
from apps.shared.ids import is_ref_id
from apps.tenants.permissions import require

from .models import Channel


def channel_for(actor: Actor, ref_id: str, *, to: str) -> Channel:
    """`to`: "read" or "connect"."""
    require(actor, f"channel.{to}")
    channel = Channel.objects.filter(ref_id=ref_id).first() if is_ref_id(ref_id) else None
    if channel is None:
        raise NotFound
    return channel
