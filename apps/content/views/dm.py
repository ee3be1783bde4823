"""Editing posts in the DM Portal, and entering the figures of published ones."""

from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse

from apps.activities.models import Approval
from apps.activities.views import editing
from apps.tenants.doors import portal

from .. import access, operations
from ..forms import FiguresForm, PostForm


def edit_post(request: HttpRequest, approval: Approval) -> HttpResponse:
    """The editor of the post this approval is about; called by the portal, which knows all editors."""
    post = access.blog_post_for(request.actor, approval.subject_ref, to="edit")
    zone = ZoneInfo(approval.tenant.timezone)

    def form(data=None, initial=None) -> PostForm:
        return PostForm(data, initial=initial, zone=zone, at=request.at)

    def save(cleaned: dict) -> object:
        shown_sha256 = cleaned.pop("shown_sha256")
        edit = operations.PostEdit(**cleaned)
        return operations.edit_post(post, edit, by=request.actor, at=request.at, shown_sha256=shown_sha256)

    initial = {name: getattr(post, name) for name in ("title", "slug", "meta_description", "scheduled_for")}
    return editing.edit(
        request, approval, editing.Editor(form=form, initial=initial, save=save, text_field="body_markdown")
    )


@portal.dm(methods=["GET", "POST"])
def figures(request: HttpRequest, ref_id: str) -> HttpResponse:
    """The latest figures of a published social post, entered by hand."""
    post = access.social_post_for(request.actor, ref_id, to="edit")
    form = FiguresForm(request.POST or None, initial=post.engagement_snapshot or {})
    if request.method == "POST" and form.is_valid():
        operations.record_engagement(post, form.cleaned_data, by=request.actor, at=request.at)
        return portal.done(request, request.path, message="The figures are kept.")
    status = 422 if request.method == "POST" else 200
    return portal.respond(request, "dm/content/figures.html", {"post": post, "form": form}, status=status)
