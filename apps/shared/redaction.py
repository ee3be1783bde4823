"""Takes secrets out of whatever is kept or logged: by the name they stand under, by their shape, and by their value."""

import base64
import html
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

REDACTED = "[redacted]"
MAX_DEPTH = 20
SHORTEST_SECRET = 4  # a shorter value would blot out ordinary text

# The last word of a name decides: `access_token`, `X-Api-Key` and `clientSecret` are secrets, `token_type` is not.
SECRET_WORDS = frozenset(
    "authorization cookie token tokens secret secrets password passwd passphrase pwd key apikey credential credentials "
    "session sessionid sid signature otp pin jwt bearer auth".split()
)
SECRET_NAMES = frozenset({"code_verifier", "cookies", "recovery_codes", "session_id", "totp_code"})
# End like a secret, yet are names of things, and an operator who reads a log needs them.
PLAIN_NAMES = frozenset("idempotency_key origin_key s3_key primary_key foreign_key step_key cache_key".split())

# Every repetition has an upper bound, or hostile text could keep the pattern busy for minutes.
SHAPES = (
    re.compile(r"(?i)((?:authorization|cookie)[\"']?)(\s{0,4}[=:]\s{0,4})(?:\"[^\"]*\"|'[^']*'|[^\r\n\"']+)"),
    re.compile(r"(?i)\b(bearer|basic)(\s{1,4})[A-Za-z0-9._~+/=-]{16,}"),
    re.compile(
        r"(?i)(\b[\w-]{0,40}(?:token|secret|password|passwd|api[_-]?key|signature)[\"']?)"
        r"(\s{0,4}[=:]\s{0,4})(?:\"[^\"]*\"|'[^']*'|[^\s&,;}\"']+)"
    ),
    re.compile(r"\b([a-z][a-z0-9+.-]{0,15})(://)[^/\s:@]{0,256}:[^/\s@]{1,256}@"),
    re.compile(r"(/(?:invitation|password/reset/key))(/)[^/\s\"'?]{8,512}"),  # links that let somebody in
    re.compile(r"\b(sk|pk|rk|xox[abp]|gh[pousr])([-_])[A-Za-z0-9_-]{12,}"),
)


def redact(value: Any, *, secrets: Iterable[str] = ()) -> Any:
    """A copy of strings, bytes, mappings and sequences without secrets; numbers, None and other objects as they are.

    `secrets` are values known to the caller: they disappear in every spelling they are likely to be echoed in
    (plain, percent-encoded, JSON, HTML, hexadecimal, base64 at any offset).
    """
    spellings = sorted({form for secret in secrets for form in _spellings(secret)}, key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, spellings))) if spellings else None
    return _redact(value, pattern, depth=0)


def is_secret_name(name: str) -> bool:
    """Whether what stands under this name (of a header, a field, a setting) is a secret."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().replace("-", "_").replace(" ", "_").strip("_")
    if words in PLAIN_NAMES:
        return False
    return words in SECRET_NAMES or words.rpartition("_")[2] in SECRET_WORDS


def _redact(value: Any, pattern: re.Pattern[str] | None, *, depth: int) -> Any:
    if depth > MAX_DEPTH:
        return "[nested too deeply]"
    if isinstance(value, bytes | bytearray):
        value = bytes(value).decode("utf-8", "replace")
    if isinstance(value, str):
        return _redact_text(value, pattern)
    if isinstance(value, Mapping):
        return {
            _redact(name, pattern, depth=depth + 1): REDACTED
            if isinstance(name, str) and is_secret_name(name) and _may_be_secret(item)
            else _redact(item, pattern, depth=depth + 1)
            for name, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        items = [_redact(item, pattern, depth=depth + 1) for item in value]
        return tuple(items) if isinstance(value, tuple) else items
    return value


def _may_be_secret(value: Any) -> bool:
    # Counts such as `output_tokens: 812` stand under secret-looking names, and an empty value tells nothing.
    return value not in ("", b"", None) and not isinstance(value, bool | int | float)


def _redact_text(text: str, pattern: re.Pattern[str] | None) -> str:
    if pattern is not None:
        text = pattern.sub(REDACTED, text)
    for shape in SHAPES:
        text = shape.sub(rf"\1\2{REDACTED}", text)
    return text


def _spellings(secret: str) -> set[str]:
    if len(secret) < SHORTEST_SECRET:
        return set()
    # WordPress shows application passwords in groups of four and takes them without the spaces too.
    plain = {secret, "".join(secret.split())}
    forms = set(plain)
    for text in plain:
        raw = text.encode("utf-8", "surrogatepass")
        forms |= {quote(raw), quote(raw, safe=""), quote_plus(raw), html.escape(text), json.dumps(text)[1:-1]}
        forms |= {json.dumps(text, ensure_ascii=False)[1:-1], raw.hex(), raw.hex().upper(), *_base64_spellings(raw)}
    return {form for form in forms if len(form) >= SHORTEST_SECRET}


def _base64_spellings(raw: bytes) -> set[str]:
    """How the bytes look inside a longer base64 text, such as that of «user:password».

    The secret may begin at any of three offsets within a group; the characters it shares with its neighbours differ
    from text to text and are left out.
    """
    forms = set()
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + raw).decode().rstrip("=")
        first = (0, 2, 3)[offset]
        last = len(encoded) - (1 if (offset + len(raw)) % 3 else 0)
        core = encoded[first:last]
        if len(core) >= 8:
            forms |= {core, core.replace("+", "-").replace("/", "_")}
    return forms
