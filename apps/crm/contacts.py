"""What one contact with a client says of a person, in the form in which leads are kept and compared.

Two contacts are of one person when they have the same e-mail address, whatever its case, or the same phone number in
the form of E.164. A number that cannot be brought into that form is kept as it was typed and compared with nothing.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from apps.ads.models import AdCampaign
from apps.channels.models import Channel
from apps.shared.errors import InvalidInput

from .models import Lead

LONGEST_MESSAGE = 20_000
FEWEST_DIGITS, MOST_DIGITS = 8, 15  # E.164 allows fifteen; fewer than eight, country included, are mostly a part of one
# Spaces, marks, and the invisible ones that come along when a number is copied out of a page or an address book.
WRITTEN_BETWEEN = re.compile("[\\s().\\-/\u2010\u2011\u2013\u200b\u200e\u202a\u202c\u2060]+")
NATIONAL_ZERO = re.compile(r"\(0\)")  # +44 (0)20 …: dialled within the country only
KEEP_THE_ZERO = ("39", "378", "379")  # Italy, San Marino, the Vatican: the zero is part of the number
SHORTEST_NATIONAL = 10  # digits behind a country code that was written without a plus


@dataclass(frozen=True, kw_only=True)
class Contact:
    """One contact as its source reports it. `details` and `origin` hold what `cleaned` gave; what is missing is "".

    `external_event_id` is the source's own id of the event, None where it has none: an event is received once.
    `told` is the sentence for the lead's timeline. Imported and typed-in contacts name no channel.
    """

    source: str
    occurred_on: datetime
    told: str
    details: dict[str, str]
    origin: dict[str, str] = field(default_factory=dict)
    external_event_id: str | None = None
    source_channel: Channel | None = None
    source_campaign: AdCampaign | None = None
    consent: dict[str, Any] = field(default_factory=dict)
    raw_summary: dict[str, Any] = field(default_factory=dict)

    @property
    def email(self) -> str:
        return self.details.get("email", "")

    @property
    def phone(self) -> str:
        """In the form of E.164; "" where there is none in that form."""
        phone = self.details.get("phone", "")
        return phone if is_e164(phone) else ""


def cleaned(values: dict[str, str], *, country_code: str = "") -> dict[str, str]:
    """These columns (of DETAILS and ORIGIN) as they are kept; empty ones are left out.

    `country_code` are the digits put before a phone number that does not name its country; "" for none. Raises
    InvalidInput, whose sentences name columns and never what stood in them: also for a person nobody could reach.
    """
    kept, wrong = {}, {}
    for name, typed in values.items():
        text = typed.strip() if name == "message" else " ".join(typed.split())
        if name == "email":
            text = text.lower()
        elif name == "phone":
            text = e164(text, country_code=country_code) or text
        if trouble := _trouble(name, text):
            wrong[name] = [trouble]
        elif text:
            kept[name] = text
    if not wrong and not kept.get("email") and not is_e164(kept.get("phone", "")):
        if "phone" in kept:
            wrong["phone"] = ["the number does not name its country, and there is no e-mail address."]
        else:
            wrong["email"] = ["there is neither an e-mail address nor a phone number."]
    if wrong:
        raise InvalidInput(wrong)
    return kept


def _trouble(name: str, text: str) -> str:
    longest = Lead._meta.get_field(name).max_length or LONGEST_MESSAGE
    if len(text) > longest:
        return f"longer than {longest:,} characters."
    if "\x00" in text:
        return "holds a character that cannot be stored."
    if name == "email" and text:
        try:
            validate_email(text)
        except ValidationError:
            return "this is no e-mail address."
    return ""


def e164(typed: str, *, country_code: str = "") -> str:
    """`+` and digits, or "" where the number cannot be brought into that form. A rule of thumb, no numbering plan:

    what begins with + or 00 names its country. Otherwise the country code is put before it, without the zero that is
    dialled within a country, unless the digits begin with that code and ten or more follow. Extensions and letters
    make a number unreadable.
    """
    text = WRITTEN_BETWEEN.sub("", NATIONAL_ZERO.sub("", typed))
    if text.startswith("00"):
        text = f"+{text[2:]}"
    digits = text.removeprefix("+")
    if not digits or not (digits.isascii() and digits.isdigit()):
        return ""
    if not text.startswith("+"):
        if not country_code:
            return ""
        national = digits
        if digits.startswith(country_code) and len(digits) - len(country_code) >= SHORTEST_NATIONAL:
            national = digits.removeprefix(country_code)
        elif country_code not in KEEP_THE_ZERO:
            national = digits.removeprefix("0")
        digits = country_code + national
    number = f"+{digits}"
    return number if is_e164(number) else ""


def is_e164(number: str) -> bool:
    return bool(re.fullmatch(rf"\+[1-9][0-9]{{{FEWEST_DIGITS - 1},{MOST_DIGITS - 1}}}", number))
