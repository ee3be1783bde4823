"""How the frame of the API describes itself: envelopes, pages, filters, problems and limits, the same for every route.

`Schema` asks no queryset anything, so the document is made outside every tenant.
"""

from drf_spectacular.extensions import (
    OpenApiAuthenticationExtension,
    OpenApiSerializerFieldExtension,
)
from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers

from .strict import Choice, Input

REF_ID = {"type": "string", "pattern": "^[0-7][0-9A-HJKMNP-TV-Z]{25}$", "minLength": 26, "maxLength": 26}
LIMITS = "A JSON object in UTF-8, at most 1 MiB, nested at most 64 levels deep. Unknown fields are refused."
PAGES = "Pages follow `ref_id`. 25 rows unless `limit` says otherwise, 100 at most. Unknown parameters are refused."
PROBLEMS = {
    "400": "A field, parameter, header or cursor cannot be used.",
    "401": "Nobody is signed in.",
    "403": "The role does not allow this, the contract is not accepted, or the CSRF token is missing.",
    "404": "There is no such record.",
    "406": "Only JSON is offered.",
    "409": "The state of the record does not allow this now.",
    "412": "It was changed meanwhile: `If-Match` names an older version.",
    "413": "The body is larger than 1 MiB.",
    "415": "The body is not JSON in UTF-8.",
    "422": "Another body was sent with this `Idempotency-Key` before.",
    "428": "`If-Match` is missing.",
    "429": "Too many requests; see `Retry-After`.",
    "503": "A store does not answer at the moment; see `Retry-After`.",
}
IDEMPOTENCY_KEY = "Idempotency-Key"
ALWAYS = ("400", "401", "403", "404", "406", "429", "503")


class Problem(serializers.Serializer):
    """RFC 9457, the same for every error."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField(help_text="A stable word for programs.")
    detail = serializers.CharField(help_text="A sentence for people.")
    errors = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField()), help_text="What is wrong with which field."
    )
    request_id = serializers.CharField(help_text="Quote it when you ask about the error.")


class Pagination(serializers.Serializer):
    next_cursor = serializers.CharField(allow_null=True, help_text="Opaque; null on the last page.")
    limit = serializers.IntegerField(min_value=1, max_value=100)


class SessionScheme(OpenApiAuthenticationExtension):
    target_class = "apps.tenants.doors.api.SessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema):
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": "sessionid",
            "description": "Sign in at /account/login/. Every POST and PATCH carries the CSRF token of the session in the "
            "header X-CSRFToken; `GET /api/v1/me/` tells it.",
        }


class NamedChoice(OpenApiSerializerFieldExtension):
    """A list of words is a component of its own, so that every record that uses it names the same one."""

    target_class = Choice

    def get_name(self):
        return self.target.component

    def map_serializer_field(self, auto_schema, direction):
        labels = "\n".join(f"* `{value}`: {label}" for value, label in self.target.choices.items())
        return {"type": "string", "enum": list(self.target.choices), "description": labels}


class Schema(AutoSchema):
    def get_summary(self):
        """The first sentence of the description."""
        return super().get_description().partition(". ")[0].partition("\n")[0].rstrip(".")

    def get_description(self):
        said = super().get_description()
        if self.method in ("POST", "PATCH"):
            return f"{said}\n\n{LIMITS}"
        return f"{said}\n\n{PAGES}" if self._is_list_view() else said

    def _resolve_path_parameters(self, variables):
        return [
            {"in": "path", "name": name, "required": True, "schema": REF_ID, "description": "The record's `ref_id`."}
            for name in variables
        ]

    def _get_filter_parameters(self):
        tenant = {
            "in": "header",
            "name": "X-Tenant",
            "schema": REF_ID,
            "description": "For platform staff: the client to work for. Without it, reading spans all their clients.",
        }
        if not self._is_list_view() or self.view.action != "list":
            return [tenant]
        columns = [
            {"in": "query", "name": name, "schema": self._filter_schema(name)} for name in self.view.filter_fields
        ]
        refs = [{"in": "query", "name": name, "schema": REF_ID} for name in self.view.ref_filters]
        return [tenant, *columns, *refs]

    def _filter_schema(self, name: str) -> dict:
        choices = self.view.model._meta.get_field(name).choices
        return {"type": "string", "enum": [value for value, _ in choices]} if choices else {"type": "string"}

    def _get_pagination_parameters(self):
        if not self._is_list_view():
            return []
        limit = {"type": "integer", "minimum": 1, "maximum": 100, "default": 25}
        return [
            {"in": "query", "name": "limit", "schema": limit, "description": "Rows per page."},
            {
                "in": "query",
                "name": "cursor",
                "schema": {"type": "string"},
                "description": "`next_cursor` of the page before.",
            },
        ]

    def _map_basic_serializer(self, serializer, direction):
        schema = super()._map_basic_serializer(serializer, direction)
        if isinstance(serializer, Input):
            schema["additionalProperties"] = False
        return schema

    def _get_response_for_code(self, serializer, status_code, media_types=None, direction="response"):
        response = super()._get_response_for_code(serializer, status_code, media_types, direction)
        if serializer is not Problem:
            response["description"] = response["description"] or "Done."
            for name, media in response.get("content", {}).items():
                if name != "text/event-stream":
                    media["schema"] = self._envelope(media["schema"])
        return response

    def _envelope(self, schema: dict) -> dict:
        if schema.get("type") != "array":
            return {"type": "object", "properties": {"data": schema}, "required": ["data"]}
        pagination = self.resolve_serializer(Pagination, "response").ref
        return {
            "type": "object",
            "properties": {"data": schema, "pagination": pagination},
            "required": ["data", "pagination"],
        }

    def _get_response_bodies(self, direction="response"):
        responses = super()._get_response_bodies(direction)
        codes = list(ALWAYS)
        if self.method in ("POST", "PATCH"):
            codes += ["409", "413", "415"]
        if any(getattr(parameter, "name", "") == IDEMPOTENCY_KEY for parameter in self.get_override_parameters()):
            codes += ["422"]
        if self.method == "PATCH":
            codes += ["412", "428"]
        for code in sorted(codes):
            problem = self._get_response_for_code(Problem, code, ["application/problem+json"], direction)
            responses[code] = {**problem, "description": PROBLEMS[code]}
        return responses
