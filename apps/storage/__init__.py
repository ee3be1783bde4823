"""The split-content layer: the only place that knows MongoDB and S3.

PostgreSQL keeps a pointer, MongoDB the metadata, S3 the bytes. Four verbs: `write` (S3 object first, then the document;
returns the ObjectId the row keeps), `read` (batched, always by version, digest checked), `url` (pre-signed, 900 s) and
`sweep` (what a failed transaction left behind). Two failures: BodyMissing and StorageUnavailable. The tenant comes from
the scope, never from an argument.
"""

from . import audit, contracts, exports, imports, media
from .documents import (
    ActivityOutput,
    ActivityStream,
    EventLog,
    OnboardingResearch,
    Skill,
    StoredPart,
    StrategyContent,
    ToolCallLog,
)
from .errors import BodyMissing, StorageUnavailable, VersionTaken, waiting_once
from .sweeping import Swept, sweep
from .verbs import (
    Body,
    document,
    documents_behind,
    find,
    newest_skills,
    read,
    read_one,
    search_skills,
    url,
    write,
    write_with_digest,
)

__all__ = [
    "ActivityOutput",
    "ActivityStream",
    "Body",
    "BodyMissing",
    "EventLog",
    "OnboardingResearch",
    "Skill",
    "StorageUnavailable",
    "StoredPart",
    "StrategyContent",
    "Swept",
    "ToolCallLog",
    "VersionTaken",
    "audit",
    "contracts",
    "document",
    "documents_behind",
    "exports",
    "find",
    "imports",
    "media",
    "newest_skills",
    "read",
    "read_one",
    "search_skills",
    "sweep",
    "url",
    "write",
    "waiting_once",
    "write_with_digest",
]
