import base64
import json
from pathlib import Path
from types import SimpleNamespace
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

import pytest

from sandbox.server import start

FIXTURES = Path(__file__).parent / "fixtures"


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


OPENER = build_opener(_NoRedirects)


@pytest.fixture(scope="session")
def running():
    with start() as rehearsal:
        yield rehearsal


@pytest.fixture
def rehearsal(running):
    """A rehearsal world without a past."""
    running.world.reset()
    return running


@pytest.fixture
def call(rehearsal):
    """`call("POST", "/path", {...}, user="editor")` gives status, headers, text and, where it is JSON, value."""

    def call(
        method, path, body=None, *, user=None, password="rehearsal application password", headers=None, timeout=60
    ):
        headers = dict(headers or {})
        if body is not None:
            headers["Content-Type"] = "application/json"
        if user:
            headers["Authorization"] = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        request = Request(rehearsal.url + path, data=data, headers=headers, method=method)
        try:
            answer = OPENER.open(request, timeout=timeout)
        except HTTPError as refused:
            answer = refused
        with answer:
            raw = answer.read()
            is_json = answer.headers.get("Content-Type", "").startswith("application/json")
            return SimpleNamespace(
                status=answer.status,
                headers=answer.headers,
                text=raw.decode("utf-8", "replace"),
                value=json.loads(raw) if is_json else None,
            )

    return call


@pytest.fixture
def example():
    def example(name):
        return json.loads((FIXTURES / f"{name}.json").read_text("utf-8"))

    return example


def shape(value):
    """Key sets and types, for comparing structure rather than content."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__


def assert_has_shape_of(answer, vendors_example, *, where="answer"):
    """Every field of the vendor's example is in the answer, with the same type. More fields are allowed."""
    for name, inner in vendors_example.items():
        assert name in answer, f"{where}.{name} is missing"
        if isinstance(inner, dict):
            assert isinstance(answer[name], dict), f"{where}.{name}"
            if name not in ("meta", "avatar_urls", "_links"):
                assert_has_shape_of(answer[name], inner, where=f"{where}.{name}")
        else:
            assert shape(answer[name]) == shape(inner), f"{where}.{name}"


@pytest.fixture
def has_shape_of():
    return assert_has_shape_of
