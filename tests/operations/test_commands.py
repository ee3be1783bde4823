"""The other commands operators run: sweep, run_due, plan_periods, queue_state, rotate_encryption_key."""

import base64
import json
import os
import subprocess
import sys
from contextlib import contextmanager
from datetime import date, timedelta

import pytest
from django.conf import settings
from django.core.management import get_commands, load_command_class
from django.db import connection
from django.utils import timezone

from apps.activities.management.commands.plan_periods import Command as PlanPeriods
from apps.activities.models import Activity, ActivityLease, AgentConfig, LlmProvider
from apps.activities.queries import queue_state
from apps.channels.models import Channel, PublishAttempt
from apps.shared import rotation
from apps.shared.actors import Actor
from apps.shared.encryption import Undecryptable
from apps.shared.models import JournalDelivery, JournalEntry
from apps.shared.scoping import every_tenant
from apps.strategy.models import Deliverable, DeliverablePeriod
from apps.tenants import operations as tenants
from apps.tenants.models import Contract, Invitation, Tenant

COMMANDS = (
    "bootstrap",
    "check_schema",
    "verify_integrity",
    "sweep",
    "run_due",
    "plan_periods",
    "tend_periods",
    "sync_goals",
    "ensure_partitions",
    "queue_state",
    "rotate_encryption_key",
    "create_staff",
    "slow_queries",
    "erase_tenant",
    "import_leads",
)
AT = timezone.now()
PLACES = ("due", "claimed", "expired_leases", "scheduled", "blocked", "human")


@pytest.fixture
def begun(world, sandbox):
    """Enters the scope of a client that has just accepted its contract: reading its website is due."""

    @contextmanager
    def enter():
        with world.at("created") as tenant:
            # The world was made beside another sandbox than this process runs.
            Tenant.objects.filter(pk=tenant.pk).update(website=f"{sandbox.url}/site/harbour-coffee/")
            invitation = Invitation.objects.get(role="admin")
            alice = tenants.accept_invitation(invitation, password="a passphrase nobody guesses 7", at=AT)
            contract = Contract.objects.get()
            tenants.accept_contract(contract, by=Actor.human(alice), at=AT, shown_sha256=contract.pdf_sha256)
            yield tenant

    return enter()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_does(name):
    command = load_command_class(get_commands()[name], name)

    text = command.create_parser("manage.py", name).format_help()

    assert len(command.help) > 40 and command.help[0].isupper()
    assert "--help" in text


def test_the_state_of_the_queue_is_one_object_of_the_promised_shape(run, db):
    ran = run("queue_state", "--json")

    assert ran.code == 0
    assert list(ran.report) == [
        "at", *PLACES, "publish", "reservations_open", "reactions_pending", "relay_pending", "webhooks_pending",
        "oldest_due_seconds", "quiescent",
    ]  # fmt: skip
    assert list(ran.report["publish"]) == ["prepared", "sent", "unknown"]
    assert ran.report["at"].endswith("Z")


def test_every_open_activity_but_parents_lies_in_exactly_one_place(world):
    with every_tenant(reason="the test counts the work of all clients"):
        parents = Activity.objects.filter(steps__isnull=False).distinct()
        open_ones = Activity.objects.exclude(status__in=["completed", "failed", "cancelled"]).exclude(pk__in=parents)

        state = queue_state(AT)

        assert sum(state[place] for place in PLACES) == open_ones.count()
        assert state["human"] == open_ones.filter(assignee_type="human").exclude(status="created").count()
        assert state["blocked"] == open_ones.filter(status="created").count()


