"""Long work of a client: how far it is, that it can be stopped and goes on; and the export of everything."""

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from urllib.request import urlopen

import pytest
from django.db import connection
from django.utils import timezone

from apps import storage
from apps.activities import exporting, operations, registry
from apps.activities.bodies import EXPORT_CLIENT
from apps.activities.engine import claim as claiming
from apps.activities.engine import sweep, worker
from apps.activities.models import Activity
from apps.activities.operations import Job, LeaseLost
from apps.channels import operations as channels
from apps.channels.models import Channel
from apps.content.models import BlogPost
from apps.shared.actors import Actor
from apps.shared.models import JournalEntry
from apps.shared.scoping import every_tenant
from apps.storage import sweeping
from apps.strategy import operations as strategy
from apps.tenants import operations as tenants
from apps.tenants.models import Tenant, User
from tests.activities.work import attempt, attempts_of, fresh, hurry, kill_leases
from tests.conftest import World

BY = Actor.system("tests")


class Killed(BaseException):
    """The process is gone: nothing of it runs any more."""


class DyingJob(Job):
    """The attempt whose worker is killed before it says this."""

    dies_at = ""

    def tell(self, sentence, **how):
        if sentence == self.dies_at:
            raise Killed
        super().tell(sentence, **how)


@pytest.fixture
def client(db, sandbox) -> Iterator[Tenant]:
    """The client whose posts are live, in scope; nobody's agents have anything to do."""
    with every_tenant(reason="a test wants to know what is claimed"):
        due = Activity.objects.filter(assignee_type="agent", status="assigned")
        due.update(ready_on=timezone.now() + timedelta(days=1))
    with World().at("live") as tenant:
        Tenant.objects.filter(pk=tenant.pk).update(website=f"{sandbox.url}/site/harbour-coffee/")
        tenant.refresh_from_db()
        yield tenant


@pytest.fixture
def export(client, sam) -> Activity:
    return operations.begin_export(client.id, by=sam.actor, at=timezone.now())


def claimed(job_class=Job) -> Job:
    taken = claiming.claim("tests")
    assert taken is not None
    return job_class(taken, Activity.objects.get(pk=taken.activity_id), BY)


def archive_of(export: Activity) -> zipfile.ZipFile:
    part = operations.open_export(export, by=BY, at=timezone.now())
    with urlopen(storage.exports.url(storage.StoredPart.model_validate(part), file_name="all.zip")) as fetched:
        return zipfile.ZipFile(io.BytesIO(fetched.read()))


def rows_in(archive: zipfile.ZipFile, table: str) -> list[dict]:
    return [json.loads(line) for line in archive.read(f"tables/{table}.jsonl").splitlines()]


def pieces_in_store(export: Activity) -> list[str]:
    prefix = f"{export.tenant.ref_id}/exports/{export.ref_id}/pieces/"
    return sorted(stored.key for stored in sweeping.stored_keys("content", prefix) if not stored.is_marked)


# How far a job is


def test_a_job_says_how_far_it_is_and_a_later_attempt_goes_on_from_what_it_kept(export):
    job = claimed()
    job.tell("Reading leads", done=3, total=9, state={"after": "x"})

    told = fresh(export).output_summary
    assert told == {"progress": {"done": 3, "total": 9, "sentence": "Reading leads"}, "state": {"after": "x"}}

    kill_leases()
    sweep.sweep()
    hurry()
    assert claimed().state == {"after": "x"}


def test_a_job_that_was_cancelled_notices_at_its_next_word(export, rita):
    job = claimed()
    operations.cancel_activity(export, by=rita.actor, at=timezone.now())
    before = fresh(export).output_summary

    with pytest.raises(LeaseLost):
        job.tell("Reading leads", done=1)
    with pytest.raises(LeaseLost):
        job.check()

    assert (fresh(export).status, fresh(export).output_summary) == ("cancelled", before)


