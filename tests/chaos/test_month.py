"""A client's whole first month of all ten kinds of work, walked by its people, while processes are killed at every step.

Some steps are snares, in which a process is caught and killed; whoever else works is killed with it where nobody can tell
whose the caught request is, at a moment nobody chose. Work, exports and recurring tasks of other clients run beside it.
"""

import contextlib
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.conf import settings
from django.utils import timezone
from redis import Redis

from apps.activities import operations as work
from apps.activities import queries
from apps.activities.bodies import EXPORT_CLIENT
from apps.activities.engine.pricing import Price
from apps.activities.models import Activity, AgentConfig, RecurringTaskTemplate
from apps.activities.operations.exports import ExportUnderWay
from apps.portals.rehearsal import Addresses
from apps.shared.actors import Actor
from apps.shared.scoping import every_tenant, tenant_scope
from apps.tenants.models import Tenant
from sandbox.agents_api import SECRET
from sandbox.tool_use import ToolOrder
from tests.chaos import checking
from tests.chaos.conftest import KILLS, TALLY, Chaos
from tests.chaos.people import PatientWalk, Walking
from tests.chaos.processes import Nursery, Web, Worker
from tests.chaos.snares import Locked, Request, Snare, Snares
from tests.world import PASSWORD

POST = "/wp-json/wp/v2/posts"
OUTREACH = "<lm-"  # how the id of such a mail begins
WORKERS = 3
LONG_AGO = datetime(2025, 1, 1, tzinfo=UTC)

CLAIM = Locked("claimed, and not committed", "activity_runs")
NOTICE = Request("a notice is on its way", "smtp", "received")
EXPORT = Locked("an export between two of its pieces", "activities")
RECURRING = Locked("a recurring task is due", "recurring_task_templates", "EXCLUSIVE")
# Nobody else waits for these: they stay laid until somebody comes by.
PATIENT: tuple[Snare, ...] = (
    Request("a model was asked and has not answered", "anthropic", "received"),
    Request("a page is being read", "site", "received"),
    Locked("a tool was used, and its use is not recorded", "tool_calls"),
    Request("an agent of the house is being asked", "agents", "received"),
    Request("an agent of the house was asked", "agents", "recorded"),
    Locked("an agent of the house calls back", "inbound_events", everybody=True),
    Request("a post is on its way", "wordpress", "received", POST),
    Request("a post is there, and nobody has heard of it", "wordpress", "recorded", POST),
    NOTICE,
    Request("an outreach mail is on its way", "smtp", "received", OUTREACH),
    Request("an outreach mail was taken, and nobody has heard of it", "smtp", "recorded", OUTREACH),
)
# People's pages wait for these too: they are laid one at a time and for a moment.
BRIEF: tuple[Snare, ...] = (
    CLAIM,
    Locked("money is not set aside", "spend_reservations"),
    Locked("the answer is there, and the call is not recorded", "llm_calls"),
    Locked("the output is stored, and not recorded", "journal_entries"),
    Locked("nobody is asked to decide on it yet", "approvals"),
    Locked("the period is not planned, or the unit not counted", "deliverable_periods", "EXCLUSIVE"),
    EXPORT,
    RECURRING,
)
BRIEFLY = 1.5  # seconds
TOOLS_APART = 5.0
MOST_ATTEMPTS = 3  # before an agent's failures are told to a person
EVERY_STEP = 100  # with so many kills every snare has to catch somebody
MOST_WALKS = 3


