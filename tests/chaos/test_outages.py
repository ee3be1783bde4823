"""A server goes away and comes back: pages answer meanwhile, work waits, and nothing is lost.

One database and one web process for the module; each test takes its server away from a client of its own.
"""

import os
import re
import time
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

import httpx2
import pytest
from django.conf import settings
from django.utils import timezone

from apps.activities.engine import worker as engine
from apps.activities.models import Activity, ActivityRun, Approval
from apps.content.models import BlogPost
from apps.shared.actors import Actor
from apps.shared.models import JournalDelivery
from apps.shared.scoping import every_tenant
from apps.tenants import operations as tenants
from apps.tenants.models import User
from tests import databases
from tests.chaos.conftest import Chaos
from tests.chaos.processes import Nursery, Web, environment
from tests.chaos.proxy import Proxy
from tests.conftest import Person

REQUEST_SECONDS = 3.0
STORE_SECONDS = 7.0  # a page that shows content waits for the store's time-out, and says so in its place


def behind(proxy: Proxy, url: str) -> str:
    """The same address with the proxy in front of it."""
    parts = urlsplit(url)
    credentials, at, _ = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{credentials}{at}{proxy.host}"))


class Servers:
    """A proxy in front of each server, and the environment of processes that go through them."""

    def __init__(self, sandbox, database: str):
        params = settings.DATABASES["default"]
        self.postgresql = Proxy(int(params["PORT"]))
        self.mongodb = Proxy(urlsplit(settings.MONGO_URL).port)
        self.s3 = Proxy(urlsplit(settings.S3_ENDPOINT).port)
        self.valkey = Proxy(urlsplit(settings.REDIS_URL).port)
        self.model = Proxy(urlsplit(sandbox.url).port)
        plain = environment(database)
        through_mongo = {
            name: behind(self.mongodb, plain[name]) for name in ("MONGO_URL", "MONGO_AUDIT_URL", "MONGO_AUDIT_READ_URL")
        }
        self.environment = {
            **through_mongo,
            "DATABASE_URL": behind(self.postgresql, plain["DATABASE_URL"]),
            "S3_ENDPOINT": behind(self.s3, settings.S3_ENDPOINT),
            "REDIS_URL": behind(self.valkey, settings.REDIS_URL),
            "ANTHROPIC_BASE_URL": behind(self.model, settings.ANTHROPIC_BASE_URL),
            "EGRESS_ALLOW_HOSTS": f"{plain['EGRESS_ALLOW_HOSTS']},{self.model.host}",
        }

    @property
    def all(self) -> list[Proxy]:
        return [self.postgresql, self.mongodb, self.s3, self.valkey, self.model]


class Browser:
    """Somebody signed in at the web process."""

    def __init__(self, address: str, person: Person):
        csrf = "c" * 32
        cookies = {
            "csrftoken": csrf,
            settings.SESSION_COOKIE_NAME: person.client.cookies[settings.SESSION_COOKIE_NAME].value,
        }
        headers = {"X-CSRFToken": csrf, "Origin": address}
        self._http = httpx2.Client(base_url=address, cookies=cookies, headers=headers, trust_env=False, timeout=60)

    def close(self) -> None:
        self._http.close()

    def get(self, path: str) -> tuple[int, str, float]:
        """(status, text, seconds)"""
        began = time.monotonic()
        answer = self._http.get(path)
        return answer.status_code, answer.text, time.monotonic() - began

    def post(self, path: str, **data) -> tuple[int, float]:
        began = time.monotonic()
        answer = self._http.post(path, data=data)
        return answer.status_code, time.monotonic() - began


def words(page: str) -> str:
    """What is read on the page, small enough for a failure's message."""
    return " ".join(re.sub(r"<(script|style|svg).*?</\1>|<[^>]*>", " ", page, flags=re.DOTALL).split())


@pytest.fixture(scope="module")
def outage(template_database, running_sandbox, django_db_blocker) -> Iterator[Chaos]:
    """Chaos whose workers go through proxies, which stand in `outage.servers`; `outage.web` is a web process."""
    former, name = settings.DATABASES["default"]["NAME"], f"{template_database}_out_main_{os.getpid()}"
    with django_db_blocker.unblock():
        engine.stop_heartbeat()
        databases.copy(template_database, name)
        databases.use(name)
        running_sandbox.world.reset()
        servers = Servers(running_sandbox, name)
        nursery = Nursery(**servers.environment)
        chaos = Chaos(name, running_sandbox, nursery)
        chaos.servers = servers
        chaos.settle_in()
        web = Web(name, **servers.environment)
        chaos.web = web.address
        try:
            yield chaos
        finally:
            web.close()
            chaos.close()
            nursery.close()
            databases.use(former)
            databases.drop(name)


@pytest.fixture
def world_at_rest(outage, django_db_blocker):
    """Before and after: all servers there, nothing under way."""
    with django_db_blocker.unblock():
        yield
        for proxy in outage.servers.all:
            proxy.restore()
        for one in [*outage.workers]:
            one.kill()
            outage.workers.remove(one)


@pytest.fixture
def rita(outage, world_at_rest) -> Iterator[Browser]:
    browser = Browser(outage.web, Person(User.objects.get(email="rita@leadmetrics.test")))
    yield browser
    browser.close()


def statuses(outage, stage: str, role: str) -> list[str]:
    return [step.status for step in outage.steps(stage, role)]


def run_errors(outage, stage: str, role: str) -> set[str]:
    with outage.world.at(stage):
        return set(
            ActivityRun.objects.filter(activity__assignee_agent_role=role, status="failed").values_list(
                "error", flat=True
            )
        )


