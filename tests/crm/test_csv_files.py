"""Files as people's programs write them, and those that are no CSV."""

import pytest

from apps.crm import csv_files
from apps.crm.bodies import guessed
from apps.crm.csv_files import FileTooLarge, FileUnreadable

from .files import NADIA, OMAR, csv_of

TEXT = csv_of(NADIA, OMAR)
ACCENTS = csv_of(("Zoë", "Müller", "zoe@visitors.test", "", "Café Größe"))


def rows_of(content: bytes) -> list[list[str]]:
    return [cells for _, cells in csv_files.opened(content).rows()]


@pytest.mark.parametrize(
    ("encoding", "called"),
    [
        ("utf-8", "UTF-8"),
        ("utf-8-sig", "UTF-8"),
        ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-16"),
        ("utf-16-be", "UTF-16"),
        ("cp1252", "Windows-1252"),
    ],
)
def test_a_file_is_read_in_the_encoding_it_was_saved_in(encoding, called):
    file = csv_files.opened(ACCENTS.encode(encoding))

    assert (file.encoding, file.columns[0]) == (called, "First name")
    assert [cells for _, cells in file.rows()] == [["Zoë", "Müller", "zoe@visitors.test", "", "Café Größe"]]


@pytest.mark.parametrize(("delimiter", "called"), [(",", "commas"), (";", "semicolons"), ("\t", "tabs"), ("|", "bars")])
def test_columns_are_parted_by_what_parts_their_names(delimiter, called):
    file = csv_files.opened(csv_of(NADIA, delimiter=delimiter).encode())

    assert file.separated_by == called
    assert [cells for _, cells in file.rows()] == [list(NADIA)]


def test_the_line_that_excel_writes_first_names_the_delimiter_and_is_no_row():
    file = csv_files.opened(b"sep=;\r\nE-mail;Note\r\na@visitors.test;one, two\r\n")

    assert file.columns == ["E-mail", "Note"]
    assert list(file.rows()) == [(3, ["a@visitors.test", "one, two"])]


def test_a_cell_may_hold_line_breaks_quotes_and_delimiters():
    assert rows_of(b'E-mail,Message\r\na@visitors.test,"Hello,\r\n""two"" lines"\r\n') == [
        ["a@visitors.test", 'Hello,\r\n"two" lines']
    ]


def test_rows_are_counted_as_a_spreadsheet_does_and_empty_ones_are_none():
    file = csv_files.opened(b"E-mail\r\n\r\na@visitors.test\r\n,\r\n  \r\nb@visitors.test\r\n")

    assert [number for number, _ in file.rows()] == [3, 6]


def test_what_an_export_guarded_against_spreadsheets_is_as_it_was():
    assert rows_of(b"Phone,Company\n'+919812345678,'=Sum Ltd\n'quoted,it's\n") == [
        ["+919812345678", "=Sum Ltd"],
        ["'quoted", "it's"],
    ]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf \r\n", "is empty"),
        (b"PK\x03\x04 a workbook", "a spreadsheet or an archive"),
        (b"\xd0\xcf\x11\xe0 an old workbook", "a spreadsheet or an archive"),
        (b"E-mail\na\x00@visitors.test\n", "no text has"),
        (b"\xff\xfe\x00\xd8\x41\x00", "no encoding known"),
        (b"E-mail\n\x81\x8d\n", "no encoding known"),
        (b"E-mail,Phone\n", "no row below"),
        (b"\n,,\nE-mail\n", "must name the columns"),
        (b"nadia@visitors.test,Nadia\nomar@visitors.test,Omar\n", "holds an e-mail address"),
        (b"E-mail,Phone,e-mail\na@visitors.test,,\n", "Two columns are called"),
        (b'E-mail\na@visitors.test\n"never closed\n', "Row 3 cannot be read"),
        (b'E-mail\n"a"b@visitors.test\n', "Row 2 cannot be read"),
        (b"E-mail\n" + b"x" * 100_001 + b"\n", "Row 2 has a cell of more than"),
        (b"E-mail\n" + b"x" * 200_000 + b"\n", "Row 2 cannot be read"),
        (b"," * 100 + b"x\n1\n", "more than 100 columns"),
        (b"E-mail\n" + b"a@visitors.test\n" * 100_001, "more than 100,000 rows"),
        (b"E-mail,Name\na@visitors.test,A\n" + b",\n" * 1_048_574, "more than 250,000 rows, most of them empty"),
        (b"E-mail\n" + b"\n" * 10_000_000, "Save only the filled part of the sheet"),
        (b"," * 10_000_000, "Row 1 has more than 1,000 cells"),
        (b";" * 10_000_000, "Row 1 has more than 1,000 cells"),
        (b"E-mail,Name\n" + b"," * 10_000_000, "Row 2 has more than 1,000 cells"),
    ],
)
def test_a_file_that_cannot_be_read_for_certain_is_refused_with_the_reason(content, says):
    with pytest.raises(FileUnreadable) as refused:
        rows_of(content)

    assert says in refused.value.detail


def test_a_file_beyond_the_limit_is_refused_unread():
    with pytest.raises(FileTooLarge):
        csv_files.opened(b"x" * (csv_files.LARGEST_BYTES + 1))


def test_a_file_with_an_empty_row_after_each_is_read():
    assert len(rows_of(b"E-mail\n\n" + b"a@visitors.test\n\n" * 100_000)) == 100_000


def test_a_hundred_thousand_rows_are_read():
    assert len(rows_of(b"E-mail\n" + b"a@visitors.test\n" * 100_000)) == 100_000


# What the columns are


def test_columns_are_recognised_by_the_names_people_and_programs_give_them():
    assert guessed(["E-Mail Address", "Mobile Number", "first_name", "SURNAME", "Organisation", "Job title", "Notes"]) == [
        "email", "phone", "first_name", "last_name", "company", "job_title", "",
    ]  # fmt: skip
    assert guessed(["Name", "Email", "Work email"]) == ["name", "email", ""]
    assert guessed(["Name", "First name", "Email"]) == ["", "first_name", "email"]


def test_ids_clients_and_statuses_are_never_read():
    assert guessed(["id", "ref_id", "tenant_id", "Tenant", "status", "assigned_to", "created_on", ""]) == [""] * 8
