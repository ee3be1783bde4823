"""The frame of the API: strict requests, scope, contract gate, keyset pages. Who is asking, `api` finds out."""

import contextlib
import hashlib
import re
from collections.abc import Callable, Sequence
from typing import Any

from django.core import signing
from django.db.models import Model, QuerySet
from django.http import HttpRequest, QueryDict
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import exceptions, viewsets
from rest_framework.response import Response

from apps.shared import locks
from apps.shared.errors import NotAllowed, NotFound, OperationRefused
from apps.shared.ids import is_ref_id, new_id
from apps.shared.scoping import facts_of, tenant_scope

from .. import queries
from ..models import Tenant
from ..permissions import require
from ..statuses import AppAccess
from . import openapi, portal
from .rows import Row
from .strict import Input

DEFAULT_LIMIT, MAX_LIMIT = 25, 100
MAX_HEADER = 8_192
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class ContractRequired(OperationRefused):
    """Read and accept the contract first."""

    code = "contract_required"
    http_status = 403


class TenantRequired(OperationRefused):
    """Say for which client: send the header X-Tenant with the client's ref_id."""

    code = "tenant_required"
    http_status = 400


class IfMatchMissing(OperationRefused):
    """Say which version you changed: send its ETag in the header If-Match."""

    code = "if_match_missing"
    http_status = 428


class VersionStale(OperationRefused):
    """This was edited after you read it. Read the new version and edit that."""

    code = "version_stale"
    http_status = 412


def version_seen(request, tag: str) -> str:
    """What the one strong entity tag of If-Match holds, which is of the form `tag`. Weak ones, lists and `*` name no version
    that was read. Raises IfMatchMissing and VersionStale."""
    given = request.headers.get("If-Match")
    if given is None:
        raise IfMatchMissing
    found = re.fullmatch(f'"({tag})"', given.strip())
    if found is None:
        raise VersionStale
    return found[1]


KEY = re.compile(r"[\x21-\x7e]{1,255}")
IDEMPOTENCY_KEY = OpenApiParameter(
    openapi.IDEMPOTENCY_KEY,
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="Your name for this request, 1 to 255 visible ASCII characters. Sent again with the same key and body, it is "
    "answered with what it made the first time. Keys of other people are none of yours.",
)


def key_of(request) -> str:
    """What Idempotency-Key names the request; a name of its own where the header is missing."""
    given = request.headers.get(openapi.IDEMPOTENCY_KEY)
    if given is None:
        return str(new_id())
    if not KEY.fullmatch(given):
        raise exceptions.ParseError("Idempotency-Key holds 1 to 255 visible ASCII characters.")
    return given


class InvalidCursor(exceptions.APIException):
    status_code = 400
    default_code = "invalid_cursor"
    default_detail = "This cursor does not belong to this list."


