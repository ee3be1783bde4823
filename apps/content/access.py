"""The gate to requests and posts: fetch and authorise in one step; absent and foreign look the same."""

from apps.shared.actors import Actor
from apps.shared.lookups import by_ref
from apps.tenants.permissions import require

from .models import Backlink, BlogPost, BlogRequest, SocialMediaRequest, SocialPost


def blog_request_for(actor: Actor, ref_id: str, *, to: str) -> BlogRequest:
    """`to`: "read"."""
    require(actor, f"post.{to}")
    return by_ref(BlogRequest.objects.all(), ref_id)


def blog_post_for(actor: Actor, ref_id: str, *, to: str) -> BlogPost:
    """`to`: "read" or "edit"."""
    require(actor, f"post.{to}")
    return by_ref(BlogPost.objects.select_related("channel", "blog_request"), ref_id)


def social_request_for(actor: Actor, ref_id: str, *, to: str) -> SocialMediaRequest:
    """`to`: "read"."""
    require(actor, f"post.{to}")
    return by_ref(SocialMediaRequest.objects.all(), ref_id)


def social_post_for(actor: Actor, ref_id: str, *, to: str) -> SocialPost:
    """`to`: "read" or "edit"."""
    require(actor, f"post.{to}")
    return by_ref(SocialPost.objects.select_related("channel", "social_media_request"), ref_id)


def backlink_for(actor: Actor, ref_id: str, *, to: str) -> Backlink:
    """`to`: "read" or "move"."""
    require(actor, f"backlink.{to}")
    return by_ref(Backlink.objects.select_related("tenant", "activity"), ref_id)
