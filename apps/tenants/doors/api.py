"""The frame of the API: session sign-in with CSRF, strict JSON, scope, contract gate, keyset pages."""

import contextlib
import hashlib
import json

import orjson
from django.conf import settings
from django.core import signing
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest
from rest_framework import (
    authentication,
    exceptions,
    parsers,
    permissions,
    serializers,
    viewsets,
)
from rest_framework.response import Response

from apps.shared.errors import NotFound, OperationRefused
from apps.shared.ids import is_ref_id
from apps.shared.scoping import tenant_scope

from .. import queries
from . import portal

MAX_DEPTH = 64
DEFAULT_LIMIT, MAX_LIMIT = 25, 100


class ContractRequired(OperationRefused):
    """Read and accept the contract first."""

    code = "contract_required"
    http_status = 403


class SessionAuthentication(authentication.SessionAuthentication):
    """The portals' sign-in. Answers 401, not 403, to somebody who is not signed in."""

    def authenticate_header(self, request):
        return "Session"


class SignedIn(permissions.BasePermission):
    def has_permission(self, request, view):
        if request.user is None or not request.user.is_authenticated:
            raise exceptions.NotAuthenticated("Sign in first.")
        return True


class StrictJSONParser(parsers.BaseParser):
    """UTF-8 JSON objects only: no duplicate keys, NUL, lone surrogates, NaN, or nesting beyond 64 levels; 1 MiB at most."""

    media_type = "application/json"

    def parse(self, stream, media_type=None, parser_context=None):
        charset = dict(p.strip().partition("=")[::2] for p in (media_type or "").split(";")[1:]).get("charset", "utf-8")
        if charset.strip('"').lower() not in ("utf-8", "utf8"):
            raise exceptions.UnsupportedMediaType(media_type, "JSON comes in UTF-8.")
        try:
            raw = stream.read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
        except RequestDataTooBig as error:
            raise TooLarge from error
        if len(raw) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise TooLarge
        try:
            parsed = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            raise exceptions.ParseError("This is not valid JSON.") from error
        if not isinstance(parsed, dict):
            raise exceptions.ParseError("The body must be a JSON object.")
        _check_shape(parsed)
        if _keys(parsed) != raw.count(b'":') and _has_duplicate_keys(raw):
            raise exceptions.ParseError("A key occurs twice.")
        return parsed


class TooLarge(exceptions.APIException):
    status_code = 413
    default_code = "too_large"
    default_detail = "The body may have 1 MiB at most."


