"""What MongoDB holds: one model per collection, with its keys in S3, its indexes and its lifetime.

Names, keys and lifetimes are those of the specification. Field names are camelCase, as in the collections. A document
with `parts` has bytes in S3: for each part it keeps key, version, digest and size; everything else lies in the document.
"""

from datetime import datetime
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field
from pymongo import ASCENDING, DESCENDING, TEXT, IndexModel

DAY = 86_400


class StoredPart(BaseModel):
    """Where the bytes of one part lie."""

    key: str
    version_id: str
    sha256: str
    size: int


class Document(BaseModel):
    """Base fields of every collection. `tenantId` is stamped from the scope, `refId` when it is written."""

    model_config = ConfigDict(extra="forbid")

    collection: ClassVar[str]
    parts: ClassVar[dict[str, str]] = {}  # part -> key pattern; "" is the one part of a single-body document
    indexes: ClassVar[list[IndexModel]] = []
    tenant_is_optional: ClassVar[bool] = False

    refId: str = ""
    tenantId: str | None = None
    createdBy: str | None = None
    createdOn: datetime
    updatedBy: str | None = None
    updatedOn: datetime | None = None
    deletedBy: str | None = None
    deletedOn: datetime | None = None

    @classmethod
    def fields_of(cls, part: str) -> dict[str, str]:
        """Document field names of a part's key, version, digest and size."""
        names = {"key": "s3Key", "version_id": "versionId", "sha256": "sha256", "size": "size"}
        return {k: (f"{part}{v[0].upper()}{v[1:]}" if part else v) for k, v in names.items()}

    def stored(self, part: str = "") -> StoredPart | None:
        values = {k: getattr(self, name) for k, name in self.fields_of(part).items()}
        return StoredPart(**values) if values["key"] else None

    @classmethod
    def all_indexes(cls) -> list[IndexModel]:
        unique = IndexModel([("tenantId", ASCENDING), ("refId", ASCENDING)], unique=True, name="tenant_ref")
        return [unique, *cls.indexes]


class ActivityOutput(Document):
    """One version of a text: an agent's output or a person's edit. Never changed; an edit is a new document."""

    collection = "activity_outputs"
    parts = {"": "{tenantId}/activity-outputs/{activityId}/{refId}.{extension}"}
    indexes = [
        IndexModel([("tenantId", ASCENDING), ("activityId", ASCENDING)], name="tenant_activity"),
        IndexModel([("tenantId", 1), ("subjectRef", 1), ("version", 1)], unique=True, name="tenant_subject_version"),
    ]

    activityId: str
    activityRunId: str | None = None
    subjectRef: str
    version: int = Field(ge=1)
    authorType: Literal["agent", "human"]
    changeNote: str = ""
    type: str
    contentType: Literal["text/markdown", "application/json"] = "text/markdown"
    s3Key: str = ""
    versionId: str = ""
    sha256: str = ""
    size: int = 0
    metadata: dict[str, Any] = Field(default_factory=dict)
    status: str = "stored"

    @property
    def extension(self) -> str:
        return "md" if self.contentType == "text/markdown" else "json"


class ActivityStream(Document):
    """A piece of an agent's text as it arrives; read along in the portal, never what the output is made from."""

    collection = "activity_streams"
    indexes = [
        IndexModel([("activityRunId", ASCENDING), ("sequenceNum", ASCENDING)], unique=True, name="run_sequence"),
        IndexModel([("createdOn", ASCENDING)], expireAfterSeconds=DAY, name="ttl"),
    ]

    activityId: str
    activityRunId: str
    sequenceNum: int
    delta: str


class Skill(Document):
    """Markdown that agents receive: global ones have tenantId 'global'. A new version is a new document."""

    collection = "skills"
    indexes = [
        IndexModel([("name", TEXT), ("description", TEXT), ("body", TEXT)], name="text"),
        IndexModel([("tenantId", 1), ("name", 1), ("version", 1)], unique=True, name="tenant_name_version"),
    ]

    name: str
    description: str = ""
    tags: list[str] = Field(default_factory=list)
    body: str
    frontmatter: dict[str, Any] = Field(default_factory=dict)
    version: int = Field(ge=1)
    isActive: bool = True
    source: Literal["global", "override", "context_file"]


class AuditLog(Document):
    """The copy of a journal entry; `_id` is the entry's ref_id, so relaying twice stores once."""

    collection = "audit_logs"
    tenant_is_optional = True
    indexes = [
        IndexModel([("tenantId", ASCENDING), ("createdOn", DESCENDING)], name="tenant_created"),
        IndexModel([("resourceType", 1), ("resourceId", 1), ("createdOn", -1)], name="resource_created"),
        IndexModel([("actorId", ASCENDING), ("createdOn", DESCENDING)], name="actor_created"),
        IndexModel([("action", ASCENDING), ("createdOn", DESCENDING)], name="action_created"),
    ]

    actorType: str
    actorId: str
    actorName: str = ""
    actorRole: str = ""
    action: str
    resourceType: str
    resourceId: str
    resourceName: str = ""
    before: dict[str, Any] = Field(default_factory=dict)
    after: dict[str, Any] = Field(default_factory=dict)
    metadata: dict[str, Any] = Field(default_factory=dict)
    traceId: str = ""
    ipAddress: str | None = None


