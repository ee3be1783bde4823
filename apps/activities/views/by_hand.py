"""Publishing by hand in the DM Portal: a person says where it is, or why it is not."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from apps.shared.errors import InvalidInput
from apps.tenants.doors import portal

from .. import access, operations
from ..forms import NotPublishedForm, PublishedForm
from .dm_work import story


@portal.dm(methods=["GET", "POST"])
def published(request: HttpRequest, ref_id: str) -> HttpResponse:
    """It is out, at this address."""
    found = access.activity_for(request.actor, ref_id, to="finish")
    if request.method != "POST":
        return redirect("dm:activities:activity", found.tenant.slug, found.ref_id)
    form = PublishedForm(request.POST)
    if not form.is_valid():
        return story(request, found, published_form=form, status=422)
    try:
        operations.confirm_published(found, by=request.actor, at=request.at, **form.cleaned_data)
    except InvalidInput as error:
        form.refuse(error)
        return story(request, found, published_form=form, status=422)
    return portal.done(request, reverse("dm:inbox"), message=f"Published: {found.unit.title}")


@portal.dm(methods=["GET", "POST"])
def not_published(request: HttpRequest, ref_id: str) -> HttpResponse:
    """It could not be put out."""
    found = access.activity_for(request.actor, ref_id, to="finish")
    if request.method != "POST":
        return redirect("dm:activities:activity", found.tenant.slug, found.ref_id)
    form = NotPublishedForm(request.POST)
    if not form.is_valid():
        return story(request, found, not_published_form=form, status=422)
    operations.report_not_published(found, by=request.actor, at=request.at, **form.cleaned_data)
    return portal.done(
        request,
        reverse("dm:activities:activity", args=[found.tenant.slug, found.ref_id]),
        message="Noted. Try again when the cause is gone.",
    )
