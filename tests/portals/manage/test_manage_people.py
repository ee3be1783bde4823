"""People in Manage: invited, invited again, shut out and let in."""

import pytest
from django.core import mail

from apps.tenants.doors.signed import digest
from apps.tenants.models import Invitation, User
from apps.tenants.operations import invitation_token

ADD = "/manage/tenants/user/add/"


def wanted(role: str, **more: str) -> dict[str, str]:
    return {"role": role, "client": "", "name": "Nina Nair", "email": "nina@people.test", **more}


@pytest.mark.parametrize(
    ("role", "client", "access"),
    [
        ("reviewer", "", ["dm-portal"]),
        ("super_admin", "", ["dm-portal", "manage"]),
        ("admin", "acme-drafts", ["dashboard"]),
        ("member", "acme-drafts", ["dashboard"]),
    ],
)
def test_somebody_invited_gets_a_mail_and_the_access_of_the_role(
    sam, everything, journal, run_world, role, client, access
):
    response = sam.post(ADD, wanted(role, client=client))

    user = User.objects.select_related("tenant").get(email="nina@people.test")
    assert response.headers["Location"] == f"/manage/tenants/user/{user.ref_id}/"
    assert (user.role, user.app_access, user.status, user.tenant and user.tenant.slug) == (
        role,
        access,
        "invited",
        client or None,
    )
    assert journal() == ["user.invited"]
    run_world()
    (sent,) = mail.outbox
    assert sent.to == ["nina@people.test"]
    assert invitation_token(Invitation.objects.get(user=user)) in sent.body


def test_a_client_is_named_by_reference_too(sam, world, everything):
    tenant = world.tenant("drafts")

    sam.post(ADD, wanted("member", client=tenant.ref_id))

    assert User.objects.get(email="nina@people.test").tenant_id == tenant.pk


@pytest.mark.parametrize(
    ("values", "field", "error"),
    [
        (wanted("reviewer", client="acme-drafts"), "client", "Platform staff belong to no client. Leave it empty."),
        (wanted("admin"), "client", "Say whose person this is."),
        (wanted("member", client="nobody"), "client", "There is no such client."),
        (wanted("agent"), "role", "Select a valid choice. agent is not one of the available choices."),
        (
            wanted("reviewer", email="ALICE@acme-drafts.test"),
            "email",
            "Somebody has an account with this address already.",
        ),
        (wanted("reviewer", email="nina@people.test\r\nBcc: all@people.test"), "email", "Enter a valid email address."),
        (wanted("reviewer", name=""), "name", "This field is required."),
    ],
)
def test_an_invitation_that_cannot_be_made_leaves_nothing_behind(sam, everything, journal, values, field, error):
    people = User.objects.count()

    response = sam.post(ADD, values)

    assert response.status_code in (400, 422)
    assert response.context["form"].errors[field] == [error]
    assert (User.objects.count(), journal()) == (people, [])


@pytest.mark.parametrize("field", ["status", "app_access", "password", "is_staff", "tenant"])
def test_nobody_is_given_more_than_the_form_offers(sam, everything, journal, field):
    response = sam.post(ADD, wanted("reviewer", **{field: "active"}))

    assert response.status_code == 422
    assert journal() == []


def test_a_second_invitation_kills_the_link_of_the_first(sam, world, everything, journal, run_world):
    first = Invitation.objects.get(tenant=world.tenant("created"), role="admin")

    response = sam.post(f"/manage/tenants/invitation/{first.ref_id}/resend/")

    first.refresh_from_db()
    second = Invitation.objects.get(user=first.user, revoked_on__isnull=True)
    assert response.headers["Location"] == f"/manage/tenants/invitation/{second.ref_id}/"
    assert (first.revoked_by, second.created_by) == (sam.user, sam.user)
    assert second.token_digest == digest(invitation_token(second)) != first.token_digest
    assert journal() == ["invitation.revoked", "user.invited"]
    run_world()
    (sent,) = mail.outbox
    assert invitation_token(second) in sent.body
    assert sam.client.get(f"/invitation/{invitation_token(first)}/").status_code == 410


def test_who_has_joined_is_not_invited_again(sam, world, everything, journal):
    used = Invitation.objects.get(tenant=world.tenant("drafts"), role="admin")

    again = sam.post(f"/manage/tenants/invitation/{used.ref_id}/resend/")
    withdrawn = sam.post(f"/manage/tenants/invitation/{used.ref_id}/revoke/")

    assert (again.status_code, withdrawn.status_code) == (409, 409)
    assert journal() == []


def test_a_withdrawn_invitation_opens_nothing(sam, world, everything, journal):
    invitation = Invitation.objects.get(tenant=world.tenant("created"), role="admin")

    sam.post(f"/manage/tenants/invitation/{invitation.ref_id}/revoke/")

    invitation.refresh_from_db()
    assert (invitation.revoked_by, journal()) == (sam.user, ["invitation.revoked"])
    assert sam.client.get(f"/invitation/{invitation_token(invitation)}/").status_code == 410


def test_somebody_deactivated_is_out_at_once_and_in_again_after(sam, alice, everything, journal):
    address = f"/manage/tenants/user/{alice.user.ref_id}/"

    sam.post(f"{address}deactivate/")
    shut_out = alice.client.get("/app/")
    sam.post(f"{address}reactivate/")

    alice.user.refresh_from_db()
    assert shut_out.headers["Location"].startswith("/account/login/")
    assert alice.user.status == "active"
    assert journal() == ["user.deactivated", "user.reactivated"]


def test_nobody_shuts_themselves_out(sam, everything, journal):
    response = sam.post(f"/manage/tenants/user/{sam.user.ref_id}/deactivate/")

    sam.user.refresh_from_db()
    assert response.status_code == 403
    assert "You cannot deactivate yourself." in response.text
    assert (sam.user.status, journal()) == ("active", [])


def test_a_persons_page_shows_no_password(sam, alice):
    response = sam.get(f"/manage/tenants/user/{alice.user.ref_id}/")

    assert alice.user.email in response.text
    assert alice.user.password not in response.text
