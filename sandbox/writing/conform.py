"""Bring a proposed value into the shape a JSON schema asks for; make up what was not proposed."""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

ABSENT: Any = object()
IN_DESCRIPTION = re.compile(
    r"\b(minLength|maxLength|minimum|maximum|exclusiveMinimum|exclusiveMaximum|minItems|maxItems|multipleOf):\s*(-?\d+(?:\.\d+)?)"
)
FORMATS = {
    "date": "2026-03-02",
    "date-time": "2026-03-02T09:00:00Z",
    "time": "09:00:00Z",
    "duration": "P7D",
    "email": "hello@example.com",
    "hostname": "www.example.com",
    "ipv4": "127.0.0.1",
    "ipv6": "::1",
    "uuid": "018f4d2e-7c3a-7b1e-9a55-2f6f0a1c9d01",
    "uri": "https://www.example.com/",
    "url": "https://www.example.com/",
}
LONGEST_TEXT = 100_000
RANKS = {"high": 1, "medium": 2, "low": 3}
PATTERN_CANDIDATES = (
    "a-good-start",
    "good",
    "Good",
    "GOOD",
    "1",
    "12",
    "123",
    "2026-03",
    "2026-03-02",
    "#2f5d50",
    "en",
    "en-GB",
    "GB",
    "1.0.0",
    "https://www.example.com/",
    "hello@example.com",
    "+441315550142",
    "09:00",
    "01J0000000000000000000000A",
)


@dataclass
class Maker:
    """`text(name)` and `number(name, low, high)` invent values for a field; `website` replaces made-up addresses."""

    rng: random.Random
    text: Callable[[str], str]
    number: Callable[[str, float, float], float]
    website: str = ""
    root: dict[str, Any] | None = None


def conform(schema: Any, value: Any, maker: Maker, name: str = "", depth: int = 0) -> Any:
    """A value that is valid for `schema`, as close to `value` as it can be; ABSENT means nothing was proposed."""
    if not isinstance(schema, dict):
        return None if value is ABSENT else value
    schema = with_described_limits(resolved(schema, maker))
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return from_enum(schema["enum"], value, maker)
    for word in ("anyOf", "oneOf"):
        if word in schema:
            return from_choice([resolved(choice, maker) for choice in schema[word]], value, maker, name, depth)
    match type_of(schema, value):
        case "object":
            return to_object(schema, value, maker, name, depth)
        case "array":
            return to_array(schema, value, maker, name, depth)
        case "string":
            return to_string(schema, value, maker, name)
        case "integer" | "number" as kind:
            return to_number(schema, value, maker, name, whole=kind == "integer")
        case "boolean":
            return value if isinstance(value, bool) else True
        case "null":
            return None
    return maker.text(name) if value is ABSENT else value


def resolved(schema: dict[str, Any], maker: Maker) -> dict[str, Any]:
    """`$ref` followed and `allOf` merged."""
    for _ in range(20):
        if "$ref" not in schema:
            break
        found: Any = maker.root
        for step in schema["$ref"].removeprefix("#/").split("/"):
            found = found[step.replace("~1", "/").replace("~0", "~")]
        schema = {**found, **{key: inner for key, inner in schema.items() if key != "$ref"}}
    for part in schema.get("allOf", []):
        part = resolved(part, maker)
        schema = {
            **schema,
            **part,
            "properties": {**schema.get("properties", {}), **part.get("properties", {})},
            "required": [*schema.get("required", []), *part.get("required", [])],
        }
    return {key: inner for key, inner in schema.items() if key != "allOf"} if "allOf" in schema else schema


def with_described_limits(schema: dict[str, Any]) -> dict[str, Any]:
    """The vendor's SDK moves limits that the API does not take into the description: `{minLength: 140}`."""
    found = {word: float(number) for word, number in IN_DESCRIPTION.findall(str(schema.get("description", "")))}
    return {**found, **schema} if found else schema


def type_of(schema: dict[str, Any], value: Any) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        fitting = [one for one in kind if matches(one, value)]
        return fitting[0] if fitting else next((one for one in kind if one != "null"), "null")
    if kind:
        return kind
    if "properties" in schema or "additionalProperties" in schema:
        return "object"
    return "array" if "items" in schema else ""


def matches(kind: str, value: Any) -> bool:
    return {
        "object": isinstance(value, dict),
        "array": isinstance(value, list),
        "string": isinstance(value, str),
        "integer": isinstance(value, int) and not isinstance(value, bool),
        "number": isinstance(value, (int, float)) and not isinstance(value, bool),
        "boolean": isinstance(value, bool),
        "null": value is None,
    }.get(kind, False)


def from_enum(allowed: list[Any], value: Any, maker: Maker) -> Any:
    """The allowed value that is, or sounds most like, the proposed one."""
    if value in allowed and not isinstance(value, dict):
        return value
    if isinstance(value, str):
        wanted = plain(value)
        for same in (
            lambda one: plain(one) == wanted,
            lambda one: bool(wanted) and (wanted in plain(one) or (plain(one) and plain(one) in wanted)),
            lambda one: bool(wanted) and plain(one)[:5] == wanted[:5],
        ):
            found = [one for one in allowed if isinstance(one, str) and same(one)]
            if found:
                return found[0]
    usable = [one for one in allowed if one is not None]
    return usable[0] if usable else None


def plain(text: Any) -> str:
    return re.sub(r"[^a-z0-9]", "", str(text).lower())