def test_work_moves_from_place_to_place(begun):
    with begun as tenant:
        step = Activity.objects.get(pipeline_step="crawl_website")
        moved = []

        def now() -> dict:
            state = queue_state(timezone.now())
            return {place: state[place] for place in PLACES} | {"quiescent": state["quiescent"]}

        with connection.cursor() as cursor:
            start = now()
            cursor.execute("UPDATE activities SET ready_on = now() + interval '1 hour' WHERE id = %s", [step.pk])
            moved.append(now())
            cursor.execute("UPDATE activities SET ready_on = now(), status = 'in_progress' WHERE id = %s", [step.pk])
            ActivityLease.objects.create(
                activity=step, attempt=1, worker="tests", leased_on=AT, heartbeat_on=AT, created_on=AT,
                expires_on=timezone.now() + timedelta(minutes=1),
            )  # fmt: skip
            moved.append(now())
            cursor.execute(
                "UPDATE activity_leases SET expires_on = now() - interval '1 second' WHERE activity_id = %s", [step.pk]
            )
            moved.append(now())
            cursor.execute("UPDATE activities SET status = 'assigned' WHERE id = %s", [step.pk])
            cursor.execute("UPDATE tenants SET status = 'suspended' WHERE id = %s", [tenant.pk])
            moved.append(now())

        assert [(place, state[place] - start[place]) for state in moved for place in PLACES if state[place] != start[place]] == [
            ("due", -1), ("scheduled", 1),
            ("due", -1), ("claimed", 1),
            ("due", -1), ("expired_leases", 1),
            ("due", -1), ("human", 1),
        ]  # fmt: skip


def test_work_of_an_agent_that_is_switched_off_waits_for_a_person(begun):
    with begun:
        step = Activity.objects.get(pipeline_step="research")
        with connection.cursor() as cursor:
            cursor.execute("UPDATE activities SET status = 'assigned', ready_on = now() WHERE id = %s", [step.pk])
            before = queue_state(AT)
            AgentConfig.objects.filter(agent_role="onboarding_agent").update(is_enabled=False)
            after = queue_state(AT)

        assert (after["due"] - before["due"], after["human"] - before["human"]) == (-1, 1)


def test_an_attempt_that_was_handed_to_a_person_is_not_under_way(world):
    with world.at("live"), connection.cursor() as cursor:
        attempt = PublishAttempt.objects.first()
        step = Activity.objects.get(assignee_agent_role="publisher", input_data__subject__ref=attempt.subject_ref)
        PublishAttempt.objects.create(
            subject_type="blog_post", subject_ref=attempt.subject_ref, channel=attempt.channel, idempotency_key="tests",
            marker="tests", approval_ref=attempt.approval_ref, content_sha256="0" * 64, status="unknown", created_on=AT,
        )  # fmt: skip
        counted = []
        for move in ("completed", "assigned", "in_progress", "failed"):
            cursor.execute("UPDATE activities SET status = %s WHERE id = %s", [move, step.pk])
            counted.append(queue_state(AT)["publish"]["unknown"])

        assert counted == [0, 1, 1, 0]


def test_sweep_takes_back_what_a_dead_worker_held_and_makes_deliveries(begun, run):
    with begun:
        step = Activity.objects.get(pipeline_step="crawl_website")
        with connection.cursor() as cursor:
            cursor.execute("UPDATE activities SET status = 'in_progress' WHERE id = %s", [step.pk])
        ActivityLease.objects.create(
            activity=step, attempt=1, worker="dead", leased_on=AT, heartbeat_on=AT, created_on=AT,
            expires_on=timezone.now() - timedelta(seconds=5),
        )  # fmt: skip

    ran = run("sweep", "--once")

    assert ran.code == 0 and ran.text.startswith("1 lease(s) and reservation(s) taken back")
    with every_tenant(reason="the test looks for what is left"):
        step.refresh_from_db()
        assert step.status == "assigned"
        assert ActivityLease.objects.get(activity=step).expires_on is None
        assert not JournalDelivery.objects.exists()


def test_run_due_works_until_nothing_is_due(begun, run, sandbox):
    with begun:
        pass
    assert queue_state(timezone.now())["due"] == 1

    ran = run("run_due", "--once")

    # Two recurring tasks each of six clients that are through with onboarding; the crawl, the research, the context file.
    assert (ran.code, ran.text) == (0, "12 recurring tasks made, 3 activities worked on.\n")
    assert queue_state(timezone.now())["due"] == 0
    assert run("run_due", "--once").text == "0 activities worked on.\n"


