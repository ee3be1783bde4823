"""Recording what a sync found: written whole or refused whole, once however often it is said, and journalled."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from hashlib import sha256

import pytest

from apps.ads import operations
from apps.ads.models import AdCampaign, AdCampaignDay, AdKeyword, SearchTermReport
from apps.ads.operations import (
    Recorded,
    SyncedCampaign,
    SyncedDay,
    SyncedKeyword,
    SyncedSearchTerm,
)
from apps.shared.actors import Actor
from apps.shared.errors import InvalidInput, OperationRefused
from apps.shared.models import JournalEntry
from apps.shared.scoping import tenant_scope
from apps.shared.transitions import MoveRefused
from tests.activities.work import together
from tests.conftest import World

from . import rows
from .rows import AT

SYNC = Actor.system("ads_sync")
LATER = AT + timedelta(days=1)

CAMPAIGN = SyncedCampaign(
    "c-1", "Brand", "active", "SEARCH", Decimal(40), "INR", Decimal("12.5"), {"clicks": 4, "ctr": 0.04}
)
KEYWORD = SyncedKeyword("c-1", "g-1~k-1", "coffee beans", "exact", "active", Decimal("1.25"), {"quality_score": 8})
DAY = SyncedDay("c-1", date(2026, 3, 1), 100, 4, Decimal("0.5"), Decimal("12.345678"), "INR")
TERM = SyncedSearchTerm(
    "c-1",
    "fresh coffee beans",
    date(2026, 2, 1),
    date(2026, 2, 28),
    100,
    4,
    Decimal("0.5"),
    Decimal("12.345678"),
    Decimal("0.04"),
)
# How each kind is recorded, what its table is, and what a later sync says of the same row.
KINDS = {
    "campaigns": (
        operations.record_campaigns,
        AdCampaign,
        CAMPAIGN,
        {"name": "Brand, new", "total_spend": Decimal(90)},
    ),
    "keywords": (operations.record_keywords, AdKeyword, KEYWORD, {"text": "coffee", "bid_amount": None}),
    "days": (operations.record_campaign_days, AdCampaignDay, DAY, {"clicks": 7, "cost": Decimal(20)}),
    "terms": (operations.record_search_terms, SearchTermReport, TERM, {"clicks": 7, "ctr": Decimal("0.07")}),
}


@pytest.fixture
def account(acme):
    """A Google Ads account with one recorded campaign."""
    channel = rows.ads_account()
    operations.record_campaigns(channel, [CAMPAIGN], by=SYNC, at=AT)
    return channel


@pytest.fixture
def journal(acme):
    """(code, rows) of what was journalled since the test began, in order."""
    known = set(JournalEntry.objects.values_list("pk", flat=True))

    def entries() -> list[tuple]:
        new = JournalEntry.objects.exclude(pk__in=known).order_by("ref_id")
        return list(new.values_list("code", "row_count"))

    return entries


def stored(model) -> list[dict]:
    return list(model.objects.order_by("pk").values())


@pytest.mark.acceptance("TEST-upsert")
@pytest.mark.acceptance("FLOW-ads-sync")
@pytest.mark.parametrize("kind", KINDS)
def test_the_same_row_found_twice_is_one_row_with_the_later_facts(account, kind):
    record, model, found, later = KINDS[kind]
    first = record(account, [found], by=SYNC, at=AT)
    before = model.objects.get()

    second = record(account, [replace(found, **later)], by=SYNC, at=LATER)

    after = model.objects.get()
    assert first.added + first.updated == 1
    assert second == Recorded(added=0, updated=1)
    assert (after.pk, after.ref_id, after.created_on) == (before.pk, before.ref_id, before.created_on)
    assert {name: getattr(after, name) for name in later} == later
    assert after.updated_on == LATER
    assert getattr(after, "last_synced_on", getattr(after, "synced_on", LATER)) == LATER


def test_a_new_row_was_never_updated(account):
    campaign = AdCampaign.objects.get()

    assert (campaign.created_on, campaign.updated_on, campaign.last_synced_on) == (AT, None, AT)
    assert (campaign.platform, campaign.channel, campaign.total_spend) == ("google_ads", account, Decimal("12.50"))
    assert campaign.performance_snapshot == {"clicks": 4, "ctr": 0.04}


def test_old_and_new_in_one_list_are_told_apart(account):
    both = [replace(CAMPAIGN, external_campaign_id="c-2", name="Second"), replace(CAMPAIGN, name="First")]

    assert operations.record_campaigns(account, both, by=SYNC, at=LATER) == Recorded(added=1, updated=1)
    assert dict(AdCampaign.objects.values_list("external_campaign_id", "name")) == {"c-1": "First", "c-2": "Second"}


def test_money_and_shares_are_kept_with_the_decimals_of_their_columns(account):
    operations.record_campaign_days(account, [DAY], by=SYNC, at=AT)
    operations.record_search_terms(account, [TERM], by=SYNC, at=AT)

    assert AdCampaignDay.objects.get().cost == SearchTermReport.objects.get().cost == Decimal("12.3457")
    assert SearchTermReport.objects.get().report_date_range.upper == date(2026, 3, 1)


def test_a_list_is_journalled_once_with_count_and_digest(account, journal):
    found = [replace(KEYWORD, external_keyword_id=f"g-1~{n}") for n in range(3)]

    operations.record_keywords(account, found, by=SYNC, at=LATER)

    refs = sorted(AdKeyword.objects.values_list("ref_id", flat=True))
    entry = JournalEntry.objects.get(code="ad_keyword.recorded")
    assert journal() == [("ad_keyword.recorded", 3)]
    assert (entry.subject_type, entry.created_on, entry.actor_ref) == ("ad_keywords", LATER, "ads_sync")
    assert entry.rows_sha256 == sha256("\n".join(refs).encode()).hexdigest()


def test_an_empty_list_records_nothing(account, journal):
    for record, *_ in KINDS.values():
        assert record(account, [], by=SYNC, at=AT) == Recorded(0, 0)

    assert journal() == []


@pytest.mark.acceptance("SM-ad_campaigns")
@pytest.mark.acceptance("SM-ad_keywords")
@pytest.mark.parametrize("kind", ["campaigns", "keywords"])
def test_statuses_follow_the_platform_by_moves(account, journal, kind):
    record, model, found, _ = KINDS[kind]
    record(account, [found], by=SYNC, at=AT)
    noun = "ad_campaign" if kind == "campaigns" else "ad_keyword"
    seen = []
    for status in ("paused", "active", "active", "paused", "removed"):
        record(account, [replace(found, status=status)], by=SYNC, at=LATER)
        seen.append(model.objects.get().status)

    assert seen == ["paused", "active", "active", "paused", "removed"]
    moved = [code for code, _ in journal() if code != f"{noun}.recorded" and code != "ad_campaign.recorded"]
    assert moved == [f"{noun}.{verb}" for verb in ("paused", "resumed", "paused", "removed")]


@pytest.mark.parametrize("kind", ["campaigns", "keywords"])
def test_what_was_removed_does_not_come_back_and_nothing_of_the_list_is_stored(account, journal, kind):
    record, model, found, later = KINDS[kind]
    key = "external_campaign_id" if kind == "campaigns" else "external_keyword_id"
    record(account, [replace(found, status="removed")], by=SYNC, at=AT)
    before, told = stored(model), journal()

    with pytest.raises(MoveRefused):
        record(account, [replace(found, **{key: "new"}), replace(found, **later, status="active")], by=SYNC, at=LATER)

    assert (stored(model), journal()) == (before, told)


BAD = {
    "campaigns": [
        {"total_spend": Decimal(-1)},
        {"total_spend": Decimal("NaN")},
        {"total_spend": Decimal("Infinity")},
        {"total_spend": Decimal("1e30")},
        {"budget_amount": Decimal("-0.01")},
        {"performance_snapshot": {"clicks": -1}},
        {"performance_snapshot": {"roas": float("nan")}},
        {"performance_snapshot": {"spend": float("inf")}},
        {"performance_snapshot": {"clicks": "four"}},
        {"performance_snapshot": {"Clicks\x00": 1}},
        {"status": "enabled"},
        {"name": ""},
        {"name": "n" * 501},
        {"name": "a\x00b"},
        {"name": "\ud800"},
        {"external_campaign_id": ""},
    ],
    "keywords": [
        {"bid_amount": Decimal(-1)},
        {"bid_amount": Decimal("NaN")},
        {"match_type": "fuzzy"},
        {"status": "enabled"},
        {"text": ""},
        {"external_campaign_id": "unknown"},
    ],
    "days": [
        {"impressions": -1},
        {"clicks": -1},
        {"clicks": 2**31},
        {"conversions": Decimal(-1)},
        {"conversions": Decimal("NaN")},
        {"cost": Decimal("-0.0001")},
        {"cost": Decimal("NaN")},
        {"currency": "rupees"},
        {"currency": "in"},
        {"external_campaign_id": "unknown"},
    ],
    "terms": [
        {"impressions": -1},
        {"clicks": -1},
        {"conversions": Decimal(-1)},
        {"cost": Decimal("NaN")},
        {"ctr": Decimal("NaN")},
        {"ctr": Decimal(-1)},
        {"ctr": Decimal(100)},
        {"search_term": ""},
        {"search_term": "s" * 501},
        {"last_day": date(2026, 1, 31)},
        {"last_day": date.max},
        {"first_day": date.min},
        {"external_campaign_id": "unknown"},
    ],
}


@pytest.mark.acceptance("FLOW-ads-sync")
@pytest.mark.parametrize(
    ("kind", "fault"),
    [(kind, fault) for kind, faults in BAD.items() for fault in faults],
    ids=lambda value: value if isinstance(value, str) else ascii(value)[:60],
)
def test_one_bad_row_refuses_the_list_and_names_the_row(account, journal, kind, fault):
    record, model, found, _ = KINDS[kind]
    before = stored(model)
    good = {
        "campaigns": {"external_campaign_id": "c-9"},
        "keywords": {"external_keyword_id": "k-9"},
        "days": {"day": date(2026, 2, 9)},
        "terms": {"search_term": "nine"},
    }[kind]

    with pytest.raises(OperationRefused) as refused:
        record(account, [replace(found, **good), replace(found, **fault)], by=SYNC, at=LATER)

    (named,) = refused.value.errors
    assert named.startswith("1.")
    assert (stored(model), journal()) == (before, [])


@pytest.mark.parametrize("kind", KINDS)
def test_a_list_that_names_a_row_twice_is_refused(account, journal, kind):
    record, model, found, later = KINDS[kind]
    before = stored(model)

    with pytest.raises(InvalidInput) as refused:
        record(account, [found, replace(found, **later)], by=SYNC, at=LATER)

    assert list(refused.value.errors.values()) == [["The list names this twice."]]
    assert (stored(model), journal()) == (before, [])


def test_a_list_full_of_faults_names_the_first_ones(account):
    with pytest.raises(InvalidInput) as refused:
        operations.record_campaigns(account, [replace(CAMPAIGN, name="")] * 500, by=SYNC, at=AT)

    assert len(refused.value.errors) == 20


def test_only_an_ads_account_is_synced(acme):
    website = rows.ads_account("wordpress", channel_type="cms")

    with pytest.raises(operations.NotAnAdsAccount):
        operations.record_campaigns(website, [CAMPAIGN], by=SYNC, at=AT)
    with pytest.raises(operations.NotAnAdsAccount):
        operations.record_campaign_days(website, [DAY], by=SYNC, at=AT)


def test_a_campaign_of_another_account_is_unknown(account):
    meta = rows.ads_account("meta_ads")

    with pytest.raises(InvalidInput):
        operations.record_campaign_days(meta, [DAY], by=SYNC, at=AT)

    assert not AdCampaignDay.objects.exists()


def test_a_campaign_follows_its_account_to_a_new_connection(account):
    again = rows.ads_account(external_id="connected again")

    operations.record_campaigns(again, [CAMPAIGN], by=SYNC, at=LATER)

    assert AdCampaign.objects.get().channel == again


@pytest.mark.acceptance("TEST-isolation")
@pytest.mark.parametrize("kind", KINDS)
def test_the_same_external_id_of_two_clients_is_two_rows(world, kind):
    record, model, found, later = KINDS[kind]
    rival, acme = world.tenant("rival"), world.tenant("drafts")
    for tenant in (rival, acme):
        with tenant_scope(tenant.facts):
            channel = rows.ads_account()
            operations.record_campaigns(channel, [CAMPAIGN], by=SYNC, at=AT)
            record(channel, [found], by=SYNC, at=AT)
    with tenant_scope(rival.facts):
        before = stored(model)

    with tenant_scope(rival.facts, acme.facts):  # even where both are in reach, the account says whose it is
        record(channel, [replace(found, **later)], by=SYNC, at=LATER)
        assert model.objects.count() == 2
    with tenant_scope(acme.facts):
        assert {name: getattr(model.objects.get(), name) for name in later} == later
    with tenant_scope(rival.facts):
        assert stored(model) == before


def test_more_rows_than_one_statement_takes(account):
    found = [replace(KEYWORD, external_keyword_id=f"k-{n}", text=f"word {n}") for n in range(501)]
    operations.record_keywords(account, found, by=SYNC, at=AT)

    again = [replace(one, text=f"{one.text}!", status="paused") for one in reversed(found)]
    assert operations.record_keywords(account, again, by=SYNC, at=LATER) == Recorded(added=0, updated=501)
    assert not AdKeyword.objects.exclude(status="paused", text__endswith="!").exists()


def test_syncs_of_one_account_at_once_make_every_row_once(own_database):
    with World().at("drafts"):
        channel = rows.ads_account()
        found = [replace(CAMPAIGN, external_campaign_id=f"c-{n}") for n in range(60)]

        def sync(number: int) -> Recorded:
            status = ("active", "paused")[number % 2]
            listed = [replace(one, status=status) for one in found[number * 7 :] + found[: number * 7]]
            return operations.record_campaigns(channel, listed, by=SYNC, at=AT)

        answers = together(*[lambda number=number: sync(number) for number in range(8)])

        assert all(isinstance(answer, Recorded) for answer in answers), answers
        assert sum(answer.added for answer in answers) == 60
        assert sum(answer.updated for answer in answers) == 60 * 7
        assert AdCampaign.objects.count() == 60
        assert len(set(AdCampaign.objects.values_list("status", flat=True))) == 1  # those of the sync that came last
