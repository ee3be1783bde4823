"""Clients in Manage: created, edited, moved and assigned through operations, and nothing else."""

import hashlib
import html
import re
from datetime import timedelta
from decimal import Decimal
from urllib.request import urlopen

import pytest
from django.db.models import Sum

from apps.activities.models import LlmCall
from apps.billing.models import SpendCounter
from apps.shared.models import JournalDelivery, JournalEntry
from apps.tenants.models import Contract, Invitation, Tenant, TenantAssignment, User
from tests.portals.manage.conftest import UUID

ADD = "/manage/tenants/tenant/add/"


@pytest.fixture
def wanted(running_sandbox) -> dict[str, str]:
    """What one types to create a client."""
    return {
        "name": "Lantern Books",
        "slug": "",
        "website": f"{running_sandbox.url}/site/harbour-coffee/",
        "industry": "Books",
        "admin_name": "Anu Das",
        "admin_email": "Anu@Lantern.test",
        "plan": "agency",
        "timezone": "Europe/Berlin",
        "currency": "EUR",
        "gstin": "29ABCDE1234F1Z5",
        "monthly_spend_cap_usd": "12.5",
        "data_privacy_level": "local_only",
    }


def page(tenant: Tenant, task: str = "") -> str:
    return f"/manage/tenants/tenant/{tenant.ref_id}/{task}"


def test_a_new_client_gets_its_admin_invited_and_its_contract_made(sam, wanted, journal):
    response = sam.post(ADD, wanted)

    tenant = Tenant.objects.get(slug="lantern-books")
    assert (response.status_code, response.headers["Location"]) == (302, page(tenant))
    assert (tenant.name, tenant.plan, tenant.timezone, tenant.gstin) == (
        "Lantern Books",
        "agency",
        "Europe/Berlin",
        "29ABCDE1234F1Z5",
    )
    assert (tenant.monthly_spend_cap_usd, tenant.data_privacy_level, tenant.status) == (
        Decimal("12.5"),
        "local_only",
        "trialing",
    )
    assert tenant.created_by == sam.user
    admin = User.objects.get(tenant=tenant)
    assert (admin.email, admin.role, admin.status) == ("anu@lantern.test", "admin", "invited")
    assert journal() == ["tenant.created", "templates.copied", "user.invited"]
    waiting = set(JournalDelivery.objects.filter(tenant=tenant).values_list("consumer", flat=True))
    assert waiting == {"storage.relay_audit", "tenants.make_contract", "tenants.send_invitation"}


def test_a_client_tells_where_it_stands(sam, wanted, everything, run_world):
    sam.post(ADD, wanted)
    tenant = Tenant.objects.get(slug="lantern-books")
    before = sam.get(page(tenant)).context["panels"][0].rows
    run_world()

    after = sam.get(page(tenant)).context["panels"][0].rows

    def states(rows):
        return [(row[0], UUID.sub("", str(row[1])).partition(">")[2].removesuffix("</span>")) for row in rows]

    assert states(before)[:3] == [
        ("Contract generated", "Now"),
        ("Invitation sent", "Later"),
        ("Admin joined", "Later"),
    ]
    assert states(after)[:4] == [
        ("Contract generated", "Done"),
        ("Invitation sent", "Done"),
        ("Admin joined", "Now"),
        ("Contract accepted", "Later"),
    ]


