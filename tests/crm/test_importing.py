"""Leads from a file: the job, its pages, and the command."""

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from apps import storage
from apps.activities import operations as work
from apps.activities.bodies import IMPORT_LEADS
from apps.activities.engine import sweep, worker
from apps.activities.models import Activity
from apps.activities.operations import Job, LeaseLost
from apps.crm import importing, queries
from apps.crm.models import Lead, LeadActivity, LeadTouch
from apps.shared.ids import new_id, spell
from apps.shared.models import JournalEntry
from apps.storage import sweeping
from tests.activities.work import attempts_of, fresh, hurry, kill_leases

from .files import COLUMNS, NADIA, OMAR, begun, claimed, csv_of, many, nobody_else_works, people, uploaded

PAGES = "/dm/c/acme-drafts/leads/"


class Killed(BaseException):
    """The process is gone: nothing of it runs any more."""


@pytest.fixture(autouse=True)
def alone(acme):
    nobody_else_works()


@pytest.fixture
def batches_of_four(monkeypatch):
    monkeypatch.setattr(importing, "ROWS_AT_ONCE", 4)


def done(job: Activity) -> queries.ImportResult:
    assert worker.work() == 1
    assert fresh(job).status == "completed"
    return queries.result_of(fresh(job))


def counts() -> tuple[int, int, int]:
    return Lead.objects.count(), LeadTouch.objects.count(), LeadActivity.objects.count()


def kept_files(client) -> set[str]:
    return {stored.key for stored in storage.sweeping.stored_keys("content", f"{client.ref_id}/imports/")}


# What comes of a file


@pytest.mark.acceptance("leads")
def test_a_file_of_people_becomes_leads_with_a_touch_and_a_timeline():
    result = done(begun(csv_of(NADIA, OMAR)))

    assert (result.rows, result.added, result.known, result.unchanged, result.refused) == (2, 2, 0, 0, 0)
    nadia = people()["nadia@visitors.test"]
    assert (nadia.full_name, nadia.phone, nadia.company) == ("Nadia Noor", "+919812345678", "Noor & Daughters")
    assert (nadia.source, nadia.status, nadia.source_channel) == ("import", "new", None)
    touch = LeadTouch.objects.get(lead=nadia)
    assert (touch.source, touch.raw_summary["row"], touch.raw_summary["file"]) == ("import", 2, "leads.csv")
    entry = LeadActivity.objects.get(lead=nadia)
    assert (entry.type, entry.description) == ("note", "Imported from leads.csv, row 2.")
    assert (entry.actor_type, entry.actor_id) == ("system", IMPORT_LEADS)


@pytest.mark.acceptance("lead_touches")
def test_the_same_file_again_adds_nothing():
    done(begun(csv_of(NADIA, OMAR)))
    before = counts()

    result = done(begun(csv_of(OMAR, NADIA, delimiter=";"), name="the same.csv"))

    assert (result.added, result.known, result.unchanged) == (0, 0, 2)
    assert counts() == before


def test_a_row_twice_is_one_and_a_person_twice_is_one_lead_with_two_touches():
    again = ("Nadia", "", "NADIA@visitors.test", "", "")

    result = done(begun(csv_of(NADIA, NADIA, again)))

    assert (result.added, result.known, result.unchanged) == (1, 1, 1)
    assert counts() == (1, 2, 2)


def test_phones_that_name_no_country_get_the_one_that_was_said():
    rows = [("Nadia", "", "", "098123 45678", ""), ("N. Noor", "", "", "+91 98123 45678", "")]

    result = done(begun(csv_of(*rows), country_code="91"))

    assert (result.added, result.known) == (1, 1)
    assert Lead.objects.get().phone == "+919812345678"


def test_a_full_name_is_parted():
    done(begun("Name,Email\nNadia  el Noor,a@visitors.test\nOmar,b@visitors.test\n"))

    assert sorted(Lead.objects.values_list("first_name", "last_name")) == [("Nadia", "el Noor"), ("Omar", "")]


