"""People: invited by a link that works once, let in and shut out, staff and what only staff may."""

import hashlib
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, connections
from django.test import Client
from django.utils import timezone

from apps.shared.actors import Actor
from apps.shared.errors import InvalidInput, NotAllowed
from apps.shared.models import JournalEntry
from apps.shared.scoping import every_tenant
from apps.shared.transitions import MoveRefused
from apps.tenants import operations as tenants
from apps.tenants.models import Invitation, Tenant, TenantAssignment, User
from apps.tenants.operations import INVITATION_LIVES, AlreadyAssigned, AlreadyJoined, InvitationClosed
from apps.tenants.statuses import USER_MOVES
from tests.conftest import Person
from tests.world import PASSWORD

AT = timezone.now() + timedelta(hours=1)  # after all that the world holds
BY = Actor.system("tests")
RUNNERS = 8


@pytest.fixture(autouse=True)
def all_clients():
    with every_tenant(reason="a test looks at people of clients and of the platform"):
        yield


@pytest.fixture
def journal(db):
    """The codes written since the test began, oldest first."""
    known = set(JournalEntry.objects.values_list("pk", flat=True))
    return lambda: list(JournalEntry.objects.exclude(pk__in=known).order_by("ref_id").values_list("code", flat=True))


@pytest.fixture
def invitation(world) -> Invitation:
    """Open: Alice of a client that has just been created."""
    return Invitation.objects.select_related("user").get(tenant=world.tenant("created"), role="admin")


def invite(tenant, *, by, role="member", email="nina@people.test") -> User:
    return tenants.invite_user(tenant, name="Nina Nair", email=email, role=role, by=by, at=AT)


def is_untouched(invitation) -> bool:
    now = Invitation.objects.select_related("user").get(pk=invitation.pk)
    return (now.accepted_on, now.user.status, now.user.has_usable_password()) == (None, "invited", False)


def at_once(*works) -> list:
    """What each of these came to, all let go at the same moment."""
    barrier = threading.Barrier(len(works))

    def runner(work):
        try:
            barrier.wait()
            with every_tenant(reason="a test races"):
                return work()
        except Exception as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(runner, works))


@pytest.mark.acceptance("SM-users")
def test_people_move_as_specified():
    assert USER_MOVES.allowed_pairs() == {
        ("invited", "active"), ("invited", "deactivated"), ("active", "deactivated"), ("deactivated", "active"),
    }  # fmt: skip


class TestInviting:
    @pytest.mark.acceptance("invitations")
    def test_only_the_digest_of_the_token_is_kept_and_it_lives_for_72_hours(self, world, sam):
        user = invite(world.tenant("drafts"), by=sam.actor)

        invitation = Invitation.objects.get(user=user)
        token = tenants.invitation_token(invitation)
        with connection.cursor() as cursor:
            cursor.execute("SELECT i::text FROM invitations i WHERE id = %s", [invitation.pk])
            (row,) = cursor.fetchone()
        assert len(token) == 64
        assert invitation.token_digest == hashlib.sha256(token.encode()).hexdigest()
        assert token not in row
        assert invitation.expires_on == AT + timedelta(hours=72) == AT + INVITATION_LIVES
        assert (user.status, user.has_usable_password()) == ("invited", False)

    def test_every_invitation_has_a_token_of_its_own(self, world, sam):
        people = [invite(world.tenant("drafts"), by=sam.actor, email=f"p{n}@people.test") for n in range(5)]

        assert len({tenants.invitation_token(Invitation.objects.get(user=user)) for user in people}) == 5

    @pytest.mark.parametrize("email", ["alice@acme-drafts.test", " ALICE@Acme-Drafts.test ", "rita@leadmetrics.test"])
    def test_an_address_is_one_persons_over_the_whole_platform_however_it_is_written(self, world, sam, journal, email):
        people = User.objects.count()

        with pytest.raises(InvalidInput, match="Somebody has an account with this address already"):
            invite(world.tenant("rival"), by=sam.actor, email=email)

        assert (User.objects.count(), journal()) == (people, [])

    @pytest.mark.parametrize("person", ["alice", "mark", "rita"])
    @pytest.mark.parametrize("role", ["reviewer", "super_admin"])
    def test_only_a_super_admin_invites_staff(self, request, journal, person, role):
        people = User.objects.count()

        with pytest.raises(NotAllowed):
            invite(None, by=request.getfixturevalue(person).actor, role=role)

        assert (User.objects.count(), journal()) == (people, [])

    @pytest.mark.parametrize("role", ["reviewer", "super_admin"])
    def test_a_super_admin_invites_staff_who_belong_to_no_client(self, sam, role):
        user = invite(None, by=sam.actor, role=role)

        assert (user.tenant_id, Invitation.objects.get(user=user).tenant_id) == (None, None)
        assert ("manage" in user.app_access) == (role == "super_admin")

    @pytest.mark.parametrize(
        ("client", "role"), [("drafts", "reviewer"), ("drafts", "super_admin"), (None, "admin"), (None, "member")]
    )
    def test_postgresql_refuses_staff_with_a_client_and_a_clients_person_without_one(
        self, world, sam, journal, client, role
    ):
        with pytest.raises(InvalidInput):
            invite(world.tenant(client) if client else None, by=sam.actor, role=role)

        assert journal() == []

    def test_inviting_once_more_ends_the_former_link_and_is_refused_once_somebody_joined(self, invitation, journal):
        second = tenants.resend_invitation(invitation, by=BY, at=AT)

        with pytest.raises(InvitationClosed):
            tenants.accept_invitation(invitation, password=PASSWORD, at=AT)
        tenants.accept_invitation(second, password=PASSWORD, at=AT)
        with pytest.raises(AlreadyJoined):
            tenants.resend_invitation(second, by=BY, at=AT)
        assert journal() == ["invitation.revoked", "user.invited", "user.joined"]


