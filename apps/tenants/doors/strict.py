"""What the body of an API request may be: strict JSON, known fields, values of exactly the type that is due."""

import json
import re
from datetime import timedelta

import orjson
from django.conf import settings
from rest_framework import exceptions, parsers, serializers

MAX_DEPTH = 64
MAX_UNKNOWN_NAMED = 20  # how many of the unknown fields an error names
LATEST = timedelta(days=731)  # two years, whichever of them is a leap year
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
INVISIBLE = re.compile(r"[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]")


class TooLarge(exceptions.APIException):
    status_code = 413
    default_code = "too_large"
    default_detail = "The body may have 1 MiB at most."


class StrictJSONParser(parsers.BaseParser):
    """JSON objects only: no duplicate keys, NUL, lone surrogates, NaN, or nesting beyond 64 levels; 1 MiB at most."""

    media_type = "application/json"

    def parse(self, stream, media_type=None, parser_context=None):
        raw = stream.read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
        if len(raw) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise TooLarge
        try:
            parsed = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            raise exceptions.ParseError("This is not valid JSON.") from error
        if not isinstance(parsed, dict):
            raise exceptions.ParseError("The body must be a JSON object.")
        _check_shape(parsed)
        json.loads(raw, object_pairs_hook=_without_duplicates)  # orjson keeps the last of equal keys
        return parsed


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


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise exceptions.ParseError("A key occurs twice.")
    return found


class Input(serializers.Serializer):
    """What a request may say: unknown and read-only fields are refused, and types are not coerced."""

    def to_internal_value(self, data):
        if unknown := sorted(set(data) - set(self.fields)):
            raise serializers.ValidationError({name[:100]: ["Unknown field."] for name in unknown[:MAX_UNKNOWN_NAMED]})
        return super().to_internal_value(data)


class Nothing(Input):
    """The body of an action that needs no more than its address."""


class Text(serializers.CharField):
    """Text of any number of lines, kept as it was sent. A number or a boolean is not turned into it."""

    def __init__(self, *, max_length: int, **kwargs):
        kwargs.setdefault("trim_whitespace", False)
        super().__init__(max_length=max_length, **kwargs)

    def run_validation(self, data=serializers.empty):
        if isinstance(data, str) and data and not data.strip() and not self.allow_blank:
            self.fail("blank")
        return super().run_validation(data)

    def to_internal_value(self, data):
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Line(Text):
    """Text on one line, without white space around it."""

    default_error_messages = {"control": "Leave out line breaks and control characters."}

    def __init__(self, **kwargs):
        super().__init__(trim_whitespace=True, **kwargs)

    def to_internal_value(self, data):
        value = super().to_internal_value(data)
        if CONTROL.search(value):
            self.fail("control")
        return value


class Word(Line):
    """A name that machines compare: nothing in it may be invisible, or change the direction of what is shown."""

    default_error_messages = {"invisible": "Leave out invisible characters."}

    def to_internal_value(self, data):
        value = super().to_internal_value(data)
        if INVISIBLE.search(value):
            self.fail("invisible")
        return value


class Digest(serializers.RegexField):
    """A SHA-256 as 64 lower-case hexadecimal digits."""

    default_error_messages = {"invalid": "A SHA-256 as 64 lower-case hexadecimal digits."}

    def __init__(self, **kwargs):
        super().__init__(r"^[0-9a-f]{64}\Z", trim_whitespace=False, **kwargs)

    def to_internal_value(self, data):
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Flag(serializers.BooleanField):
    """true or false, and none of the words and numbers that might mean them."""

    default_error_messages = {"invalid": "true or false."}

    def to_internal_value(self, data):
        if not isinstance(data, bool):
            self.fail("invalid")
        return data


class Whole(serializers.IntegerField):
    """A whole number. Neither a text that looks like one nor a boolean is turned into it."""

    def to_internal_value(self, data):
        if not isinstance(data, int) or isinstance(data, bool):
            self.fail("invalid")
        return super().to_internal_value(data)


class Choice(serializers.ChoiceField):
    """One word of a list. `component` names the list in the OpenAPI document."""

    def __init__(self, choices, *, component: str = "", **kwargs):
        super().__init__(choices, **kwargs)
        self.component = component
        self.error_messages["invalid_choice"] = f"Choose one of: {', '.join(self.choices)}."

    def to_internal_value(self, data):
        if not isinstance(data, str):
            self.fail("invalid_choice")
        return super().to_internal_value(data)


class Day(serializers.DateField):
    """A day of the client's calendar, as 2026-03-31 and in no other way."""

    default_error_messages = {"invalid": "A day, such as 2026-03-31."}

    def to_internal_value(self, data):
        if not isinstance(data, str) or not DAY.fullmatch(data):
            self.fail("invalid", format="ISO 8601")
        return super().to_internal_value(data)


class Moment(serializers.DateTimeField):
    """A moment with its offset from UTC, within two years. One that has passed means now, and is given as None."""

    default_error_messages = {
        "invalid": "A date and time with its offset, such as 2026-03-31T09:00:00+05:30.",
        "far": "Choose a time within the next two years.",
    }

    def enforce_timezone(self, value):
        if value.tzinfo is None:
            self.fail("invalid", format="ISO 8601")  # an hour that clocks skip or repeat would be anybody's guess
        return super().enforce_timezone(value)

    def to_internal_value(self, data):
        if not isinstance(data, str) or not data.isascii():
            self.fail("invalid", format="ISO 8601")
        moment, at = super().to_internal_value(data), self.context["at"]
        if moment > at + LATEST:
            self.fail("far")
        return moment if moment > at else None