@pytest.mark.acceptance("leads")
def test_a_row_that_cannot_be_read_is_told_with_its_number_and_holds_up_no_other():
    rows = [
        NADIA,
        ("Bad", "", "not an address", "", ""),
        ("Nobody", "", "", "", ""),
        ("No country", "", "", "98123 45678", ""),
        ("Long", "", "long@visitors.test", "", "x" * 256),
        (*OMAR, "one cell too many"),
    ]

    result = done(begun(csv_of(*rows)))

    assert (result.rows, result.added, result.refused) == (6, 1, 5)
    assert [(error["row"], error["reason"]) for error in result.errors] == [
        (3, "E-mail: this is no e-mail address."),
        (4, "E-mail: there is neither an e-mail address nor a phone number."),
        (5, "Phone: the number does not name its country, and there is no e-mail address."),
        (6, "Company: longer than 255 characters."),
        (7, "The row has more cells than there are columns."),
    ]


def test_of_very_many_refused_rows_the_first_are_told_and_the_rest_counted():
    result = done(begun("Email\n" + "nothing\n" * 250 + "a@visitors.test\n"))

    assert (result.refused, len(result.errors), result.added) == (250, 200, 1)
    assert result.errors[-1]["row"] == 201


def test_columns_named_like_ids_clients_and_statuses_are_ignored(world):
    rival = world.tenant("rival")
    columns = ("id", "ref_id", "tenant_id", "status", "E-mail")

    done(
        begun(csv_of((str(rival.id), spell(new_id()), str(rival.id), "converted", "a@visitors.test"), columns=columns))
    )

    lead = Lead.objects.get()
    assert (lead.tenant.slug, lead.status) == ("acme-drafts", "new")
    with world.at("rival"):
        assert not Lead.objects.exists()


def test_every_batch_is_one_entry_of_the_journal_with_a_count_and_a_digest(batches_of_four):
    done(begun(csv_of(*many(9))))

    entries = JournalEntry.objects.filter(code="lead.imported").order_by("ref_id")
    assert [entry.row_count for entry in entries] == [4, 4, 1]
    assert all(entry.rows_sha256 and entry.actor_ref == IMPORT_LEADS for entry in entries)
    assert JournalEntry.objects.filter(code="import.begun").count() == 1


# Stopped on the way


class DyingJob(Job):
    """The attempt whose worker is killed while it tells of its second batch: what it did of it is not committed."""

    def tell(self, sentence, **how):
        if how["done"] == 8:
            raise Killed
        super().tell(sentence, **how)


def test_an_import_whose_worker_was_killed_goes_on_at_the_row_where_it_stopped(batches_of_four):
    job = begun(csv_of(*many(9), ("Bad", "", "not an address", "", "")))
    with pytest.raises(Killed):
        importing.import_leads(claimed(DyingJob))
    assert counts() == (4, 4, 4)

    kill_leases()
    sweep.sweep()
    hurry()
    result = done(job)

    assert attempts_of(job) == 2
    assert counts() == (9, 9, 9)
    assert (result.rows, result.added, result.unchanged, result.refused) == (10, 9, 0, 1)
    assert [error["row"] for error in result.errors] == [11]


def test_a_worker_that_was_thought_dead_adds_nothing_beside_the_next_attempt(batches_of_four):
    begun(csv_of(*many(9)))
    old = claimed()
    kill_leases()
    sweep.sweep()
    hurry()
    claimed()

    with pytest.raises(LeaseLost):
        importing.import_leads(old)

    assert counts() == (0, 0, 0)


def test_a_cancelled_import_keeps_what_it_did_and_says_so(batches_of_four, rita):
    job = begun(csv_of(*many(9)))

    class CancelledThen(Job):
        def tell(self, sentence, **how):
            super().tell(sentence, **how)
            if how["done"] == 4:
                work.cancel_activity(job, by=rita.actor, at=timezone.now())

    with pytest.raises(LeaseLost):
        importing.import_leads(claimed(CancelledThen))

    assert counts() == (4, 4, 4)
    page = rita.get(f"{PAGES}imports/{job.ref_id}/").text
    assert "The import was cancelled" in page
    assert "What was imported before is kept" in page
    assert "<dt>Leads added</dt><dd>4</dd>" in page
    assert "every 2s" not in page


def test_a_file_that_was_removed_meanwhile_ends_the_job_with_a_sentence(rita):
    job = begun(csv_of(NADIA))
    for stored in sweeping.stored_keys("content", job.input_data["file"]["key"]):
        sweeping.remove(stored)

    worker.work()

    assert fresh(job).status == "failed"
    assert "removed after seven days" in rita.get(f"/dm/c/acme-drafts/activities/{job.ref_id}/").text
    assert counts() == (0, 0, 0)