class TestJoining:
    def test_a_link_works_once(self, invitation, journal):
        user = tenants.accept_invitation(invitation, password=PASSWORD, at=AT)
        with pytest.raises(InvitationClosed):
            tenants.accept_invitation(invitation, password="another passphrase 99", at=AT)

        user.refresh_from_db()
        assert (user.status, user.check_password(PASSWORD)) == ("active", True)
        assert Invitation.objects.get(pk=invitation.pk).accepted_on == AT
        assert journal() == ["user.joined"]

    @pytest.mark.parametrize(("late", "joins"), [(-1, True), (0, False), (1, False)])
    def test_a_link_ends_with_its_72_hours_even_while_its_page_is_open(self, invitation, late, joins):
        at = invitation.expires_on + timedelta(microseconds=late)

        if joins:
            assert tenants.accept_invitation(invitation, password=PASSWORD, at=at).status == "active"
        else:
            with pytest.raises(InvitationClosed):
                tenants.accept_invitation(invitation, password=PASSWORD, at=at)
            assert is_untouched(invitation)

    def test_a_link_that_is_withdrawn_while_its_page_is_open_lets_nobody_in(self, invitation, journal):
        tenants.revoke_invitation(Invitation.objects.get(pk=invitation.pk), by=BY, at=AT)

        with pytest.raises(InvitationClosed):
            tenants.accept_invitation(invitation, password=PASSWORD, at=AT)

        assert is_untouched(invitation)
        assert journal() == ["invitation.revoked"]

    def test_somebody_deactivated_before_joining_does_not_join(self, invitation, journal):
        tenants.deactivate_user(invitation.user, by=BY, at=AT)

        with pytest.raises(MoveRefused):
            tenants.accept_invitation(invitation, password=PASSWORD, at=AT)

        user = User.objects.get(pk=invitation.user_id)
        assert (user.status, user.has_usable_password()) == ("deactivated", False)
        assert journal() == ["user.deactivated"]

    def test_a_weak_password_leaves_the_link_open(self, invitation, journal):
        with pytest.raises(InvalidInput):
            tenants.accept_invitation(invitation, password="alice", at=AT)

        assert is_untouched(invitation)
        assert journal() == []

    def test_of_many_who_use_one_link_at_once_one_joins(self, own_database):
        invitation = Invitation.objects.select_related("user").get(tenant__slug="acme-created", role="admin")

        def joiner(number):
            return lambda: tenants.accept_invitation(invitation, password=f"{PASSWORD} {number}", at=AT).status

        came_to = at_once(*(joiner(number) for number in range(RUNNERS)))

        assert Counter(c if isinstance(c, str) else type(c) for c in came_to) == {
            "active": 1,
            InvitationClosed: RUNNERS - 1,
        }
        winner = came_to.index("active")
        assert User.objects.get(pk=invitation.user_id).check_password(f"{PASSWORD} {winner}")
        assert JournalEntry.objects.filter(code="user.joined", created_on=AT).count() == 1

    def test_of_joining_and_withdrawing_at_once_exactly_one_happens(self, own_database):
        for slug in ("one", "two", "three", "four"):
            user = invite(Tenant.objects.get(slug="acme-drafts"), by=BY, email=f"{slug}@people.test")
            invitation = Invitation.objects.select_related("user").get(user=user)

            came_to = at_once(
                lambda i=invitation: tenants.accept_invitation(i, password=PASSWORD, at=AT),
                lambda i=invitation: tenants.revoke_invitation(i, by=BY, at=AT),
            )

            invitation.refresh_from_db()
            user.refresh_from_db()
            joined, withdrawn = invitation.accepted_on is not None, invitation.revoked_on is not None
            assert joined is not withdrawn
            assert (user.status == "active") is joined
            assert [type(c) for c in came_to if isinstance(c, Exception)] == [InvitationClosed]