def from_choice(choices: list[dict[str, Any]], value: Any, maker: Maker, name: str, depth: int) -> Any:
    """The first alternative the proposal already fits; else the first that is not null."""
    if value is not ABSENT:
        for choice in choices:
            if matches(type_of(choice, value), value) and ("enum" not in choice or value in choice["enum"]):
                return conform(choice, value, maker, name, depth)
    usable = [choice for choice in choices if choice.get("type") != "null"]
    if not usable or (value is ABSENT and depth > 6):
        return None
    return conform(usable[0], value, maker, name, depth)


def to_object(schema: dict[str, Any], value: Any, maker: Maker, name: str, depth: int) -> dict[str, Any]:
    if isinstance(value, str):
        value = {
            key: value
            for key in ("name", "title", "text", "summary", "description", "heading", "keyword", "url", "platform")
        }
    proposed = {plain(key): inner for key, inner in value.items()} if isinstance(value, dict) else {}
    made = {}
    for key, inner in schema.get("properties", {}).items():
        required = key in schema.get("required", [])
        if plain(key) in proposed or required or depth < 4:
            made[key] = conform(inner, proposed.get(plain(key), ABSENT), maker, key, depth + 1)
    extra = schema.get("additionalProperties", True)
    if not schema.get("properties") and isinstance(extra, dict):
        given = value if isinstance(value, dict) else {maker.text("name"): ABSENT}
        made = {key: conform(extra, inner, maker, key, depth + 1) for key, inner in given.items()}
    elif not schema.get("properties") and extra is not False and isinstance(value, dict):
        made = value
    return made


def to_array(schema: dict[str, Any], value: Any, maker: Maker, name: str, depth: int) -> list[Any]:
    low, high = int(schema.get("minItems", 0)), int(schema.get("maxItems", LONGEST_TEXT))
    given = value if isinstance(value, list) else [] if value is ABSENT else [value]
    if value is ABSENT and depth < 6:
        given = [ABSENT] * min(high, max(low, 3))
    prefix = schema.get("prefixItems", [])
    items = schema.get("items", {})
    made: list[Any] = []
    for position in range(max(low, min(len(given), high))):
        inner = prefix[position] if position < len(prefix) else items
        proposed = given[position] if position < len(given) else ABSENT
        made.append(conform(inner, proposed, maker, name, depth + 1))
    if schema.get("uniqueItems"):
        unique: list[Any] = []
        for one in made:
            unique.extend([one] if one not in unique else [])
        made = unique
    return made


def to_string(schema: dict[str, Any], value: Any, maker: Maker, name: str) -> str:
    low, high = int(schema.get("minLength", 0)), int(schema.get("maxLength", LONGEST_TEXT))
    if isinstance(value, dict):
        value = (
            ": ".join(str(value[key]) for key in ("name", "title", "description", "text") if value.get(key)) or ABSENT
        )
    if isinstance(value, list):
        value = ", ".join(str(one) for one in value)
    text = maker.text(name) if value is ABSENT or value is None else str(value)
    wanted_format = schema.get("format", "")
    if wanted_format in FORMATS and not looks_like(wanted_format, text):
        text = maker.website or FORMATS["uri"] if wanted_format in ("uri", "url") else FORMATS[wanted_format]
    if schema.get("pattern") and not re.search(schema["pattern"], text):
        text = next((one for one in (plain_slug(text), *PATTERN_CANDIDATES) if re.search(schema["pattern"], one)), text)
        return text
    return fit(text, low, high, maker, name)


def looks_like(wanted: str, text: str) -> bool:
    shapes = {
        "date": r"\d{4}-\d\d-\d\d",
        "date-time": r"\d{4}-\d\d-\d\dT.+",
        "time": r"\d\d:\d\d.*",
        "email": r"\S+@\S+\.\S+",
        "uri": r"[a-z]+://\S+",
        "url": r"[a-z]+://\S+",
    }
    return bool(re.fullmatch(shapes.get(wanted, r"(?!)"), text))


def plain_slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower().replace("'", "").replace("’", "")).strip("-")[:60].rstrip("-")


def fit(text: str, low: int, high: int, maker: Maker, name: str) -> str:
    """Between `low` and `high` characters: filled up with more sentences, or cut after a whole word."""
    for _ in range(200):
        if len(text) >= low:
            break
        text = f"{text.rstrip()} {maker.text('sentence')}"
    if len(text) > high:
        cut = text[: high + 1].rsplit(" ", 1)[0].rstrip(" ,;:–-") if " " in text[: high + 1] else text[:high]
        text = cut if low <= len(cut) <= high else text[:high]
    return text


def fit_words(text: str, most: int) -> str:
    """At most so many characters, cut after a whole word."""
    if len(text) <= most:
        return text
    return text[: most + 1].rsplit(" ", 1)[0][:most].rstrip(" ,;:–-")


def to_number(schema: dict[str, Any], value: Any, maker: Maker, name: str, *, whole: bool) -> float | int:
    low = float(schema.get("minimum", schema.get("exclusiveMinimum", 0)))
    if "exclusiveMinimum" in schema and "minimum" not in schema:
        low += 1 if whole else 0.01
    high = float(schema.get("maximum", schema.get("exclusiveMaximum", max(low, 1_000_000_000))))
    if "exclusiveMaximum" in schema and "maximum" not in schema:
        high -= 1 if whole else 0.01
    if isinstance(value, str):
        value = RANKS.get(value.lower(), value)
    if isinstance(value, str) and re.fullmatch(r"-?\d+(\.\d+)?", value):
        value = float(value)
    number = (
        float(value)
        if isinstance(value, (int, float)) and not isinstance(value, bool)
        else maker.number(name, low, high)
    )
    number = min(max(number, low), high)
    if schema.get("multipleOf"):
        number = round(number / schema["multipleOf"]) * schema["multipleOf"]
    return round(number) if whole else round(number, 4)
