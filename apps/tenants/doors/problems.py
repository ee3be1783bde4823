"""One form of error for the whole API: RFC 9457 problem+json with code, detail, errors and request_id."""

import inspect

import orjson
import structlog
from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.db import DataError, InterfaceError, OperationalError
from django.http import Http404, HttpResponse, UnreadablePostError
from rest_framework import exceptions

from apps.shared.errors import InvalidInput, OperationRefused

log = structlog.get_logger(__name__)

TITLES = {
    400: "Bad request",
    401: "Not signed in",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    406: "Not acceptable",
    409: "Not possible now",
    412: "Changed meanwhile",
    413: "Too large",
    415: "Unsupported content type",
    422: "Not the same request",
    428: "Precondition required",
    429: "Too many requests",
    500: "Something went wrong",
    503: "Unavailable at the moment",
}


def response(
    request, status: int, code: str, detail: str, *, errors: dict | None = None, headers: dict | None = None
) -> HttpResponse:
    body = {
        "type": "about:blank",
        "title": TITLES.get(status, "Error"),
        "status": status,
        "code": code,
        "detail": detail,
        "errors": errors or {},
        "request_id": getattr(request, "request_id", ""),
    }
    answer = HttpResponse(orjson.dumps(body), status=status, content_type="application/problem+json")
    for name, value in (headers or {}).items():
        answer[name] = value
    return answer


def unavailable(request) -> HttpResponse:
    """The database does not answer."""
    return response(request, 503, "unavailable", "The database does not answer.", headers={"Retry-After": "5"})


def handle(error: Exception, context: dict) -> HttpResponse:
    """DRF's exception handler. Never shows a class name, SQL or a traceback."""
    request = context["request"]
    if isinstance(error, InvalidInput):
        return response(request, 400, error.code, "Some fields need another value.", errors=error.errors)
    if isinstance(error, OperationRefused):
        headers = {"Retry-After": "60"} if error.http_status == 503 else None
        detail = error.detail
        if error.http_status == 500:  # what it says then names keys and collections, for operators
            log.error("api.failed", exc_info=error)
            detail = inspect.getdoc(type(error))
        return response(request, error.http_status, error.code, detail, headers=headers)
    if isinstance(error, Http404):
        return response(request, 404, "not_found", "There is no such record.")
    if isinstance(error, PermissionDenied):
        return response(request, 403, "not_allowed", "Your role does not allow this.")
    if isinstance(error, exceptions.ValidationError):
        errors = error.detail if isinstance(error.detail, dict) else {"body": error.detail}
        return response(request, 400, "invalid_input", "Some fields need another value.", errors=errors)
    if isinstance(error, exceptions.Throttled):
        wait = str(int(error.wait or 60))
        return response(request, 429, "too_many_requests", "Wait before asking again.", headers={"Retry-After": wait})
    if isinstance(error, exceptions.APIException):
        headers = {"WWW-Authenticate": error.auth_header} if hasattr(error, "auth_header") else None
        return response(request, error.status_code, str(error.default_code), str(error.detail), headers=headers)
    if isinstance(error, (SuspiciousOperation, BadRequest, UnreadablePostError)):
        return response(request, 400, "bad_request", "This request cannot be read.")
    if isinstance(error, DataError):
        return response(request, 400, "invalid_input", "A value is outside what can be stored.")
    log.error("api.failed", exc_info=error)
    if isinstance(error, (OperationalError, InterfaceError)):
        return unavailable(request)
    return response(
        request, 500, "internal_error", "The error was recorded; quote the request id when you ask about it."
    )