def test_a_job_rests_while_its_client_is_suspended_and_no_failure_is_counted(client, export, monkeypatch):
    def stopped(job):
        tenants.move_tenant(Tenant.objects.get(pk=client.id), "suspend", by=BY, at=timezone.now())
        job.check()
        raise AssertionError("It went on.")

    monkeypatch.setitem(registry.SYSTEM_JOBS, EXPORT_CLIENT, stopped)

    job = attempt(export)

    assert (job.status, job.input_data["failures_before"]) == ("assigned", 1)


def test_a_worker_that_was_thought_dead_tells_nothing_into_the_next_attempt(export):
    old = claimed()
    kill_leases()
    sweep.sweep()
    hurry()
    new = claimed()
    new.tell("Reading users", done=1)

    with pytest.raises(LeaseLost):
        old.tell("Reading tenants", done=0, state={"pieces": []})

    assert fresh(export).output_summary["progress"]["sentence"] == "Reading users"


def test_telling_is_one_statement_and_no_journal_entry(export, django_assert_num_queries):
    job, entries = claimed(), JournalEntry.objects.count()

    with django_assert_num_queries(1):
        job.tell("Reading leads", done=1)

    assert JournalEntry.objects.count() == entries


def test_the_crawl_of_a_website_tells_the_page_it_reads(client):
    strategy.open_onboarding(client.id, by=BY, at=timezone.now())
    heard = []

    class Listening(Job):
        def tell(self, sentence, **how):
            super().tell(sentence, **how)
            heard.append((sentence, how["done"]))

    job = claimed(Listening)
    summary = registry.SYSTEM_JOBS[job.claim.role](job)

    told = fresh(job.activity).output_summary["progress"]
    assert heard[0][0].startswith("Reading http")
    assert [done for _, done in heard] == sorted(done for _, done in heard)
    assert (told["sentence"], told["done"]) == heard[-1]
    assert told["done"] == summary["pages"]


def test_a_crawl_that_is_cancelled_stops_at_the_next_page(client, rita):
    strategy.open_onboarding(client.id, by=BY, at=timezone.now())
    job = claimed()
    operations.cancel_activity(job.activity, by=rita.actor, at=timezone.now())

    with pytest.raises(LeaseLost):
        registry.SYSTEM_JOBS[job.claim.role](job)

    assert fresh(job.activity).output_summary == {}


# The export


@pytest.mark.acceptance("SEC-tenant-filter")
def test_an_export_holds_every_row_of_its_client_and_nothing_of_another(export, client):
    assert worker.work() == 1

    archive = archive_of(fresh(export))
    manifest = json.loads(archive.read("manifest.json"))
    assert manifest["client"] == client.ref_id
    assert {post["ref_id"] for post in rows_in(archive, "blog_posts")} == set(
        BlogPost.objects.values_list("ref_id", flat=True)
    )
    assert [row["ref_id"] for row in rows_in(archive, "tenants")] == [client.ref_id]
    assert {row["email"] for row in rows_in(archive, "users")} == set(
        User.objects.filter(tenant=client).values_list("email", flat=True)
    )
    for model in exporting.tables():
        table = model._meta.db_table
        held = rows_in(archive, table) if f"tables/{table}.jsonl" in archive.namelist() else []
        assert len(held) == manifest["rows"][table]
    whole = b"".join(archive.read(name) for name in archive.namelist()).decode()
    with every_tenant(reason="a test looks for the words of every other client"):
        others = Tenant.objects.exclude(pk=client.pk)
        words = [word for tenant in others for word in (f"@{tenant.slug}.test", tenant.ref_id, str(tenant.id))]
    assert [word for word in words if word in whole] == []


def test_a_row_is_the_same_in_both_forms_and_names_others_by_their_reference(export):
    worker.work()

    archive = archive_of(fresh(export))
    post = rows_in(archive, "blog_posts")[0]
    in_csv = next(csv.DictReader(io.StringIO(archive.read("tables/blog_posts.csv").decode())))
    assert in_csv["ref_id"] == post["ref_id"]
    assert in_csv["title"] == post["title"]
    assert post["blog_request_id"] in {row["ref_id"] for row in rows_in(archive, "blog_requests")}
    assert "id" not in post
    assert "tenant_id" not in post


