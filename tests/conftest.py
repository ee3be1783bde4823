"""Shared fixtures; tests/README.md explains them."""

import gc
import io
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from django.conf import settings as django_settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connections
from django.template.base import Template
from django.test import Client

from apps.activities.engine import worker
from apps.shared import journal
from apps.shared.actors import Actor
from apps.shared.scoping import tenant_scope
from apps.storage import clients
from apps.tenants.models import Tenant, User
from sandbox import server as sandbox_server
from tests import databases
from tests import world as worlds
from tests.activities.skills import a_name, names_that_go


def pytest_collection_finish() -> None:
    """What was collected stays to the end: the collector of garbage need not look through it again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def pages_tell_their_context(django_test_environment) -> Iterator[None]:
    """`response.context` is that of the page. Django keeps a copy for every included component, which costs a third of
    the time a page takes."""
    told = Template._render  # type: ignore[attr-defined]

    def render(template, context):
        return told(template, context) if context.template is template else template.nodelist.render(context)

    Template._render = render  # type: ignore[attr-defined]
    yield
    Template._render = told  # type: ignore[attr-defined]


@pytest.fixture(scope="session")
def running_sandbox():
    journal.reactions.bell = lambda name: None  # tests pull the bells by hand: run_world()
    running = sandbox_server.start(port=0, smtp_port=0, pace=0.0)
    host = running.url.removeprefix("http://")
    django_settings.EGRESS_ALLOW_HOSTS = [host]
    django_settings.ANTHROPIC_BASE_URL = f"{running.url}/anthropic"
    django_settings.ANTHROPIC_API_KEY = "rehearsal"
    django_settings.OPENAI_BASE_URL = f"{running.url}/openai/v1"
    django_settings.OPENAI_API_KEY = "rehearsal"
    django_settings.OLLAMA_BASE_URL = f"{running.url}/ollama"
    django_settings.GOOGLE_APIS_BASE_URL = f"{running.url}/google"
    django_settings.GOOGLE_ANALYTICS_BASE_URL = f"{running.url}/analytics"
    django_settings.DATAFORSEO_BASE_URL = f"{running.url}/dataforseo"
    django_settings.DATAFORSEO_LOGIN = "rehearsal"
    django_settings.DATAFORSEO_PASSWORD = "a password of the rehearsal"
    django_settings.WORDPRESS_BASE_URL = f"{running.url}/wordpress/acme"
    yield running
    running.stop()


@pytest.fixture(scope="session")
def template_database(running_sandbox, django_db_blocker) -> Iterator[str]:
    """The name of the template; this worker's copy is in use from here on."""
    worker_name = os.environ.get("PYTEST_XDIST_WORKER", "main")
    with django_db_blocker.unblock():
        template, mine = databases.template_and_copy(worker_name, sandbox_url=running_sandbox.url)
        databases.use(mine)
    yield template
    worker.stop_heartbeat()
    clients.close()
    with django_db_blocker.unblock():
        connections.close_all()
        databases.drop(mine)
        databases.drop_documents(mine)


@pytest.fixture(scope="session")
def django_db_setup(template_database):
    """pytest-django would make a database as the product's own user, who may not."""


@pytest.fixture
def own_database(template_database, django_db_blocker) -> Iterator[str]:
    """A copy of the template for tests that commit: races, kills, planted faults. Dropped afterwards."""
    name = f"{template_database}_own_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{os.getpid()}"
    former = connections["default"].settings_dict["NAME"]
    with django_db_blocker.unblock():
        worker.stop_heartbeat()
        databases.copy(template_database, name)
        databases.use(name)
        try:
            yield name
        finally:
            worker.stop_heartbeat()
            connections.close_all()
            databases.use(former)
            databases.drop(name)


@pytest.fixture
def sandbox(running_sandbox):
    """The rehearsal world; whatever it recorded or was told to fail is forgotten afterwards."""
    running_sandbox.world.reset()
    yield running_sandbox
    running_sandbox.world.reset()


