"""Clients: made whole or not at all, and what stands still while one is suspended or cancelled."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from apps.activities import tasks as work
from apps.activities.models import Activity, ActivityTemplate, AgentConfig, RecurringTaskTemplate
from apps.shared import journal as journals
from apps.shared.actors import Actor
from apps.shared.errors import InvalidInput
from apps.shared.models import JournalDelivery, JournalEntry
from apps.shared.scoping import every_tenant
from apps.shared.transitions import MoveRefused
from apps.strategy.models import DeliverablePeriod
from apps.tenants import operations as tenants
from apps.tenants import queries
from apps.tenants.models import Contract, Invitation, Tenant, User
from apps.tenants.operations import ContractChanged
from apps.tenants.statuses import CONTRACT_MOVES, TENANT_MOVES
from tests.activities.work import due_at, steps_of

AT = timezone.now() + timedelta(hours=1)  # after all that the world holds
BY = Actor.system("tests")


def wanted(**changes) -> tenants.NewClient:
    values = {"name": "Nova", "slug": "nova", "admin_name": "Nina Nair", "admin_email": "nina@nova.test"}
    return tenants.NewClient(**{**values, **changes})


def rows() -> dict[str, int]:
    """How many rows there are of all that a client is made of."""
    made = (
        Tenant, User, Invitation, ActivityTemplate, RecurringTaskTemplate, AgentConfig, JournalEntry, JournalDelivery,
        Contract,
    )  # fmt: skip
    return {model.__name__: model.objects.count() for model in made}


@pytest.fixture
def all_clients():
    with every_tenant(reason="a test looks at all clients"):
        yield


@pytest.mark.acceptance("SM-tenants")
def test_clients_move_as_specified():
    assert TENANT_MOVES.allowed_pairs() == {
        ("trialing", "active"), ("trialing", "suspended"), ("active", "suspended"), ("suspended", "active"),
        ("trialing", "cancelled"), ("active", "cancelled"), ("suspended", "cancelled"),
    }  # fmt: skip


@pytest.mark.acceptance("SM-contracts")
def test_contracts_move_as_specified():
    assert CONTRACT_MOVES.allowed_pairs() == {
        ("pending_acceptance", "accepted"), ("pending_acceptance", "superseded"), ("accepted", "superseded"),
    }  # fmt: skip


class TestMaking:
    @pytest.fixture(autouse=True)
    def outside_tenancy(self, all_clients):
        pass

    def test_a_client_comes_with_its_admin_the_invitation_its_templates_and_its_agents(self, sam):
        tenant = tenants.create_tenant(wanted(), by=sam.actor, at=AT)

        admin = User.objects.get(tenant=tenant)
        global_ones = {
            m: m.objects.filter(tenant=None, is_active=True).count() for m in (ActivityTemplate, RecurringTaskTemplate)
        }
        assert (admin.email, admin.role, admin.status) == ("nina@nova.test", "admin", "invited")
        assert Invitation.objects.get(tenant=tenant).user == admin
        assert {model: model.objects.filter(tenant=tenant).count() for model in global_ones} == global_ones
        assert (
            AgentConfig.objects.filter(tenant=tenant).count()
            == AgentConfig.objects.filter(tenant__slug="rival").count()
            > 3
        )
        entries = JournalEntry.objects.filter(tenant=tenant).order_by("ref_id")
        assert [entry.code for entry in entries] == ["tenant.created", "templates.copied", "user.invited"]
        assert sorted(JournalDelivery.objects.filter(tenant=tenant).values_list("consumer", flat=True)) == [
            *["storage.relay_audit"] * 3, "tenants.make_contract", "tenants.send_invitation",
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"slug": "rival"}, "slug"),
            ({"slug": "manage"}, "slug"),
            ({"admin_email": "alice@rival.test"}, "email"),
            ({"admin_email": "SAM@leadmetrics.test"}, "email"),
        ],
    )
    def test_a_client_that_cannot_be_made_leaves_nothing_behind(self, sam, changes, field):
        before = rows()

        with pytest.raises(InvalidInput) as refused:
            tenants.create_tenant(wanted(**changes), by=sam.actor, at=AT)

        assert list(refused.value.errors) == [field]
        assert rows() == before

    @pytest.mark.parametrize("slug", ["No", "a b", "-a", "a--b", "ä", "a/b", ""])
    def test_a_slug_that_is_no_part_of_an_address_makes_no_client(self, sam, slug):
        before = rows()

        with pytest.raises(InvalidInput):
            tenants.create_tenant(wanted(slug=slug), by=sam.actor, at=AT)

        assert rows() == before

    def test_when_its_templates_cannot_be_copied_there_is_no_client(self, sam, monkeypatch):
        def breaks(subject, *, by, at):
            raise ZeroDivisionError

        together = journals.reactions.together["tenant.created"]
        monkeypatch.setitem(journals.reactions.together, "tenant.created", [*together, breaks])
        before = rows()

        with pytest.raises(ZeroDivisionError):
            tenants.create_tenant(wanted(), by=sam.actor, at=AT)

        assert rows() == before

    def test_of_many_who_make_the_same_client_at_once_one_succeeds(self, own_database):
        barrier, before = threading.Barrier(6), rows()

        def make(number):
            try:
                barrier.wait()
                with every_tenant(reason="a test makes a client"):
                    return tenants.create_tenant(wanted(admin_email=f"n{number}@nova.test"), by=BY, at=AT).slug
            except InvalidInput as error:
                return list(error.errors)
            finally:
                connections.close_all()

        with ThreadPoolExecutor(6) as pool:
            came_to = list(pool.map(make, range(6)))

        assert sorted(map(str, came_to)) == ["['slug']"] * 5 + ["nova"]
        after = rows()
        assert {name: after[name] - before[name] for name in ("Tenant", "User", "Invitation", "JournalEntry")} == {
            "Tenant": 1, "User": 1, "Invitation": 1, "JournalEntry": 3,
        }  # fmt: skip

    def test_a_contract_is_recorded_once_however_often_it_is_made(self, sam):
        tenant = tenants.create_tenant(wanted(), by=sam.actor, at=AT)
        made = [
            tenants.record_contract(
                tenant, row_id=tenants.contract_id(entry.id), template_version="1", key=f"k{entry.ref_id}",
                version_id="v", sha256="a" * 64, by=BY, at=AT,
            )
            for entry in JournalEntry.objects.filter(tenant=tenant).order_by("ref_id")
        ]  # fmt: skip

        assert len(made) == 3 and len({contract.pk for contract in made}) == 1
        assert Contract.objects.filter(tenant=tenant).count() == 1
        assert JournalEntry.objects.filter(tenant=tenant, code="contract.generated").count() == 1


class TestAccepting:
    def test_a_contract_that_was_not_the_one_shown_is_not_accepted(self, world):
        with world.at("created") as tenant:
            contract = Contract.objects.get()
            with pytest.raises(ContractChanged):
                tenants.accept_contract(contract, by=BY, at=AT, shown_sha256="0" * 64)

            tenant.refresh_from_db()
            assert (Contract.objects.get().status, tenant.contract_accepted_on) == ("pending_acceptance", None)
            assert not JournalEntry.objects.filter(code="contract.accepted").exists()


class TestStandingStill:
    """While a client is suspended or cancelled."""

    @pytest.fixture
    def due(self, db, sandbox):
        """Two articles of a client are due to be written; its client in scope."""
        with due_at("topics") as tenant:
            yield tenant

    @pytest.mark.acceptance("SM-tenants")
    @pytest.mark.parametrize("move", ["suspend", "cancel"])
    def test_no_agent_begins_and_nothing_is_planned(self, due, sandbox, move):
        steps = steps_of("copywriter")
        tenant = Tenant.objects.get(pk=steps[0].tenant_id)
        tenants.move_tenant(tenant, move, by=BY, at=AT)
        units, periods = Activity.objects.count(), DeliverablePeriod.objects.count()

        worked, planned = work.work(), work.plan_periods()

        assert (worked, planned) == (0, 0)
        assert {step.status for step in steps_of("copywriter")} == {"assigned"}
        assert (Activity.objects.count(), DeliverablePeriod.objects.count()) == (units, periods)
        assert tenant.slug not in [facts.slug for facts in queries.facts_of_all()]
        assert sandbox.world.entries(target="anthropic") == []

    @pytest.mark.acceptance("SM-tenants")
    def test_what_stood_still_goes_on_when_the_client_is_resumed(self, due, sandbox):
        tenant = Tenant.objects.get(pk=steps_of("copywriter")[0].tenant_id)
        tenants.move_tenant(tenant, "suspend", by=BY, at=AT)
        before = work.work()
        tenants.move_tenant(tenant, "resume", by=BY, at=AT)

        assert (before, work.work() > 0) == (0, True)
        assert {step.status for step in steps_of("copywriter")} == {"completed"}

    @pytest.mark.acceptance("SM-tenants")
    @pytest.mark.parametrize(("move", "word"), [("suspend", "suspended"), ("cancel", "cancelled")])
    def test_its_people_are_told_and_see_nothing_in_either_door(self, world, move, word):
        with world.at("client") as tenant:
            alice = world.alice("client")
            tenants.move_tenant(tenant, move, by=BY, at=AT)

            for path in ("/app/", "/app/content/", "/app/approvals/", "/app/contract/"):
                answer = alice.get(path)
                assert answer.status_code == 403
                assert f"The account of {tenant.name} is {word}. Write to your agency." in answer.text
            answer = alice.get("/api/v1/me/")
            assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")

    @pytest.mark.acceptance("SM-tenants")
    def test_staff_still_read_a_suspended_client_and_no_longer_a_cancelled_one(self, all_clients, world, rita, sam):
        tenant = world.tenant("client")
        page, seen = f"/dm/c/{tenant.slug}/", []
        for move in ("suspend", "cancel"):
            tenant = tenants.move_tenant(tenant, move, by=BY, at=AT)
            seen.append([person.get(page).status_code for person in (rita, sam)])

        assert seen == [[200, 200], [404, 404]]
        assert sam.get(f"/manage/tenants/tenant/{tenant.ref_id}/").status_code == 200

    @pytest.mark.parametrize("move", ["activate", "suspend", "resume", "cancel"])
    def test_a_cancelled_client_stays_cancelled(self, all_clients, world, move):
        tenant = tenants.move_tenant(world.tenant("live"), "cancel", by=BY, at=AT)

        with pytest.raises(MoveRefused):
            tenants.move_tenant(tenant, move, by=BY, at=AT)

        tenant.refresh_from_db()
        assert tenant.status == "cancelled"