def no_work_failed() -> None:
    with every_tenant(reason="the test looks at all clients"):
        assert not Activity.objects.filter(status="failed").exists()
        assert not Activity.objects.filter(origin_key__startswith="escalation:").exists()


def test_without_mongodb_pages_stand_mails_go_out_and_work_waits(outage, rita):
    outage.servers.mongodb.cut()
    outage.decide("topics")
    with outage.world.at("rival") as tenant:
        approval = Approval.objects.filter(status="pending", required_role="reviewer").order_by("ref_id").first()
    outage.start()

    status, text, seconds = rita.get("/dm/inbox/")
    assert (status, seconds < REQUEST_SECONDS) == (200, True), seconds
    status, text, seconds = rita.get(f"/dm/c/{tenant.slug}/approvals/{approval.ref_id}/")
    assert (status, seconds < STORE_SECONDS) == (200, True), seconds
    assert "cannot be shown at the moment" in words(text)
    status, seconds = rita.post(
        f"/dm/c/{tenant.slug}/approvals/{approval.ref_id}/approve/", shown_sha256=approval.content_sha256
    )
    assert seconds < STORE_SECONDS
    outage.until(lambda: run_errors(outage, "topics", "copywriter"), "an attempt finds the store away")
    with outage.world.at("topics"):
        tenants.invite_user(
            outage.world.tenant("topics"),
            name="Nora Nair",
            email="nora@acme-topics.test",
            role="member",
            by=Actor.human(outage.world.alice("topics").user),
            at=timezone.now(),
        )
    with every_tenant(reason="the outbox"):
        mails = JournalDelivery.objects.exclude(consumer="storage.relay_audit")
        outage.until(lambda: not mails.exists(), "the mail is sent", seconds=15)
        assert JournalDelivery.objects.filter(consumer="storage.relay_audit").count() > 5

    outage.servers.mongodb.restore()
    outage.rest(hurried=True)
    assert statuses(outage, "topics", "copywriter") == ["completed", "completed"]
    no_work_failed()
    outage.check()


def test_without_s3_pages_stand_and_work_waits(outage, rita):
    outage.servers.s3.cut()
    outage.decide("client")
    with outage.world.at("rival") as tenant:
        approval = Approval.objects.filter(status="pending").order_by("ref_id").first()
    outage.start()

    status, _, seconds = rita.get("/dm/inbox/")
    assert (status, seconds < REQUEST_SECONDS) == (200, True), seconds
    status, text, seconds = rita.get(f"/dm/c/{tenant.slug}/approvals/{approval.ref_id}/")
    assert status in (200, 404) and seconds < STORE_SECONDS, seconds
    outage.until(
        lambda: outage.attempt_of(outage.steps("client", "publisher")[0].id) >= 1, "the publisher finds S3 away"
    )
    outage.until(lambda: statuses(outage, "client", "publisher") == ["assigned", "assigned"], "both wait")
    assert outage.sandbox.world.entries(target="wordpress", method="POST") == []

    outage.servers.s3.restore()
    outage.rest(hurried=True)
    with outage.world.at("client"):
        assert list(BlogPost.objects.values_list("status", flat=True)) == ["published", "published"]
    no_work_failed()
    outage.check()


def test_without_the_model_work_waits_and_costs_nothing(outage, rita):
    outage.servers.model.cut()
    outage.decide("context")
    outage.start()
    step = outage.steps("context", "strategy_writer")[0]
    for attempt in range(1, 6):  # more attempts than an agent may fail
        outage.until(lambda wanted=attempt: outage.attempt_of(step.id) >= wanted, f"attempt {attempt}")
        outage.until(lambda: statuses(outage, "context", "strategy_writer") == ["assigned"], "it waits")
        if attempt < 5:
            outage.hurry()
    assert rita.get("/dm/inbox/")[0] == 200

    outage.servers.model.restore()
    outage.rest(hurried=True)
    assert statuses(outage, "context", "strategy_writer") == ["completed"]
    no_work_failed()
    outage.check()


def test_without_the_broker_a_decision_is_quick_and_the_work_is_found_by_the_sweep(outage, rita):
    with outage.world.at("drafts") as tenant:
        approvals = list(Approval.objects.filter(status="pending", required_role="reviewer").order_by("ref_id"))
    address = f"/dm/c/{tenant.slug}/approvals/"
    outage.servers.valkey.cut()
    for approval in approvals[:1]:
        status, seconds = rita.post(f"{address}{approval.ref_id}/approve/", shown_sha256=approval.content_sha256)
        assert (status, seconds < REQUEST_SECONDS) == (302, True), seconds
    outage.servers.valkey.restore()
    outage.servers.valkey.silence()
    for approval in approvals[1:]:
        status, seconds = rita.post(f"{address}{approval.ref_id}/approve/", shown_sha256=approval.content_sha256)
        assert (status, seconds < REQUEST_SECONDS) == (302, True), seconds
    outage.servers.valkey.cut()
    outage.servers.valkey.restore()
    outage.start()
    outage.rest()
    outage.check()


def test_postgresql_cut_at_any_moment_loses_and_doubles_nothing(outage, rita):
    outage.decide("strategy")
    outage.start()
    for _ in range(4):
        outage.until(lambda: outage.sandbox.world.entries(target="anthropic"), "work has begun")
        time.sleep(0.3)
        outage.servers.postgresql.cut()
        status, _, seconds = rita.get("/api/v1/activities/")
        assert (status, seconds < REQUEST_SECONDS) == (503, True), (status, seconds)
        assert rita.get("/healthz")[0] == 200
        outage.servers.postgresql.restore()
    outage.until(lambda: rita.get("/dm/inbox/")[0] == 200, "pages are back", seconds=5)
    outage.rest()
    outage.check()