# Files of others


def test_a_file_of_another_client_is_not_there(world, rita):
    with world.at("rival"):
        upload = importing.keep(csv_of(NADIA).encode(), name="theirs.csv")

    assert storage.imports.find(upload.ref_id) is None
    with pytest.raises(storage.BodyMissing):
        storage.imports.read(upload)
    assert rita.get(f"{PAGES}import/{upload.ref_id}/").status_code == 404
    assert rita.get(f"{PAGES}import/../../x/").status_code == 404


# The pages


def test_a_reviewer_imports_a_file_in_three_steps(rita):
    assert "No leads yet" in rita.get(PAGES).text
    chosen = rita.post(f"{PAGES}import/", {"file": uploaded(csv_of(NADIA, OMAR, columns=("Who", *COLUMNS[1:])))})
    assert chosen.status_code == 302

    page = rita.get(chosen["Location"]).text
    assert "has 2 rows" in page
    assert "nadia@visitors.test · omar@visitors.test" in page
    assert '<option value="email" selected>' in page
    columns = {"column_0": "first_name", "column_1": "last_name", "column_2": "email", "column_3": "phone"}
    started = rita.post(chosen["Location"], {**columns, "country_code": "+91"})
    assert started.status_code == 302
    assert "Begins in a moment" in rita.get(started["Location"]).text
    again = rita.post(chosen["Location"], columns)
    assert again["Location"] == started["Location"]
    assert Activity.objects.filter(assignee_agent_role=IMPORT_LEADS, created_by=rita.user).count() == 1

    worker.work()

    page = rita.get(started["Location"]).text
    assert "<dt>Leads added</dt><dd>2</dd>" in page
    assert 'hx-trigger="every 2s"' not in page
    listed = rita.get(PAGES).text
    assert "Nadia Noor" in listed
    assert people()["omar@visitors.test"].company == ""
    assert "2 added" in rita.get(f"{PAGES}import/").text


def test_the_page_of_an_import_asks_for_itself_until_it_is_over(rita):
    job = begun(csv_of(NADIA))
    path = f"{PAGES}imports/{job.ref_id}/"
    claimed().tell("3 added", done=3, total=9)

    part = rita.get(path, HX_Request="true").text
    assert 'hx-trigger="every 2s"' in part
    assert "3 of 9" in part
    assert "<html" not in part
    assert "See what was imported" in rita.get(f"/dm/c/acme-drafts/activities/{job.ref_id}/").text


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"column_0": "first_name"}, "one of them is needed"),
        ({"column_0": "email", "column_1": "email"}, "Two columns go to E-mail"),
        ({"column_0": "name", "column_1": "last_name", "column_2": "email"}, "and not both"),
        ({"column_0": "tenant_id", "column_2": "email"}, "Select a valid choice"),
        ({"column_2": "email", "country_code": "0x1"}, "one to three digits"),
    ],
)
def test_columns_that_make_no_lead_are_refused_and_nothing_begins(rita, columns, says):
    upload = importing.keep(csv_of(NADIA).encode(), name="leads.csv")

    response = rita.post(f"{PAGES}import/{upload.ref_id}/", columns)

    assert response.status_code == 422
    assert says in response.text
    assert not Activity.objects.filter(assignee_agent_role=IMPORT_LEADS).exists()


def test_a_file_that_is_none_is_refused_with_a_sentence_and_kept_nowhere(rita, acme):
    before = kept_files(acme)
    for content, name, status, says in (
        (b"PK\x03\x04 a workbook", "leads.csv", 422, "a spreadsheet or an archive"),
        (b"", "leads.csv", 422, "is empty"),
        (b"E-mail,<script>,<script>\na,b,c\n", "x.csv", 422, "&lt;script&gt;"),
        (b"E-mail\n" + b"x" * (10 << 20), "leads.csv", 413, "larger than 10 MB"),
    ):
        response = rita.post(f"{PAGES}import/", {"file": uploaded(content, name)})
        assert (response.status_code, says in response.text) == (status, True)
    assert rita.post(f"{PAGES}import/", {}).status_code == 422
    assert kept_files(acme) == before


