"""Every route of the API with a body that would be accepted, and the records of a client that paths name."""

from dataclasses import dataclass

from django.db import connection
from django.utils import timezone

from apps.activities.models import Activity, ActivityRun, Approval
from apps.channels.models import Channel, ChannelScore
from apps.content.models import BlogPost, SocialMediaRequest, SocialPost
from apps.shared.guards import records
from apps.shared.ids import new_id, spell
from apps.shared.scoping import TenantModel
from apps.strategy.models import DeliverablePeriod, Goal, GoalReading, OnboardingRun, Strategy
from apps.tenants.models import Contract, Tenant
from tests.activities.skills import a_name, own_skill

BASE = "/api/v1"
SHA = "0" * 64


@dataclass(frozen=True)
class Route:
    method: str
    path: str  # with {ref} where a record is named
    noun: str = ""  # which record
    fields: tuple[str, ...] = ()  # what its body may hold
    lists: bool = False
    before_contract: bool = False
    streams: bool = False

    def at(self, ref: str) -> str:
        return BASE + self.path.format(ref=ref)

    def __str__(self):
        return f"{self.method} {self.path}"


DECISION = ("shown_sha256", "note")
SITE = ("name", "site_url", "username", "application_password", "publish_as")
FIGURES = ("impressions", "likes", "comments", "shares", "clicks")
EDIT = ("title", "slug", "meta_description", "scheduled_for", "body_markdown", "change_note")
WORK = ("deliverable_type", "title", "wish", "platforms", "wanted_by", "goal")
SKILL = ("name", "description", "body", "tags", "roles")

ROUTES = (
    Route("GET", "/me/", before_contract=True),
    Route("GET", "/contract/", before_contract=True),
    Route("POST", "/contract/accept/", fields=("shown_sha256", "agree"), before_contract=True),
    Route("GET", "/onboarding-runs/", lists=True),
    Route("GET", "/onboarding-runs/{ref}/", "onboarding_run"),
    Route("GET", "/strategies/", lists=True),
    Route("GET", "/strategies/{ref}/", "strategy"),
    Route("GET", "/goals/", lists=True),
    Route("GET", "/goals/{ref}/readings/", "goal", lists=True),
    Route("GET", "/deliverables/", lists=True),
    Route("GET", "/deliverable-periods/", lists=True),
    Route("GET", "/deliverable-periods/{ref}/forecast/", "deliverable_period"),
    Route("GET", "/channels/", lists=True),
    Route("GET", "/channels/{ref}/", "channel"),
    Route("GET", "/channels/{ref}/scores/", "channel", lists=True),
    Route("POST", "/channels/connect/", fields=SITE),
    Route("POST", "/channels/{ref}/verify/", "channel"),
    Route("POST", "/channels/{ref}/disconnect/", "channel"),
    Route("GET", "/usage/"),
    Route("GET", "/activities/", lists=True),
    Route("POST", "/activities/", fields=WORK),
    Route("GET", "/activities/{ref}/", "activity"),
    Route("POST", "/activities/{ref}/retry/", "activity"),
    Route("POST", "/activities/{ref}/cancel/", "activity"),
    Route("POST", "/activities/{ref}/confirm-published/", "activity", fields=("url", "note")),
    Route("POST", "/activities/{ref}/report-not-published/", "activity", fields=("cause",)),
    Route("GET", "/activities/{ref}/runs/", "activity", lists=True),
    Route("GET", "/activities/{ref}/output-url/", "activity"),
    Route("GET", "/activities/{ref}/stream/", "activity", streams=True),
    Route("GET", "/runs/{ref}/", "run"),
    Route("GET", "/approvals/", lists=True),
    Route("GET", "/approvals/{ref}/", "approval"),
    Route("POST", "/approvals/{ref}/approve/", "approval", fields=DECISION),
    Route("POST", "/approvals/{ref}/reject/", "approval", fields=DECISION),
    Route("GET", "/skills/", lists=True),
    Route("POST", "/skills/", fields=SKILL),
    Route("GET", "/skills/{ref}/", "skill"),
    Route("PATCH", "/skills/{ref}/", "skill", fields=(*SKILL[1:], "is_active")),
    Route("GET", "/blog-requests/", lists=True),
    Route("GET", "/blog-requests/{ref}/", "blog_request"),
    Route("GET", "/blog-posts/", lists=True),
    Route("GET", "/blog-posts/{ref}/", "blog_post"),
    Route("PATCH", "/blog-posts/{ref}/", "blog_post", fields=EDIT),
    Route("GET", "/social-media-requests/", lists=True),
    Route("GET", "/social-media-requests/{ref}/", "social_media_request"),
    Route("GET", "/social-posts/", lists=True),
    Route("GET", "/social-posts/{ref}/", "social_post"),
    Route("POST", "/social-posts/{ref}/engagement/", "social_post", fields=FIGURES),
)
# Whoever may is told 409 there: the step is finished and is an agent's, the social post is a draft.
REFUSED_AT_DRAFTS = ("/retry/", "/cancel/", "/confirm-published/", "/report-not-published/", "/engagement/")
LISTS = tuple(route for route in ROUTES if route.lists)
LISTS_OF_ROWS = tuple(route for route in LISTS if route.path != "/skills/")  # skills are documents
NAMING = tuple(route for route in ROUTES if route.noun)
WRITING = tuple(route for route in ROUTES if route.method != "GET")
WITH_FIELDS = tuple(route for route in WRITING if route.fields)


def named(routes):
    """The ids of a parametrised test."""
    return [str(route) for route in routes]


