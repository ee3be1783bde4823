"""Lists of both portals: as many statements for thirty rows as for three, and never an OFFSET."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.activities.models import Activity, Approval
from apps.channels.models import Channel, ChannelScore
from apps.content.models import Backlink, BlogPost, BlogRequest
from apps.crm.models import Lead
from apps.shared.ids import new_id, spell
from apps.shared.scoping import every_tenant, tenant_scope
from apps.strategy.models import Deliverable, DeliverablePeriod, Goal, GoalReading
from apps.tenants import operations as tenants
from apps.tenants.models import Tenant
from tests.api.routes import copy_of
from tests.architecture.rows import make_row
from tests.conftest import Person
from tests.world import PASSWORD

FEW, MANY = 3, 30
AT = timezone.now()


def statements(person, path: str) -> list[str]:
    """What the second call sends: the first fills caches that know no rows."""
    person.get(path)
    with CaptureQueriesContext(connection) as captured:
        assert person.get(path).status_code == 200
    return [query["sql"] for query in captured]


def compared(person, path: str, add) -> None:
    """`add(wanted)` brings the list to so many rows."""
    add(FEW)
    for_few, small = statements(person, path), len(person.get(path).content)
    add(MANY)
    for_many, large = statements(person, path), len(person.get(path).content)

    assert large > small  # the rows are there
    assert len(for_many) == len(for_few) <= 16
    assert not [sql for sql in for_many if "OFFSET" in sql]


def up_to(rows, wanted: int, **changes) -> None:
    """Copies of the first row until there are so many; values that are called are made anew for each."""
    for number in range(rows.count(), wanted):
        made = {name: value(number) if callable(value) else value for name, value in changes.items()}
        copy_of(rows.order_by("ref_id").first(), **made)


@pytest.fixture
def client(world):
    with world.at("client") as tenant:
        yield tenant


@pytest.mark.acceptance("PERF-no-n1")
@pytest.mark.parametrize("path", ["/dm/inbox/", "/dm/inbox/?client=acme-drafts", "/dm/c/acme-drafts/"])
def test_the_inbox(rita, acme, path):
    def add(wanted):
        up_to(Approval.objects.filter(status="pending"), wanted, subject_ref=lambda n: spell(new_id()))

    compared(rita, path, add)


@pytest.mark.acceptance("PERF-no-n1")
def test_work_of_a_client(rita, acme):
    def add(wanted):
        units = Activity.objects.filter(parent_activity=None, status="in_progress")
        up_to(units, wanted, origin_key=lambda n: f"unit {n}")
        for unit in units:
            if not unit.steps.exists():
                step = Activity.objects.filter(parent_activity__isnull=False, pipeline_step="dm_review").first()
                copy_of(step, parent_activity=unit, origin_key=f"step of {unit.ref_id}", output_ref="")

    compared(rita, "/dm/c/acme-drafts/work/", add)


@pytest.mark.acceptance("PERF-no-n1")
@pytest.mark.parametrize("path", ["/dm/c/acme-drafts/agents/", "/dm/agents/"])
def test_agents_of_a_client(rita, acme, path):
    def add(wanted):
        for number in range(Activity.objects.filter(origin_key__startswith="copy ").count(), wanted):
            step = Activity.objects.filter(assignee_agent_role="publisher").order_by("ref_id").first()
            copy = copy_of(step, origin_key=f"copy {number}")
            Activity.objects.filter(pk=copy.pk).update(status="assigned", ready_on=AT)

    compared(rita, path, add)


@pytest.mark.acceptance("PERF-no-n1")
def test_channels_of_a_client_and_the_scores_of_one(rita, acme):
    channel = Channel.objects.get()

    def scores(wanted):
        for number in range(ChannelScore.objects.count(), min(wanted, 12)):
            ChannelScore.objects.create(channel=channel, score=number, period="2026-04", scored_on=AT, created_on=AT)

    compared(rita, f"/dm/c/acme-drafts/channels/{channel.ref_id}/", scores)
    compared(
        rita,
        "/dm/c/acme-drafts/channels/",
        lambda wanted: up_to(Channel.objects.all(), wanted, external_id=lambda n: f"site {n}", access_token=None),
    )


@pytest.mark.acceptance("PERF-no-n1")
def test_clients_of_a_reviewer(sam, world):
    with tenant_scope():
        olga = tenants.create_staff(
            email="olga@leadmetrics.test", name="Olga Ott", role="reviewer", password=PASSWORD, by=sam.actor, at=AT
        )

    def add(wanted):
        with every_tenant(reason="a test makes clients"), connection.cursor() as cursor:
            while Tenant.objects.count() < wanted:
                make_row(cursor, Tenant, None)
            for tenant in Tenant.objects.order_by("-ref_id")[:wanted]:
                try:
                    tenants.assign_reviewer(tenant, olga, by=sam.actor, at=AT)
                except tenants.AlreadyAssigned:
                    continue

    compared(Person(olga), "/dm/clients/", add)


@pytest.mark.acceptance("PERF-no-n1")
def test_posts_of_a_client(world, client):
    def add(wanted):
        for number in range(BlogPost.objects.count(), wanted):
            request = copy_of(BlogRequest.objects.order_by("ref_id").first())
            copy_of(BlogPost.objects.order_by("ref_id").first(), blog_request=request, slug=f"copy-{number}")

    compared(world.alice("client"), "/app/content/", add)


@pytest.mark.acceptance("PERF-no-n1")
@pytest.mark.parametrize("path", ["/app/approvals/", "/app/"])
def test_decisions_of_a_client(world, client, path):
    def add(wanted):
        waiting = Approval.objects.filter(status="pending", required_role="admin")
        up_to(waiting, wanted, subject_ref=lambda n: spell(new_id()))

    compared(world.alice("client"), path, add)


@pytest.mark.acceptance("PERF-no-n1")
@pytest.mark.parametrize(
    "path", ["/app/strategy/", "/app/progress/", "/dm/c/acme-client/strategy/", "/dm/c/acme-client/"]
)
def test_goals_and_promises_of_a_client(world, rita, client, path):
    person = world.alice("client") if path.startswith("/app/") else rita

    def add(wanted):
        up_to(Goal.objects.all(), wanted)
        for goal in Goal.objects.exclude(pk__in=GoalReading.objects.values("goal")):
            for number in range(2):
                read = {"value": number, "source": "Google Analytics", "read_on": AT - timedelta(days=number)}
                GoalReading.objects.create(goal=goal, created_on=AT, **read)
        up_to(Deliverable.objects.all(), wanted)
        for deliverable in Deliverable.objects.all():
            if not DeliverablePeriod.objects.filter(deliverable=deliverable).exists():
                copy_of(DeliverablePeriod.objects.order_by("ref_id").first(), deliverable=deliverable)

    compared(person, path, add)


@pytest.mark.acceptance("PERF-no-n1")
@pytest.mark.parametrize("path", ["/app/backlinks/", "/dm/c/acme-client/backlinks/"])
def test_backlinks_of_a_client(world, rita, client, path):
    def add(wanted):
        Backlink.objects.get_or_create(
            target_url="https://guide.example/",
            defaults={"source_url": "https://acme.example/", "outreach_status": "published", "created_on": AT},
        )
        up_to(Backlink.objects.all(), wanted, target_url=lambda n: f"https://guide.example/{n}/")

    compared(world.alice("client") if path.startswith("/app/") else rita, path, add)


@pytest.mark.acceptance("PERF-no-n1")
def test_leads_of_a_client(rita, acme):
    Lead.objects.create(source="import", email="first@visitors.test", created_on=AT, last_activity_on=AT)

    def add(wanted):
        up_to(Lead.objects.all(), wanted, email=lambda n: f"p{n}@visitors.test")

    compared(rita, "/dm/c/acme-drafts/leads/", add)


@pytest.mark.acceptance("PERF-no-n1")
def test_reports_of_a_client(world, client):
    step = Activity.objects.filter(pipeline_step="keyword_research", status="completed").first()
    Activity.objects.filter(pk=step.pk).update(pipeline_step="deliver", output_summary={"content_ref": ""})
    Deliverable.objects.filter(pk=step.deliverable_id).update(type="performance_reports")

    def add(wanted):
        reports = Activity.objects.filter(pipeline_step="deliver")
        up_to(reports, wanted, origin_key=lambda n: f"report {n}", output_ref="")

    compared(world.alice("client"), "/app/reports/", add)