class EventLog(Document):
    """Events of engine and schedules, for operators."""

    collection = "event_logs"
    indexes = [
        IndexModel([("tenantId", ASCENDING), ("activityId", ASCENDING)], name="tenant_activity"),
        IndexModel([("createdOn", ASCENDING)], expireAfterSeconds=90 * DAY, name="ttl"),
    ]

    activityId: str | None = None
    goalId: str | None = None
    level: Literal["info", "warning", "error"]
    code: str
    message: str
    data: dict[str, Any] = Field(default_factory=dict)


class OnboardingResearch(Document):
    """The research of one onboarding run, split by kind; the context file has a fixed key and new versions."""

    collection = "onboarding_research"
    parts = {
        "websiteText": "{tenantId}/onboarding/{runId}/website-text.txt",
        "competitorResearch": "{tenantId}/onboarding/{runId}/competitor-research.txt",
        "industryContext": "{tenantId}/onboarding/{runId}/industry-context.txt",
        "rawNotes": "{tenantId}/onboarding/{runId}/raw-notes.txt",
        "generatedContextFile": "{tenantId}/onboarding/{runId}/context-file.md",
    }
    indexes = [IndexModel([("tenantId", ASCENDING), ("runId", ASCENDING)], name="tenant_run")]

    runId: str
    websiteTextS3Key: str = ""
    websiteTextVersionId: str = ""
    websiteTextSha256: str = ""
    websiteTextSize: int = 0
    competitorResearchS3Key: str = ""
    competitorResearchVersionId: str = ""
    competitorResearchSha256: str = ""
    competitorResearchSize: int = 0
    industryContextS3Key: str = ""
    industryContextVersionId: str = ""
    industryContextSha256: str = ""
    industryContextSize: int = 0
    rawNotesS3Key: str = ""
    rawNotesVersionId: str = ""
    rawNotesSha256: str = ""
    rawNotesSize: int = 0
    generatedContextFileS3Key: str = ""
    generatedContextFileVersionId: str = ""
    generatedContextFileSha256: str = ""
    generatedContextFileSize: int = 0
    sources: list[str] = Field(default_factory=list)


class StrategyContent(Document):
    """The long narrative of a strategy, found by the strategy's ref_id."""

    collection = "strategies_content"
    parts = {"": "{tenantId}/strategies/{strategyId}/v{version}.md"}
    indexes = [IndexModel([("tenantId", ASCENDING), ("strategyId", ASCENDING)], name="tenant_strategy")]

    strategyId: str
    version: int
    s3Key: str = ""
    versionId: str = ""
    sha256: str = ""
    size: int = 0
    headings: list[str] = Field(default_factory=list)


class ToolCallLog(Document):
    """The full payload of a tool call, secrets removed."""

    collection = "tool_call_logs"
    indexes = [
        IndexModel([("toolCallId", ASCENDING)], name="tool_call"),
        IndexModel([("createdOn", ASCENDING)], expireAfterSeconds=90 * DAY, name="ttl"),
    ]

    toolCallId: str
    activityRunId: str
    request: dict[str, Any]
    response: dict[str, Any]
    statusCode: int | None = None


COLLECTIONS: tuple[type[Document], ...] = (
    ActivityOutput,
    ActivityStream,
    Skill,
    AuditLog,
    EventLog,
    OnboardingResearch,
    StrategyContent,
    ToolCallLog,
)
GLOBAL_TENANT = "global"


def validator(model: type[Document]) -> dict[str, Any]:
    """The `$jsonSchema` MongoDB holds every document of the collection to: base fields and required fields by type."""
    bson: dict[str, str | list[str]] = {
        "string": "string",
        "integer": ["int", "long"],
        "boolean": "bool",
        "array": "array",
        "object": "object",
    }
    properties: dict[str, Any] = {}
    for name, schema in model.model_json_schema()["properties"].items():
        kinds = []
        for option in schema.get("anyOf", [schema]):
            if option.get("format") == "date-time":
                kinds.append("date")
            elif option.get("type") == "null":
                kinds.append("null")
            elif option.get("type") in bson:
                kind = bson[option["type"]]
                kinds.extend([kind] if isinstance(kind, str) else kind)
        properties[name] = {"bsonType": kinds} if kinds else {}
        if "enum" in schema:
            properties[name]["enum"] = schema["enum"]
    properties["refId"] = {"bsonType": "string", "pattern": "^[0-7][0-9A-HJKMNP-TV-Z]{25}$"}
    if not model.tenant_is_optional:
        properties["tenantId"] = {"bsonType": "string", "pattern": "^([0-7][0-9A-HJKMNP-TV-Z]{25}|global)$"}
    required = ["refId", "tenantId", "createdOn", *(n for n, f in model.model_fields.items() if f.is_required())]
    return {"$jsonSchema": {"bsonType": "object", "required": sorted(set(required)), "properties": properties}}
