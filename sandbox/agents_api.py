"""An agency's own agent behind a webhook: it checks the signature, takes the task, and calls back from a thread."""

import hashlib
import hmac
import json
import re
import threading
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, build_opener
from urllib.request import Request as Call

from sandbox.wire import Request, Response, json_response
from sandbox.world import World
from sandbox.writing import model as writer
from sandbox.writing.answers import spoiled, tokens, wrong_counts

SECRET = "rehearsal webhook secret"
OPENER = build_opener(ProxyHandler({}))


def answer(world: World, request: Request) -> Response:
    if request.path != "/agents/run" or request.method != "POST":
        return error(world, 404)
    if not is_signed(request):
        return error(world, 401, "The signature does not fit.")
    task = request.json()
    threading.Thread(target=work, args=[world, task, request.fault_kind], daemon=True).start()
    return json_response({"accepted": task["taskId"]}, status=202, recorded={"kind": "task", "task": task["taskId"]})


def error(world: World, status: int, message: str = "") -> Response:
    return json_response({"error": message or f"status {status}"}, status=status)


def is_signed(request: Request) -> bool:
    found = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})", request.headers.get("X-Leadmetrics-Signature", ""))
    if not found:
        return False
    made = hmac.new(SECRET.encode(), f"{found[1]}.".encode() + request.body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(made, found[2])


def work(world: World, task: dict[str, Any], fault: str) -> None:
    """Write the answer, show its beginning live, and call back."""
    if fault == "never_calls_back":
        return
    conversation = "\n\n".join(m["content"] for m in task["messages"] if m["role"] == "user")
    text = writer.write(
        system=task["systemPrompt"], conversation=conversation, schema=task["answerSchema"], seed=world.seed
    )
    text = spoiled(text, fault)
    usage = {"inputTokens": tokens(task["systemPrompt"] + conversation), "outputTokens": tokens(text)}
    said: dict[str, Any] = {"status": "success", "text": text, "durationMs": 1_200}
    if fault == "says_error":
        said = {"status": "error", "error": "My tools are broken today."}
    if fault != "no_usage":
        said["usage"] = usage | wrong_counts(usage, ("inputTokens", "outputTokens"), fault)
    call_back(task["callbackUrl"].removesuffix("result") + "stream", task, {"sequenceNum": 1, "delta": text[:200]})
    for _ in range(2 if fault == "calls_back_twice" else 1):
        call_back(task["callbackUrl"], task, said)


def call_back(address: str, task: dict[str, Any], said: dict[str, Any]) -> int:
    """The status of the answer; 0 when nobody was there, which an agent shrugs at."""
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {task['taskToken']}"}
    try:
        with OPENER.open(Call(address, data=json.dumps(said).encode(), headers=headers), timeout=10) as answered:
            return answered.status
    except HTTPError as refused:
        return refused.code
    except URLError:
        return 0
