"""How work, runs and decisions are shown, and what deciding takes."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.shared.ids import spell
from apps.strategy.statuses import PeriodStatus
from apps.tenants.doors.rows import Person, Ref, Row
from apps.tenants.doors.strict import Choice, Digest, Input, Text, Word
from apps.tenants.permissions import may
from apps.tenants.statuses import STAFF_ROLES

from ..forms import NOTE_LENGTH
from ..models import Activity, ActivityRun, Approval, ToolCall
from ..statuses import ACTIVITY_MOVES, APPROVAL_MOVES, HeldUpBy, HumanRole

MOVES_OFFERED = ("retry", "cancel")
POINTERS = ("content_ref", "context_file_id")  # where a text lies; of use to nobody outside
CHANNELS = ("channel", "target_channel")  # written down by id


class ForStaff(serializers.CharField):
    """What is written for whoever does the work: for platform staff, empty for others."""

    def __init__(self, about: str):
        super().__init__(read_only=True, help_text=f"{about}; for platform staff, empty for others.")

    def to_representation(self, value):
        return super().to_representation(value) if self.context["request"].actor.role in STAFF_ROLES else ""


class RunSerializer(Row):
    activity = Ref(source="activity_id")
    error = ForStaff("Why it failed")

    class Meta:
        model = ActivityRun
        fields = [
            "ref_id",
            "tenant",
            "activity",
            "attempt",
            "status",
            "adapter_type",
            "model_id",
            "input_tokens",
            "output_tokens",
            "cost_usd",
            "duration_ms",
            "error",
            "started_on",
            "ended_on",
        ]


class PromptPartSerializer(serializers.Serializer):
    """A part of a prompt, without its words."""

    name = serializers.CharField(read_only=True)
    characters = serializers.IntegerField(read_only=True)
    sha256 = serializers.CharField(read_only=True)


class ToolCallSerializer(Row):
    class Meta:
        model = ToolCall
        fields = ["ref_id", "tenant", "tool_name", "method", "status", "error", "duration_ms", "created_on"]


class RunDetail(RunSerializer):
    calls = serializers.SerializerMethodField(help_text="Requests to the model, repairs included.")
    cached_input_tokens = serializers.SerializerMethodField(help_text="Part of `input_tokens`.")
    output_version = serializers.SerializerMethodField(help_text="Of the text it handed in; null where it left none.")
    explanation = serializers.SerializerMethodField(help_text="What went wrong in a sentence; empty if nothing did.")
    next_step = serializers.SerializerMethodField(help_text="What to do about it.")
    prompt_parts = serializers.SerializerMethodField(help_text="What it was told; kept for 90 days.")
    tool_calls = serializers.SerializerMethodField(help_text="In order, 200 at most.")

    class Meta(RunSerializer.Meta):
        fields = [
            *RunSerializer.Meta.fields,
            "calls",
            "cached_input_tokens",
            "output_version",
            "explanation",
            "next_step",
            "prompt_parts",
            "tool_calls",
        ]

    def get_calls(self, run) -> int:
        return self.context["history"].calls

    def get_cached_input_tokens(self, run) -> int:
        return self.context["history"].cached_input_tokens

    def get_output_version(self, run) -> int | None:
        return self.context["history"].output_version

    def get_explanation(self, run) -> str:
        return self.context["history"].told.sentence

    def get_next_step(self, run) -> str:
        return self.context["history"].told.next_step

    @extend_schema_field(PromptPartSerializer(many=True))
    def get_prompt_parts(self, run):
        return PromptPartSerializer(self.context["history"].parts, many=True).data

    @extend_schema_field(ToolCallSerializer(many=True))
    def get_tool_calls(self, run):
        return ToolCallSerializer(self.context["history"].tool_calls, many=True, context=self.context).data


class ActivitySerializer(Row):
    parent = Ref(source="parent_activity_id", allow_null=True, help_text="The unit this is a step of.")
    deliverable = Ref(source="deliverable_id", allow_null=True)
    deliverable_period = Ref(source="deliverable_period_id", allow_null=True)
    goal = Ref(source="goal_id", allow_null=True)
    assignee = Person(source="assignee_user", read_only=True, allow_null=True)

    class Meta:
        model = Activity
        fields = [
            "ref_id",
            "tenant",
            "parent",
            "deliverable",
            "deliverable_period",
            "goal",
            "pipeline_step",
            "title",
            "type",
            "status",
            "priority",
            "assignee_type",
            "assignee_agent_role",
            "assignee",
            "is_approval_gate",
            "due_date",
            "ready_on",
            "started_on",
            "completed_on",
            "created_on",
        ]


class ActivityDetail(ActivitySerializer):
    rejection_note = ForStaff("Why it was sent back")
    revision_note = ForStaff("What to do about it, or differently")
    subject_type = serializers.CharField(read_only=True, help_text="What it is about; empty for nothing in particular.")
    subject_ref = serializers.CharField(read_only=True)
    wish = serializers.SerializerMethodField(help_text="What a person asked for, at ad-hoc work; null at all other.")
    has_output = serializers.SerializerMethodField(help_text="Whether `output-url` leads to a text.")
    available_moves = serializers.SerializerMethodField(help_text="The actions you may take on it now.")
    runs = serializers.SerializerMethodField(help_text="The newest 25 attempts, newest first.")

    class Meta(ActivitySerializer.Meta):
        fields = [
            *ActivitySerializer.Meta.fields,
            "subject_type",
            "subject_ref",
            "wish",
            "rejection_note",
            "revision_note",
            "has_output",
            "available_moves",
            "runs",
        ]

    def get_wish(self, activity) -> str | None:
        return activity.asked["wish"] if activity.asked else None

    def get_has_output(self, activity) -> bool:
        return bool(activity.output_ref)

    def get_available_moves(self, activity) -> list[str]:
        actor = self.context["request"].actor
        offered = [move.name for move in ACTIVITY_MOVES.open_from(activity.status) if move.name in MOVES_OFFERED]
        return [name for name in offered if may(actor, f"activity.{name}")]

    @extend_schema_field(RunSerializer(many=True))
    def get_runs(self, activity):
        return RunSerializer(self.context["runs"], many=True, context=self.context).data


class OutputUrlSerializer(serializers.Serializer):
    url = serializers.CharField(read_only=True)
    expires_in_seconds = serializers.IntegerField(read_only=True)


class ApprovalSerializer(Row):
    activity = Ref(source="activity_id")
    assigned_to = Person(read_only=True, allow_null=True)
    decided_by = Person(read_only=True, allow_null=True)
    decision_note = serializers.SerializerMethodField(
        help_text="What the person who decided wrote; of reviewers' decisions for platform staff, empty for others."
    )
    reads = ("decision_note",)

    class Meta:
        model = Approval
        fields = [
            "ref_id",
            "tenant",
            "activity",
            "subject_type",
            "subject_ref",
            "status",
            "risk_level",
            "required_role",
            "assigned_to",
            "content_sha256",
            "held_until",
            "expires_at",
            "decided_by",
            "decided_on",
            "decision_note",
            "created_on",
        ]

    def get_decision_note(self, approval) -> str:
        is_staff = self.context["request"].actor.role in STAFF_ROLES
        return approval.decision_note if is_staff or approval.required_role == HumanRole.ADMIN else ""


class FindingSerializer(serializers.Serializer):
    """What a check found on the text."""

    code = serializers.CharField(read_only=True)
    level = serializers.CharField(
        read_only=True, help_text="fail: to be mended; warn: to be looked at; info: to be known."
    )
    sentence = serializers.CharField(read_only=True)
    part = serializers.CharField(read_only=True)
    line = serializers.IntegerField(read_only=True, help_text="Of the part; 0 for the part as a whole.")
    quote = serializers.CharField(read_only=True)


class QualityFindingSerializer(serializers.Serializer):
    severity = serializers.CharField(read_only=True)
    concern = serializers.CharField(read_only=True)
    problem = serializers.CharField(read_only=True)
    quote = serializers.CharField(read_only=True)
    suggestion = serializers.CharField(read_only=True)


class AdviceSerializer(serializers.Serializer):
    """What an agent says that read the text first. It advises and decides nothing."""

    summary = serializers.CharField(read_only=True)
    is_about_this_version = serializers.BooleanField(read_only=True)
    findings = QualityFindingSerializer(many=True, read_only=True)


class ApprovalDetail(ApprovalSerializer):
    shown = serializers.SerializerMethodField(help_text="The facts that are decided on, beside the text.")
    text = serializers.SerializerMethodField(help_text="The text that is decided on; null where there is none.")
    content_type = serializers.SerializerMethodField(help_text="text/markdown or application/json.")
    checks = serializers.SerializerMethodField(
        help_text="What the checks found; null where they did not see this version."
    )
    advice = serializers.SerializerMethodField(help_text="What agents found who read it before you.")
    available_moves = serializers.SerializerMethodField(help_text="The actions you may take on it now.")

    class Meta(ApprovalSerializer.Meta):
        fields = [
            *ApprovalSerializer.Meta.fields,
            "shown",
            "text",
            "content_type",
            "checks",
            "advice",
            "available_moves",
        ]

    @extend_schema_field(FindingSerializer(many=True, allow_null=True))
    def get_checks(self, approval):
        found = approval.shown_snapshot.get("body", {}).get("checks")
        return None if found is None else FindingSerializer(found, many=True).data

    @extend_schema_field(AdviceSerializer(many=True))
    def get_advice(self, approval):
        read = approval.shown_snapshot.get("body", {}).get("sha256")
        told = [
            {**advice, "is_about_this_version": advice["read"] == read}
            for advice in approval.shown_snapshot.get("advice", ())
            if advice
        ]
        return AdviceSerializer(told, many=True).data

    def get_shown(self, approval) -> dict[str, Any]:
        facts = approval.shown_snapshot.get("subject", {})
        return {
            name: _channel_ref(value) if name in CHANNELS else value
            for name, value in facts.items()
            if name not in POINTERS
        }

    def get_text(self, approval) -> str | None:
        return self.context["body"].text if self.context["body"] else None

    def get_content_type(self, approval) -> str | None:
        return self.context["body"].document.contentType if self.context["body"] else None

    def get_available_moves(self, approval) -> list[str]:
        if not may(self.context["request"].actor, f"approval.decide_as_{approval.required_role}"):
            return []
        return [move.name for move in APPROVAL_MOVES.open_from(approval.status) if move.name in ("approve", "reject")]


class UsageSerializer(serializers.Serializer):
    """What model calls cost this month, in US dollars; the month is the client's."""

    month = serializers.DateField(read_only=True, help_text="Its first day.")
    settled_usd = serializers.DecimalField(max_digits=12, decimal_places=6, read_only=True)
    reserved_usd = serializers.DecimalField(max_digits=12, decimal_places=6, read_only=True)
    cap_usd = serializers.DecimalField(max_digits=10, decimal_places=4, read_only=True)
    calls = serializers.IntegerField(read_only=True)