def _check_shape(value, depth: int = 1) -> None:
    if depth > MAX_DEPTH:
        raise exceptions.ParseError(f"The JSON is nested deeper than {MAX_DEPTH} levels.")
    if isinstance(value, dict):
        for key, inner in value.items():
            _check_shape(key, depth)
            _check_shape(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _check_shape(inner, depth + 1)
    elif isinstance(value, str) and "\x00" in value:
        raise exceptions.ParseError("Text may not hold the NUL character.")
    elif isinstance(value, float) and abs(value) >= 2**63:
        raise exceptions.ParseError("A number is too large.")  # orjson reads integers beyond 64 bits as floats


def _keys(value) -> int:
    if isinstance(value, dict):
        return len(value) + sum(_keys(inner) for inner in value.values())
    return sum(_keys(inner) for inner in value) if isinstance(value, list) else 0


def _has_duplicate_keys(raw: bytes) -> bool:
    """The slow, exact look, taken only when the quick count disagrees (spaces before colons, colons in text)."""
    def pairs(found):
        if len({key for key, _ in found}) != len(found):
            raise KeyError
        return dict(found)

    try:
        json.loads(raw, object_pairs_hook=pairs)
    except KeyError:
        return True
    return False


class Input(serializers.Serializer):
    """What a request may say: unknown fields are refused, and types are not coerced."""

    def to_internal_value(self, data):
        if unknown := set(data) - set(self.fields):
            raise serializers.ValidationError({name: ["Unknown field."] for name in sorted(unknown)})
        return super().to_internal_value(data)


class StrictChar(serializers.CharField):
    """Text as text: a number or a boolean is not turned into it."""

    def to_internal_value(self, data):
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class TenantViewSet(viewsets.GenericViewSet):
    """Scope, contract gate, keyset page and problem+json; nothing else.

    Client people work in their own tenant. Staff choose one with `X-Tenant: <ref_id>`; without it they read over all
    their clients.
    """

    lookup_field = "ref_id"
    lookup_value_regex = "[^/]+"
    open_before_contract = False
    filter_fields: tuple[str, ...] = ()  # exact filters offered; anything else is 400

    def dispatch(self, request, *args, **kwargs):
        with contextlib.ExitStack() as self.frame:
            return portal.repeated(lambda: super(TenantViewSet, self).dispatch(request, *args, **kwargs))

    def initial(self, request, *args, **kwargs):
        request.at, request.request_id = request._request.at, request._request.request_id
        super().initial(request, *args, **kwargs)
        request.actor = portal.actor_of(_plain(request))
        tenants = queries.tenants_of(request.user)
        wanted = request.headers.get("X-Tenant")
        if wanted is not None:
            if request.user.tenant_id is not None:
                raise exceptions.ParseError("X-Tenant is for platform staff.")
            tenants = [tenant for tenant in tenants if tenant.ref_id == wanted]
            if not tenants:
                raise NotFound
        if request.user.tenant_id is not None:
            (tenant,) = tenants
            if not tenant.is_open:
                raise exceptions.PermissionDenied(f"The account is {tenant.get_status_display().lower()}.")
            if tenant.contract_accepted_on is None and not self.open_before_contract:
                raise ContractRequired
        request.tenants = tenants
        self.frame.enter_context(tenant_scope(*(tenant.facts for tenant in tenants)))

    def read(self, input_class: type[Input]) -> dict:
        wanted = input_class(data=self.request.data)
        wanted.is_valid(raise_exception=True)
        return wanted.validated_data

    def answer(self, row, *, status: int = 200) -> Response:
        return Response({"data": self.get_serializer(row).data}, status=status)

    def page(self, rows) -> Response:
        """One keyset page in order of ref_id; see `Cursor`."""
        params = self.request.query_params
        offered = {"limit", "cursor", *self.filter_fields}
        if unknown := set(params) - offered:
            raise exceptions.ValidationError({name: ["Unknown filter."] for name in sorted(unknown)})
        filters = {name: params[name] for name in self.filter_fields if name in params}
        for name, value in filters.items():
            choices = rows.model._meta.get_field(name).choices
            if "\x00" in value or (choices and value not in dict(choices)):
                raise exceptions.ValidationError({name: ["Unknown value."]})
        limit = _limit(params.get("limit"))
        cursor = Cursor(self, filters)
        rows = rows.filter(**filters).order_by("ref_id")
        if "cursor" in params:
            rows = rows.filter(ref_id__gt=cursor.read(params["cursor"]))
        found = list(rows[: limit + 1])
        more = cursor.write(found[limit - 1].ref_id) if len(found) > limit else None
        data = self.get_serializer(found[:limit], many=True).data
        return Response({"data": data, "pagination": {"next_cursor": more, "limit": limit}})

    def list(self, request, *args, **kwargs) -> Response:
        return self.page(self.get_queryset())

    def ref(self) -> str:
        ref_id = self.kwargs["ref_id"]
        if not is_ref_id(ref_id):
            raise NotFound
        return ref_id


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
    return int(text)


class Cursor:
    """Where a page ended: signed, and bound to endpoint, person, tenants and filters."""

    def __init__(self, view: TenantViewSet, filters: dict):
        tenants = ",".join(sorted(tenant.ref_id for tenant in view.request.tenants))
        about = "|".join([type(view).__name__, view.request.user.ref_id, tenants, repr(sorted(filters.items()))])
        self.signer = signing.Signer(salt="cursor:" + hashlib.sha256(about.encode()).hexdigest())

    def write(self, ref_id: str) -> str:
        return self.signer.sign(ref_id)

    def read(self, text: str) -> str:
        try:
            return self.signer.unsign(text)
        except signing.BadSignature as error:
            raise InvalidCursor from error


class InvalidCursor(exceptions.APIException):
    status_code = 400
    default_code = "invalid_cursor"
    default_detail = "This cursor does not belong to this list."

