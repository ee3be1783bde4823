"""E-mail addresses and phone numbers in the form in which they are compared."""

import pytest

from apps.crm.contacts import cleaned, e164
from apps.shared.errors import InvalidInput


@pytest.mark.parametrize(
    ("typed", "country_code", "number"),
    [
        ("+91 98123 45678", "", "+919812345678"),
        ("0044 20 7123 4567", "91", "+442071234567"),
        ("+44 (0)20 7123-4567", "", "+442071234567"),
        ("(098) 1234-5678", "91", "+919812345678"),
        ("919812345678", "91", "+919812345678"),
        ("9198123456", "91", "+919198123456"),
        ("1 (555) 010-9999", "1", "+15550109999"),
        ("06 1234 5678", "39", "+390612345678"),
        ("\u202a+91\u00a098123\u201145678\u202c", "", "+919812345678"),
    ],
)
def test_a_number_is_brought_into_the_international_form(typed, country_code, number):
    assert e164(typed, country_code=country_code) == number


@pytest.mark.parametrize(
    "typed", ["", "+", "98123 45678", "+0 812 345 678", "+91 12", "+1234567890123456", "9.19812E+11", "+91 9812 ext 5", "+९१९८१२३४५६७८"]
)  # fmt: skip
def test_what_names_no_country_or_is_no_number_has_no_such_form(typed):
    assert e164(typed) == ""


def test_a_contact_is_kept_clean():
    assert cleaned({"email": " Nadia@Visitors.TEST ", "phone": "98123 45678", "company": " Noor \n Ltd ", "message": "a\nb "}) == {
        "email": "nadia@visitors.test", "phone": "98123 45678", "company": "Noor Ltd", "message": "a\nb",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        ({"email": "nadia at visitors"}, {"email"}),
        ({"email": "x" * 250 + "@visitors.test"}, {"email"}),
        ({"email": "a@visitors.test", "company": "x" * 256}, {"company"}),
        ({"email": "a@visitors.test", "message": "x" * 20_001}, {"message"}),
        ({"email": "a@visitors.test", "first_name": "a\x00b"}, {"first_name"}),
        ({"phone": "98123 45678"}, {"phone"}),
        ({"first_name": "Nadia"}, {"email"}),
    ],
)
def test_what_cannot_be_kept_is_named_and_not_repeated(values, wrong):
    with pytest.raises(InvalidInput) as refused:
        cleaned(values)

    assert set(refused.value.errors) == wrong
    assert not [value for value in values.values() if value in refused.value.detail]
