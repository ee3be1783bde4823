"""Connected platforms: connecting one, testing the connection, and disconnecting it."""

from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action

from apps.tenants.doors.strict import Nothing
from apps.tenants.doors.viewsets import TenantViewSet
from apps.tenants.permissions import require

from .. import access, operations, outside
from ..models import Channel, ChannelScore
from .serializers import ChannelScoreSerializer, ChannelSerializer, CheckSerializer, WordPressConnection


class ChannelViewSet(TenantViewSet):
    """Platform accounts of a client. Secrets are written, never read."""

    model = Channel
    serializer_class = ChannelSerializer
    list_needs = "channel.read"
    filter_fields = ("platform", "channel_type", "status")
    paged_actions = ("list", "scores")

    def retrieve(self, request, ref_id):
        """One channel, without its secrets."""
        return self.answer(access.channel_for(request.actor, ref_id, to="read"))

    @extend_schema(responses=ChannelScoreSerializer(many=True))
    @action(detail=True, methods=["get"])
    def scores(self, request, ref_id):
        """What the channel scored, with every part, oldest first. A month has more than one where it was asked for again."""
        channel = access.channel_for(request.actor, ref_id, to="read")
        return self.page(ChannelScore.objects.filter(channel=channel), ChannelScoreSerializer)

    @extend_schema(request=WordPressConnection, responses={201: ChannelSerializer})
    @action(detail=False, methods=["post"])
    def connect(self, request):
        """Connect a WordPress site. Staff name the client with X-Tenant. Whether it works, `verify` tells."""
        require(request.actor, "channel.connect")
        tenant = self.one_tenant()
        site = operations.WordPressSite(**self.read(WordPressConnection))
        channel = operations.connect_wordpress(tenant.id, site, by=request.actor, at=request.at)
        location = reverse("api:channel-detail", args=[channel.ref_id])
        return self.answer(channel, status=201, headers={"Location": location})

    @extend_schema(request=Nothing, responses=CheckSerializer)
    @action(detail=True, methods=["post"])
    def verify(self, request, ref_id):
        """Ask the platform whether the connection works; the channel's status follows from what it says."""
        channel = access.channel_for(request.actor, ref_id, to="connect")
        self.read(Nothing)
        self.work_for(channel)
        check = outside.check(channel.platform, operations.connection_of(channel))
        channel = operations.record_check(channel, check, by=request.actor, at=request.at)
        return self.answer(check, CheckSerializer, channel=channel)

    @extend_schema(request=Nothing, responses=ChannelSerializer)
    @action(detail=True, methods=["post"])
    def disconnect(self, request, ref_id):
        """Nothing more is sent to this channel; its secrets are forgotten."""
        channel = access.channel_for(request.actor, ref_id, to="connect")
        self.read(Nothing)
        self.work_for(channel)
        return self.answer(operations.disconnect(channel, by=request.actor, at=request.at))