@dataclass(frozen=True)
class Records:
    """One record of each kind of a client at the stage "drafts", by what is done with it in paths."""

    onboarding_run: str
    strategy: str
    goal: str
    deliverable_period: str
    channel: str
    activity: str
    run: str
    approval: str
    blog_request: str
    blog_post: str
    social_media_request: str
    social_post: str
    skill: str
    content_sha256: str
    contract_sha256: str

    def of(self, route: Route) -> str:
        return route.at(getattr(self, route.noun) if route.noun else "")


def records_in_scope() -> Records:
    """Of the one client in scope: the activity is a finished agent's step, the approval the reviewer's first draft."""
    approval = Approval.objects.filter(status="pending").order_by("ref_id").first()
    return Records(
        onboarding_run=OnboardingRun.objects.get().ref_id,
        strategy=Strategy.objects.get().ref_id,
        goal=a_reading().goal.ref_id,
        deliverable_period=DeliverablePeriod.objects.order_by("ref_id").first().ref_id,
        channel=a_scored_channel().ref_id,
        activity=Activity.objects.filter(assignee_agent_role="copywriter").order_by("ref_id").first().ref_id,
        run=ActivityRun.objects.filter(activity__assignee_agent_role="copywriter").order_by("ref_id").first().ref_id,
        approval=approval.ref_id,
        blog_request=BlogPost.objects.get(ref_id=approval.subject_ref).blog_request.ref_id,
        blog_post=approval.subject_ref,
        social_media_request=a_social_post().social_media_request.ref_id,
        social_post=a_social_post().ref_id,
        skill=own_skill(a_name("api")).document.refId,
        content_sha256=approval.content_sha256,
        contract_sha256=Contract.objects.get().pdf_sha256,
    )


def a_reading() -> GoalReading:
    """The one reading of the client in scope, of its first goal, made when it is asked for first."""
    at, goal = timezone.now(), Goal.objects.order_by("ref_id").first()
    values = {"value": 7, "source": "Google Analytics", "read_on": at, "created_on": at}
    return GoalReading.objects.first() or GoalReading.objects.create(goal=goal, **values)


def a_scored_channel() -> Channel:
    """The website of the client in scope, with one score."""
    channel = Channel.objects.get(platform="wordpress")
    if not ChannelScore.objects.exists():
        at = timezone.now()
        ChannelScore.objects.create(channel=channel, score=62, period="2026-03", scored_on=at, created_on=at)
    return channel


def a_social_post() -> SocialPost:
    """The one post of the client in scope, made when it is asked for first."""
    found = SocialPost.objects.select_related("social_media_request").first()
    if found is not None:
        return found
    channel = Channel.objects.create(platform="linkedin", channel_type="social", name="Page", created_on=timezone.now())
    request = SocialMediaRequest.objects.create(
        topic="What to brew",
        requested_by_type="agent",
        requested_by_id="social_calendar_planner",
        created_on=timezone.now(),
    )
    return SocialPost.objects.create(
        social_media_request=request, channel=channel, platform=channel.platform, created_on=timezone.now()
    )


def body_for(route: Route, sandbox_url: str, sha256: str = SHA) -> dict | None:
    """A body the route would accept of somebody who may."""
    values = {
        "shown_sha256": sha256,
        "agree": True,
        "note": "Shorter, please.",
        "name": a_name("made") if route.path == "/skills/" else "Second blog",
        "description": "When tea is meant. Not for coffee.",
        "body": "Say *steep*.",
        "tags": ["tea"],
        "roles": ["copywriter"],
        "is_active": False,
        "site_url": f"{sandbox_url}/wordpress/second",
        "username": "editor",
        "application_password": "rehearsal application password",
        "publish_as": "draft",
        "title": "How to brew at home",
        "slug": "how-to-brew-at-home",
        "meta_description": "What it takes to brew a good cup at home, from water to grinder.",
        "scheduled_for": None,
        "body_markdown": "## Water\n\nUse soft water.",
        "change_note": "Shorter.",
        "url": "https://www.linkedin.com/feed/update/urn:li:share:7001",
        "cause": "The page is locked.",
        "deliverable_type": "social_posts",
        "wish": "A post about our sale on Friday.",
        "platforms": ["linkedin"],
        "wanted_by": None,
        "goal": None,
        **dict.fromkeys(FIGURES, 3),
    }
    if route.method == "GET":
        return None
    return {name: values[name] for name in route.fields}


def headers_for(route: Route, sha256: str = SHA) -> dict[str, str]:
    if route.method != "PATCH":
        return {}
    return {"If-Match": '"1"' if route.noun == "skill" else f'"{sha256}"'}


def random_ref() -> str:
    return spell(new_id())


def copy_of(row, **changes):
    """Another row like this one, with an id of its own."""
    row.pk = new_id()
    row.__dict__.pop("ref_id", None)
    row._state.adding = True
    for field, value in changes.items():
        setattr(row, field, value)
    row.save(force_insert=True)
    return row


def state_of(tenant: Tenant) -> dict[str, list]:
    """A digest of every row of the client in every table, the journal included: equal means nothing changed."""
    tables = [model._meta.db_table for model in records() if issubclass(model, TenantModel)]
    of_one = "SELECT '{0}', count(*), md5(string_agg(t::text, '|' ORDER BY t.id)) FROM \"{0}\" t WHERE tenant_id = %(tenant)s"
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(of_one.format(table) for table in tables), {"tenant": tenant.id})
        return {table: digest for table, *digest in cursor.fetchall()}
