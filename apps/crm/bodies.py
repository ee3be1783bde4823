"""Typed shapes of what leads keep in jsonb columns, and the columns that may come from outside."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

# What a source may tell: never an id, a client, a status or who looks after the lead.
DETAILS = ("email", "phone", "first_name", "last_name", "company", "job_title", "message")
ORIGIN = ("source_url", "utm_source", "utm_medium", "utm_campaign")
FULL_NAME = "name"  # in files only: becomes first and last name
NAMES = {
    "email": "E-mail",
    "phone": "Phone",
    "first_name": "First name",
    "last_name": "Last name",
    FULL_NAME: "Full name",
    "company": "Company",
    "job_title": "Job title",
    "message": "Message",
    "source_url": "Page they came from",
    "utm_source": "UTM source",
    "utm_medium": "UTM medium",
    "utm_campaign": "UTM campaign",
}
# What people and programs call these columns, without case, spaces and marks.
CALLED = {
    "email": ("email", "emailaddress", "mail", "mailaddress", "emailid", "workemail", "email1value", "primaryemail"),
    "phone": ("phone", "phonenumber", "mobile", "mobilenumber", "mobilephone", "tel", "telephone", "cell", "whatsapp",
              "contactnumber", "phone1value", "telefon"),
    "first_name": ("firstname", "givenname", "forename", "vorname"),
    "last_name": ("lastname", "surname", "familyname", "nachname"),
    FULL_NAME: ("name", "fullname", "contactname", "leadname", "contact"),
    "company": ("company", "companyname", "organisation", "organization", "organizationname", "business", "firma"),
    "job_title": ("jobtitle", "title", "position", "designation"),
    "message": ("message", "comment", "comments", "enquiry", "inquiry", "requirement"),
    "source_url": ("sourceurl", "landingpage", "pageurl"),
    "utm_source": ("utmsource",),
    "utm_medium": ("utmmedium",),
    "utm_campaign": ("utmcampaign",),
}  # fmt: skip


class ImportPlan(BaseModel):
    """How a file becomes leads: for each of its columns the column it goes to, "" for none.

    `country_code` are the digits put before phone numbers that do not name their country, "" for none.
    """

    model_config = ConfigDict(extra="forbid")

    targets: list[str]
    country_code: Annotated[str, Field(pattern=r"^([1-9][0-9]{0,2})?$")] = ""

    @model_validator(mode="after")
    def _makes_leads(self) -> "ImportPlan":
        if told := problem_of(self.targets):
            raise ValueError(told)
        return self


def problem_of(targets: list[str]) -> str:
    """What is wrong with these targets, as a sentence; "" if nothing is."""
    chosen = [target for target in targets if target]
    for target in chosen:
        if target not in NAMES:
            return f"Nothing can be read into {target[:60]}."
        if chosen.count(target) > 1:
            return f"Two columns go to {NAMES[target]}. Choose one."
    if FULL_NAME in chosen and {"first_name", "last_name"} & set(chosen):
        return "Choose the full name, or first and last name, and not both."
    if not {"email", "phone"} & set(chosen):
        return "Choose the column with the e-mail addresses or the one with the phone numbers: one of them is needed."
    return ""


def guessed(columns: list[str]) -> list[str]:
    """Where the columns of a file probably go, by their names; each target once, "" where nobody knows."""
    targets: list[str] = []
    for column in columns:
        spelled = "".join(letter for letter in column.lower() if letter.isalnum())
        found = next((target for target, names in CALLED.items() if spelled in names), "")
        targets.append(found if found not in targets else "")
    if {"first_name", "last_name"} & set(targets):
        targets = ["" if target == FULL_NAME else target for target in targets]
    return targets