def test_a_client_whose_posts_are_live_has_every_step_behind_it(sam, world):
    rows = sam.get(page(world.tenant("live"))).context["panels"][0].rows

    assert [("Done" in str(row[1])) for row in rows] == [True] * 9


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("name", "", "This field is required."),
        ("name", "n" * 256, "Ensure this value has at most 255 characters (it has 256)."),
        ("name", "Lantern\r\nBcc: x", "Leave out control characters and line breaks."),
        ("name", "Lantern\u202eskooB", "Leave out control characters and line breaks."),
        ("slug", "Lantern_Books", "Use lower-case letters, digits and single hyphens."),
        ("slug", "..", "Use lower-case letters, digits and single hyphens."),
        ("slug", "admin", "This word is reserved. Choose another."),
        ("slug", "acme-drafts", "Another client has this address."),
        ("website", "http://127.0.0.1/", "127.0.0.1 is not an address on the public internet."),
        ("website", "http://169.254.169.254/", "169.254.169.254 is not an address on the public internet."),
        ("website", "javascript:alert(1)", "Only addresses that start with http:// or https:// can be called."),
        ("admin_email", "anu", "Enter a valid email address."),
        ("admin_email", "alice@acme-drafts.test", "Somebody has an account with this address already."),
        ("plan", "gold", "Select a valid choice. gold is not one of the available choices."),
        ("timezone", "Mars/Olympus", "Select a valid choice. Mars/Olympus is not one of the available choices."),
        ("gstin", "29ABCDE1234F1Z", "A GSTIN looks like 29ABCDE1234F1Z5."),
        ("monthly_spend_cap_usd", "-1", "Enter an amount in plain digits, such as 50 or 12.50."),
        ("monthly_spend_cap_usd", "NaN", "Enter an amount in plain digits, such as 50 or 12.50."),
        ("monthly_spend_cap_usd", "1e3", "Enter an amount in plain digits, such as 50 or 12.50."),
        ("monthly_spend_cap_usd", "١٢", "Enter an amount in plain digits, such as 50 or 12.50."),
        ("monthly_spend_cap_usd", "1000000", "Ensure this value is less than or equal to 999999."),
        ("monthly_spend_cap_usd", "1.00001", "Ensure that there are no more than 4 decimal places."),
        ("data_privacy_level", "open", "Select a valid choice. open is not one of the available choices."),
    ],
)
def test_what_cannot_be_used_is_said_beside_the_field_and_nothing_is_stored(sam, wanted, journal, field, value, error):
    clients = Tenant.objects.count()

    response = sam.post(ADD, {**wanted, field: value})

    assert response.status_code in (400, 422)
    assert response.context["form"].errors[field] == [error]
    assert Tenant.objects.count() == clients
    assert journal() == []


def test_a_name_that_gives_no_short_name_asks_for_one(sam, wanted):
    response = sam.post(ADD, {**wanted, "name": "書店"})

    assert response.context["form"].errors["slug"] == ["Nothing can be made of this name. Enter a short name."]


@pytest.mark.parametrize(
    "field", ["status", "contract_accepted_on", "ref_id", "id", "current_month_spend_usd", "deployment_mode"]
)
def test_fields_nobody_offered_are_refused(sam, world, wanted, journal, field):
    tenant = world.tenant("drafts")
    before = Tenant.objects.values().get(pk=tenant.pk)
    edits = {name: value for name, value in wanted.items() if name not in ("slug", "admin_name", "admin_email")}

    added = sam.post(ADD, {**wanted, field: "active"})
    edited = sam.post(page(tenant, "edit/"), {**edits, "seen_on": "", field: "active"})

    assert (added.status_code, edited.status_code) == (422, 422)
    assert edited.context["form"].non_field_errors() == [f"Unknown field: {field}."]
    assert Tenant.objects.values().get(pk=tenant.pk) == before
    assert not Tenant.objects.filter(slug="lantern-books").exists()
    assert journal() == []


def test_a_client_shows_what_its_calls_of_this_month_add_up_to_with_every_digit(sam, world, everything):
    tenant = world.tenant("live")
    spent = LlmCall.objects.filter(tenant=tenant).aggregate(cost=Sum("cost_usd"))["cost"]

    shown = f"${spent.normalize():f}"
    assert shown in sam.get("/manage/tenants/tenant/").text
    assert shown in sam.get(page(tenant)).text


def test_a_new_month_begins_at_nothing_before_its_first_call(sam, world, everything):
    tenant = world.tenant("live")
    months = SpendCounter.objects.filter(tenant=tenant, month__isnull=False)
    months.update(month=(months[0].month - timedelta(days=1)).replace(day=1))

    facts = re.sub(r"<[^>]+>|\s+", " ", sam.get(page(tenant)).text)

    assert re.search(r"Spent this month +\$0\.00 ", facts)
    assert Tenant.objects.get(pk=tenant.pk).current_month_spend_usd > 0, "Nothing resets the running total."


def facts(response) -> dict[str, str]:
    """What the form would send if nothing was changed."""
    form = response.context["form"]
    return {field.name: field.value() if field.value() is not None else "" for field in form}


def test_an_edit_writes_what_differs_and_journals_before_and_after(sam, world, everything):
    tenant = world.tenant("drafts")
    form = facts(sam.get(page(tenant, "edit/")))

    response = sam.post(page(tenant, "edit/"), {**form, "industry": "Roasters", "monthly_spend_cap_usd": "80"})

    tenant.refresh_from_db()
    entry = JournalEntry.objects.filter(code="tenant.edited").get()
    assert response.status_code == 302
    assert (tenant.industry, tenant.monthly_spend_cap_usd, tenant.updated_by) == ("Roasters", Decimal(80), sam.user)
    assert (entry.before, entry.after) == (
        {"industry": "Coffee", "monthly_spend_cap_usd": None},
        {"industry": "Roasters", "monthly_spend_cap_usd": "80"},
    )
    assert (entry.tenant_id, entry.created_by, entry.actor_type) == (tenant.pk, sam.user, "human")