class Person:
    """Somebody with a browser who is signed in; tests/portals show how one does."""

    def __init__(self, user: User):
        self.user = user
        self.client = Client(raise_request_exception=True)
        session = SessionStore()
        session[SESSION_KEY] = str(user.pk)
        session[BACKEND_SESSION_KEY] = django_settings.AUTHENTICATION_BACKENDS[0]
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session.create()
        self.client.cookies[django_settings.SESSION_COOKIE_NAME] = session.session_key

    @property
    def actor(self) -> Actor:
        return Actor.human(self.user, ip="127.0.0.1", user_agent="tests")

    def get(self, path: str, data=None, **headers):
        return with_text(self.client.get(path, data, headers=headers))

    def post(self, path: str, data=None, **headers):
        return with_text(self.client.post(path, data or {}, headers=headers))

    def send(self, method: str, path: str, body=None, **headers):
        """A JSON request of the API."""
        return with_text(
            self.client.generic(
                method,
                path,
                body if isinstance(body, (bytes, str)) else _json(body),
                content_type="application/json",
                headers=headers,
            )
        )


def _json(body) -> str:
    return "" if body is None else json.dumps(body)


def with_text(response):
    if not response.streaming:
        response.text = response.content.decode()
    return response


def text_of(response) -> str:
    """What the response says, a stream read to its end."""
    return b"".join(response.streaming_content).decode() if response.streaming else response.text


@dataclass
class Ran:
    """What a command came to: its exit code, what it wrote to stdout, and why it failed."""

    code: int
    text: str
    error: str = ""

    @property
    def report(self) -> dict:
        return json.loads(self.text)

    @property
    def codes(self) -> set[str]:
        return {finding["code"] for finding in self.report["findings"]}

    def about(self, code: str) -> list[tuple]:
        return [(f["table"], f["ref_id"]) for f in self.report["findings"] if f["code"] == code]


@pytest.fixture
def run():
    """run("check_schema", "--json"): the command in this process."""

    def call(name: str, *arguments: str) -> Ran:
        out = io.StringIO()
        try:
            call_command(name, *arguments, stdout=out, stderr=io.StringIO())
        except CommandError as error:
            return Ran(error.returncode, out.getvalue(), str(error))
        return Ran(0, out.getvalue())

    return call


class World:
    """The clients of the template database, by stage."""

    def tenant(self, stage: str) -> Tenant:
        return Tenant.objects.get(slug=stage if stage == "rival" else f"acme-{stage}")

    @contextmanager
    def at(self, stage: str) -> Iterator[Tenant]:
        tenant = self.tenant(stage)
        with tenant_scope(tenant.facts):
            yield tenant

    def alice(self, stage: str) -> Person:
        return Person(User.objects.get(email=f"alice@{self.tenant(stage).slug}.test"))

    def mark(self, stage: str) -> Person:
        return Person(User.objects.get(email=f"mark@{self.tenant(stage).slug}.test"))


@pytest.fixture
def world(db) -> World:
    return World()


@pytest.fixture
def run_world(sandbox):
    return worlds.run_world


@pytest.fixture
def sam(db) -> Person:
    return Person(User.objects.get(email="sam@leadmetrics.test"))


@pytest.fixture
def rita(db) -> Person:
    return Person(User.objects.get(email="rita@leadmetrics.test"))


@pytest.fixture
def acme(world) -> Iterator[Tenant]:
    """The client whose two drafts wait for the reviewer, in scope."""
    with world.at("drafts") as tenant:
        yield tenant


@pytest.fixture
def alice(world) -> Person:
    return world.alice("drafts")


@pytest.fixture
def mark(world) -> Person:
    return world.mark("drafts")


@pytest.fixture
def mallory(world) -> Person:
    return world.alice("rival")


@pytest.fixture
def documents_away(settings, monkeypatch) -> Callable[[], None]:
    """From when it is called on MongoDB is away; nobody waits long for it to come back."""

    def away() -> None:
        monkeypatch.setattr(clients, "TIMEOUT_MS", 50)
        settings.MONGO_URL = "mongodb://127.0.0.1:1/nothing"

    return away


@pytest.fixture
def skill_names() -> Iterator[Callable[..., str]]:
    """`skill_names("tea")`: a name that no skill has, nor will have afterwards."""
    with names_that_go() as taken:

        def name(word: str = "skill") -> str:
            taken.append(a_name(word))
            return taken[-1]

        yield name
