"""How channels are shown, never their secrets, and what connecting one takes."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.shared import addresses
from apps.tenants.doors.rows import Ref, Row
from apps.tenants.doors.strict import Choice, Input, Line, Text, Word

from ..models import Channel, ChannelScore

PUBLISH_AS = [("publish", "Publish at once"), ("draft", "Leave as draft in WordPress")]


class ChannelSerializer(Row):
    site_url = serializers.CharField(source="external_url", read_only=True)
    username = serializers.SerializerMethodField()
    publish_as = serializers.SerializerMethodField()
    score_change = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="Against the score before; null before the second."
    )
    reads = ("metadata",)

    class Meta:
        model = Channel
        fields = [
            "ref_id",
            "tenant",
            "platform",
            "channel_type",
            "name",
            "site_url",
            "username",
            "publish_as",
            "status",
            "error_message",
            "last_verified_at",
            "token_expires_at",
            "score",
            "score_previous",
            "score_change",
            "score_calculated_at",
            "created_on",
        ]

    def get_username(self, channel) -> str:
        return channel.metadata.get("username", "")

    def get_publish_as(self, channel) -> str:
        return channel.metadata.get("publish_as", "")


class ScorePartSerializer(serializers.Serializer):
    """One line of a rubric, as it was applied."""

    key = serializers.CharField(read_only=True)
    label = serializers.CharField(read_only=True)
    group = serializers.CharField(read_only=True, help_text="completeness, activity or result.")
    value = serializers.FloatField(read_only=True, help_text="At most two decimals; the score is their rounded sum.")
    maximum = serializers.IntegerField(read_only=True)
    has_data = serializers.BooleanField(read_only=True, help_text="False: it counts 0, and `told` says why.")
    told = serializers.CharField(read_only=True, help_text="The figures behind it, in a sentence.")


class ChannelScoreSerializer(Row):
    channel = Ref(source="channel_id")
    parts = serializers.SerializerMethodField()
    rubric_version = serializers.SerializerMethodField()
    reads = ("score_breakdown", "scoring_criteria")

    class Meta:
        model = ChannelScore
        fields = ["ref_id", "tenant", "channel", "period", "score", "parts", "rubric_version", "scored_on"]

    @extend_schema_field(ScorePartSerializer(many=True))
    def get_parts(self, score):
        return ScorePartSerializer(score.score_breakdown.get("parts", []), many=True).data

    def get_rubric_version(self, score) -> int:
        return score.scoring_criteria.get("version", 0)


class WordPressConnection(Input):
    """A WordPress site and an application password of one of its users."""

    name = Line(max_length=255)
    site_url = Word(max_length=400, help_text="A public https:// address, as it is typed into a browser.")
    username = Word(max_length=60)
    application_password = Text(max_length=200, write_only=True, help_text="Kept sealed and never shown again.")
    publish_as = Choice(PUBLISH_AS, component="PublishAs", default="publish")

    def validate_site_url(self, site_url: str) -> str:
        if "?" in site_url or "#" in site_url:
            raise serializers.ValidationError("Leave out what follows ? or #.")
        try:
            addresses.check_url(site_url)
        except addresses.EgressRefused as error:
            raise serializers.ValidationError(error.sentence) from error
        return site_url

    def validate_username(self, username: str) -> str:
        if ":" in username:
            raise serializers.ValidationError("A user name has no colon.")
        return username


class CheckSerializer(serializers.Serializer):
    """What a connection test found; `cause` is empty when all is well."""

    ok = serializers.BooleanField(read_only=True)
    cause = serializers.CharField(read_only=True)
    detail = serializers.CharField(read_only=True, help_text="What is wrong and what to do, in a sentence.")
    account_name = serializers.CharField(read_only=True)
    channel = serializers.SerializerMethodField()

    @extend_schema_field(ChannelSerializer())
    def get_channel(self, check):
        return ChannelSerializer(self.context["channel"]).data
