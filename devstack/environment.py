"""The environment of the product: what is generated, what the user gave, and the file that holds both."""

import base64
import hashlib
import hmac
import secrets
import shlex
from collections.abc import Mapping
from pathlib import Path

from devstack.console import Trouble
from devstack.places import Places
from devstack.ports import HOST, Block

DATABASE = "leadmetrics"

# A server is not started when the first name of its row comes from outside; the others must then come along.
SERVER_VARIABLES = {
    "postgres": ("DATABASE_URL", "DATABASE_MIGRATOR_URL", "DATABASE_READONLY_URL"),
    "mongo": ("MONGO_URL", "MONGO_AUDIT_URL", "MONGO_AUDIT_READ_URL", "MONGO_ADMIN_URL"),
    "s3": ("S3_ENDPOINT", "S3_ACCESS_KEY", "S3_SECRET_KEY", "S3_ADMIN_ACCESS_KEY", "S3_ADMIN_SECRET_KEY"),
    "valkey": ("REDIS_URL",),
}
# Nothing is generated for these, but whoever reads the file later has to see what the stack was started with.
PASSED_THROUGH = ("LEASE_SECONDS", "HEARTBEAT_SECONDS", "SWEEP_SECONDS", "SETTLE_SECONDS", "DRAIN_SECONDS")


def kept_secrets(places: Places) -> dict[str, str]:
    """What is generated once per data folder: losing it would lose the data it opens.

    Keys: SEED (hex, from which every server password follows), SECRET_KEY, ENCRYPTION_KEYS, DEMO_PASSWORD.
    """
    kept = places.data / "secrets"
    if not kept.exists():
        fresh = {
            "SEED": secrets.token_hex(32),
            "SECRET_KEY": secrets.token_hex(32),
            "ENCRYPTION_KEYS": f"k1:{base64.b64encode(secrets.token_bytes(32)).decode()}",
            "DEMO_PASSWORD": secrets.token_hex(8),
        }
        places.keep(kept, _lines(fresh))
    return read(kept)


def password(seed: str, login: str) -> str:
    """The password of one login of one server: 40 hex digits that say nothing about the others."""
    return hmac.new(seed.encode(), login.encode(), hashlib.sha256).hexdigest()[:40]


