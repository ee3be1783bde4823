"""Lists of Manage: a keyset page, filters on offer, the same statements however many rows."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.activities.models import Activity
from apps.shared.ids import new_id, spell
from apps.shared.models import JournalEntry
from apps.tenants.doors.admin import ManageAdmin

ACTIVITIES = "/manage/activities/activity/"


@pytest.fixture
def short_pages(monkeypatch):
    monkeypatch.setattr(ManageAdmin, "list_per_page", 10)


def shown(response) -> list[str]:
    return [row.ref_id for row in response.context["cl"].result_list]


def test_a_list_shows_the_newest_and_goes_on_to_older_and_back(sam, everything, short_pages):
    newest = list(Activity.objects.order_by("-ref_id").values_list("ref_id", flat=True)[:30])

    first = sam.get(ACTIVITIES)
    second = sam.get(ACTIVITIES + first.context["cl"].older_link)
    third = sam.get(ACTIVITIES + second.context["cl"].older_link)
    back = sam.get(ACTIVITIES + third.context["cl"].newer_link)

    assert [shown(page) for page in (first, second, third, back)] == [
        newest[:10],
        newest[10:20],
        newest[20:30],
        newest[10:20],
    ]
    assert first.context["cl"].newer_link == ""


def test_newer_than_the_second_page_is_the_first_page(sam, everything, short_pages):
    newest = list(Activity.objects.order_by("-ref_id").values_list("ref_id", flat=True)[:15])

    response = sam.get(ACTIVITIES, {"p": f"-{newest[5]}"})

    assert shown(response) == newest[:10]
    assert response.context["cl"].newer_link == ""


def test_the_last_page_offers_nothing_older(sam, everything):
    oldest = Activity.objects.order_by("ref_id").values_list("ref_id", flat=True)[2]

    response = sam.get(ACTIVITIES, {"p": oldest})

    assert len(shown(response)) == 2
    assert response.context["cl"].older_link == ""


@pytest.mark.parametrize("cursor", ["2", "-", "0; DROP TABLE", "'", "ILOU", "-" + "U" * 26])
def test_a_place_that_is_none_leads_to_the_first_page(sam, cursor):
    response = sam.get(ACTIVITIES, {"p": cursor})

    assert (response.status_code, response.headers["Location"]) == (302, f"{ACTIVITIES}?e=1")


def test_pages_keep_the_filter(sam, everything, short_pages):
    response = sam.get(ACTIVITIES, {"status__exact": "completed", "client": "acme-live"})

    assert "client=acme-live" in response.context["cl"].older_link
    assert {row.status for row in response.context["cl"].result_list} == {"completed"}
    assert {row.tenant.slug for row in response.context["cl"].result_list} == {"acme-live"}


@pytest.mark.acceptance("PERF-no-offset")
def test_a_list_never_asks_for_an_offset_or_for_all_rows(sam, short_pages):
    with CaptureQueriesContext(
        connection,
    ) as queries:
        sam.get(ACTIVITIES)

    statements = [query["sql"] for query in queries]
    assert not [sql for sql in statements if "OFFSET" in sql]
    assert [sql for sql in statements if "COUNT(" in sql and "LIMIT 1001" not in sql] == []


@pytest.mark.parametrize(
    "asked",
    [
        {"token_digest__startswith": "a"},
        {"user__password__startswith": "argon2"},
        {"id__exact": "01a1fdf0-ba04-b7b2-6321-8816d5e30654"},
        {"tenant__name": "Acme"},
        {"o": "1", "email__contains": "a"},
    ],
)
def test_filters_nobody_offered_are_refused(sam, asked):
    assert sam.get("/manage/tenants/invitation/", asked).status_code == 400


def test_a_filter_value_that_cannot_be_stored_is_refused(sam):
    assert sam.get(ACTIVITIES, {"client": "a\x00b"}).status_code == 400


def test_the_search_takes_wildcards_as_they_are_typed(sam):
    assert shown(sam.get("/manage/tenants/tenant/", {"q": "%"})) == []
    assert len(shown(sam.get("/manage/tenants/tenant/", {"q": "acme-dr"}))) == 1


def test_a_reference_is_found_whole_and_by_its_beginning(sam, world):
    tenant = world.tenant("drafts")

    assert shown(sam.get("/manage/tenants/tenant/", {"q": tenant.ref_id.lower()})) == [tenant.ref_id]
    assert tenant.ref_id in shown(sam.get("/manage/tenants/tenant/", {"q": tenant.ref_id[:12]}))


def test_an_empty_list_says_why_and_what_to_do(sam):
    response = sam.get(ACTIVITIES, {"client": "nobody"})

    assert "Nothing matches what you filtered or searched for." in response.text
    assert 'href="?">Show all' in response.text


LISTS = [
    "tenants/tenant",
    "tenants/user",
    "tenants/invitation",
    "tenants/tenantassignment",
    "tenants/contractevent",
    "activities/activity",
    "activities/activityrun",
    "activities/approval",
    "activities/llmcall",
    "activities/agentconfig",
    "activities/activitytemplate",
    "channels/channel",
    "channels/publishattempt",
    "content/blogpost",
    "content/socialmediarequest",
    "content/socialpost",
    "content/backlink",
    "strategy/goal",
    "billing/spendreservation",
    "shared/journalentry",
    "ads/adcampaign",
    "ads/adcampaignday",
    "ads/adkeyword",
    "ads/searchtermreport",
    "ads/searchtermclassification",
    "ads/adoptimizationrecommendation",
    "crm/lead",
    "crm/leadactivity",
    "crm/leadtouch",
    "crm/leadform",
    "crm/leadmerge",
]


@pytest.mark.acceptance("PERF-no-n1", "TEST-n1")
@pytest.mark.parametrize("name", LISTS)
def test_a_list_asks_the_database_as_often_for_one_row_as_for_thirty(sam, monkeypatch, name):
    counts = []
    for size in (1, 30):
        monkeypatch.setattr(ManageAdmin, "list_per_page", size)
        with CaptureQueriesContext(connection) as queries:
            response = sam.get(f"/manage/{name}/")
        assert response.status_code == 200
        counts.append(len(queries))

    assert counts[0] == counts[1] <= 6


def test_the_journal_is_found_by_code_actor_and_record(sam, world, everything):
    tenant = world.tenant("drafts")
    address = "/manage/shared/journalentry/"

    by_code = sam.get(address, {"code": "tenant.created", "client": tenant.slug})
    by_record = sam.get(address, {"record": tenant.ref_id})

    created = JournalEntry.objects.get(code="tenant.created", subject_ref=tenant.ref_id)
    assert shown(by_code) == [created.ref_id]
    assert created.ref_id in shown(by_record)
    assert shown(sam.get(address, {"actor": spell(new_id())})) == []
