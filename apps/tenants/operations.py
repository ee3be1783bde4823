"""Every write of clients, people, assignments and contracts."""

import hashlib
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from allauth.account.models import EmailAddress
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.crypto import salted_hmac

from apps.shared import journal
from apps.shared.actors import Actor
from apps.shared.batches import batches
from apps.shared.edits import edit
from apps.shared.errors import InvalidInput, NotAllowed, OperationRefused
from apps.shared.transitions import touched

from .models import Contract, ContractEvent, Invitation, Tenant, TenantAssignment, User
from .statuses import (
    CONTRACT_MOVES,
    STAFF_ROLES,
    TENANT_MOVES,
    USER_MOVES,
    AppAccess,
    AssignmentRole,
    ContractEventType,
    ContractStatus,
    Plan,
    Role,
    UserStatus,
)

INVITATION_LIVES = timedelta(hours=72)
RESERVED_SLUGS = {"admin", "api", "app", "dm", "manage", "static", "account", "hooks", "agent", "global", "new"}
ACCESS = {
    Role.ADMIN: [AppAccess.DASHBOARD],
    Role.MEMBER: [AppAccess.DASHBOARD],
    Role.REVIEWER: [AppAccess.DM_PORTAL],
    Role.SUPER_ADMIN: [AppAccess.DM_PORTAL, AppAccess.MANAGE],
}


class AlreadyAssigned(OperationRefused):
    """This reviewer serves this client already."""

    code = "already_assigned"


class AlreadyJoined(OperationRefused):
    """This person has joined already, or was deactivated. There is nothing to invite them to."""

    code = "already_joined"


class InvitationClosed(OperationRefused):
    """This invitation was used, was withdrawn, or is older than it may be."""

    code = "invitation_closed"


class NoContractYet(OperationRefused):
    """The client's contract is being made. Try again in a minute."""

    code = "no_contract_yet"


class ContractChanged(OperationRefused):
    """The contract was renewed after you opened it. Read the new version and accept that one."""

    code = "contract_changed"


@dataclass(frozen=True)
class NewClient:
    """What is asked for when a client is created; `slug` empty means made from the name."""

    name: str
    slug: str
    admin_name: str
    admin_email: str
    website: str = ""
    industry: str = ""
    plan: str = Plan.PRO
    timezone: str = "Asia/Kolkata"
    currency: str = "INR"
    gstin: str | None = None
    monthly_spend_cap_usd: Decimal | None = None
    data_privacy_level: str = "cloud_ok"


def create_tenant(wanted: NewClient, *, by: Actor, at: datetime) -> Tenant:
    """Create the client, its admin and the admin's invitation; templates and agent settings are copied with it.

    Needs to be outside tenancy: the client does not exist yet. The contract and the mail follow after the commit.
    Raises InvalidInput when the slug or the address is taken.
    """
    if wanted.slug in RESERVED_SLUGS:
        raise InvalidInput({"slug": ["This word is reserved. Choose another."]})
    with transaction.atomic():
        if Tenant.objects.filter(slug=wanted.slug).exists():
            raise InvalidInput({"slug": ["Another client has this address."]})
        try:
            with transaction.atomic():
                tenant = Tenant.objects.create(
                    name=wanted.name,
                    slug=wanted.slug,
                    website=wanted.website,
                    industry=wanted.industry,
                    plan=wanted.plan,
                    timezone=wanted.timezone,
                    currency=wanted.currency,
                    gstin=wanted.gstin,
                    monthly_spend_cap_usd=wanted.monthly_spend_cap_usd,
                    data_privacy_level=wanted.data_privacy_level,
                    created_by=by.user,
                    created_on=at,
                )
        except IntegrityError as error:
            raise InvalidInput({"slug": ["Another client has this address."]}) from error
        journal.record("tenant.created", tenant, by=by, at=at, after={"name": tenant.name, "plan": tenant.plan})
        invite_user(tenant, name=wanted.admin_name, email=wanted.admin_email, role=Role.ADMIN, by=by, at=at)
    return tenant


@dataclass(frozen=True)
class ClientFacts:
    """What may be changed about a client afterwards."""

    name: str
    website: str
    industry: str
    plan: str
    timezone: str
    currency: str
    gstin: str | None
    monthly_spend_cap_usd: Decimal | None
    data_privacy_level: str


