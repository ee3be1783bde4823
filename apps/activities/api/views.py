"""Work, decisions, and what they cost."""

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.renderers import BaseRenderer, JSONRenderer

from apps import storage
from apps.shared.errors import NotFound
from apps.strategy import access as strategy_access
from apps.strategy.models import DeliverablePeriod
from apps.tenants.doors.strict import Nothing
from apps.tenants.doors.viewsets import IDEMPOTENCY_KEY, TenantViewSet, key_of
from apps.tenants.permissions import require

from .. import access, forecasting, history, operations, queries
from ..models import Activity, ActivityRun, Approval
from . import asking, following
from .asking import NewWork
from .serializers import (
    ActivityDetail,
    ActivitySerializer,
    ApprovalDetail,
    ApprovalSerializer,
    Approving,
    ConfirmingPublished,
    ForecastSerializer,
    OutputUrlSerializer,
    Rejecting,
    ReportingNotPublished,
    RunDetail,
    RunSerializer,
    UsageSerializer,
)

RUNS_SHOWN = 25
URL_SECONDS = 900


class NoOutputYet(NotFound):
    """This has handed in no text yet."""

    code = "no_output_yet"


class EventStream(BaseRenderer):
    """Says that the type is on offer; what is streamed renders itself."""

    media_type = "text/event-stream"
    format = "events"


class ActivityViewSet(TenantViewSet):
    """Units of work and their steps, of agents and of people."""

    model = Activity
    serializer_class = ActivitySerializer
    list_needs = "activity.read"
    filter_fields = ("status", "type", "pipeline_step")
    ref_filters = {"parent": "parent_activity__ref_id"}
    paged_actions = ("list", "runs")

    def get_queryset(self):
        return access.activities_for(self.request.actor).select_related("assignee_user")

    @extend_schema(responses=ActivityDetail)
    def retrieve(self, request, ref_id):
        """One activity with its newest runs and the moves you may make."""
        return self._shown(access.activity_for(request.actor, ref_id, to="read"))

    @extend_schema(request=NewWork, responses={201: ActivityDetail}, parameters=[IDEMPOTENCY_KEY])
    def create(self, request):
        """Ask for one piece of work beside what is promised. The answer is its unit. Staff name the client with X-Tenant."""
        require(request.actor, "activity.ask")
        tenant = self.one_tenant().facts
        key, wanted = key_of(request), asking.wanted_of(self.read(NewWork))
        unit = operations.ask_for_work(tenant, wanted, key=f"api {key}", by=request.actor, at=request.at)
        return self._shown(unit, status=201)

    @extend_schema(request=Nothing, responses=ActivityDetail)
    @action(detail=True, methods=["post"])
    def retry(self, request, ref_id):
        """Have a failed step tried again; the count of failures begins anew."""
        activity = access.activity_for(request.actor, ref_id, to="retry")
        self.read(Nothing)
        self.work_for(activity)
        return self._shown(operations.retry_activity(activity, by=request.actor, at=request.at))

    @extend_schema(request=Nothing, responses=ActivityDetail)
    @action(detail=True, methods=["post"])
    def cancel(self, request, ref_id):
        """Stop a step, or a unit with all its open steps. What was decided or published stays as it is."""
        activity = access.activity_for(request.actor, ref_id, to="cancel")
        self.read(Nothing)
        self.work_for(activity)
        cancel = operations.cancel_activity if activity.parent_activity_id else operations.cancel_unit
        return self._shown(cancel(activity, by=request.actor, at=request.at))

    @extend_schema(request=ConfirmingPublished, responses=ActivityDetail)
    @action(detail=True, methods=["post"], url_path="confirm-published")
    def confirm_published(self, request, ref_id):
        """Say where you have put what was approved: for steps that a person publishes by hand."""
        activity = access.activity_for(request.actor, ref_id, to="finish")
        wanted = self.read(ConfirmingPublished)
        self.work_for(activity)
        return self._shown(operations.confirm_published(activity, by=request.actor, at=request.at, **wanted))

    @extend_schema(request=ReportingNotPublished, responses=ActivityDetail)
    @action(detail=True, methods=["post"], url_path="report-not-published")
    def report_not_published(self, request, ref_id):
        """Say why it could not be put out by hand: the step fails, and can be tried again."""
        activity = access.activity_for(request.actor, ref_id, to="finish")
        wanted = self.read(ReportingNotPublished)
        self.work_for(activity)
        return self._shown(operations.report_not_published(activity, by=request.actor, at=request.at, **wanted))

    @extend_schema(responses=RunSerializer(many=True))
    @action(detail=True, methods=["get"])
    def runs(self, request, ref_id):
        """All attempts of agents at this activity, oldest first."""
        activity = access.activity_for(request.actor, ref_id, to="read")
        return self.page(ActivityRun.objects.filter(activity=activity), RunSerializer)

    @extend_schema(responses=OutputUrlSerializer)
    @action(detail=True, methods=["get"], url_path="output-url")
    def output_url(self, request, ref_id):
        """Where the text that was handed in can be fetched, for 15 minutes."""
        activity = access.activity_for(request.actor, ref_id, to="read")
        if not activity.output_ref:
            raise NoOutputYet
        name = f"{activity.pipeline_step or 'output'}-{activity.ref_id}"
        url = storage.url(storage.ActivityOutput, activity.output_ref, file_name=name)
        return self.answer({"url": url, "expires_in_seconds": URL_SECONDS}, OutputUrlSerializer)

    @extend_schema(
        parameters=[OpenApiParameter("Last-Event-ID", str, OpenApiParameter.HEADER, description="Go on after this.")],
        responses={
            (200, "text/event-stream"): OpenApiTypes.STR,
            204: OpenApiResponse(description="There is nothing more to come."),
        },
    )
    @action(detail=True, methods=["get"], renderer_classes=[JSONRenderer, EventStream])
    def stream(self, request, ref_id):
        """What an agent writes, as Server-Sent Events until its run ends. None of it is an output yet.

        `text` events hold what came since the last one; `end` says how the run ended. A stream lasts a minute at most:
        ask again with Last-Event-ID. 204: there is nothing more to come.
        """
        activity = access.activity_for(request.actor, ref_id, to="read")
        place = following.place_of(request.headers.get("Last-Event-ID"))
        if following.is_over(activity, place):
            return HttpResponse(status=204)  # EventSource then stops asking
        return following.response(request.user, activity, place)

    def _shown(self, activity: Activity, *, status: int = 200):
        return self.answer(activity, ActivityDetail, status=status, runs=queries.runs_of(activity)[:RUNS_SHOWN])