class Month(Chaos):
    """A walk through the doors of a web process, the processes behind it, and those who kill them."""

    web: Web
    snares: Snares
    ordered = 0.0

    def kill_and_replace(self, workers) -> None:
        kinds = [worker.what for worker in workers]
        self.kill(*workers)
        for worker in workers:
            self.remember_work_of(worker)
        for kind in kinds:
            self.start(kind)

    def doomed(self, workers) -> list[Worker]:
        """Those of them who may be killed: not who is at a step that was begun so often that a person would be called."""
        held = self.ask(
            "SELECT split_part(worker, ':', 2)::int, attempt FROM activity_leases WHERE expires_on IS NOT NULL"
        )
        spared = {pid for pid, attempt in held if attempt >= MOST_ATTEMPTS}
        return [worker for worker in workers if worker.pid not in spared]

    def walk(self) -> Walking:
        addresses = Addresses(self.web.address, self.sandbox.url, PASSWORD)
        return Walking(PatientWalk(addresses, on_client=self.furnish))

    def furnish(self, slug: str) -> None:
        """Its articles are written by an agent of the agency's own, and no agent is short of money or of tools."""
        with every_tenant(reason="the walk has just made this client"):
            configs = AgentConfig.objects.filter(tenant__slug=slug)
            configs.update(max_cost_usd_per_activity=100, monthly_cap_usd=None, tool_names=["skills", "website"])
            configs.filter(agent_role="copywriter").update(adapter_type="webhook", model_id="our-own-writer")
            Tenant.objects.filter(slug=slug).update(monthly_spend_cap_usd=100_000)

    def add_agents_of_the_house(self) -> None:
        by = Actor.system("tests")
        with tenant_scope():  # model services belong to the platform
            model = {"model_id": "our-own-writer", "context_tokens": None}
            facts = work.ProviderFacts(
                name="Our own agents",
                base_url=f"{self.sandbox.url}/agents/run",
                is_enabled=True,
                is_local=True,
                models=[model],
            )
            provider = work.add_provider(facts, adapter_type="webhook", api_key=SECRET, by=by, at=timezone.now())
            price = Price(Decimal(1), Decimal(1), Decimal(2))
            work.set_price(provider, "our-own-writer", price, by=by, at=timezone.now())

    def add_recurring_tasks(self, count: int) -> None:
        """Slots that are due for a client who has been there for long."""
        with self.world.at("live") as tenant:
            Tenant.objects.filter(pk=tenant.pk).update(contract_accepted_on=LONG_AGO)
            RecurringTaskTemplate.objects.exclude(name__startswith="Look").update(is_active=False)
            for number in range(count):
                RecurringTaskTemplate.objects.create(
                    tenant=tenant,
                    name=f"Look at the listing, {number}",
                    assignee_type="human",
                    human_role="reviewer",
                    periodicity="daily",
                    trigger="cron",
                    cron_expression=f"{number} 9 * * *",
                    prompt_template="Look at it.",
                    variable_values={},
                    created_on=LONG_AGO,
                )

    def begin_export(self) -> None:
        with self.world.at("live") as tenant, contextlib.suppress(ExportUnderWay):
            work.begin_export(tenant.id, by=Actor.system("tests"), at=timezone.now())

    def is_export_halfway(self) -> bool:
        with self.world.at("live"):
            exports = Activity.objects.filter(assignee_agent_role=EXPORT_CLIENT, status="in_progress")
            return exports.filter(output_summary__has_key="progress").exists()

    def order_a_tool(self) -> None:
        """Now and then: a model that asks for nothing else fails at its task."""
        world = self.sandbox.world
        with world.lock:
            if not world.tool_orders and time.monotonic() - self.ordered > TOOLS_APART:
                self.ordered = time.monotonic()
                call = {"name": "search_skills", "arguments": {"words": "headline"}}
                world.tool_orders.append(ToolOrder("anthropic", [call], match="search_skills"))

    def prepare(self, snare: Snare) -> bool:
        """See to it that somebody can come by; False where nobody will at this moment."""
        if snare == CLAIM:
            return queries.queue_state(timezone.now())["due"] > 0
        if snare == EXPORT:
            self.begin_export()
            with contextlib.suppress(AssertionError):
                return self.until(self.is_export_halfway, "an export has begun", seconds=BRIEFLY)
            return False
        if snare == RECURRING:
            self.add_recurring_tasks(2)
        return True

    def tell(self, slug: str) -> None:
        """Where the client's work stands, for whoever reads why a walk stopped."""
        statement = """
SELECT a.title, a.status, a.ready_on - now(), l.attempt, l.expires_on - now(), r.status, r.error
  FROM activities a JOIN tenants t ON t.id = a.tenant_id
  LEFT JOIN activity_leases l ON l.activity_id = a.id
  LEFT JOIN activity_runs r ON r.activity_id = a.id AND r.attempt = l.attempt
 WHERE t.slug = %s AND a.status IN ('assigned', 'in_progress', 'failed', 'awaiting_approval')
 ORDER BY a.ref_id"""
        for row in self.ask(statement, slug):
            print(*row, sep=" | ")

    def meanwhile(self) -> None:
        """What goes on while a snare waits."""
        self.note_reclaims()