def edit_tenant(tenant: Tenant, wanted: ClientFacts, *, by: Actor, at: datetime, seen_on: datetime | None) -> Tenant:
    """Change plain facts of a client; a new cap or privacy level holds from the next model call on."""
    return edit(tenant, "tenant.edited", asdict(wanted), by=by, at=at, seen_on=seen_on)


def move_tenant(tenant: Tenant, move: str, *, by: Actor, at: datetime) -> Tenant:
    return TENANT_MOVES.perform(tenant, move, by=by, at=at)


def invite_user(tenant: Tenant | None, *, name: str, email: str, role: str, by: Actor, at: datetime) -> User:
    """Create an invited person and the invitation; the mail follows after the commit. `tenant` is None for staff.

    Raises InvalidInput when somebody has this address, NotAllowed when the role is above the inviter's own.
    """
    if by.kind == "human" and by.role != Role.SUPER_ADMIN and role not in (Role.ADMIN, Role.MEMBER):
        raise NotAllowed("Only a super admin invites platform staff.")
    email = email.strip().lower()
    try:
        with transaction.atomic():
            user = User(
                tenant=tenant,
                email=email,
                name=name,
                role=role,
                app_access=ACCESS[Role(role)],
                status=UserStatus.INVITED,
                password=make_password(None),
                created_by=by.user,
                created_on=at,
            )
            user.save()
            _invite(user, by=by, at=at)
    except IntegrityError as error:
        raise InvalidInput({"email": ["Somebody has an account with this address already."]}) from error
    return user


def _invite(user: User, *, by: Actor, at: datetime) -> Invitation:
    """The invitation of a person, with a token of its own; the mail follows after the commit."""
    invitation = Invitation(
        tenant_id=user.tenant_id,
        email=user.email,
        role=user.role,
        app_access=user.app_access,
        expires_on=at + INVITATION_LIVES,
        user=user,
        created_by=by.user,
        created_on=at,
    )
    invitation.token_digest = hashlib.sha256(invitation_token(invitation).encode()).hexdigest()
    invitation.save()
    journal.record("user.invited", invitation, by=by, at=at, after={"role": user.role})
    return invitation


def revoke_invitation(invitation: Invitation, *, by: Actor, at: datetime) -> Invitation:
    """The mailed link no longer opens anything. Raises InvitationClosed when it was used or withdrawn already."""
    with transaction.atomic():
        locked = Invitation.objects.select_for_update(of=("self",)).get(pk=invitation.pk)
        if locked.accepted_on or locked.revoked_on:
            raise InvitationClosed
        _revoke(locked, by=by, at=at)
    return locked


def _revoke(invitation: Invitation, *, by: Actor, at: datetime) -> None:
    changes = {"revoked_by": by.user, "revoked_on": at, **touched(Invitation, by=by, at=at)}
    for field, value in changes.items():
        setattr(invitation, field, value)
    invitation.save(update_fields=list(changes))
    journal.record("invitation.revoked", invitation, by=by, at=at)


def resend_invitation(invitation: Invitation, *, by: Actor, at: datetime) -> Invitation:
    """Invite the same person once more: a new link by a new mail; the old link dies. Raises AlreadyJoined."""
    with transaction.atomic():
        locked = Invitation.objects.select_for_update(of=("self",)).get(pk=invitation.pk)
        user = User.objects.select_for_update(of=("self",)).get(pk=locked.user_id)
        if user.status != UserStatus.INVITED:
            raise AlreadyJoined
        for open_one in Invitation.objects.filter(user=user, accepted_on__isnull=True, revoked_on__isnull=True):
            _revoke(open_one, by=by, at=at)
        return _invite(user, by=by, at=at)


def invitation_token(invitation: Invitation) -> str:
    """The token of the mailed link. It follows from the invitation, so a mail sent twice carries the same link."""
    return salted_hmac("leadmetrics.invitation", invitation.ref_id, algorithm="sha256").hexdigest()


