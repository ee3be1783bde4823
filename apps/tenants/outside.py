"""Mails to people. Plain text first, no remote pictures, links from PUBLIC_BASE_URL only."""

from dataclasses import dataclass, field

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string


@dataclass(frozen=True)
class InvitationMail:
    """What an invitation says; `inviter` may be empty."""

    to: str
    name: str
    organisation: str
    link: str = field(repr=False)  # lets somebody in
    inviter: str


def send_invitation(mail: InvitationMail) -> None:
    """Raises OSError or smtplib.SMTPException when the mail server does not take it; the delivery is then repeated."""
    context = {"mail": mail, "base_url": settings.PUBLIC_BASE_URL}
    message = EmailMultiAlternatives(
        subject=f"Your {one_line(mail.organisation)} account at Leadmetrics",
        body=render_to_string("mail/invitation.txt", context),
        to=[mail.to],
    )
    message.attach_alternative(render_to_string("mail/invitation.html", context), "text/html")
    message.send()


def one_line(text: str) -> str:
    """Text that may stand in a header: no line breaks or other control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
