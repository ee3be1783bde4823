"""The OpenAPI document: it validates without a warning, lists every route, and tells the truth."""

import json
import re
from io import StringIO

import jsonschema
import pytest
from django.core.management import call_command
from django.test import Client
from drf_spectacular.validation import validate_schema

from config.api import document
from tests.api.routes import ROUTES, body_for, headers_for, named

COMPONENT = "#/components/schemas/"


@pytest.fixture(scope="module")
def schema(django_db_setup, django_db_blocker):
    with django_db_blocker.block():  # it is made without asking the database anything
        document.cache_clear()
        return json.loads(document())


def test_it_is_made_and_validated_without_a_warning(schema):
    """The command works outside every scope and fails on the first warning."""
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=StringIO(), stderr=StringIO())
    validate_schema(schema)


def test_anybody_may_read_it(db):
    response = Client().get("/api/v1/schema/")

    assert (response.status_code, response["Content-Type"]) == (200, "application/vnd.oai.openapi+json")
    assert response.content == document()


@pytest.mark.parametrize("path", ["/api/v1/schema/", "/api/v1/docs/"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_it_can_only_be_read(path, method, problem, db):
    response = Client(enforce_csrf_checks=True).generic(method, path)

    problem(response, 405, "method_not_allowed")
    assert response["Allow"] == "GET, HEAD"


def test_it_lists_every_route_and_no_other(schema):
    told = {f"{method.upper()} {path}" for path, methods in schema["paths"].items() for method in methods}

    assert told == {f"{route.method} /api/v1{route.path.replace('{ref}', '{ref_id}')}" for route in ROUTES}


def operation(schema, route):
    return schema["paths"]["/api/v1" + route.path.replace("{ref}", "{ref_id}")][route.method.lower()]


@pytest.mark.parametrize("route", ROUTES, ids=named(ROUTES))
def test_each_route_says_what_it_does_what_it_limits_and_how_it_refuses(route, schema):
    said = operation(schema, route)

    assert len(said["description"]) > 10
    assert {"200", "201"} & set(said["responses"])
    assert {"400", "401", "403", "404", "406", "429", "503"} <= set(said["responses"])
    for code, response in said["responses"].items():
        if code[0] == "4" or code[0] == "5":
            assert list(response["content"]) == ["application/problem+json"]
    if route.method != "GET":
        assert "1 MiB" in said["description"]
        assert "64 levels" in said["description"]
        assert {"409", "413", "415"} <= set(said["responses"])
    if route.lists:
        limit = next(p for p in said["parameters"] if p["name"] == "limit")["schema"]
        assert limit == {"type": "integer", "minimum": 1, "maximum": 100, "default": 25}
        assert "25 rows" in said["description"]


@pytest.mark.parametrize("route", [route for route in ROUTES if route.fields], ids=lambda route: str(route))
def test_each_body_is_described_with_exactly_its_fields(route, schema):
    ref = operation(schema, route)["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    component = schema["components"]["schemas"][ref.removeprefix(COMPONENT)]

    assert set(component["properties"]) == set(route.fields)
    assert component["additionalProperties"] is False


def test_a_secret_is_write_only(schema):
    connection = schema["components"]["schemas"]["WordPressConnectionRequest"]
    shown = schema["components"]["schemas"]["Channel"]

    assert connection["properties"]["application_password"]["writeOnly"] is True
    assert not [
        name
        for name in shown["properties"]
        if re.search("token(?!_expires)|password|secret|metadata|external_id", name)
    ]


@pytest.mark.parametrize("route", ROUTES, ids=named(ROUTES))
def test_answers_are_as_they_are_described(route, schema, rita, alice, acme, at_drafts, sandbox):
    person = alice if "contract" in route.path else rita
    headers = {"X-Tenant": acme.ref_id} if person is rita else {}
    sha256 = at_drafts.contract_sha256 if "contract" in route.path else at_drafts.content_sha256

    response = person.send(
        route.method, at_drafts.of(route), body_for(route, sandbox.url, sha256), **headers_for(route, sha256), **headers
    )

    described = operation(schema, route)["responses"][str(response.status_code)]["content"]
    wanted = described[response["Content-Type"]]["schema"]
    if route.streams:
        assert wanted == {"type": "string"}
        return
    jsonschema.Draft7Validator(
        {**_as_json_schema(wanted), "components": _as_json_schema(schema["components"])}
    ).validate(response.json())


def _as_json_schema(value):
    """OpenAPI 3.0 as JSON schema: `nullable` is a second type, and nothing is allowed that is not described."""
    if isinstance(value, list):
        return [_as_json_schema(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    converted = {name: _as_json_schema(inner) for name, inner in value.items()}
    if (
        converted.get("type") == "object"
        and isinstance(converted.get("properties"), dict)
        and "additionalProperties" not in converted
    ):
        converted["additionalProperties"] = False
    if converted.pop("nullable", False):
        return {"anyOf": [converted, {"type": "null"}]}
    return converted
