"""What is written and published for the client."""

from django.http import HttpRequest, HttpResponse

from apps.activities.queries import text_of
from apps.shared.errors import InvalidInput
from apps.shared.ids import is_ref_id
from apps.tenants.doors import portal
from apps.tenants.permissions import require

from .. import access, queries
from ..models import BlogPost

PAGE_SIZE = 25


@portal.app()
def content(request: HttpRequest) -> HttpResponse:
    """Posts, the newest first; `?before=<ref>` goes on where a page ended."""
    require(request.actor, "post.read")
    posts = BlogPost.objects.order_by("-ref_id")
    before = request.GET.get("before")
    if before is not None:
        if not is_ref_id(before):
            raise InvalidInput({"before": ["This is not the address of a page. Begin at the first one."]})
        posts = posts.filter(ref_id__lt=before)
    found = list(posts[: PAGE_SIZE + 1])
    context = {
        "rows": queries.as_client_sees(found[:PAGE_SIZE]),
        "older": found[PAGE_SIZE - 1].ref_id if len(found) > PAGE_SIZE else "",
        "is_first": before is None,
    }
    return portal.respond(request, "app/content/content.html", context)


@portal.app()
def post(request: HttpRequest, ref_id: str) -> HttpResponse:
    """The article as it is now, and its link when it is live."""
    found = access.blog_post_for(request.actor, ref_id, to="read")
    (seen,) = queries.as_client_sees([found])
    context = {"seen": seen, "post": found, "text": text_of(found.content_ref)}
    return portal.respond(request, "app/content/post.html", context)
