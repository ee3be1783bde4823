"""A scope holds for the code inside it and for nothing else: not for threads, tasks, or what comes after an error."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import DatabaseError, connection, connections, transaction
from django.utils import timezone

from apps.channels.models import Integration
from apps.shared import scoping
from apps.shared.scoping import NoTenantScope, WrongTenant, every_tenant, tenant_scope
from apps.strategy.models import Goal
from apps.tenants.models import Tenant

AT = timezone.now()


def integration(**values) -> Integration:
    return Integration(**{"provider": "custom", "name": "Rankings", "auth_type": "none", "created_on": AT, **values})


def whose() -> set[str]:
    """Slugs of the clients whose goals can be read."""
    return set(Goal.objects.values_list("tenant__slug", flat=True))


@pytest.fixture
def drafts(world):
    return world.tenant("drafts").facts


@pytest.fixture
def rival(world):
    return world.tenant("rival").facts


@pytest.mark.acceptance("SEC-tenant-filter")
@pytest.mark.acceptance("TEST-isolation")
def test_each_scope_shows_its_own_rows_and_nobody_elses(drafts, rival):
    seen = []
    for facts in ((drafts,), (rival,), (drafts, rival), ()):
        with tenant_scope(*facts):
            seen.append(whose())

    assert seen == [{"acme-drafts"}, {"rival"}, {"acme-drafts", "rival"}, set()]


def test_an_inner_scope_ends_where_it_ends_even_by_an_error(drafts, rival):
    with tenant_scope(drafts):
        with pytest.raises(ZeroDivisionError), tenant_scope(rival):
            assert whose() == {"rival"}
            _ = 1 / 0
        assert whose() == {"acme-drafts"}
        with every_tenant(reason="a test looks at all clients"):
            assert whose() >= {"acme-drafts", "rival"}
        assert whose() == {"acme-drafts"}
    with pytest.raises(NoTenantScope):
        whose()


def test_a_transaction_that_was_rolled_back_or_broken_leaves_the_scope_as_it_was(drafts):
    with tenant_scope(drafts):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")
        assert whose() == {"acme-drafts"}
    with pytest.raises(NoTenantScope):
        whose()


def test_a_queryset_made_in_a_scope_keeps_the_clients_it_was_made_for(drafts, rival):
    with tenant_scope(drafts):
        goals = Goal.objects.order_by("ref_id")
    with tenant_scope(rival):
        owners = {goal.tenant_id for goal in goals}

    assert owners == {drafts.id}


def test_a_thread_begins_outside_of_every_scope(drafts):
    def ask() -> str:
        try:
            scoping.only_tenant()
        except NoTenantScope:
            return "no scope"
        return "a scope"

    with tenant_scope(drafts), ThreadPoolExecutor(1) as pool:
        assert pool.submit(ask).result() == "no scope"


def test_a_scope_entered_in_a_thread_is_nobody_elses(drafts, rival):
    """Many pieces of work with alternating clients on eight threads: each sees its own, and nothing is left behind."""
    barrier, wrong = threading.Barrier(8), []

    def work(facts):
        barrier.wait()
        for _ in range(200):
            try:
                with tenant_scope(facts):
                    if scoping.only_tenant() != facts:
                        wrong.append(facts)
                    raise ZeroDivisionError
            except ZeroDivisionError:
                pass
            try:
                scoping.tenants_in_scope()
                wrong.append("left behind")
            except NoTenantScope:
                pass

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, [drafts, rival] * 16))

    assert wrong == []


def test_a_pooled_connection_carries_nothing_from_one_client_to_the_next(own_database):
    with every_tenant(reason="a test picks two clients"):
        clients = [Tenant.objects.get(slug=slug).facts for slug in ("acme-drafts", "rival")]
    seen = []

    def work(number):
        facts = clients[number % 2]
        try:
            with tenant_scope(facts):
                if number % 3 == 0:
                    with transaction.atomic():
                        Goal.objects.update(description="never kept")
                        raise ZeroDivisionError
                seen.append((facts.slug, frozenset(whose())))
        except ZeroDivisionError:
            pass

    def worker(numbers):
        try:
            for number in numbers:
                work(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(worker, [range(start, 60, 4) for start in range(4)]))

    assert {slugs for slug, slugs in seen if slugs != frozenset({slug})} == set()
    assert len(seen) == 40
    with every_tenant(reason="a test looks for what was rolled back"):
        assert not Goal.objects.filter(description="never kept").exists()


def test_tasks_of_one_loop_keep_their_scopes_apart(drafts, rival):
    seen = []

    async def work(facts):
        for _ in range(20):
            with tenant_scope(facts):
                await asyncio.sleep(0)
                seen.append((facts.slug, scoping.only_tenant().slug))
            await asyncio.sleep(0)

    async def both():
        await asyncio.gather(work(drafts), work(rival), work(drafts))
        with pytest.raises(NoTenantScope):
            scoping.only_tenant()

    asyncio.run(both())

    assert {mine for mine, in_scope in seen if mine != in_scope} == set()
    assert len(seen) == 60
    with pytest.raises(NoTenantScope):
        scoping.only_tenant()


def test_a_task_cannot_take_the_scope_away_from_who_started_it(drafts, rival):
    async def enter():
        with tenant_scope(rival):
            await asyncio.sleep(0)
            assert scoping.only_tenant() == rival

    async def start():
        with tenant_scope(drafts):
            task = asyncio.ensure_future(enter())
            await asyncio.sleep(0)  # the task is inside its own scope now
            assert scoping.only_tenant() == drafts
            await task
            assert scoping.only_tenant() == drafts

    asyncio.run(start())


def test_a_row_is_stamped_where_one_client_is_in_scope_and_refused_where_it_is_not_clear_whose_it_is(drafts, rival):
    with tenant_scope(drafts):
        mine = integration()
        mine.save()
    assert mine.tenant_id == drafts.id

    for facts in ((), (drafts, rival)):
        with tenant_scope(*facts):
            for write in (integration().save, lambda: Integration.objects.bulk_create([integration()])):
                with pytest.raises(WrongTenant):
                    write()
    with every_tenant(reason="a test saves a row without a client"), pytest.raises(WrongTenant):
        integration().save()


def test_a_row_that_names_its_client_is_saved_only_where_that_client_is_in_scope(drafts, rival):
    with tenant_scope(drafts, rival):
        integration(tenant_id=rival.id).save()
    with tenant_scope(drafts):
        for write in (
            integration(tenant_id=rival.id).save,
            lambda: Integration.objects.bulk_create([integration(tenant_id=rival.id)]),
            lambda: Integration.objects.create(
                provider="custom", name="x", auth_type="none", created_on=AT, tenant_id=rival.id
            ),
        ):
            with pytest.raises(WrongTenant):
                write()
        assert Integration.objects.count() == 0
        assert Integration.objects.filter(tenant_id=rival.id).update(name="taken over") == 0


def test_facts_are_told_of_clients_in_scope_only(drafts, rival):
    with tenant_scope(drafts):
        assert scoping.facts_of(drafts.id) == scoping.only_tenant() == drafts
        with pytest.raises(NoTenantScope):
            scoping.facts_of(rival.id)
    with tenant_scope(drafts, rival):
        assert {facts.slug for facts in scoping.tenants_in_scope()} == {"acme-drafts", "rival"}
        with pytest.raises(NoTenantScope):
            scoping.only_tenant()
    with every_tenant(reason="a test asks for facts outside tenancy"), pytest.raises(NoTenantScope):
        scoping.only_tenant()


def test_leaving_tenancy_needs_a_reason():
    with pytest.raises(ValueError), every_tenant(reason=""):
        pass