@pytest.mark.acceptance("CRON-period-planning")
def test_plan_periods_adds_nothing_twice_and_takes_one_client_by_name(world, run, db):
    with world.at("drafts"):
        before = Activity.objects.count()

    assert run("plan_periods").text == "0 units of work planned.\n"
    assert run("plan_periods", "--tenant", "acme-drafts").text == "0 units of work planned.\n"
    assert run("plan_periods", "--tenant", "nobody").code == 1
    with world.at("drafts"):
        assert Activity.objects.count() == before


def test_of_batches_side_by_side_a_client_that_cannot_be_planned_is_named_and_keeps_no_other_waiting(
    own_database, run, monkeypatch
):
    monkeypatch.setattr(PlanPeriods, "at_once", 2)
    with every_tenant(reason="a test promises more and breaks one client's clock"):
        Tenant.objects.filter(slug="acme-topics").update(timezone="Nowhere/At_all")
        wanted = {"tenant__slug__in": ["acme-drafts", "acme-client", "acme-topics"]}
        Deliverable.objects.filter(**wanted).update(quantity_per_period=3)
        DeliverablePeriod.objects.filter(**wanted).update(target_count=3)

    ran = run("plan_periods")

    assert (ran.code, ran.text) == (1, "2 units of work planned.\n")
    assert ran.error == "acme-topics: ZoneInfoNotFoundError, as the log tells."
    assert run("plan_periods").text == ""  # nothing is made twice, and what failed is told again


def test_sync_goals_asks_for_this_weeks_readings_once(world, run, db):
    assert run("sync_goals", "--tenant", "acme-live").text == "1 client to be read.\n"
    assert run("sync_goals", "--tenant", "acme-live").text == "0 clients to be read.\n"
    with world.at("live"):
        assert Activity.objects.filter(assignee_agent_role="system.sync_goals").count() == 1


def test_tend_periods_says_how_many_promises_moved_and_moves_none_twice(world, run, db):
    with world.at("drafts"):
        DeliverablePeriod.objects.update(period_start=date(2026, 1, 1), period_end=date(2026, 1, 31))

    assert run("tend_periods", "--tenant", "acme-drafts").text == "1 promise moved.\n"
    assert run("tend_periods", "--tenant", "acme-drafts").text == "0 promises moved.\n"
    with world.at("drafts"):
        assert DeliverablePeriod.objects.get().status == "missed"