def test_an_edit_that_changes_nothing_is_not_journalled(sam, world, journal):
    tenant = world.tenant("drafts")

    response = sam.post(page(tenant, "edit/"), facts(sam.get(page(tenant, "edit/"))))

    assert response.status_code == 302
    assert journal() == []


def test_an_address_that_was_good_once_does_not_stand_in_the_way(sam, world, settings):
    tenant = world.tenant("drafts")
    form = facts(sam.get(page(tenant, "edit/")))
    settings.EGRESS_ALLOW_HOSTS = []

    kept = sam.post(page(tenant, "edit/"), {**form, "industry": "Tea"})
    changed = sam.post(page(tenant, "edit/"), {**facts(sam.get(page(tenant, "edit/"))), "website": "http://127.0.0.1/"})

    tenant.refresh_from_db()
    assert (kept.status_code, changed.status_code) == (302, 422)
    assert (tenant.industry, tenant.website) == ("Tea", form["website"])


def test_an_edit_never_overwrites_one_it_has_not_seen(sam, world, journal):
    tenant = world.tenant("drafts")
    stale = facts(sam.get(page(tenant, "edit/")))
    sam.post(page(tenant, "edit/"), {**stale, "industry": "Roasters"})

    response = sam.post(page(tenant, "edit/"), {**stale, "industry": "Tea"})

    tenant.refresh_from_db()
    assert response.status_code == 409
    assert "Somebody changed this after you opened it." in response.text
    assert 'value="Tea"' in response.text  # what was typed is not lost
    assert tenant.industry == "Roasters"
    assert journal() == ["tenant.edited"]


@pytest.mark.parametrize("seen_on", ["yesterday", "2026-11-21T08:00:00", "x" * 50])
def test_a_form_that_does_not_say_what_it_showed_is_refused(sam, world, journal, seen_on):
    tenant = world.tenant("drafts")

    response = sam.post(
        page(tenant, "edit/"), {**facts(sam.get(page(tenant, "edit/"))), "industry": "Tea", "seen_on": seen_on}
    )

    assert response.status_code == 422
    assert journal() == []


@pytest.mark.parametrize(
    ("moves", "status", "codes"),
    [
        (["activate"], "active", ["tenant.activated"]),
        (["suspend"], "suspended", ["tenant.suspended"]),
        (["suspend", "resume"], "active", ["tenant.suspended", "tenant.resumed"]),
        (["cancel"], "cancelled", ["tenant.cancelled"]),
    ],
)
def test_a_client_moves_as_the_table_says(sam, world, journal, moves, status, codes):
    tenant = world.tenant("drafts")

    for move in moves:
        assert sam.post(page(tenant, f"{move}/")).headers["Location"] == page(tenant)

    tenant.refresh_from_db()
    assert tenant.status == status
    assert journal() == codes


def test_a_move_the_table_does_not_know_is_refused_with_a_sentence(sam, world, journal):
    tenant = world.tenant("drafts")

    alone = sam.post(page(tenant, "resume/"))
    back = sam.post(page(tenant, "resume/"), Referer=f"http://testserver{page(tenant)}")

    tenant.refresh_from_db()
    assert (alone.status_code, back.status_code) == (409, 302)
    assert "This is trial: it cannot resume now." in alone.text
    assert "This is trial: it cannot resume now." in sam.get(page(tenant)).text
    assert tenant.status == "trialing"
    assert journal() == []


def test_a_link_changes_nothing_it_asks_first(sam, world, journal):
    tenant = world.tenant("drafts")

    response = sam.get(page(tenant, "cancel/"))

    tenant.refresh_from_db()
    assert "This cannot be undone" in response.text
    assert (tenant.status, journal()) == ("trialing", [])


def test_only_moves_that_are_open_are_offered(sam, world):
    offered = [task.name for task, _ in sam.get(page(world.tenant("drafts"))).context["tasks"]]

    assert offered == ["edit", "assign", "activate", "suspend", "cancel"]


def choose(*tenants: Tenant, action: str, **more: str) -> dict:
    return {"action": action, "index": "0", "_selected_action": [tenant.ref_id for tenant in tenants], **more}


def test_several_clients_are_moved_from_the_list_after_a_question(sam, world, journal):
    chosen = [world.tenant("created"), world.tenant("drafts")]

    asked = sam.post("/manage/tenants/tenant/", choose(*chosen, action="suspend"))
    unchanged = [Tenant.objects.get(pk=tenant.pk).status for tenant in chosen]
    sam.post("/manage/tenants/tenant/", choose(*chosen, action="suspend", sure="yes"))

    assert "Nobody of this client can work" in asked.text
    assert unchanged == ["trialing", "trialing"]
    assert [Tenant.objects.get(pk=tenant.pk).status for tenant in chosen] == ["suspended", "suspended"]
    assert journal() == ["tenant.suspended", "tenant.suspended"]


