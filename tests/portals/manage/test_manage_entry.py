"""Who enters Manage, what its pages are made of, and what they never do."""

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.urls import reverse

from apps.shared.ids import new_id, spell
from apps.tenants.models import Tenant
from tests.architecture.rows import need_row
from tests.portals.manage.conftest import UUID

ADDRESSES = ("/manage/", "/manage/tenants/tenant/", "/manage/tenants/user/add/", "/manage/shared/journalentry/")


@pytest.mark.parametrize("person", ["rita", "alice", "mark", "mallory"])
@pytest.mark.parametrize("address", ADDRESSES)
def test_only_a_super_admin_enters(request, person, address):
    response = request.getfixturevalue(person).get(address)

    assert response.status_code == 404


@pytest.mark.parametrize("person", ["rita", "alice", "mark", "mallory"])
def test_nobody_else_can_change_anything_by_posting(request, person, world):
    tenant = world.tenant("drafts")

    response = request.getfixturevalue(person).post(f"/manage/tenants/tenant/{tenant.ref_id}/suspend/")

    tenant.refresh_from_db()
    assert response.status_code == 404
    assert tenant.status == "trialing"


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_stranger_is_led_to_the_sign_in_that_everybody_uses(db, address):
    response = Client().get(address, follow=True)

    assert response.redirect_chain[-1][0].startswith("/account/login/?next=")
    assert response.status_code == 200


def test_the_admins_own_sign_in_page_does_not_exist(sam, rita):
    assert sam.get("/manage/login/").headers["Location"] == "/manage/"
    assert rita.get("/manage/login/").status_code == 403
    assert sam.get("/manage/password_change/").headers["Location"] == "/account/password/change/"


def test_pages_of_packages_have_no_place_in_manage(sam):
    registered = {model._meta.label for model in admin.site._registry}

    assert {"auth.Group", "account.EmailAddress", "mfa.Authenticator", "django_celery_beat.PeriodicTask"}.isdisjoint(
        registered
    )
    assert "tenants.Tenant" in registered
    assert sam.get("/manage/account/emailaddress/").status_code == 404


def test_only_script_evaluation_is_relaxed_and_only_inside_manage(sam):
    inside = sam.get("/manage/").headers["Content-Security-Policy"]
    outside = sam.get("/healthz").headers["Content-Security-Policy"]

    assert "script-src 'self' 'unsafe-eval';" in f"{inside};"
    assert inside.replace(" 'unsafe-eval'", "") == outside
    assert "unsafe-inline" not in inside


def lists() -> list[str]:
    return sorted(f"{m._meta.app_label}_{m._meta.model_name}" for m in admin.site._registry)


@pytest.mark.acceptance("SEC-expose-ref")
@pytest.mark.parametrize("name", lists())
def test_every_list_and_its_newest_record_open_without_a_primary_key(sam, everything, name):
    with connection.cursor() as cursor:
        need_row(cursor, apps.get_model(name.replace("_", ".")))

    listed = sam.get(reverse(f"admin:{name}_changelist"))

    rows = listed.context["cl"].result_list
    pages = [listed] + [sam.get(reverse(f"admin:{name}_change", args=[row.ref_id])) for row in rows[:1]]
    assert [page.status_code for page in pages] == [200] * len(pages)
    assert [UUID.search(page.text) for page in pages] == [None] * len(pages)
    assert ["style=" in page.text for page in pages] == [False] * len(pages)
    assert len(listed.content) < 68_000


@pytest.mark.parametrize("name", lists())
def test_what_is_not_a_reference_and_what_is_not_there_are_not_found(sam, world, name):
    list_address = reverse(f"admin:{name}_changelist")

    for wanted in (spell(new_id()), str(world.tenant("drafts").pk), "1", "ILOU" * 6 + "IL", "8" * 26):
        assert sam.get(f"{list_address}{wanted}/").status_code == 404


@pytest.mark.parametrize("name", lists())
def test_nothing_is_deleted_or_edited_by_addresses_of_djangos_own(sam, everything, name):
    model = apps.get_model(name.replace("_", "."))
    with connection.cursor() as cursor:
        need_row(cursor, model)
    newest = model.objects.order_by("-ref_id").first()
    address = reverse(f"admin:{name}_change", args=[newest.ref_id])

    assert sam.post(address, {"status": "cancelled", "name": "Other"}).status_code == 405
    assert sam.post(f"{address}delete/", {"post": "yes"}).status_code == 404
    assert sam.get(f"{address}history/").status_code == 404
    untouched = model.objects.order_by("-ref_id").first()
    assert untouched.pk == newest.pk
    assert getattr(untouched, "updated_on", None) == getattr(newest, "updated_on", None)


def test_djangos_own_log_is_never_written(sam, world):
    tenant = world.tenant("drafts")

    sam.post(f"/manage/tenants/tenant/{tenant.ref_id}/suspend/")

    assert Tenant.objects.get(pk=tenant.pk).status == "suspended"
    assert LogEntry.objects.count() == 0


def test_the_search_finds_sections_and_clients(sam, world):
    assert "/manage/channels/channel/" in sam.get("/manage/search/?extended=1&s=chann").text
    assert world.tenant("live").ref_id in sam.get("/manage/search/?s=acme-l").text
    assert sam.get("/manage/search/?s=%00&page=x").status_code == 200