def test_a_cell_that_a_spreadsheet_would_run_is_text(export):
    BlogPost.objects.filter(pk=BlogPost.objects.order_by("ref_id").first().pk).update(title="=1+cmd|' /C calc'!A0")

    worker.work()

    archive = archive_of(fresh(export))
    titles = {row["title"] for row in csv.DictReader(io.StringIO(archive.read("tables/blog_posts.csv").decode()))}
    assert "'=1+cmd|' /C calc'!A0" in titles
    assert "=1+cmd|' /C calc'!A0" in {row["title"] for row in rows_in(archive, "blog_posts")}


def test_no_secret_is_in_an_export(client, sam, sandbox):
    secret = "Zq7 a password of WordPress"
    channels.connect_wordpress(
        client.id,
        channels.WordPressSite("Second blog", f"{sandbox.url}/wordpress/second", "editor", secret),
        by=sam.actor,
        at=timezone.now(),
    )
    export = operations.begin_export(client.id, by=sam.actor, at=timezone.now())

    worker.work()

    archive = archive_of(fresh(export))
    assert len(rows_in(archive, "channels")) == Channel.objects.count()
    whole = b"".join(archive.read(name) for name in archive.namelist()).decode()
    assert [word for word in (secret, secret.replace(" ", ""), "g1.k1.", "argon2") if word in whole] == []


def test_an_export_whose_worker_was_killed_goes_on_after_the_last_piece(export, monkeypatch):
    monkeypatch.setattr(exporting, "ROWS_OF_A_PIECE", 500)
    DyingJob.dies_at = "Reading approvals"
    with pytest.raises(Killed):
        exporting.export(claimed(DyingJob))
    stored = pieces_in_store(export)
    kept = fresh(export).output_summary["state"]["pieces"]
    assert stored
    assert len(kept) == len(stored) - 1 or len(kept) == len(stored)

    kill_leases()
    sweep.sweep()
    hurry()
    again = claimed()
    made = exporting.export(again)
    finished = operations.finish_job(again.claim, summary=made, by=BY, at=timezone.now())

    assert (finished.status, attempts_of(export)) == ("completed", 2)
    archive = archive_of(finished)
    assert len(archive.namelist()) == len(set(archive.namelist()))
    for table in ("activities", "activity_runs", "blog_posts", "approvals"):
        rows = rows_in(archive, table)
        with connection.cursor() as cursor:
            cursor.execute(f'SELECT count(*) FROM "{table}" WHERE tenant_id = %s', [export.tenant_id])
            assert (len(rows), len({row["ref_id"] for row in rows})) == (cursor.fetchone()[0],) * 2
    assert pieces_in_store(export) == []


def test_a_table_larger_than_a_piece_is_whole(export, monkeypatch):
    monkeypatch.setattr(exporting, "ROWS_OF_A_PIECE", 4)
    monkeypatch.setattr(exporting, "ROWS_AT_ONCE", 2)

    worker.work()

    rows = rows_in(archive_of(fresh(export)), "journal_entries")
    refs = [row["ref_id"] for row in rows]
    assert refs == sorted(set(refs))
    assert len(refs) > 20
    assert fresh(export).output_summary["rows"] > len(refs)


def test_a_cancelled_export_stores_no_archive(export, rita):
    job = claimed()
    operations.cancel_activity(export, by=rita.actor, at=timezone.now())

    with pytest.raises(LeaseLost):
        exporting.export(job)

    prefix = f"{export.tenant.ref_id}/exports/"
    assert sweeping.stored_keys("content", prefix + export.ref_id) == []
    assert fresh(export).status == "cancelled"


def test_a_cancellation_is_noticed_while_the_archive_is_written(export, rita):
    class CancelledThen(Job):
        def tell(self, sentence, **how):
            super().tell(sentence, **how)
            if sentence == "Putting it together":
                operations.cancel_activity(export, by=rita.actor, at=timezone.now())

    with pytest.raises(LeaseLost):
        exporting.export(claimed(CancelledThen))

    prefix = f"{export.tenant.ref_id}/exports/{export.ref_id}/"
    assert [s.key for s in sweeping.stored_keys("content", prefix) if s.key.endswith(".zip")] == []