def test_of_several_each_is_done_or_refused_by_itself(sam, world, journal):
    trial, suspended = world.tenant("created"), world.tenant("drafts")
    sam.post(page(suspended, "suspend/"))

    response = sam.post("/manage/tenants/tenant/", choose(trial, suspended, action="resume"))

    assert response.status_code == 302
    assert "Acme Created: This is trial: it cannot resume now." in sam.get("/manage/tenants/tenant/").text
    assert Tenant.objects.get(pk=trial.pk).status == "trialing"
    assert Tenant.objects.get(pk=suspended.pk).status == "active"
    assert journal() == ["tenant.suspended", "tenant.resumed"]


@pytest.mark.parametrize("other", ["01ARZ3NDEKTSV4RRFFQ69G5FAV", "1", "' OR 1=1--"])
def test_one_unknown_row_among_the_chosen_changes_nothing(sam, world, journal, other):
    tenant = world.tenant("drafts")
    chosen = choose(tenant, action="activate")
    chosen["_selected_action"].append(other)

    response = sam.post("/manage/tenants/tenant/", chosen)

    assert response.status_code == 404
    assert Tenant.objects.get(pk=tenant.pk).status == "trialing"
    assert journal() == []


@pytest.mark.parametrize("action", ["delete_selected", "edit", "", "assign"])
def test_an_action_nobody_offered_changes_nothing(sam, world, journal, action):
    response = sam.post("/manage/tenants/tenant/", choose(world.tenant("drafts"), action=action))

    assert response.status_code == 302
    assert journal() == []


def test_a_reviewer_is_assigned_and_the_assignment_ends(sam, rita, world, everything, journal):
    tenant, other = world.tenant("created"), User.objects.get(email="sam@leadmetrics.test")

    sam.post(page(tenant, "assign/"), {"user": other.ref_id, "role": "lead_reviewer"})
    assignment = TenantAssignment.objects.get(tenant=tenant, user=other)
    shown = sam.get(page(tenant)).text
    sam.post(f"/manage/tenants/tenantassignment/{assignment.ref_id}/end/")

    assignment.refresh_from_db()
    assert (assignment.role, assignment.created_by) == ("lead_reviewer", sam.user)
    assert f"/manage/tenants/tenantassignment/{assignment.ref_id}/" in shown
    assert assignment.ended_on is not None
    assert journal() == ["assignment.started", "assignment.ended"]


def test_nobody_is_assigned_twice(sam, rita, world, journal):
    tenant = world.tenant("drafts")

    response = sam.post(page(tenant, "assign/"), {"user": rita.user.ref_id, "role": "reviewer"})

    assert response.status_code == 409
    assert "This reviewer serves this client already." in response.text
    assert journal() == []


def test_nobody_but_staff_is_assigned(sam, alice, world, journal):
    tenant = world.tenant("created")

    response = sam.post(page(tenant, "assign/"), {"user": alice.user.ref_id, "role": "reviewer"})

    assert response.status_code == 422
    assert "is not one of the available choices" in response.text
    assert journal() == []


@pytest.mark.acceptance("FLOW-presign", "S3-presign")
def test_a_contract_links_to_the_very_version_that_was_stored(sam, world, everything):
    contract = Contract.objects.get(tenant=world.tenant("live"))

    response = sam.get(f"/manage/tenants/contract/{contract.ref_id}/")

    (link,) = re.findall(r'href="(http[^"]+)" rel="noreferrer">Download', response.text)
    with urlopen(html.unescape(link)) as download:
        assert hashlib.sha256(download.read()).hexdigest() == contract.pdf_sha256
    assert f"versionId={contract.pdf_version_id}" in link
    assert "X-Amz-Expires=900" in link


def test_text_in_names_is_shown_as_typed(sam, wanted):
    sam.post(ADD, {**wanted, "name": "<script>alert(1)</script> {{7*7}}", "slug": "odd"})

    response = sam.get(page(Tenant.objects.get(slug="odd")))

    assert "<script>alert(1)" not in response.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; {{7*7}}" in response.text


def test_the_invitation_of_a_new_client_carries_no_token_into_a_page(sam, world, everything):
    invitation = Invitation.objects.get(tenant=world.tenant("created"))

    for address in ("/manage/tenants/invitation/", f"/manage/tenants/invitation/{invitation.ref_id}/"):
        assert invitation.token_digest not in sam.get(address).text
