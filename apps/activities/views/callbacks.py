"""Where agents behind a webhook call back. The token of one question is the whole credential: `Authorization: Bearer …`."""

import orjson
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from apps.shared.errors import InvalidInput, OperationRefused
from apps.tenants.doors import problems

from .. import callbacks

LONGEST_BODY = 1_500_000


@csrf_exempt
@require_POST
def result(request: HttpRequest, ref_id: str) -> HttpResponse:
    """The answer: 200 with a receipt, 401 bad token, 404 unknown run, 409 already closed, 400 no callback at all."""
    try:
        receipt = callbacks.record_result(ref_id, _token(request), _body(request), at=request.at)
    except OperationRefused as error:
        return problems.handle(error, {"request": request})
    return JsonResponse({"receipt": receipt})


@csrf_exempt
@require_POST
def stream(request: HttpRequest, ref_id: str) -> HttpResponse:
    """A piece of the text while it is written: `{"sequenceNum": 1, "delta": "…"}`, with rising numbers."""
    try:
        piece = _piece(_body(request))
        callbacks.record_delta(ref_id, _token(request), **piece, at=request.at)
    except OperationRefused as error:
        return problems.handle(error, {"request": request})
    return HttpResponse(status=204)


def _token(request: HttpRequest) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token[:2_000] if scheme == "Bearer" else ""


def _body(request: HttpRequest) -> bytes:
    if int(request.headers.get("Content-Length") or 0) > LONGEST_BODY or len(request.body) > LONGEST_BODY:
        raise InvalidInput({"body": [f"{LONGEST_BODY} bytes at most."]})
    return request.body


def _piece(body: bytes) -> dict:
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        told = None
    if (
        not isinstance(told, dict)
        or set(told) != {"sequenceNum", "delta"}
        or type(told["sequenceNum"]) is not int
        or not isinstance(told["delta"], str)
    ):
        raise InvalidInput({"body": ["A piece has exactly a sequenceNum (a whole number) and a delta (text)."]})
    return {"sequence": told["sequenceNum"], "delta": told["delta"]}
