"""How each model service answers, byte for byte, so that one test can ask all of them the same."""

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from werkzeug import Response

USAGE = (125, 100, 7)  # of the prompt, of it from a cache, of the answer
Usage = tuple[Any, Any, Any] | None


def sse(value: Any, kind: str = "") -> bytes:
    return (f"event: {kind}\n" if kind else "").encode() + f"data: {json.dumps(value)}\n\n".encode()


@dataclass(frozen=True)
class Wire(ABC):
    adapter: str
    path: str
    sdk: str
    content_type: str
    whole: str  # why an answer ends that is one
    tools: str  # and one that asks for tools

    def stream(self, *parts: bytes) -> Response:
        headers = {"request-id": "req_01", "x-request-id": "req_01"}
        return Response(b"".join(parts), headers=headers, content_type=self.content_type)

    @property
    def head(self) -> bytes:
        return f"HTTP/1.1 200 OK\r\nContent-Type: {self.content_type}\r\nConnection: close\r\n\r\n".encode()

    @abstractmethod
    def start(self, usage: Usage = USAGE) -> bytes: ...

    @abstractmethod
    def delta(self, text: Any) -> bytes: ...

    @abstractmethod
    def use(self, name: Any, *arguments: Any, index: int = 1) -> bytes:
        """A tool is asked for; the arguments come in these pieces. Ollama sends them whole."""

    @abstractmethod
    def end(self, reason: Any = "", usage: Usage = USAGE) -> bytes: ...

    @abstractmethod
    def error(self) -> bytes:
        """The service is overloaded in the middle of its answer."""

    def answer(self, *texts: Any, reason: Any = "", usage: Usage = USAGE) -> Response:
        return self.stream(self.start(usage), *map(self.delta, texts), self.end(reason or self.whole, usage))


class Claude(Wire):
    def start(self, usage: Usage = USAGE) -> bytes:
        told = {}
        if usage:
            whole, cached, _ = usage
            fresh = whole - cached if isinstance(whole, int) else whole
            told = {"input_tokens": fresh, "cache_read_input_tokens": cached, "output_tokens": 1}
        message = {
            "id": "msg_01", "type": "message", "role": "assistant", "model": "m", "content": [],
            "stop_reason": None, "stop_sequence": None, "usage": told,
        }  # fmt: skip
        return self.event("message_start", message=message) + self.event(
            "content_block_start", index=0, content_block={"type": "text", "text": ""}
        )

    def delta(self, text: Any) -> bytes:
        return self.event("content_block_delta", index=0, delta={"type": "text_delta", "text": text})

    def use(self, name: Any, *arguments: Any, index: int = 1) -> bytes:
        block = {"type": "tool_use", "id": f"toolu_{index}", "name": name, "input": {}}
        deltas = [{"type": "input_json_delta", "partial_json": part} for part in ("", *arguments)]
        return b"".join(
            [
                self.event("content_block_start", index=index, content_block=block),
                *(self.event("content_block_delta", index=index, delta=delta) for delta in deltas),
                self.event("content_block_stop", index=index),
            ]
        )

    def end(self, reason: Any = "", usage: Usage = USAGE) -> bytes:
        delta = {"stop_reason": reason or self.whole, "stop_sequence": None}
        told = {"output_tokens": usage[2]} if usage else {}
        return (
            self.event("content_block_stop", index=0)
            + self.event("message_delta", delta=delta, usage=told)
            + self.event("message_stop")
        )

    def error(self) -> bytes:
        return self.event("error", error={"type": "overloaded_error", "message": "Overloaded"})

    @staticmethod
    def event(kind: str, **fields: Any) -> bytes:
        return sse({"type": kind, **fields}, kind)


class OpenAI(Wire):
    def start(self, usage: Usage = USAGE) -> bytes:
        return self.chunk({"role": "assistant", "content": "", "refusal": None})

    def delta(self, text: Any) -> bytes:
        return self.chunk({"content": text})

    def use(self, name: Any, *arguments: Any, index: int = 1) -> bytes:
        begun = {"index": index, "id": f"call_{index}", "type": "function", "function": {"name": name, "arguments": ""}}
        more = [{"index": index, "function": {"arguments": part}} for part in arguments]
        return b"".join(self.chunk({"tool_calls": [part]}) for part in (begun, *more))

    def end(self, reason: Any = "", usage: Usage = USAGE) -> bytes:
        told = b""
        if usage:
            whole, cached, written = usage
            counts = {"prompt_tokens": whole, "completion_tokens": written, "total_tokens": 1}
            counts["prompt_tokens_details"] = {"cached_tokens": cached}
            told = sse({**self.frame(), "choices": [], "usage": counts})
        return self.chunk({}, reason or self.whole) + told + b"data: [DONE]\n\n"

    def error(self) -> bytes:
        return sse({"error": {"message": "Overloaded", "type": "server_error", "param": None, "code": None}})

    def chunk(self, delta: dict, reason: Any = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return sse({**self.frame(), "choices": [choice], "usage": None})

    @staticmethod
    def frame() -> dict:
        return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1694268190, "model": "m"}


class Ollama(Wire):
    def start(self, usage: Usage = USAGE) -> bytes:
        return self.delta("")

    def delta(self, text: Any) -> bytes:
        return self.line({"message": {"role": "assistant", "content": text}, "done": False})

    def use(self, name: Any, *arguments: Any, index: int = 1) -> bytes:
        call = {"function": {"name": name, "arguments": json.loads("".join(arguments))}}
        return self.line({"message": {"role": "assistant", "content": "", "tool_calls": [call]}, "done": False})

    def end(self, reason: Any = "", usage: Usage = USAGE) -> bytes:
        told = {"prompt_eval_count": usage[0], "eval_count": usage[2]} if usage else {}
        message = {"role": "assistant", "content": ""}
        return self.line({"message": message, "done": True, "done_reason": reason or self.whole, **told})

    def error(self) -> bytes:
        return json.dumps({"error": "an error was encountered while running the model"}).encode() + b"\n"

    @staticmethod
    def line(fields: dict) -> bytes:
        return json.dumps({"model": "m", "created_at": "2025-10-26T17:21:21.196249Z", **fields}).encode() + b"\n"


CLAUDE = Claude("claude", "/v1/messages", "anthropic", "text/event-stream", "end_turn", "tool_use")
OPENAI = OpenAI("openai", "/chat/completions", "openai", "text/event-stream", "stop", "tool_calls")
OLLAMA = Ollama("ollama", "/api/chat", "ollama", "application/x-ndjson", "stop", "stop")
WIRES = (CLAUDE, OPENAI, OLLAMA)
