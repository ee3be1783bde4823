"""Manage: channels of all clients, the test of a connection, every attempt to publish, scores, services and media."""

from django.contrib import admin, messages
from django.template.defaultfilters import filesizeformat

from apps.tenants.doors.admin import ManageAdmin
from apps.tenants.doors.admin_display import EMPTY, badge, column, link, list_of, moment
from apps.tenants.doors.admin_forms import (
    Choice,
    Client,
    Line,
    ManageForm,
    Secret,
    WebAddress,
)
from apps.tenants.doors.admin_lists import ClientFilter
from apps.tenants.doors.admin_tasks import Panel, Task, moves, scope_of
from apps.tenants.models import Tenant

from . import operations, outside
from .models import Channel, ChannelScore, Integration, MediaAsset, PublishAttempt
from .platforms import PLATFORMS
from .statuses import CHANNEL_MOVES, ChannelStatus, Platform

PUBLISH_AS = (("publish", "Publish posts"), ("draft", "Leave posts as drafts"))


class WordPressFields(ManageForm):
    name = Line(max_length=255, help_text="How people call it, such as Company blog.")
    site_url = WebAddress(
        max_length=500, label="Address", help_text="Of the site or the account, with https://, as visitors see it."
    )
    username = Line(max_length=255, label="WordPress user", help_text="An author or editor of the site.")
    publish_as = Choice(choices=PUBLISH_AS, initial="publish", label="Approved posts")


class AddChannelForm(WordPressFields):
    client = Client()
    platform = Choice(
        choices=[
            (Platform.WORDPRESS, "WordPress"),
            *((p.value, f"{p.label}, by hand") for p in operations.TYPE_OF_PLATFORM),
        ],
        initial=Platform.WORDPRESS,
        required=False,
        help_text="By hand: posts are planned and approved for it, and a person puts them out.",
    )
    username = Line(
        max_length=255,
        required=False,
        label="WordPress user",
        help_text="An author or editor of the site. For WordPress only.",
    )
    application_password = Secret(
        required=False,
        label="Application password",
        help_text="From WordPress under Users › Profile. It is sealed and never shown again. For WordPress only.",
    )
    field_order = ("client", "platform", "name", "site_url", "username", "application_password", "publish_as")

    def clean(self):
        entered = super().clean()
        if entered.get("platform") in (Platform.WORDPRESS, "", None):
            for name in ("username", "application_password"):
                if name not in self.errors and not entered.get(name):
                    self.add_error(name, "This field is required.")
        return entered


class EditWordPressForm(WordPressFields):
    application_password = Secret(required=False, label="Application password", help_text="Empty keeps the stored one.")
    field_order = ("name", "site_url", "username", "application_password", "publish_as")


def add_channel(request, _, *, client: Tenant, platform: str, **site) -> Channel:
    with scope_of(client):
        if platform in (Platform.WORDPRESS, "", None):
            channel = operations.connect_wordpress(
                client.id, operations.WordPressSite(**site), by=request.actor, at=request.at
            )
            messages.success(request, f"{channel.name} is added. Test the connection next.")
        else:
            account = operations.Account(platform, site["name"], site["site_url"])
            channel = operations.name_account(client.id, account, by=request.actor, at=request.at)
            messages.success(request, f"{channel.name} is added. People publish there by hand.")
    return channel


def edit_wordpress(request, channel: Channel, **site) -> None:
    operations.edit_wordpress(channel, operations.WordPressSite(**site), by=request.actor, at=request.at)
    messages.success(request, "Saved. Test the connection next.")


def settings_of(channel: Channel) -> dict:
    return {
        "name": channel.name,
        "site_url": channel.external_url,
        "username": channel.metadata.get("username", ""),
        "publish_as": channel.metadata.get("publish_as", "publish"),
    }


def test_connection(request, channel: Channel) -> None:
    found = outside.check(channel.platform, operations.connection_of(channel))
    operations.record_check(channel, found, by=request.actor, at=request.at)
    (messages.success if found.ok else messages.error)(request, f"{channel.name}: {found.detail}")


