"""The frame of links and calls without a sign-in: the credential is looked up outside tenancy, then its own tenant is
entered. A token is random, kept as its SHA-256 only, and never read from anywhere but the path."""

import functools
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render
from django.utils import timezone

from apps.shared import locks
from apps.shared.errors import NotFound, OperationRefused
from apps.shared.scoping import every_tenant, tenant_scope
from apps.shared.transitions import MoveRefused

from ..models import Invitation, Tenant
from ..operations import InvitationClosed
from ..statuses import UserStatus
from .portal import zone_of


class LinkSpent(OperationRefused):
    """This link was used, was withdrawn, or is older than it may be. Ask for a new one."""

    code = "link_spent"
    http_status = 410


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def invitation_behind(token: str, *, at) -> Invitation:
    """The open invitation this token belongs to; raises LinkSpent for every other token, saying no more."""
    with every_tenant(reason="an invitation is found by its token before anybody is signed in"):
        invitation = (
            Invitation.objects.select_related("tenant", "user", "created_by")
            .filter(
                token_digest=digest(token[:200]),
                accepted_on__isnull=True,
                revoked_on__isnull=True,
                expires_on__gt=at,
                user__status=UserStatus.INVITED,
            )
            .first()
        )
    if invitation is None:
        raise LinkSpent
    return invitation


def invited(view: Callable[[HttpRequest, Invitation], HttpResponse]):
    """A page behind the token of an invitation: the view gets the invitation, in the scope of its client.

    Every other token, and one that was used a moment ago, gets the same page (410). Nothing of the page is kept by
    caches, and its address goes nowhere as a referrer.
    """

    @functools.wraps(view)
    def framed(request: HttpRequest, token: str) -> HttpResponse:
        if request.method not in ("GET", "HEAD", "POST"):
            return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
        try:
            invitation = invitation_behind(token, at=request.at)
            with (
                _scope_of(invitation),
                timezone.override(zone_of(invitation.user, [invitation.tenant] if invitation.tenant else [])),
            ):
                response = locks.repeated(lambda: view(request, invitation))
        except (LinkSpent, InvitationClosed, MoveRefused):
            response = render(request, "public/link_spent.html", status=LinkSpent.http_status)
        response["Referrer-Policy"] = "no-referrer"
        response["Cache-Control"] = "no-store"
        return response

    return framed


@contextmanager
def scope_behind_token(tenant_ref: str) -> Iterator[None]:
    """The scope of the client that a token of our own making names; raises NotFound when it is gone."""
    with every_tenant(reason="a callback names its client in a token that only we can make"):
        tenant = Tenant.objects.filter(ref_id=tenant_ref).first()
    if tenant is None:
        raise NotFound
    with tenant_scope(tenant.facts):
        yield


def _scope_of(invitation: Invitation):
    if invitation.tenant is None:
        return every_tenant(reason="an invitation of platform staff belongs to no client")
    return tenant_scope(invitation.tenant.facts)
