"""Values that a client fills into a recurring task: their types, and their places in the text. Pure."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import date

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator

from .bodies import TemplateVariable
from .prompting import substitute

LENGTHS = {"text": 500, "long_text": 4_000, "number": 40, "date": 10, "url": 2_000}  # characters
TEXT_LENGTH = 10_000  # of the whole instruction with its values
NOT_GIVEN = "(not given)"
PLACE = re.compile(r"\{\{([a-z_]+)\}\}", re.ASCII)
_is_web_address = URLValidator(schemes=["http", "https"])


class BadValue(ValueError):
    """A value that does not fit its variable; the text is a sentence for whoever typed it."""


def checked(variable: TemplateVariable, text: str) -> str:
    """The value as it is kept: trimmed, one kind of line ending; '' for an optional one that is left out. Raises BadValue."""
    value = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if not value:
        if variable.required:
            raise BadValue("This is needed before the task can begin.")
        return ""
    if len(value) > LENGTHS[variable.type]:
        raise BadValue(f"At most {LENGTHS[variable.type]} characters.")
    allowed = "\n\t\u200c\u200d" if variable.type == "long_text" else "\u200c\u200d"
    if any(unicodedata.category(each) in {"Cc", "Cf", "Cs", "Co"} and each not in allowed for each in value):
        raise BadValue("Leave out control characters and line breaks.")
    match variable.type:
        case "number":
            if not re.fullmatch(r"-?[0-9]{1,15}(\.[0-9]{1,6})?", value, re.ASCII):
                raise BadValue("Enter a number in plain digits, such as 50 or 12.5.")
        case "date":
            try:
                value = date.fromisoformat(value).isoformat()
            except ValueError as error:
                raise BadValue("Enter a day as year-month-day, such as 2026-11-30.") from error
        case "url":
            try:
                _is_web_address(value)
            except ValidationError as error:
                raise BadValue("Enter a whole web address that begins with https:// or http://.") from error
    return value


def missing(variables: Sequence[TemplateVariable], values: Mapping[str, str]) -> list[TemplateVariable]:
    """Required variables without a value, and those whose value no longer fits what the variable has become."""
    return [variable for variable in variables if _lacks(variable, values.get(variable.key, ""))]


def _lacks(variable: TemplateVariable, value: str) -> bool:
    try:
        checked(variable, value)
    except BadValue:
        return True
    return False


def unknown_keys(text: str, variables: Sequence[TemplateVariable]) -> list[str]:
    """Keys the text asks for and nobody can fill."""
    known = {variable.key for variable in variables}
    return [key for key in dict.fromkeys(PLACE.findall(text)) if key not in known]


def filled(text: str, variables: Sequence[TemplateVariable], values: Mapping[str, str]) -> str:
    """The text with its values, put in by a single pass: braces inside a value stay what they are.

    Raises UnknownVariable for a key that is not defined.
    """
    return substitute(text, {variable.key: values.get(variable.key) or NOT_GIVEN for variable in variables})


def pointing(text: str, variables: Sequence[TemplateVariable]) -> str:
    """The same text for an agent: a client's own words stand in the data block `task_values`, and the text names them."""
    return substitute(text, {variable.key: f"“{variable.key}” (see task_values)" for variable in variables})


def problems_with(text: str, variables: Sequence[TemplateVariable]) -> list[str]:
    """What is wrong with a template's text and variables, as sentences; an empty list if nothing is."""
    keys = [variable.key for variable in variables]
    problems = [f"Variable {key} exists {keys.count(key)} times." for key in dict.fromkeys(keys) if keys.count(key) > 1]
    problems += [f"{{{{{key}}}}} has no variable." for key in unknown_keys(text, variables)]
    if "{{" in PLACE.sub("", text):
        problems.append("Between {{ and }} stands a key in small letters and nothing else: {{opening_hours}}.")
    return problems
