"""Model prices in Manage, and the pages of sessions, tools, costs and reviews."""

import pytest
from django.utils import timezone

from apps.activities.models import LlmProvider, ModelPrice, ReviewLinkApproval
from apps.activities.seeds import DEFAULT_MODEL
from tests.activities.tables import a_comment, a_review_link, a_session, a_tool_call
from tests.portals.manage.conftest import UUID

PRICES = "/manage/activities/modelprice/"


@pytest.fixture
def price(everything, db) -> ModelPrice:
    return ModelPrice.objects.select_related("llm_provider").get(model_id=DEFAULT_MODEL)


def posted(price: ModelPrice, **changes) -> dict:
    form = {
        "provider": price.llm_provider.ref_id,
        "model_id": DEFAULT_MODEL,
        "input_usd_per_million": "2.5",
        "cached_input_usd_per_million": "0.25",
        "output_usd_per_million": "12.000001",
    }
    return form | changes


@pytest.mark.acceptance("model_prices")
def test_a_price_is_set_and_the_one_before_it_ends(sam, price, journal):
    response = sam.post(f"{PRICES}add/", posted(price))

    price.refresh_from_db()
    begun = ModelPrice.objects.get(valid_to_on=None, model_id=DEFAULT_MODEL)
    page = sam.get(response.headers["Location"])
    assert response.status_code == 302
    assert (begun.valid_from_on, begun.created_by) == (price.valid_to_on, sam.user)
    assert f"{begun.output_usd_per_million}" == "12.000001"
    assert journal() == ["price.set"]
    assert "$12.000001" in page.text
    assert page.context["panels"][0].rows[0][4] == "$15.00"
    assert "$2.50 in, $12.000001 out" in sam.get(f"/manage/activities/llmprovider/{price.llm_provider.ref_id}/").text


def test_a_price_is_changed_from_its_own_page_while_it_holds(sam, price, journal):
    page = f"{PRICES}{price.ref_id}/"
    form = {field.name: field.value() for field in sam.get(f"{page}edit/").context["form"]}

    sam.post(f"{page}edit/", {**form, "output_usd_per_million": "16"})

    price.refresh_from_db()
    assert price.valid_to_on is not None
    assert sam.get(page).context["tasks"] == []
    price_list = ModelPrice.objects.filter(model_id=DEFAULT_MODEL).order_by("valid_from_on")
    assert [str(p.output_usd_per_million) for p in price_list] == [
        "15.000000",
        "16.000000",
    ]
    assert journal() == ["price.set"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("provider", "01M7Z00000000000000000000A"),
        ("provider", ""),
        ("model_id", "claude-of-tomorrow"),
        ("model_id", ""),
        ("input_usd_per_million", "-1"),
        ("input_usd_per_million", "NaN"),
        ("input_usd_per_million", "1e3"),
        ("input_usd_per_million", "10001"),
        ("cached_input_usd_per_million", "2.6"),
        ("cached_input_usd_per_million", "Infinity"),
        ("output_usd_per_million", ""),
        ("output_usd_per_million", "0.0000001"),
        ("output_usd_per_million", "٣"),
    ],
)
def test_a_price_that_cannot_be_meant_is_refused_beside_its_field(sam, price, journal, field, value):
    before = ModelPrice.objects.count()

    response = sam.post(f"{PRICES}add/", posted(price, **{field: value}))

    assert response.status_code in (400, 422)
    assert list(response.context["form"].errors) == [field]
    assert (ModelPrice.objects.count(), journal()) == (before, [])


def test_a_listed_model_without_a_price_says_so(sam, price, everything):
    provider = price.llm_provider
    LlmProvider.objects.filter(pk=provider.pk).update(models=[{"model_id": "homemade-1"}])

    page = sam.get(f"/manage/activities/llmprovider/{provider.ref_id}/")

    assert page.context["panels"][0].rows == [("homemade-1", "–", "No price: it may not be used")]


@pytest.mark.parametrize("name", ["session", "toolcall", "reviewlink", "reviewlinkapproval", "reviewcomment"])
def test_lists_and_pages_of_what_nothing_fills_yet_open(sam, acme, name):
    link = a_review_link(first_opened_on=timezone.now(), revoked_by=sam.user, revoked_on=timezone.now())
    comment = a_comment(created_by=sam.user)
    rows = {
        "session": a_session(),
        "toolcall": a_tool_call(),
        "reviewlink": link,
        "reviewlinkapproval": ReviewLinkApproval.objects.create(
            review_link=link, approval=comment.approval, created_on=timezone.now()
        ),
        "reviewcomment": a_comment(parent=comment),
    }
    address = f"/manage/activities/{name}/"

    pages = [sam.get(address), sam.get(f"{address}{rows[name].ref_id}/"), sam.get(address, {"client": acme.slug})]

    assert [page.status_code for page in pages] == [200] * 3
    assert [rows[name].ref_id in page.text for page in pages] == [True] * 3
    assert [UUID.search(page.text) for page in pages] == [None] * 3
    assert link.token_digest not in "".join(page.text for page in pages)