class BlockerSerializer(serializers.Serializer):
    """Whose turn it is, and at how many units of the promise."""

    who = Choice(HeldUpBy.choices, component="HeldUpByEnum", read_only=True)
    units = serializers.IntegerField(read_only=True)
    name = serializers.CharField(
        read_only=True, help_text="The person, the channel or the agent's role; empty where it is several or nobody."
    )
    activity = serializers.SerializerMethodField(
        help_text="The step that waits longest; null where no work is planned."
    )
    is_stuck = serializers.BooleanField(read_only=True, help_text="Nothing goes on before somebody acts.")

    def get_activity(self, blocker) -> str | None:
        return blocker.activity_ref or None


class ForecastSerializer(serializers.Serializer):
    """What will become of a promise if all goes on as it did."""

    deliverable_period = serializers.CharField(source="period_ref", read_only=True)
    status = Choice(PeriodStatus.choices, component="DeliverablePeriodStatusEnum", read_only=True)
    target_count = serializers.IntegerField(read_only=True)
    completed_count = serializers.IntegerField(read_only=True)
    expected_count = serializers.IntegerField(read_only=True, help_text="How many will be done on the last day.")
    expected_on = serializers.DateField(
        read_only=True,
        allow_null=True,
        help_text="The day on which all will be done, which may be after the last; null when some stand still.",
    )
    is_on_course = serializers.BooleanField(read_only=True)
    blockers = BlockerSerializer(many=True, read_only=True, help_text="Who holds up what is missing, most units first.")


class Approving(Input):
    shown_sha256 = Digest(help_text="`content_sha256` of what was read; another version is refused with 409.")
    note = Text(max_length=NOTE_LENGTH, allow_blank=True, default="")


class Rejecting(Input):
    shown_sha256 = Digest(help_text="`content_sha256` of what was read; another version is refused with 409.")
    note = Text(max_length=NOTE_LENGTH, help_text="What should change; whoever does it again reads it.")


class ConfirmingPublished(Input):
    url = Word(max_length=1_000, help_text="Where it is, as a whole web address on the channel's platform.")
    note = Text(max_length=NOTE_LENGTH, allow_blank=True, default="")


class ReportingNotPublished(Input):
    cause = Text(max_length=NOTE_LENGTH, help_text="What went wrong; the step fails with it and can be tried again.")


def _channel_ref(written: str) -> str | None:
    """The ref_id of a channel that the facts hold as its id, or as "None" where there is none."""
    return None if written == "None" else spell(UUID(written))