class TestShuttingOut:
    @pytest.mark.parametrize(("person", "page"), [("alice", "/app/"), ("rita", "/dm/inbox/"), ("mark", "/app/")])
    def test_somebody_deactivated_is_out_with_the_next_request_in_every_door(self, request, sam, person, page):
        somebody = request.getfixturevalue(person)
        before = [somebody.get(path).status_code for path in (page, "/api/v1/me/")]

        tenants.deactivate_user(somebody.user, by=sam.actor, at=AT)

        after = [somebody.get(path).status_code for path in (page, "/api/v1/me/")]
        assert (before, after) == ([200, 200], [302, 401])

    def test_somebody_deactivated_cannot_sign_in_and_somebody_reactivated_can(self, alice, sam):
        def signs_in() -> bool:
            client = Client()
            client.post("/account/login/", {"login": alice.user.email, "password": PASSWORD})
            return "_auth_user_id" in client.session

        came_to = [signs_in()]
        tenants.deactivate_user(alice.user, by=sam.actor, at=AT)
        came_to.append(signs_in())
        tenants.reactivate_user(alice.user, by=sam.actor, at=AT)
        came_to.append(signs_in())

        assert came_to == [True, False, True]

    def test_sign_ins_from_before_are_over_in_every_browser_and_nobody_elses_are(self, alice, mark, sam):
        elsewhere = Person(alice.user)
        for person in (alice, elsewhere, mark):
            assert person.get("/app/").status_code == 200

        tenants.deactivate_user(alice.user, by=sam.actor, at=AT)
        tenants.reactivate_user(alice.user, by=sam.actor, at=AT)

        assert [person.get("/app/").status_code for person in (alice, elsewhere, mark)] == [302, 302, 200]
        assert Person(alice.user).get("/app/").status_code == 200  # signed in anew

    @pytest.mark.parametrize("person", ["sam", "alice"])
    def test_nobody_deactivates_themselves(self, request, journal, person):
        somebody = request.getfixturevalue(person)

        with pytest.raises(NotAllowed, match="You cannot deactivate yourself"):
            tenants.deactivate_user(somebody.user, by=somebody.actor, at=AT)

        assert User.objects.get(pk=somebody.user.pk).status == "active"
        assert journal() == []

    def test_what_happened_already_is_refused_and_not_told_twice(self, mark, journal):
        tenants.deactivate_user(mark.user, by=BY, at=AT)
        with pytest.raises(MoveRefused):
            tenants.deactivate_user(mark.user, by=BY, at=AT)
        tenants.reactivate_user(mark.user, by=BY, at=AT)
        with pytest.raises(MoveRefused):
            tenants.reactivate_user(mark.user, by=BY, at=AT)

        assert journal() == ["user.deactivated", "user.reactivated"]


class TestStaff:
    @pytest.mark.parametrize("role", ["admin", "member", "agent", ""])
    def test_staff_have_a_role_of_staff(self, db, journal, role):
        with pytest.raises(InvalidInput):
            tenants.create_staff(email="x@people.test", name="X", role=role, password=PASSWORD, by=BY, at=AT)

        assert not User.objects.filter(email="x@people.test").exists()
        assert journal() == []

    @pytest.mark.parametrize(
        ("email", "password", "field"),
        [("x@people.test", "brief", "password"), ("RITA@leadmetrics.test", PASSWORD, "email")],
    )
    def test_a_weak_password_or_a_taken_address_makes_nobody(self, rita, journal, email, password, field):
        people = User.objects.count()

        with pytest.raises(InvalidInput) as refused:
            tenants.create_staff(email=email, name="X", role="reviewer", password=password, by=BY, at=AT)

        assert list(refused.value.errors) == [field]
        assert (User.objects.count(), journal()) == (people, [])

    @pytest.mark.acceptance("tenant_assignments")
    def test_a_reviewer_sees_a_client_from_the_assignment_on_until_it_ends(self, world, rita, sam, journal):
        tenant = world.tenant("live")
        assignment = TenantAssignment.objects.get(tenant=tenant, user=rita.user, ended_on=None)
        page, seen = f"/dm/c/{tenant.slug}/", []

        seen.append(rita.get(page).status_code)
        tenants.end_assignment(assignment, by=sam.actor, at=AT)
        tenants.end_assignment(assignment, by=sam.actor, at=AT)  # a second click
        seen.append(rita.get(page).status_code)
        tenants.assign_reviewer(tenant, rita.user, by=sam.actor, at=AT, role="lead_reviewer")
        seen.append(rita.get(page).status_code)

        assert seen == [200, 404, 200]
        assert journal() == ["assignment.ended", "assignment.started"]

    def test_nobody_is_assigned_twice_at_once_nor_who_is_no_active_reviewer(self, world, rita, alice, sam, journal):
        tenant = world.tenant("live")

        with pytest.raises(AlreadyAssigned):
            tenants.assign_reviewer(tenant, rita.user, by=sam.actor, at=AT)
        with pytest.raises(InvalidInput):
            tenants.assign_reviewer(tenant, alice.user, by=sam.actor, at=AT)
        out = tenants.deactivate_user(rita.user, by=sam.actor, at=AT)
        with pytest.raises(InvalidInput):
            tenants.assign_reviewer(world.tenant("rival"), out, by=sam.actor, at=AT)

        assert journal() == ["user.deactivated"]