@pytest.mark.acceptance("SEC-key")
class TestRotatingTheKey:
    """Not a namespace: all of these need the same three secrets."""

    @pytest.fixture(autouse=True)
    def secrets(self, world, settings):
        self.old = settings.ENCRYPTION_KEYS
        with world.at("live"):
            self.config = AgentConfig.objects.first()
            self.config.env_secrets = {"KEY": "first", "OTHER": "second"}
            self.config.save(update_fields=["env_secrets"])
        self.provider = LlmProvider.objects.first()
        self.provider.api_key = "of the platform"
        self.provider.save(update_fields=["api_key"])
        with world.at("drafts"):
            self.deleted = Channel.objects.get()
            self.token = self.deleted.access_token.open()
            Channel.objects.filter(pk=self.deleted.pk).update(deleted_on=AT)
        settings.ENCRYPTION_KEYS = [f"k2:{base64.b64encode(os.urandom(32)).decode()}", *self.old]

    def opened(self) -> tuple:
        with every_tenant(reason="the test opens secrets of several clients"):
            config = AgentConfig.objects.get(pk=self.config.pk).env_secrets
            return (
                {name: secret.open() for name, secret in config.items()},
                LlmProvider.objects.get(pk=self.provider.pk).api_key.open(),
                Channel.with_deleted.get(pk=self.deleted.pk).access_token.open(),
            )

    def expected(self) -> tuple:
        return {"KEY": "first", "OTHER": "second"}, "of the platform", self.token

    def test_every_secret_opens_with_the_new_key_alone(self, run, settings):
        first = run("rotate_encryption_key")
        second = run("rotate_encryption_key")
        settings.ENCRYPTION_KEYS = settings.ENCRYPTION_KEYS[:1]

        assert (first.code, second.code) == (0, 0)
        assert "agent_configs (env_secrets): 2 sealed again, 0 had the newest key." in first.text
        assert "llm_providers (api_key): 1 sealed again, 0 had the newest key." in first.text
        assert all(" 0 sealed again" in line for line in second.text.splitlines())
        assert self.opened() == self.expected()

    def test_it_is_journalled_once_for_each_table_and_never_twice(self, run):
        for _ in range(2):
            run("rotate_encryption_key")

        with every_tenant(reason="the test reads the journal of the platform"):
            entries = JournalEntry.objects.filter(code="secrets.sealed_again").order_by("subject_type")
            assert [(e.subject_type, e.tenant_id) for e in entries] == [
                ("agent_configs", None),
                ("channels", None),
                ("llm_providers", None),
            ]

    def test_the_product_reads_and_writes_meanwhile(self, settings):
        """Half the rows have the old key, half the new one, and a process that knows both opens all."""
        self.provider.api_key = "entered after the new key came"
        self.provider.save(update_fields=["api_key"])

        configs, key, token = self.opened()
        assert (configs, token) == (self.expected()[0], self.token)
        assert key == "entered after the new key came"

    def test_a_secret_that_does_not_open_is_named_and_left_alone(self, run):
        with every_tenant(reason="the test breaks a secret"), connection.cursor() as cursor:
            cursor.execute(
                "UPDATE llm_providers SET api_key = left(api_key, -4) || 'AAAA' WHERE api_key IS NOT NULL RETURNING api_key"
            )
            (broken,) = cursor.fetchone()

            ran = run("rotate_encryption_key")

            cursor.execute("SELECT api_key FROM llm_providers WHERE api_key IS NOT NULL")
            assert cursor.fetchone() == (broken,)
        assert ran.code == 1
        assert f"decrypt_failed: llm_providers {self.provider.ref_id}: api_key does not open" in ran.text
        with pytest.raises(Undecryptable):
            LlmProvider.objects.get(pk=self.provider.pk).api_key.open()
        assert self.expected()[2] not in ran.text

    def test_what_one_batch_did_stays_when_the_next_is_killed(self, run, settings, monkeypatch):
        monkeypatch.setattr(rotation, "BATCH", 1)
        with every_tenant(reason="the test stops in the middle"):
            rounds = rotation.rotate(Channel, by=Actor.system("tests"), at=AT)
            next(rounds)
            rounds.close()
            keys = [channel.access_token.key_id for channel in Channel.with_deleted.order_by("pk")]

        assert keys[0] == "k2" and set(keys[1:]) == {"k1"}
        assert run("rotate_encryption_key").code == 0
        assert self.opened() == self.expected()


@pytest.mark.parametrize(("port", "code"), [("", 0), ("1", 2)])
def test_a_shell_sees_the_exit_code(own_database, port, code):
    """As an operator's script sees it: a process of its own."""
    at = connection.settings_dict
    url = f"postgres://{at['USER']}:{at['PASSWORD']}@{at['HOST']}:{port or at['PORT']}/{own_database}"
    stores = {name: getattr(settings, name) for name in ("MONGO_URL", "MONGO_AUDIT_URL", "MONGO_AUDIT_READ_URL")}
    environment = {**os.environ, **stores, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": settings.SETTINGS_MODULE}

    done = subprocess.run(
        [sys.executable, "manage.py", "check_schema", "--json"],
        cwd=settings.BASE_DIR,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == code, done.stdout + done.stderr
    assert (json.loads(done.stdout)["ok"] if code == 0 else done.stdout) in (True, "")
    assert at["PASSWORD"] not in done.stdout + done.stderr