def test_a_hostile_file_name_is_text(rita):
    response = rita.post(f"{PAGES}import/", {"file": uploaded(csv_of(NADIA), "../../<b>\u202egnp.csv")})

    page = rita.get(response["Location"])
    assert page.status_code == 200
    assert "<b>" not in page.text


def test_a_lead_has_a_page_with_its_story(rita, alice, world):
    done(begun(csv_of(NADIA)))
    done(begun(csv_of(("", "", "nadia@visitors.test", "", "Another")), name="second.csv"))
    lead = people()["nadia@visitors.test"]

    page = rita.get(f"{PAGES}{lead.ref_id}/").text
    assert "+919812345678" in page
    assert "Noor &amp; Daughters" in page
    assert page.index("Imported from second.csv, row 2.") < page.index("Imported from leads.csv, row 2.")
    assert f"{PAGES}{lead.ref_id}/" in rita.get(PAGES).text
    assert rita.get(f"/dm/c/acme-topics/leads/{lead.ref_id}/").status_code == 404
    assert alice.get(f"{PAGES}{lead.ref_id}/").status_code == 404


def test_leads_are_filtered_and_found_by_whole_addresses(rita):
    done(begun(csv_of(NADIA, OMAR)))
    lead = people()["omar@visitors.test"]
    Lead.objects.filter(pk=lead.pk).update(source="manual")

    assert "Nadia" not in rita.get(f"{PAGES}?source=manual").text
    assert "Omar" not in rita.get(f"{PAGES}?q=%20Nadia@VISITORS.test").text
    assert "Nadia" in rita.get(f"{PAGES}?q=098123 45678").text
    assert "No lead fits" in rita.get(f"{PAGES}?status=converted").text
    assert "No lead fits" in rita.get(f"{PAGES}?q=%25' OR 1=1").text
    assert rita.get(f"{PAGES}?status=anything").status_code == 400


def test_people_of_the_client_and_strangers_import_nothing(request, rita):
    job = begun(csv_of(NADIA))
    upload = importing.keep(csv_of(NADIA).encode(), name="leads.csv")
    paths = (PAGES, f"{PAGES}import/", f"{PAGES}import/{upload.ref_id}/", f"{PAGES}imports/{job.ref_id}/")

    for name in ("alice", "mark", "mallory"):
        somebody = request.getfixturevalue(name)
        for path in paths:
            assert somebody.get(path).status_code == 404
            assert somebody.post(path, {"file": uploaded(csv_of(NADIA)), "column_2": "email"}).status_code in (404, 405)
    assert Activity.objects.filter(assignee_agent_role=IMPORT_LEADS).count() == 1
    assert rita.get(f"/dm/c/acme-topics/leads/imports/{job.ref_id}/").status_code == 404


# The command


def test_the_command_begins_the_same_job(acme, tmp_path, capsys):
    path = tmp_path / "people.csv"
    path.write_text(csv_of(NADIA, OMAR))

    call_command("import_leads", str(path), tenant=acme.slug)

    job = Activity.objects.get(assignee_agent_role=IMPORT_LEADS)
    printed = capsys.readouterr().out
    assert job.ref_id in printed
    assert "E-mail: E-mail" in printed
    assert JournalEntry.objects.get(code="import.begun").actor_ref == "command.import_leads"
    assert done(job).added == 2


@pytest.mark.parametrize(
    ("content", "options", "says"),
    [
        (csv_of(NADIA), {}, "Name the client"),
        (csv_of(NADIA), {"tenant": "nobody"}, "no open client"),
        (csv_of(NADIA), {"tenant": "acme-drafts", "country_code": "0"}, "one to three digits"),
        ("Who,Where\na,b\n", {"tenant": "acme-drafts"}, "one of them is needed"),
        ("", {"tenant": "acme-drafts"}, "is empty"),
        (None, {"tenant": "acme-drafts"}, "cannot be read"),
    ],
)
def test_the_command_says_why_it_does_nothing(acme, tmp_path, content, options, says):
    path = tmp_path / "people.csv"
    if content is not None:
        path.write_text(content)

    with pytest.raises(CommandError) as refused:
        call_command("import_leads", str(path), **options)

    assert says in str(refused.value)
    assert not Activity.objects.filter(assignee_agent_role=IMPORT_LEADS).exists()