class TenantViewSet(viewsets.GenericViewSet):
    """Scope, contract gate, keyset page and problem+json; nothing else.

    Client people work in their own tenant. Staff choose one with `X-Tenant: <ref_id>`; without it they read over all
    their clients, and an action on a row is for the client whose row it is.
    """

    schema = openapi.Schema()
    http_method_names = ["get", "head", "post", "patch"]
    lookup_field = "ref_id"
    lookup_value_regex = "[^/]+"
    model: type[Model]
    list_needs = ""  # the permission for lists
    open_before_contract = False
    filter_fields: tuple[str, ...] = ()  # exact filters offered; anything else is 400
    ref_filters: dict[str, str] = {}  # the same for ref_ids of other records: name -> lookup
    paged_actions: tuple[str, ...] = ("list",)

    def dispatch(self, request, *args, **kwargs):
        with contextlib.ExitStack() as self.frame:
            return super().dispatch(request, *args, **kwargs)

    def initial(self, request, *args, **kwargs):
        _check_charset(request)  # before the query, which Django would read in whatever charset the body claims
        self.perform_authentication(request)
        self.check_permissions(request)
        _check_headers(request)
        _check_content_type(request)
        self._check_query(request)
        super().initial(request, *args, **kwargs)
        request.actor = portal.actor_of(_plain(request))
        request.tenants = self._tenants(request)
        self.frame.enter_context(tenant_scope(*(tenant.facts for tenant in request.tenants)))
        self._repeat_on_deadlock(request.method.lower())

    def _check_query(self, request) -> None:
        offered = {"limit", "cursor"} if self.action in self.paged_actions else set()
        if self.action == "list":
            offered |= {*self.filter_fields, *self.ref_filters}
        errors = {name[:100]: ["Unknown parameter."] for name in sorted(set(request.query_params) - offered)[:20]}
        errors |= {name: ["Given twice."] for name in offered if len(request.query_params.getlist(name)) > 1}
        if errors:
            raise exceptions.ValidationError(errors)

    def _tenants(self, request) -> list[Tenant]:
        """Whom the request is for. Raises NotFound for a client that is not the person's to choose."""
        user, wanted = request.user, request.headers.get("X-Tenant")
        tenants = queries.tenants_of(user)
        if user.tenant_id is None:
            if AppAccess.DM_PORTAL not in user.app_access:
                raise NotAllowed("Your account has no access to the clients' work.")
            if wanted is None:
                return tenants
            tenants = [tenant for tenant in tenants if tenant.ref_id == wanted]
            if not tenants:
                raise NotFound
            return tenants
        if wanted is not None:
            raise exceptions.ParseError("X-Tenant is for platform staff.")
        if AppAccess.DASHBOARD not in user.app_access:
            raise NotAllowed("Your account has no access to the dashboard.")
        (tenant,) = tenants
        if not tenant.is_open:
            raise NotAllowed(f"The account is {tenant.get_status_display().lower()}.")
        if tenant.contract_accepted_on is None and not self.open_before_contract:
            raise ContractRequired
        return tenants

    def _repeat_on_deadlock(self, method: str) -> None:
        """DRF makes an answer of whatever a handler raises, so the handler itself is what is repeated."""
        if handler := getattr(self, method, None):
            setattr(self, method, lambda *args, **kwargs: locks.repeated(lambda: handler(*args, **kwargs)))

    def one_tenant(self) -> Tenant:
        """The client the request is for, where it has to be one. Raises TenantRequired."""
        if len(self.request.tenants) != 1:
            raise TenantRequired
        return self.request.tenants[0]

    def work_for(self, row) -> None:
        """From here on the row's own client is the only one in scope, however many the person may see."""
        self.frame.enter_context(tenant_scope(facts_of(row.tenant_id)))

    def get_queryset(self) -> QuerySet:
        return self.model.objects.all()

    def read(self, input_class: type[Input], **context) -> dict:
        wanted = input_class(data=self.request.data, context={"at": self.request.at, **context})
        wanted.is_valid(raise_exception=True)
        return wanted.validated_data

    def answer(
        self, row, serializer_class=None, *, status: int = 200, headers: dict | None = None, **context
    ) -> Response:
        """One record; `context` is what its serializer needs beyond the row, such as its text."""
        serializer_class = serializer_class or self.get_serializer_class()
        data = serializer_class(row, context={**self.get_serializer_context(), **context}).data
        return Response({"data": data}, status=status, headers=headers)

    def list(self, request, *args, **kwargs) -> Response:
        require(request.actor, self.list_needs)
        return self.page(self.get_queryset().filter(**self._filters(request.query_params)))

    def _filters(self, params: QueryDict) -> dict[str, str]:
        wanted, errors = {}, {}
        for name in self.filter_fields:
            if name in params:
                choices = self.model._meta.get_field(name).choices
                if "\x00" in params[name] or (choices and params[name] not in dict(choices)):
                    errors[name] = ["Unknown value."]
                wanted[name] = params[name]
        for name, lookup in self.ref_filters.items():
            if name in params:
                if not is_ref_id(params[name]):
                    errors[name] = ["A ref_id has 26 characters."]
                wanted[lookup] = params[name]
        if errors:
            raise exceptions.ValidationError(errors)
        return wanted

    def page(self, rows: QuerySet, serializer_class: type[Row] | None = None) -> Response:
        """One keyset page in order of ref_id, of the columns that are shown; see `Cursor`."""
        serializer_class = serializer_class or self.get_serializer_class()
        params = self.request.query_params
        limit, cursor = _limit(params.get("limit")), Cursor(self.request)
        rows = rows.only(*serializer_class.columns()).order_by("ref_id")
        if "cursor" in params:
            rows = rows.filter(ref_id__gt=cursor.read(params["cursor"]))
        found = list(rows[: limit + 1])
        more = cursor.write(found[limit - 1].ref_id) if len(found) > limit else None
        data = serializer_class(found[:limit], many=True, context=self.get_serializer_context()).data
        return Response({"data": data, "pagination": {"next_cursor": more, "limit": limit}})

    def page_of(self, found: Sequence[Any], *, ref_of: Callable[[Any], str]) -> Response:
        """The same page of records that are no rows and few enough to be at hand, such as documents."""
        params = self.request.query_params
        limit, cursor = _limit(params.get("limit")), Cursor(self.request)
        after = cursor.read(params["cursor"]) if "cursor" in params else ""
        left = sorted((each for each in found if ref_of(each) > after), key=ref_of)
        more = cursor.write(ref_of(left[limit - 1])) if len(left) > limit else None
        data = self.get_serializer_class()(left[:limit], many=True, context=self.get_serializer_context()).data
        return Response({"data": data, "pagination": {"next_cursor": more, "limit": limit}})


def _check_charset(request) -> None:
    if request._request.content_params.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
        raise exceptions.UnsupportedMediaType("", "JSON comes in UTF-8.")


def _check_content_type(request) -> None:
    """A body says that it is JSON; an action without a body may say nothing."""
    if request.method in ("GET", "HEAD"):
        return
    stated = request._request.content_type
    if stated.lower() != "application/json" and (stated or request.META.get("CONTENT_LENGTH") not in (None, "", "0")):
        raise exceptions.UnsupportedMediaType("", "Send JSON: Content-Type: application/json.")


def _check_headers(request) -> None:
    for name, value in request.headers.items():
        if len(value) > MAX_HEADER or CONTROL.search(value):
            raise exceptions.ParseError(f"The header {name} is too long or holds control characters.")


def _plain(request) -> HttpRequest:
    """Django's own request with the user DRF authenticated."""
    plain = request._request
    plain.user = request.user
    return plain


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MAX_LIMIT):
        raise exceptions.ValidationError({"limit": [f"A number from 1 to {MAX_LIMIT}."]})
    return int(text[:9])


class Cursor:
    """Where a page ended: signed, and bound to list, person, tenants and filters."""

    def __init__(self, request):
        tenants = ",".join(sorted(tenant.ref_id for tenant in request.tenants))
        filters = sorted(
            (name, value) for name, value in request.query_params.items() if name not in ("cursor", "limit")
        )
        about = repr([request.path, request.user.ref_id, tenants, filters])
        self.signer = signing.Signer(salt="cursor:" + hashlib.sha256(about.encode()).hexdigest())

    def write(self, ref_id: str) -> str:
        return self.signer.sign(ref_id)

    def read(self, text: str) -> str:
        try:
            return self.signer.unsign(text)
        except signing.BadSignature as error:
            raise InvalidCursor from error