@pytest.fixture
def month(own_database, sandbox) -> Iterator[Month]:
    cache = f"{settings.REDIS_URL.rpartition('/')[0]}/8"
    more = {"REDIS_URL": cache, "EMAIL_URL": f"smtp://127.0.0.1:{sandbox.smtp_port}"}
    web = Web(own_database, **more)
    more |= {"DJANGO_SETTINGS_MODULE": "tests.chaos.settings", "PUBLIC_BASE_URL": web.address}
    nursery = Nursery(**more)
    month = Month(own_database, sandbox, nursery)
    month.web, month.snares = web, Snares(month)
    month.settle_in()
    try:
        yield month
    finally:
        month.snares.lift_all()
        month.close()
        nursery.close()
        web.close()
        with Redis.from_url(cache) as redis:
            redis.flushdb()


def test_a_month_of_all_kinds_of_work_is_done_once_whoever_dies(month):
    seed = int(os.environ.get("CHAOS_SEED", random.SystemRandom().randrange(10**6)))
    print(f"CHAOS_SEED={seed}")
    moments, before = random.Random(seed), TALLY.kills
    month.add_agents_of_the_house()
    snares, caught = month.snares, Counter()
    walking = month.walk()
    for what in ("beat", *["worker"] * WORKERS):
        month.start(what)

    others = ["client", "topics", "strategy", "drafts", "context"]
    walks = 1
    while True:
        missing = [snare for snare in (*PATIENT, *BRIEF) if not caught[snare.name]]
        is_enough = TALLY.kills - before >= KILLS and not (missing and KILLS >= EVERY_STEP)
        if walking.is_over:
            if walking.stopped_by is not None:
                month.tell(walking.walk.slug)
                raise walking.stopped_by
            if is_enough or walks == MOST_WALKS:
                break
            walking, walks = month.walk(), walks + 1
        month.hurry()
        month.order_a_tool()
        if walking.walk.slug:
            while others:
                month.decide(others.pop())
        if is_enough:
            snares.lift_all()
            month.note_reclaims()
            time.sleep(0.2)
            continue
        fewest = min(caught[each.name] for each in PATIENT)
        for snare in PATIENT if walking.walk.slug else [NOTICE]:
            if caught[snare.name] <= fewest:
                snares.lay(snare)
        if walking.walk.slug and moments.random() < (0.8 if walking.walk.is_month_begun else 0.2):
            weights = [1 / (1 + caught[snare.name]) ** 2 for snare in BRIEF]
            (chosen,) = moments.choices(BRIEF, weights)
            if month.prepare(chosen):
                snares.lay(chosen)
        if found := snares.wait(BRIEFLY, meanwhile=month.meanwhile):
            snare, workers = found
            if doomed := month.doomed(workers):
                month.kill_and_replace(doomed)
                caught[snare.name] += 1
            snares.lift(snare, drop=doomed == workers)
        for snare in set(BRIEF) & set(snares.laid):
            snares.lift(snare)
    snares.lift_all()
    month.rest(hurried=True)

    for worker in [*month.workers]:
        worker.stop()
        month.workers.remove(worker)
    for name, count in caught.most_common():
        print(f"{count:4} {name}")
    print(f"{walks} walks, {walking.walk.retried} steps tried again by a person")
    month.check()
    assert checking.found_by("check_schema") == []
    assert not (missing and KILLS >= EVERY_STEP), f"Nobody was caught at: {missing}"
