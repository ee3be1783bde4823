"""Locks in one order, edits that lose nothing, and walks over whole tables."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.activities.models import Activity, Approval, LlmProvider
from apps.content.models import BlogPost, BlogRequest
from apps.shared import batches, locks
from apps.shared.actors import Actor
from apps.shared.edits import EditedMeanwhile, edit
from apps.shared.models import JournalEntry
from apps.shared.scoping import every_tenant
from apps.strategy.models import Strategy
from apps.tenants.models import Tenant

BY = Actor.system("tests")
AT = timezone.now()
SECRET = "Zq7 wXy2 mNp4 kLr9"
RUNNERS = 8


def at_once(*works) -> list:
    """What each of these came to, all let go at the same moment, each with a connection of its own."""
    barrier = threading.Barrier(len(works))

    def runner(work):
        try:
            barrier.wait()
            return work()
        except Exception as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(runner, works))


def edits() -> list[tuple[dict, dict]]:
    return list(JournalEntry.objects.filter(code="test.edited").order_by("ref_id").values_list("before", "after"))


class TestLocks:
    def test_rows_are_locked_from_the_top_down_and_come_back_fresh_in_the_order_asked_for(self, acme):
        approval = Approval.objects.filter(status="pending").first()
        post, stale = BlogPost.objects.get(ref_id=approval.subject_ref), approval.activity
        Activity.objects.filter(pk=stale.pk).update(title="Changed meanwhile")

        with CaptureQueriesContext(connection) as queries:
            found = locks.take(post, None, approval, stale, acme)

        locked = [query["sql"].split('FROM "')[1].split('"')[0] for query in queries]
        assert locked == ["tenants", "activities", "approvals", "blog_posts"]
        assert all(
            query["sql"].endswith(f'FOR UPDATE OF "{table}"') for query, table in zip(queries, locked, strict=True)
        )
        assert found == [post, None, approval, stale, acme]
        assert found[3].title == "Changed meanwhile"

    def test_rows_of_one_table_are_locked_by_age(self, acme):
        unit = Activity.objects.filter(steps__isnull=False).first()
        step = unit.steps.order_by("pk").last()

        with CaptureQueriesContext(connection) as queries:
            locks.take(step, unit)

        locked = [query["sql"].replace("-", "") for query in queries]
        assert [row.pk.hex in sql for row, sql in zip((unit, step), locked, strict=True)] == [True, True]

    def test_a_row_without_a_place_in_the_order_is_refused_before_anything_is_locked(self, acme):
        with CaptureQueriesContext(connection) as queries, pytest.raises(ValueError):
            locks.take(acme, acme.__class__.objects.get(pk=acme.pk), JournalEntry.objects.first())

        assert not [query["sql"] for query in queries if "FOR UPDATE" in query["sql"]]

    def test_the_order_names_tables_that_exist(self):
        assert set(locks.ORDER) <= set(connection.introspection.django_table_names())
        assert len(set(locks.ORDER)) == len(locks.ORDER)

    def test_outside_a_transaction_there_is_nothing_to_lock(self, own_database):
        with every_tenant(reason="a test asks for a lock"):
            for take in (lambda: locks.take(Tenant.objects.first()), lambda: locks.take_turns("tests")):
                with pytest.raises(RuntimeError, match="gone at once"):
                    take()

    def test_whoever_names_the_same_rows_in_another_order_waits_and_never_for_ever(self, own_database):
        with every_tenant(reason="a test locks rows of a client"):
            post = BlogPost.objects.filter(tenant__slug="acme-drafts").select_related("blog_request").first()
            strategy = Strategy.objects.filter(tenant_id=post.tenant_id).first()
            tenant = Tenant.objects.get(pk=post.tenant_id)
        rows = [tenant, strategy, post.blog_request, post]

        def taker(order):
            def work() -> int:
                with every_tenant(reason="a test locks rows of a client"):
                    for _ in range(10):
                        with transaction.atomic():
                            locks.take(*order)
                return 10

            return work

        orders = [rows, rows[::-1], rows[2:] + rows[:2], [rows[1], rows[3], rows[0], rows[2]]]

        assert at_once(*(taker(order) for order in orders)) == [10, 10, 10, 10]
        assert isinstance(rows[2], BlogRequest)

    def test_those_who_take_turns_are_never_two_at_a_time(self, own_database):
        inside, most = Counter(), []

        def turn():
            with transaction.atomic():
                locks.take_turns("tests")
                inside["now"] += 1
                most.append(inside["now"])
                with connection.cursor() as cursor:
                    cursor.execute("SELECT count(*) FROM activities a, generate_series(1, 200)")  # takes a moment
                inside["now"] -= 1

        at_once(*[turn] * RUNNERS)

        assert most == [1] * RUNNERS


class TestEdits:
    @pytest.fixture
    def provider(self, db) -> LlmProvider:
        provider = LlmProvider.objects.order_by("ref_id").first()
        provider.api_key = SECRET
        provider.save(update_fields=["api_key"])
        return provider

    def change(self, row, *, seen_on=None, at=AT, **changes):
        with every_tenant(reason="a test edits"):
            return edit(row, "test.edited", changes, by=BY, at=at, seen_on=seen_on)

    @pytest.fixture(autouse=True)
    def all_clients(self):
        with every_tenant(reason="a test reads the journal"):
            yield

    def test_only_what_differs_is_written_and_told(self, provider):
        with CaptureQueriesContext(connection) as queries:
            edited = self.change(provider, name=provider.name, base_url="https://models.example")

        (update,) = [query["sql"] for query in queries if query["sql"].startswith("UPDATE")]
        assert '"base_url"' in update and '"name"' not in update and '"api_key"' not in update
        assert (edited.base_url, edited.updated_on) == ("https://models.example", AT)
        assert edits() == [({"base_url": provider.base_url}, {"base_url": "https://models.example"})]

    def test_an_edit_that_changes_nothing_leaves_no_trace(self, provider):
        edited = self.change(provider, name=provider.name, is_enabled=provider.is_enabled)

        assert edited.updated_on == provider.updated_on
        assert edits() == []

    def test_of_a_secret_the_journal_says_only_whether_there_is_one(self, provider):
        changed = self.change(provider, api_key=f"{SECRET} of today")
        assert changed.api_key.open() == f"{SECRET} of today"
        gone = self.change(changed, api_key=None, seen_on=AT, at=AT + timedelta(seconds=1))

        assert LlmProvider.objects.get(pk=provider.pk).api_key is None and gone.api_key is None
        assert edits() == [
            ({"api_key": True}, {"api_key": True}),
            ({"api_key": True}, {"api_key": False}),
        ]
        assert SECRET not in repr(edits())

    def test_whoever_saw_an_older_row_changes_nothing(self, provider):
        self.change(provider, base_url="https://first.example")

        for seen_on in (None, AT - timedelta(seconds=1), AT + timedelta(seconds=1)):
            with pytest.raises(EditedMeanwhile):
                self.change(provider, seen_on=seen_on, base_url="https://second.example", api_key="other")

        kept = LlmProvider.objects.get(pk=provider.pk)
        assert (kept.base_url, kept.api_key.open()) == ("https://first.example", SECRET)
        assert len(edits()) == 1

    def test_of_many_who_save_at_once_one_wins_and_the_others_are_told(self, own_database):
        tenant = Tenant.objects.get(slug="acme-drafts")
        seen_on = tenant.updated_on

        def editor(number):
            return lambda: self.change(tenant, seen_on=seen_on, at=AT, name=f"Name {number}").name

        came_to = at_once(*(editor(number) for number in range(RUNNERS)))

        (winner,) = [name for name in came_to if isinstance(name, str)]
        assert Counter(map(type, came_to)) == {str: 1, EditedMeanwhile: RUNNERS - 1}
        assert Tenant.objects.get(pk=tenant.pk).name == winner
        assert [after for _, after in edits()] == [{"name": winner}]


class TestBatches:
    @pytest.mark.parametrize("size", [1, 7, 500])
    def test_every_row_comes_once_in_the_order_of_the_key(self, acme, monkeypatch, size):
        monkeypatch.setattr(batches, "BATCH", size)
        wanted = list(Activity.objects.order_by("pk").values_list("pk", flat=True))

        found = list(batches.batches(Activity.objects.all()))

        assert [row.pk for batch in found for row in batch] == wanted
        assert {len(batch) for batch in found[:-1]} <= {size}

    def test_nothing_makes_no_batch(self, acme):
        assert list(batches.batches(Activity.objects.none())) == []

    def test_a_row_that_goes_while_others_are_walked_skips_and_doubles_none(self, acme, monkeypatch):
        monkeypatch.setattr(batches, "BATCH", 3)
        wanted = list(Activity.objects.order_by("pk").values_list("pk", flat=True))
        seen = []

        for number, batch in enumerate(batches.batches(Activity.objects.all())):
            seen += [row.pk for row in batch]
            if number == 0:
                Activity.objects.filter(pk=wanted[0]).update(deleted_on=AT)  # seen already
                Activity.objects.filter(pk=wanted[4]).update(deleted_on=AT)  # still to come

        assert seen == [pk for pk in wanted if pk != wanted[4]]

    def test_a_walk_never_asks_for_an_offset(self, acme, monkeypatch):
        monkeypatch.setattr(batches, "BATCH", 5)
        with CaptureQueriesContext(connection) as queries:
            list(batches.batches(Activity.objects.all()))

        assert len(queries) > 3
        assert not [query["sql"] for query in queries if "OFFSET" in query["sql"]]
