"""Skills: what a client's agents are told about craft and style. Every change is a new version."""

from dataclasses import replace

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers

from apps import storage
from apps.tenants.doors.openapi import REF_ID
from apps.tenants.doors.strict import Flag, Input, Text
from apps.tenants.doors.viewsets import TenantViewSet, VersionStale, version_seen
from apps.tenants.permissions import require

from .. import access, operations, skill_files, skill_library
from ..models import AgentConfig
from ..skill_files import SkillText
from ..skill_library import SkillVersion

NUMBER = r"[1-9][0-9]{0,8}"
ETAG = OpenApiParameter("ETag", OpenApiTypes.STR, OpenApiParameter.HEADER, response=[200, 201])
IF_MATCH = OpenApiParameter(
    "If-Match",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    required=True,
    description="The ETag of the skill as it was read.",
)


class SkillSerializer(serializers.Serializer):
    """The newest version of a skill. The `ref_id` of any version leads to it."""

    ref_id = serializers.CharField(source="document.refId", read_only=True)
    tenant = serializers.SerializerMethodField(help_text="The client's `ref_id`; null for a global skill.")
    name = serializers.CharField(read_only=True)
    description = serializers.CharField(source="document.description", read_only=True)
    tags = serializers.ListField(child=serializers.CharField(), source="document.tags", read_only=True)
    roles = serializers.ListField(child=serializers.CharField(), read_only=True, help_text="Agents; none means all.")
    version = serializers.IntegerField(read_only=True)
    is_active = serializers.BooleanField(read_only=True, help_text="False: switched off, agents do not see it.")
    created_on = serializers.DateTimeField(source="document.createdOn", read_only=True, help_text="Of this version.")

    @extend_schema_field({**REF_ID, "nullable": True})
    def get_tenant(self, skill: SkillVersion) -> str | None:
        return None if skill.is_global else skill.document.tenantId


class SkillVersionSerializer(serializers.Serializer):
    version = serializers.IntegerField(read_only=True)
    is_active = serializers.BooleanField(read_only=True)
    created_on = serializers.DateTimeField(source="document.createdOn", read_only=True)
    created_by = serializers.CharField(
        source="document.createdBy", read_only=True, allow_null=True, help_text="Who made it; null for the starter set."
    )


class SkillDetail(SkillSerializer):
    body = serializers.CharField(source="document.body", read_only=True, help_text="Markdown.")
    versions = serializers.SerializerMethodField(help_text="The newest hundred, newest first.")

    @extend_schema_field(SkillVersionSerializer(many=True))
    def get_versions(self, skill: SkillVersion):
        return SkillVersionSerializer(self.context["versions"], many=True).data


class Words(serializers.ListField):
    """A list of texts; what is wrong with one of them is said of the list, as problems name fields only."""

    default_error_messages = {"word": "Each of them is a short text."}

    def run_child_validation(self, data):
        try:
            return super().run_child_validation(data)
        except serializers.ValidationError:
            self.fail("word")


class SkillChange(Input):
    """What to change; whatever is left out stays as it is."""

    description = Text(max_length=2 * skill_files.DESCRIPTION_LENGTH, required=False)
    body = Text(max_length=skill_files.BODY_LENGTH, required=False, help_text="Markdown without front matter.")
    tags = Words(child=Text(max_length=100), max_length=skill_files.TAGS, required=False)
    roles = Words(child=Text(max_length=100), max_length=100, required=False)
    is_active = Flag(required=False)

    def validate(self, wanted):
        if not wanted:
            raise serializers.ValidationError("Say what to change.")
        return wanted


class NewSkill(SkillChange):
    """A skill of the client's own. One with the name of a global skill replaces it for this client."""

    name = Text(max_length=100, help_text="Lower-case words with hyphens between them.")
    description = Text(max_length=2 * skill_files.DESCRIPTION_LENGTH, help_text="When to use it, and when not.")
    body = Text(max_length=skill_files.BODY_LENGTH, help_text="Markdown without front matter.")
    is_active = None  # a new skill is switched on


class SkillViewSet(TenantViewSet):
    """The client's own skills and the global ones."""

    model = AgentConfig  # skills are documents; what is asked of a model here is asked of none
    serializer_class = SkillSerializer

    def list(self, request, *args, **kwargs):
        """Skills in their newest version; the client's own, and the global ones."""
        require(request.actor, "skill.read")
        return self.page_of(skill_library.newest(), ref_of=lambda skill: skill.document.refId)

    @extend_schema(responses=SkillDetail, parameters=[ETAG])
    def retrieve(self, request, ref_id):
        """One skill with its text and its versions. Staff name the client with X-Tenant."""
        return self._shown(self._named(ref_id, to="read"))

    @extend_schema(request=NewSkill, responses={201: SkillDetail}, parameters=[ETAG])
    def create(self, request):
        """Make a skill of the client's own. Staff name the client with X-Tenant."""
        require(request.actor, "skill.edit")
        self.one_tenant()
        wanted = self.read(NewSkill)
        text = SkillText(
            name=wanted["name"],
            description=wanted["description"],
            body=wanted["body"],
            tags=tuple(wanted.get("tags", ())),
            roles=tuple(wanted.get("roles", ())),
        )
        made = operations.add_skill(text, is_global=False, by=request.actor, at=request.at)
        return self._shown(made, status=201)

    @extend_schema(request=SkillChange, responses=SkillDetail, parameters=[IF_MATCH, ETAG])
    def partial_update(self, request, ref_id):
        """Make the next version of a client's own skill, or switch it off or on. Staff name the client with X-Tenant."""
        skill = self._named(ref_id, to="edit")
        wanted = self.read(SkillChange)
        seen = int(version_seen(request, NUMBER))
        changes = {n: wanted[n] for n in ("description", "body") if n in wanted}
        changes |= {n: tuple(wanted[n]) for n in ("tags", "roles") if n in wanted}
        text = replace(skill.text, **changes)
        try:
            skill = operations.edit_skill(skill, text, seen_version=seen, by=request.actor, at=request.at)
            if wanted.get("is_active", skill.is_active) != skill.is_active:
                skill = operations.switch_skill(
                    skill,
                    is_active=wanted["is_active"],
                    seen_version=skill.version,
                    by=request.actor,
                    at=request.at,
                )
        except storage.VersionTaken as error:
            raise VersionStale from error
        return self._shown(skill)

    def _named(self, ref_id: str, *, to: str) -> SkillVersion:
        """First whether there is one at all, then for whom it is asked."""
        skill = access.skill_by_ref(self.request.actor, ref_id, to=to)
        self.one_tenant()
        return skill

    def _shown(self, skill: SkillVersion, *, status: int = 200):
        versions = skill_library.versions_of(skill.name, is_global=skill.is_global)
        return self.answer(skill, SkillDetail, status=status, headers={"ETag": f'"{skill.version}"'}, versions=versions)
