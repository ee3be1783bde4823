"""The frame of the two portals: sign-in, scope, contract gate, refusals, and pages that answer htmx with a part.

    @portal.dm()                     a reviewer, over all clients assigned
    @portal.dm(methods=["POST"])     the same for an action
    @portal.app()                    somebody of one client; leads to the contract until it is accepted

A view gets `request.actor`, `request.at` and `request.tenants`; where the path names a client (`slug`), the scope holds
that one only, and the view gets `request.tenant` instead of the slug.
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme

from apps.shared import locks
from apps.shared.actors import Actor
from apps.shared.errors import NotAllowed, NotFound, OperationRefused
from apps.shared.redaction import is_secret_name
from apps.shared.scoping import tenant_scope

from .. import queries
from ..models import Tenant, User
from ..statuses import STAFF_ROLES, AppAccess
from . import problems
from .middleware import address_of

WORTH_KEEPING = 20  # characters: what is shorter is typed again as fast as it is copied


class AccountClosed(NotAllowed):
    """The account is not open. Write to your agency."""

    code = "account_closed"


def actor_of(request: HttpRequest) -> Actor:
    return Actor.human(
        request.user,
        request_id=request.request_id,
        ip=address_of(request),
        user_agent=request.headers.get("User-Agent", "")[:1000],
    )


def dm(*, methods: Sequence[str] = ("GET",)):
    """A page or action of the DM Portal, for reviewers and super admins."""

    def enter(request: HttpRequest) -> HttpResponse | None:
        if request.user.role not in STAFF_ROLES or AppAccess.DM_PORTAL not in request.user.app_access:
            raise NotFound
        return None

    return _frame(enter, methods)


def app(*, methods: Sequence[str] = ("GET",), before_contract: bool = False):
    """A page or action of the client dashboard. Only what reads and accepts the contract opens before it is accepted."""

    def enter(request: HttpRequest) -> HttpResponse | None:
        user = request.user
        if user.tenant_id is None or AppAccess.DASHBOARD not in user.app_access:
            raise NotFound
        (tenant,) = request.tenants
        if not tenant.is_open:
            raise AccountClosed(
                f"The account of {tenant.name} is {tenant.get_status_display().lower()}. Write to your agency."
            )
        if tenant.contract_accepted_on is None and not before_contract:
            return done(request, reverse("app:contract"))
        request.tenant = tenant
        return None

    return _frame(enter, methods)


def _frame(enter: Callable, methods: Sequence[str]):
    allowed = [*methods, "HEAD"] if "GET" in methods else list(methods)

    def decorate(view: Callable):
        @functools.wraps(view)
        def framed(request: HttpRequest, *args, slug: str | None = None, **kwargs) -> HttpResponse:
            if request.method not in allowed:
                return HttpResponseNotAllowed(allowed)
            if not request.user.is_authenticated:
                return _sign_in_first(request)
            try:
                request.actor = actor_of(request)
                request.tenants = queries.tenants_of(request.user)
                if early := enter(request):
                    return early
                inside: list[Tenant] = request.tenants
                if slug is not None:
                    inside = [tenant for tenant in request.tenants if tenant.slug == slug]
                    if not inside:
                        raise NotFound
                    request.tenant = inside[0]
                with (
                    tenant_scope(*(tenant.facts for tenant in inside)),
                    timezone.override(zone_of(request.user, inside)),
                ):
                    return locks.repeated(lambda: view(request, *args, **kwargs))
            except NotFound as error:
                raise Http404 from error
            except OperationRefused as error:
                return refused(request, error)

        return framed

    return decorate


def _sign_in_first(request: HttpRequest) -> HttpResponse:
    """To the sign-in and back; for htmx the whole page goes there, not the part that asked."""
    here = request.htmx.current_url_abs_path if request.htmx else request.get_full_path()
    return done(request, redirect_to_login(here or "/").url)


def zone_of(user: User, inside: Sequence[Tenant]) -> ZoneInfo:
    """The zone in which a person reads times: their own, else that of the one client they look at."""
    return ZoneInfo(user.timezone or (inside[0].timezone if len(inside) == 1 else settings.TIME_ZONE))


@contextmanager
def all_clients(request: HttpRequest) -> Iterator[None]:
    """Read over every client of this person on a page of one: the count in the rail, the queue beside a decision."""
    with tenant_scope(*(tenant.facts for tenant in request.tenants)):
        yield


def respond(request: HttpRequest, template: str, context: dict, *, status: int = 200) -> HttpResponse:
    """Render the page, or for htmx only the part named behind the `#`."""
    page, _, part = template.partition("#")
    name = template if part and request.htmx else page
    response = render(request, name, context, status=status)
    response["Vary"] = "HX-Request"
    return response


def done(request: HttpRequest, to: str, *, message: str = "") -> HttpResponse:
    """After a POST: say what was done, and go on to the next page (by a redirect, or HX-Redirect for htmx)."""
    if message:
        messages.success(request, message)
    if request.htmx:
        response = HttpResponse(status=204)
        response["HX-Redirect"] = to
        return response
    return HttpResponseRedirect(to)


def refused(request: HttpRequest, error: OperationRefused) -> HttpResponse:
    """What is so and what to do, with the way back to where the person was, and what they had written."""
    back = request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}, require_https=request.is_secure()):
        back = "/"
    context = {"detail": error.detail, "code": error.code, "back": back, "request_id": request.request_id}
    context["written"] = _written(request)
    return render(request, "base/refused.html", context, status=error.http_status)


def _written(request: HttpRequest) -> list[str]:
    """The texts of a form that was refused, so that they can be copied; nothing of fields that hold a secret."""
    return [
        text
        for name, texts in request.POST.lists()
        for text in texts
        if " " in text and len(text) >= WORTH_KEEPING and "password" not in name and not is_secret_name(name)
    ]


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    if request.path.startswith("/api/"):
        return problems.response(
            request, 403, "csrf_failed", "The CSRF token is missing or does not belong to this session."
        )
    return refused(
        request, NotAllowed("This form is from an earlier sign-in. Go back, reload the page, and send it again.")
    )
