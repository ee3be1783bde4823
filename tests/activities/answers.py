"""A model service that answers, over HTTP, what a test wants: the rehearsal's article with changes, or any text."""

import json
from typing import Any

from werkzeug import Request, Response

from apps.content.bodies import Article
from sandbox.writing import model as writer
from tests.activities.wires import CLAUDE, USAGE, Usage, Wire

ADDRESS = {"claude": "ANTHROPIC_BASE_URL", "openai": "OPENAI_BASE_URL", "ollama": "OLLAMA_BASE_URL"}


class Answers:
    """`answers.say({"title": …}, "raw text")`: one answer per request, the last one again and again."""

    def __init__(self, httpserver, settings, wire: Wire = CLAUDE):
        self.asked: list[dict[str, Any]] = []
        self.usage: Usage = USAGE
        self._wire = wire
        self._waiting: list[dict | str] = [{}]
        setattr(settings, ADDRESS[wire.adapter], httpserver.url_for("").rstrip("/"))
        settings.EGRESS_ALLOW_HOSTS = [*settings.EGRESS_ALLOW_HOSTS, f"{httpserver.host}:{httpserver.port}"]
        httpserver.expect_request(wire.path, method="POST").respond_with_handler(self._answer)

    def say(self, *answers: dict | str) -> None:
        self._waiting = list(answers)

    @property
    def conversations(self) -> list[list[str]]:
        """What was said in each request, the system text left out."""
        return [[m["content"] for m in body["messages"] if m["role"] != "system"] for body in self.asked]

    def _answer(self, request: Request) -> Response:
        body = json.loads(request.get_data())
        self.asked.append(body)
        answer = self._waiting.pop(0) if len(self._waiting) > 1 else self._waiting[0]
        text = answer if isinstance(answer, str) else json.dumps({**self._article(body), **answer})
        return self._wire.answer(text, usage=self.usage)

    def _article(self, body: dict) -> dict:
        messages = [m["content"] for m in body["messages"] if m["role"] != "system"]
        system = body.get("system") or next((m["content"] for m in body["messages"] if m["role"] == "system"), "")
        text = writer.write(
            system=system, conversation=messages[0], schema=Article.model_json_schema(by_alias=True), seed=7
        )
        return json.loads(text)