def generated(kept: Mapping[str, str], block: Block) -> dict[str, str]:
    """Every variable of the product, as if the user had set none."""

    def login(server: str, name: str) -> str:
        return f"{name}:{password(kept['SEED'], f'{server} {name}')}@{HOST}:{block.port(server)}"

    web, sandbox = (f"http://{HOST}:{block.port(name)}" for name in ("web", "sandbox"))
    s3 = f"http://{HOST}:{block.port('s3')}"
    return {
        "DJANGO_SETTINGS_MODULE": "config.settings.development",
        "SECRET_KEY": kept["SECRET_KEY"],
        "ENCRYPTION_KEYS": kept["ENCRYPTION_KEYS"],
        "DATABASE_URL": f"postgres://{login('postgres', 'app_user')}/{DATABASE}",
        "DATABASE_MIGRATOR_URL": f"postgres://{login('postgres', 'migrator_user')}/{DATABASE}",
        "DATABASE_READONLY_URL": f"postgres://{login('postgres', 'readonly_user')}/{DATABASE}",
        "MONGO_URL": f"mongodb://{login('mongo', 'app_user')}/{DATABASE}?authSource=admin",
        "MONGO_AUDIT_URL": f"mongodb://{login('mongo', 'audit_writer')}/{DATABASE}?authSource=admin",
        "MONGO_AUDIT_READ_URL": f"mongodb://{login('mongo', 'audit_reader')}/{DATABASE}?authSource=admin",
        "MONGO_ADMIN_URL": f"mongodb://{login('mongo', 'admin')}/{DATABASE}?authSource=admin",
        "S3_ENDPOINT": s3,
        "S3_PUBLIC_ENDPOINT": s3,
        "S3_ACCESS_KEY": "devstack-app",
        "S3_SECRET_KEY": password(kept["SEED"], "s3 app"),
        "S3_ADMIN_ACCESS_KEY": "devstack-bootstrap",
        "S3_ADMIN_SECRET_KEY": password(kept["SEED"], "s3 bootstrap"),
        "S3_BUCKET": "leadmetrics-content",
        "S3_CONTRACTS_BUCKET": "leadmetrics-contracts",
        "CONTRACT_RETENTION_DAYS": "1",
        "REDIS_URL": f"redis://:{password(kept['SEED'], 'valkey')}@{HOST}:{block.port('valkey')}/0",
        "PUBLIC_BASE_URL": web,
        "SANDBOX_URL": sandbox,
        "ANTHROPIC_BASE_URL": f"{sandbox}/anthropic",
        "ANTHROPIC_API_KEY": "rehearsal",
        "OPENAI_BASE_URL": f"{sandbox}/openai/v1",
        "OPENAI_API_KEY": "rehearsal",
        "OLLAMA_BASE_URL": f"{sandbox}/ollama",
        "GOOGLE_APIS_BASE_URL": f"{sandbox}/google",
        "GOOGLE_ANALYTICS_BASE_URL": f"{sandbox}/analytics",
        "DATAFORSEO_BASE_URL": f"{sandbox}/dataforseo",
        "DATAFORSEO_LOGIN": "rehearsal",
        "DATAFORSEO_PASSWORD": "rehearsal",
        "EGRESS_ALLOW_HOSTS": f"{HOST}:{block.port('sandbox')}",
        "EMAIL_URL": f"smtp://{HOST}:{block.port('sandbox.smtp')}",
        "DEMO_PASSWORD": kept["DEMO_PASSWORD"],
    }


def settle(ours: Mapping[str, str], given: Mapping[str, str]) -> tuple[dict[str, str], set[str]]:
    """The product's variables, and the servers that run outside this stack.

    `ours` is what `generated` answered, `given` the environment this was called with; what is given wins. A given
    value that equals ours comes from a shell that read the env file, and does not make the server an outside one.
    Raises Trouble when the address of an outside server comes without its companions.
    """
    theirs = {
        name: given[name] for name in (*ours, *PASSED_THROUGH) if given.get(name) and given[name] != ours.get(name)
    }
    settled = {**ours, **theirs}
    for key in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "DATAFORSEO_LOGIN"):
        address = f"{key.partition('_')[0]}_BASE_URL"
        if key in theirs and address not in theirs:
            del settled[address]  # a real key is meant for the real service
    outside = {server for server, names in SERVER_VARIABLES.items() if names[0] in theirs}
    for server in sorted(outside):
        switch, *companions = SERVER_VARIABLES[server]
        if missing := [name for name in companions if not given.get(name)]:
            raise Trouble(
                f"{switch} is set, so {server} is not started; then {', '.join(missing)} must be set as well."
            )
    if "s3" in outside and "S3_PUBLIC_ENDPOINT" not in theirs:
        settled["S3_PUBLIC_ENDPOINT"] = settled["S3_ENDPOINT"]
    return settled, outside


def read(path: Path) -> dict[str, str]:
    """The variables of a file of KEY=value lines, as a shell would read them."""
    return dict(shlex.split(line)[0].split("=", 1) for line in path.read_text().splitlines())


def write(places: Places, variables: Mapping[str, str]) -> Path:
    """Keep the variables where people, tests and later commands find them; only the owner may read it."""
    return places.keep(places.local / "env", _lines(variables))


def _lines(variables: Mapping[str, str]) -> str:
    return "".join(f"{name}={_quoted(value)}\n" for name, value in variables.items())


def _quoted(value: str) -> str:
    """Quoted only where a shell needs it, so that simpler readers get the plain text of nearly every value."""
    plain = value.replace("?", "").replace("&", " ")  # an assignment is not globbed, so ? is harmless
    return value if value and shlex.quote(plain) == plain else shlex.quote(value)