@admin.register(Channel)
class ChannelAdmin(ManageAdmin):
    list_display = (
        "name",
        column("platform"),
        column("tenant", label="Client"),
        column("status"),
        column("last_verified_at", label="Verified"),
        column("error_message", label="Error"),
    )
    list_select_related = ("tenant",)
    list_filter = ("platform", "status", ClientFilter)
    empty = "No channels yet. Add a client's WordPress site, or an account to which people publish by hand."
    add = Task("add", "Add a channel", "channel.connect", add_channel, form=AddChannelForm)
    tasks = (
        Task(
            "test",
            "Test connection",
            "channel.connect",
            test_connection,
            when=lambda c: c.platform in PLATFORMS and c.status != ChannelStatus.REVOKED,
            for_many=True,
        ),
        Task(
            "edit",
            "Edit",
            "channel.connect",
            edit_wordpress,
            form=EditWordPressForm,
            button="Save",
            initial=settings_of,
            when=lambda c: c.platform == Platform.WORDPRESS,
        ),
        *moves(
            CHANNEL_MOVES,
            {"disconnect": ("channel.connect", operations.disconnect)},
            asks={"disconnect": "Nothing more is published here, and the stored password is forgotten."},
        ),
    )
    sections = (
        ("Channel", ("name", "platform", "tenant", "status", "error_message", "last_verified_at", "ref_id")),
        (
            "Connection",
            ("external_url", "username", "publishes", "access_token", "refresh_token", "token_expires_at", "scopes"),
        ),
        ("Score", ("score", "score_previous", "score_calculated_at")),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant")

    @admin.display(description="User")
    def username(self, row):
        return row.metadata.get("username") or EMPTY

    @admin.display(description="Approved posts")
    def publishes(self, row):
        return dict(PUBLISH_AS).get(row.metadata.get("publish_as", ""), EMPTY)

    def panels(self, request, row):
        attempts = PublishAttempt.objects.filter(channel=row).order_by("-ref_id")[:10]
        return [
            Panel(
                "Latest attempts",
                ("Attempt", "Status", "Sent", "Cause"),
                [
                    (
                        link(a, a.ref_id),
                        badge(a.status, a.get_status_display()),
                        moment(a.sent_on),
                        a.failure_cause or EMPTY,
                    )
                    for a in attempts
                ],
                "Nothing was published here yet.",
                more=list_of(PublishAttempt, client=row.tenant.slug),
            ),
            Panel(
                "Scores",
                ("Month", "Score", "Scored"),
                [
                    (link(s, s.period), f"{s.score} of 100", moment(s.scored_on))
                    for s in ChannelScore.objects.filter(channel=row).order_by("-period", "-ref_id")[:12]
                ],
                "Not scored yet.",
                more=list_of(ChannelScore, client=row.tenant.slug),
            ),
        ]


@admin.register(PublishAttempt)
class PublishAttemptAdmin(ManageAdmin):
    list_display = (
        column("ref_id", label="Attempt"),
        column("tenant", label="Client"),
        column("channel"),
        column("subject_type", label="Of"),
        column("status"),
        column("failure_cause", label="Cause"),
        column("next_step"),
        column("created_on", label="Prepared"),
    )
    list_select_related = ("tenant", "channel")
    list_filter = ("status", "subject_type", ClientFilter)
    empty = "Nothing was published yet."
    sections = (
        (
            "Attempt",
            ("tenant", "channel", "subject_type", "subject_ref", "status", "failure_cause", "next_step", "ref_id"),
        ),
        (
            "On the platform",
            ("external_object_id", "external_url", "marker", "sent_on", "confirmed_on", "settle_until"),
        ),
        ("Evidence", ("approval_ref", "content_sha256", "request_summary", "response_summary")),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant", "channel")

    def title_of(self, row):
        return f"Attempt {row.ref_id}"


@admin.register(ChannelScore)
class ChannelScoreAdmin(ManageAdmin):
    list_display = (
        column("period", label="Month"),
        column("tenant", label="Client"),
        column("channel"),
        column("score"),
        column("scored_on"),
    )
    list_select_related = ("tenant", "channel")
    list_filter = (ClientFilter,)
    empty = "No channel was scored yet."
    sections = (
        ("Score", ("channel", "tenant", "score", "period", "scored_on", "ref_id")),
        ("How it came about", ("score_breakdown", "scoring_criteria")),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant", "channel")

    def title_of(self, row):
        return f"{row.channel.name}: {row}"


@admin.register(Integration)
class IntegrationAdmin(ManageAdmin):
    list_display = (
        "name",
        column("provider"),
        column("tenant", label="Client"),
        column("status"),
        column("last_verified_at", label="Verified"),
        column("error_message", label="Error"),
    )
    list_select_related = ("tenant",)
    list_filter = ("provider", "status", ClientFilter)
    empty = "No integrations yet."
    sections = (
        ("Integration", ("name", "provider", "tenant", "status", "error_message", "last_verified_at", "ref_id")),
        ("Connection", ("auth_type", "secret", "config")),
        ("Changes", ("created_by", "created_on", "updated_by", "updated_on")),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant", "created_by", "updated_by")


@admin.register(MediaAsset)
class MediaAssetAdmin(ManageAdmin):
    called = "Media"
    list_display = (
        column("file_name", label="File"),
        column("tenant", label="Client"),
        column("kind"),
        column("content_type", label="Type"),
        "size",
        column("created_on", label="Added"),
    )
    list_select_related = ("tenant",)
    list_filter = ("kind", ClientFilter)
    empty = "No pictures, videos or documents yet."
    sections = (
        ("File", ("file_name", "tenant", "kind", "content_type", "size", "measures", "length", "alt_text", "ref_id")),
        ("Where it lies", ("s3_key", "s3_version_id", "sha256", "created_by", "created_on")),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("tenant", "created_by")

    @admin.display(description="Size")
    def size(self, row):
        return filesizeformat(row.bytes)

    @admin.display(description="Width × height")
    def measures(self, row):
        return EMPTY if row.width is None or row.height is None else f"{row.width} × {row.height}"

    @admin.display(description="Length")
    def length(self, row):
        return EMPTY if row.duration_ms is None else f"{row.duration_ms / 1000:.1f} s"
