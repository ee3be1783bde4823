"""How channels are shown, never their secrets, and what connecting one takes."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.shared import addresses
from apps.tenants.doors.rows import Row
from apps.tenants.doors.strict import Choice, Input, Line, Text, Word

from ..models import Channel

PUBLISH_AS = [("publish", "Publish at once"), ("draft", "Leave as draft in WordPress")]


class ChannelSerializer(Row):
    site_url = serializers.CharField(source="external_url", read_only=True)
    username = serializers.SerializerMethodField()
    publish_as = serializers.SerializerMethodField()
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
            "score_calculated_at",
            "created_on",
        ]

    def get_username(self, channel) -> str:
        return channel.metadata.get("username", "")

    def get_publish_as(self, channel) -> str:
        return channel.metadata.get("publish_as", "")


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