def accept_invitation(invitation: Invitation, *, password: str, at: datetime) -> User:
    """Set the password and open the account. Raises InvalidInput for a weak password.

    Raises InvitationClosed when the link was used, withdrawn or became too old while its page was open, and MoveRefused
    when the person was deactivated meanwhile.
    """
    user = invitation.user
    assert user is not None  # every invitation is made together with its user
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise InvalidInput({"password": list(error.messages)}) from error
    hashed = make_password(password)
    by = Actor.human(user)
    with transaction.atomic():
        locked = Invitation.objects.select_for_update(of=("self",)).get(pk=invitation.pk)
        if locked.accepted_on or locked.revoked_on or locked.expires_on <= at:
            raise InvitationClosed
        user = USER_MOVES.perform(user, "join", by=by, at=at, password=hashed)
        Invitation.objects.filter(pk=invitation.pk).update(accepted_on=at, **touched(Invitation, by=by, at=at))
        _address_is_proven(user)  # the link came by mail
    return user


def create_staff(*, email: str, name: str, role: str, password: str, by: Actor, at: datetime) -> User:
    """A member of the platform's own staff, active at once. Raises InvalidInput for a taken address or a weak password."""
    if role not in STAFF_ROLES:
        raise InvalidInput({"role": ["Staff are super_admin or reviewer."]})
    user = User(
        email=email.strip().lower(),
        name=name,
        role=role,
        app_access=ACCESS[Role(role)],
        status=UserStatus.ACTIVE,
        created_by=by.user,
        created_on=at,
    )
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise InvalidInput({"password": list(error.messages)}) from error
    user.password = make_password(password)
    try:
        with transaction.atomic():
            user.save()
            _address_is_proven(user)
            journal.record("staff.created", user, by=by, at=at, after={"role": role})
    except IntegrityError as error:
        raise InvalidInput({"email": ["Somebody has an account with this address already."]}) from error
    return user


def _address_is_proven(user: User) -> None:
    """MFA can only be set up by somebody whose address is verified."""
    EmailAddress.objects.update_or_create(user=user, email=user.email, defaults={"verified": True, "primary": True})


def deactivate_user(user: User, *, by: Actor, at: datetime) -> User:
    """Shut a person out of every door and every browser; whoever is reactivated has to sign in anew."""
    if user.pk == getattr(by.user, "pk", None):
        raise NotAllowed("You cannot deactivate yourself.")
    with transaction.atomic():
        user = USER_MOVES.perform(user, "deactivate", by=by, at=at)
        _end_sign_ins(user, at=at)
    return user


def _end_sign_ins(user: User, *, at: datetime) -> None:
    """A session says only inside whose it is, so all are opened: those of half a day, for something done seldom."""
    for batch in batches(Session.objects.filter(expire_date__gt=at)):
        mine = [session.pk for session in batch if session.get_decoded().get(SESSION_KEY) == str(user.pk)]
        Session.objects.filter(pk__in=mine).delete()


def reactivate_user(user: User, *, by: Actor, at: datetime) -> User:
    return USER_MOVES.perform(user, "reactivate", by=by, at=at)


def assign_reviewer(
    tenant: Tenant, user: User, *, by: Actor, at: datetime, role: str = AssignmentRole.REVIEWER
) -> TenantAssignment:
    """From now on the reviewer sees and serves the client. Raises AlreadyAssigned, or InvalidInput for a non-reviewer."""
    if user.role not in STAFF_ROLES or not user.is_active:
        raise InvalidInput({"user": ["Choose an active reviewer."]})
    try:
        with transaction.atomic():
            assignment = TenantAssignment.objects.create(
                tenant=tenant, user=user, role=role, started_on=at, created_by=by.user, created_on=at
            )
            journal.record("assignment.started", assignment, by=by, at=at, after={"user": user.ref_id, "role": role})
    except IntegrityError as error:
        raise AlreadyAssigned from error
    return assignment


def end_assignment(assignment: TenantAssignment, *, by: Actor, at: datetime) -> TenantAssignment:
    """The reviewer no longer sees the client, from the next request on."""
    with transaction.atomic():
        locked = TenantAssignment.objects.select_for_update(of=("self",)).get(pk=assignment.pk)
        if locked.ended_on is None:
            locked.ended_on = at
            for field, value in touched(TenantAssignment, by=by, at=at).items():
                setattr(locked, field, value)
            locked.save(update_fields=["ended_on", "updated_by", "updated_on"])
            journal.record("assignment.ended", locked, by=by, at=at)
    return locked


def contract_id(cause_id: UUID) -> UUID:
    """The id of the contract that follows from a journal entry: making it again stores a version, not a second object."""
    digest = hashlib.sha256(b"contract" + cause_id.bytes).digest()
    return UUID(bytes=cause_id.bytes[:6] + digest[:10])