def test_one_export_is_made_at_a_time(export, client, sam):
    with pytest.raises(operations.ExportUnderWay):
        operations.begin_export(client.id, by=sam.actor, at=timezone.now())

    assert Activity.objects.filter(assignee_agent_role=EXPORT_CLIENT).count() == 1


def test_an_export_is_gone_after_its_days(export):
    worker.work()
    done = fresh(export)

    with pytest.raises(operations.ExportGone):
        operations.open_export(done, by=BY, at=done.completed_on + operations.KEPT_FOR)


def test_a_part_that_was_lost_is_said_and_made_anew(export, client):
    monkey = DyingJob.dies_at = "Putting it together"
    with pytest.raises(Killed):
        exporting.export(claimed(DyingJob))
    assert monkey
    storage.exports.remove_pieces(export.ref_id)
    kill_leases()
    sweep.sweep()
    hurry()

    worker.work()
    assert fresh(export).status == "failed"
    operations.retry_activity(fresh(export), by=BY, at=timezone.now())
    worker.work()

    assert fresh(export).status == "completed"
    assert rows_in(archive_of(fresh(export)), "tenants")[0]["ref_id"] == client.ref_id


def test_an_archive_of_another_client_has_no_link(export, world):
    worker.work()
    part = storage.StoredPart.model_validate(operations.open_export(fresh(export), by=BY, at=timezone.now()))

    with world.at("rival"), pytest.raises(storage.BodyMissing):
        storage.exports.url(part, file_name="all.zip")


# Its pages


def test_a_super_admin_has_an_export_made_and_fetches_it(sam, client):
    page = "/dm/c/acme-live/exports/"
    assert "No export yet" in sam.get(page).text
    assert sam.post(page).status_code == 302
    export = Activity.objects.get(assignee_agent_role=EXPORT_CLIENT)
    assert "Begins in a moment" in sam.get(page).text
    worker.work()

    response = sam.get(f"/dm/c/acme-live/exports/{export.ref_id}/download/")

    assert response.status_code == 302
    with urlopen(response["Location"]) as fetched:
        assert zipfile.ZipFile(io.BytesIO(fetched.read())).testzip() is None
        assert fetched.headers["Content-Disposition"].startswith('attachment; filename="acme-live-')
    assert JournalEntry.objects.filter(code="export.opened", created_by=sam.user).count() == 1
    assert "rows of" in sam.get(page).text


def test_a_reviewer_makes_no_export_and_fetches_none(rita, export):
    worker.work()
    before = JournalEntry.objects.count()

    for path in ("", f"{export.ref_id}/download/"):
        assert rita.get(f"/dm/c/acme-live/exports/{path}").status_code == 403
    assert rita.post("/dm/c/acme-live/exports/").status_code == 403
    assert "Export</a>" not in rita.get("/dm/c/acme-live/").text
    assert Activity.objects.filter(assignee_agent_role=EXPORT_CLIENT).count() == 1
    assert JournalEntry.objects.count() == before


def test_an_export_is_not_found_under_another_client_nor_before_it_is_made(sam, export):
    download = f"/exports/{export.ref_id}/download/"

    assert sam.get(f"/dm/c/acme-live{download}").status_code == 404
    worker.work()
    assert sam.get(f"/dm/c/rival{download}").status_code == 404


def test_a_job_is_followed_on_its_page_until_it_is_over(sam, export):
    path = f"/dm/c/acme-live/activities/{export.ref_id}/"
    job = claimed()
    job.tell("Reading leads", done=3, total=9)

    page, part = sam.get(path).text, sam.get(f"{path}progress/").text
    assert "Reading leads" in page
    assert "3 of 9" in part
    assert 'hx-trigger="every 2s"' in part
    operations.finish_job(job.claim, summary={"rows": 5}, by=BY, at=timezone.now())
    assert "every 2s" not in sam.get(f"{path}progress/").text
    assert "The job has ended" in sam.get(f"{path}progress/").text
