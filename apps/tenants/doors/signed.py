"""The frame of links and calls without a sign-in: the credential is looked up outside tenancy, then its own tenant is
entered. A token is random, kept as its SHA-256 only, and never read from anywhere but the path."""

import hashlib
import secrets

from apps.shared.errors import OperationRefused
from apps.shared.scoping import every_tenant

from ..models import Invitation


class LinkSpent(OperationRefused):
    """This link was used, was withdrawn, or is older than it may be. Ask for a new one."""

    code = "link_spent"
    http_status = 410


def new_token() -> tuple[str, str]:
    """(token for the link, digest for the row)"""
    token = secrets.token_urlsafe(32)
    return token, digest(token)


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def invitation_behind(token: str, *, at) -> Invitation:
    """The open invitation this token belongs to; raises LinkSpent for every other token, saying no more."""
    with every_tenant(reason="an invitation is found by its token before anybody is signed in"):
        invitation = (
            Invitation.objects.select_related("tenant", "user")
            .filter(token_digest=digest(token[:200]), accepted_on__isnull=True, revoked_on__isnull=True, expires_on__gt=at)
            .first()
        )
    if invitation is None:
        raise LinkSpent
    return invitation
