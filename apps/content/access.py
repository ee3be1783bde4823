"""The gate to requests and posts: fetch and authorise in one step; absent and foreign look the same."""

from apps.shared.actors import Actor
from apps.shared.errors import NotFound
from apps.shared.ids import is_ref_id
from apps.tenants.permissions import require

from .models import BlogPost, BlogRequest, SocialMediaRequest, SocialPost


def blog_request_for(actor: Actor, ref_id: str, *, to: str) -> BlogRequest:
    """`to`: "read"."""
    require(actor, f"post.{to}")
    request = BlogRequest.objects.filter(ref_id=ref_id).first() if is_ref_id(ref_id) else None
    if request is None:
        raise NotFound
    return request


def blog_post_for(actor: Actor, ref_id: str, *, to: str) -> BlogPost:
    """`to`: "read" or "edit"."""
    require(actor, f"post.{to}")
    post = (
        BlogPost.objects.select_related("channel", "blog_request").filter(ref_id=ref_id).first()
        if is_ref_id(ref_id)
        else None
    )
    if post is None:
        raise NotFound
    return post


def social_request_for(actor: Actor, ref_id: str, *, to: str) -> SocialMediaRequest:
    """`to`: "read"."""
    require(actor, f"post.{to}")
    request = SocialMediaRequest.objects.filter(ref_id=ref_id).first() if is_ref_id(ref_id) else None
    if request is None:
        raise NotFound
    return request


def social_post_for(actor: Actor, ref_id: str, *, to: str) -> SocialPost:
    """`to`: "read" or "edit"."""
    require(actor, f"post.{to}")
    posts = SocialPost.objects.select_related("channel", "social_media_request")
    post = posts.filter(ref_id=ref_id).first() if is_ref_id(ref_id) else None
    if post is None:
        raise NotFound
    return post