def record_contract(
    tenant: Tenant,
    *,
    row_id,
    template_version: str,
    key: str,
    version_id: str,
    sha256: str,
    by: Actor,
    at: datetime,
) -> Contract:
    """Keep the generated PDF as the client's current contract; a second time returns the first record."""
    with transaction.atomic():
        Tenant.objects.select_for_update(of=("self",)).get(pk=tenant.pk)  # two generators take turns
        current = Contract.objects.filter(tenant=tenant).exclude(status=ContractStatus.SUPERSEDED).first()
        if current is not None:
            return current
        contract = Contract.objects.create(
            id=row_id,
            tenant=tenant,
            template_version=template_version,
            generated_on=at,
            pdf_s3_key=key,
            pdf_version_id=version_id,
            pdf_sha256=sha256,
            created_by=by.user,
            created_on=at,
        )
        journal.record(
            "contract.generated", contract, by=by, at=at, after={"version": template_version, "sha256": sha256}
        )
        note_contract_event(contract, ContractEventType.GENERATED, by=by, at=at)
    return contract


def note_contract_event(contract: Contract, event: str, *, by: Actor, at: datetime) -> ContractEvent:
    """Add to the contract's trail what happened to which PDF, by whom and from where; the trail only grows."""
    return ContractEvent.objects.create(
        tenant_id=contract.tenant_id,
        contract=contract,
        event=event,
        user=by.user,
        pdf_sha256=contract.pdf_sha256,
        ip=by.ip or "",
        user_agent=by.user_agent,
        occurred_on=at,
        created_by=by.user,
        created_on=at,
    )


def force_reacceptance(tenant: Tenant, *, by: Actor, at: datetime) -> Contract:
    """Close the client's gate until it accepts a contract that is made anew; the one it replaces, superseded, is returned.

    A new version of the master contract leaves accepted contracts valid; this is the only way to ask again. Raises
    NoContractYet while the first one is being made.
    """
    with transaction.atomic():
        tenant = Tenant.objects.select_for_update(of=("self",)).get(pk=tenant.pk)
        contract = Contract.objects.filter(tenant=tenant).exclude(status=ContractStatus.SUPERSEDED).first()
        if contract is None:
            raise NoContractYet
        contract = CONTRACT_MOVES.perform(contract, "supersede", by=by, at=at)
        note_contract_event(contract, ContractEventType.SUPERSEDED, by=by, at=at)
        note_contract_event(contract, ContractEventType.REACCEPTANCE_FORCED, by=by, at=at)
        accepted_on, tenant.contract_accepted_on = tenant.contract_accepted_on, None
        for field, value in touched(Tenant, by=by, at=at).items():
            setattr(tenant, field, value)
        tenant.save(update_fields=["contract_accepted_on", "updated_by", "updated_on"])
        before = {"contract_accepted_on": accepted_on and accepted_on.isoformat()}
        journal.record("contract.renewal_forced", contract, by=by, at=at, before=before)
    return contract


def accept_contract(contract: Contract, *, by: Actor, at: datetime, shown_sha256: str) -> Contract:
    """Record who accepted which PDF, when and from where, and open the client's gate, in one transaction.

    A second click changes nothing and returns the record. Raises ContractChanged when another PDF was shown.
    """
    with transaction.atomic():
        tenant = Tenant.objects.select_for_update(of=("self",)).get(pk=contract.tenant_id)
        contract = Contract.objects.get(pk=contract.pk)
        if contract.pdf_sha256 != shown_sha256 or contract.status == ContractStatus.SUPERSEDED:
            raise ContractChanged
        if contract.status == ContractStatus.ACCEPTED:
            return contract
        contract = CONTRACT_MOVES.perform(
            contract,
            "accept",
            by=by,
            at=at,
            accepted_on=at,
            accepted_by=by.user,
            accepted_ip=by.ip or "",
            accepted_user_agent=by.user_agent,
        )
        note_contract_event(contract, ContractEventType.ACCEPTED, by=by, at=at)
        tenant.contract_accepted_on = at
        for field, value in touched(Tenant, by=by, at=at).items():
            setattr(tenant, field, value)
        tenant.save(update_fields=["contract_accepted_on", "updated_by", "updated_on"])
    return contract
