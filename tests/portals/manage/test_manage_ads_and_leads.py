"""Ads and leads in Manage: every kind of row has a list and a page, and nothing there changes it."""

import pytest

from tests.ads import rows as ads
from tests.crm import rows as crm
from tests.portals.manage.conftest import UUID

MAKERS = [
    ads.ad_campaign,
    ads.day,
    ads.keyword,
    ads.search_term,
    ads.classification,
    ads.recommendation,
    crm.lead,
    crm.entry,
    crm.touch,
    crm.form,
    crm.merge,
]


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_a_row_stands_in_its_list_and_has_a_page(sam, world, make):
    with world.at("drafts"):
        row = make()
    address = f"/manage/{row._meta.app_label}/{row._meta.model_name}/"

    listed, page = sam.get(address), sam.get(f"{address}{row.ref_id}/")

    assert [shown.ref_id for shown in listed.context["cl"].result_list] == [row.ref_id]
    assert page.status_code == 200
    assert row.ref_id in page.text
    assert not UUID.search(listed.text) and not UUID.search(page.text)
    assert sam.get(f"{address}add/").status_code == 404
    assert sam.post(f"{address}{row.ref_id}/").status_code == 405


def test_a_campaign_shows_its_days_and_what_is_recommended(sam, world):
    with world.at("drafts"):
        campaign = ads.ad_campaign()
        ads.day(campaign)
        ads.recommendation(campaign)

    page = sam.get(f"/manage/ads/adcampaign/{campaign.ref_id}/")

    assert "40 INR" in page.text or "40.00 INR" in page.text
    assert "1 Mar 2026" in page.text
    assert "Raise the bid by 15 %" in page.text


def test_the_days_of_a_search_term_are_both_included(sam, world):
    with world.at("drafts"):
        term = ads.search_term()

    assert "1 Feb 2026 to 28 Feb 2026" in sam.get(f"/manage/ads/searchtermreport/{term.ref_id}/").text


def test_a_merged_lead_is_named_and_not_linked(sam, world):
    with world.at("drafts"):
        merge = crm.merge()
        type(merge.merged_lead).objects.filter(pk=merge.merged_lead.pk).update(deleted_on=ads.AT)

    page = sam.get(f"/manage/crm/leadmerge/{merge.ref_id}/")

    assert f"/manage/crm/lead/{merge.kept_lead.ref_id}/" in page.text
    assert merge.merged_lead.ref_id in page.text
    assert f"/manage/crm/lead/{merge.merged_lead.ref_id}/" not in page.text