class RunViewSet(TenantViewSet):
    """One attempt of an agent, in full; for platform staff."""

    model = ActivityRun
    serializer_class = RunDetail

    def retrieve(self, request, ref_id):
        """What the run was told (by digests), what it used and cost, and how it ended."""
        run = access.run_for(request.actor, ref_id, to="read")
        return self.answer(run, history=history.of_runs(run.activity, [run])[0])


class ApprovalViewSet(TenantViewSet):
    """What people are asked to decide, each bound to exactly what is shown."""

    model = Approval
    serializer_class = ApprovalSerializer
    list_needs = "approval.read"
    filter_fields = ("status", "subject_type", "required_role")
    ref_filters = {"subject_ref": "subject_ref", "activity": "activity__ref_id"}

    def get_queryset(self):
        return Approval.objects.select_related("assigned_to", "decided_by")

    @extend_schema(responses=ApprovalDetail)
    def retrieve(self, request, ref_id):
        """One decision with the facts and the text that are decided on."""
        return self._shown(access.approval_for(request.actor, ref_id, to="read"))

    @extend_schema(request=Approving, responses=ApprovalDetail)
    @action(detail=True, methods=["post"])
    def approve(self, request, ref_id):
        """Approve what was read; at the last gate the work behind it is released."""
        approval = access.approval_for(request.actor, ref_id, to="decide")
        wanted = self.read(Approving)
        self.work_for(approval)
        return self._shown(operations.grant_approval(approval, by=request.actor, at=request.at, **wanted))

    @extend_schema(request=Rejecting, responses=ApprovalDetail)
    @action(detail=True, methods=["post"])
    def reject(self, request, ref_id):
        """Ask for a change: the note goes to whoever does it again."""
        approval = access.approval_for(request.actor, ref_id, to="decide")
        wanted = self.read(Rejecting)
        self.work_for(approval)
        return self._shown(operations.refuse_approval(approval, by=request.actor, at=request.at, **wanted))

    def _shown(self, approval: Approval):
        pointer = approval.content_ref
        body = storage.read_one(storage.ActivityOutput, pointer) if pointer else None
        return self.answer(approval, ApprovalDetail, body=body)


class UsageViewSet(TenantViewSet):
    """What model calls cost."""

    serializer_class = UsageSerializer

    def retrieve(self, request):
        """This month's model calls and what they cost. Staff name the client with X-Tenant."""
        require(request.actor, "usage.read")
        return self.answer(queries.spend_of_month(self.one_tenant().facts, at=request.at))


class ForecastViewSet(TenantViewSet):
    """How the promises of a period will end."""

    model = DeliverablePeriod
    serializer_class = ForecastSerializer

    def retrieve(self, request, ref_id):
        """How many units will be done when the period ends, when all will be, and who holds up what is missing."""
        period = strategy_access.period_for(request.actor, ref_id, to="read")
        self.work_for(period)
        outlook = forecasting.forecast(DeliverablePeriod.objects.filter(pk=period.pk), at=request.at)
        return self.answer(outlook[period.ref_id])
