"""A CSV file as people's programs write it: which encoding, which delimiter, which columns, and its rows one by one.

RFC 4180 in the spellings that spreadsheets and CRMs export: UTF-8 with or without a mark, UTF-16, Windows-1252; comma,
semicolon, tab or bar; line breaks inside quotes; Excel's first line `sep=;`. Whatever cannot be read for certain is
refused with the row at which it went wrong.
"""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

from apps.shared.errors import OperationRefused

LARGEST_BYTES = 10 * 1024 * 1024
MOST_ROWS = 100_000
MOST_RECORDS = 250_000  # with the empty ones: some programs write one after each row, and sheets end in many
MOST_COLUMNS = 100
MOST_CELLS = 1_000  # of a row, the empty ones too
LONGEST_CELL = 100_000
SPREADSHEETS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # xlsx and other archives; xls
MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
IN_WORDS = {"utf-8": "UTF-8", "utf-8-sig": "UTF-8", "utf-16": "UTF-16", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16"}
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
AN_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
GUARDED = ("'=", "'+", "'-", "'@")  # as an export writes a cell that a spreadsheet would run


class FileUnreadable(OperationRefused):
    """The file cannot be read as CSV."""

    code = "file_unreadable"
    http_status = 422


class RowTooWide(FileUnreadable):
    """A row has more cells than any file of people needs."""


class FileTooLarge(OperationRefused):
    """The file is larger than 10 MB. Split it, then import one part after the other."""

    code = "file_too_large"
    http_status = 413


@dataclass(frozen=True)
class CsvFile:
    """The columns as the file names them, "" where it does not, and how the rest is read."""

    columns: list[str]
    encoding: str  # in words: UTF-8
    delimiter: str
    _text: str
    _begins: int  # lines before the row of names

    @property
    def separated_by(self) -> str:
        return DELIMITERS[self.delimiter]

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """(number, cells) of each row that holds something; numbers count as a spreadsheet does. Raises FileUnreadable."""
        records = _records(self._text, self.delimiter, self._begins)
        next(records)
        count = 0
        for number, cells in records:
            if not "".join(cells).strip():
                continue
            count += 1
            if count > MOST_ROWS:
                raise FileUnreadable(f"The file has more than {MOST_ROWS:,} rows. Split it, then import the parts.")
            yield number, [_unguarded(cell) for cell in cells]


def opened(content: bytes) -> CsvFile:
    """Raises FileTooLarge and FileUnreadable; the rows themselves are read only by `rows`."""
    if len(content) > LARGEST_BYTES:
        raise FileTooLarge
    if content.startswith(SPREADSHEETS):
        raise FileUnreadable("This is a spreadsheet or an archive, whatever its name says. Save it as CSV first.")
    text, encoding = _decoded(content)
    if "\x00" in text:
        raise FileUnreadable("The file holds characters that no text has. Save it as CSV in UTF-8.")
    if not text.strip():
        raise FileUnreadable("The file is empty.")
    delimiter, begins = _delimiter(text)
    _, names = next(_records(text, delimiter, begins), (0, []))
    columns = [" ".join(name.split()) for name in names]
    while columns and not columns[-1]:
        columns.pop()
    _check(columns)
    file = CsvFile(columns, encoding, delimiter, text, begins)
    if next(file.rows(), None) is None:
        raise FileUnreadable("There is no row below the names of the columns.")
    return file


def _decoded(content: bytes) -> tuple[str, str]:
    """(text, encoding in words)."""
    for mark, encoding in MARKS:
        if content.startswith(mark):
            return _as(content, encoding), IN_WORDS[encoding]
    head = content[:1000]
    if len(head) > 3 and head.count(0) * 3 > len(head):  # every other byte of western text in UTF-16 is nought
        encoding = "utf-16-be" if head[0] == 0 else "utf-16-le"
        return _as(content, encoding), IN_WORDS[encoding]
    try:
        return content.decode("utf-8"), "UTF-8"
    except UnicodeDecodeError:
        return _as(content, "cp1252"), "Windows-1252"


def _as(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise FileUnreadable("The file is in no encoding known here. Save it as CSV in UTF-8.") from error


def _delimiter(text: str) -> tuple[str, int]:
    """(delimiter, lines before the names): what Excel says in its first line, else what parts the names most often."""
    first = text.split("\n", 1)[0].strip()
    if len(first) == 5 and first[:4].lower() == "sep=" and first[4] in DELIMITERS:
        return first[4], 1
    if text.startswith("sep=\t"):
        return "\t", 1
    counts = {}
    for delimiter in DELIMITERS:
        try:
            counts[delimiter] = len(next(_records(text, delimiter, 0), (0, []))[1])
        except RowTooWide:
            raise
        except FileUnreadable:
            continue
    return max(counts, key=lambda one: counts[one], default=","), 0


def _records(text: str, delimiter: str, begins: int) -> Iterator[tuple[int, list[str]]]:
    """(number, cells) of every record, empty ones too. Raises FileUnreadable at what is more than a file may hold."""
    lines = io.StringIO(text, newline="")
    for _ in range(begins):
        lines.readline()
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    number = begins
    while True:
        number += 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise FileUnreadable(
                f"Row {number} cannot be read: a quote in it is not closed, or a cell is very long."
            ) from error
        if cells is None:
            return
        if number > MOST_RECORDS:
            raise FileUnreadable(
                f"The file has more than {MOST_RECORDS:,} rows, most of them empty. "
                "Save only the filled part of the sheet as CSV."
            )
        if len(cells) > MOST_CELLS:
            raise RowTooWide(
                f"Row {number} has more than {MOST_CELLS:,} cells. Save only the filled part of the sheet as CSV."
            )
        if max(map(len, cells), default=0) > LONGEST_CELL:
            raise FileUnreadable(f"Row {number} has a cell of more than {LONGEST_CELL:,} characters.")
        yield number, cells


def _check(columns: list[str]) -> None:
    if not columns:
        raise FileUnreadable("The first row must name the columns; it is empty.")
    if len(columns) > MOST_COLUMNS:
        raise FileUnreadable(f"The file has more than {MOST_COLUMNS} columns.")
    if any(AN_ADDRESS.fullmatch(name) for name in columns):
        raise FileUnreadable(
            "The first row must name the columns; it holds an e-mail address. Add a row of names above."
        )
    seen: set[str] = set()
    for name in columns:
        if name and name.lower() in seen:
            raise FileUnreadable(f"Two columns are called “{name[:60]}”. Rename one of them.")
        seen.add(name.lower())


def _unguarded(cell: str) -> str:
    return cell[1:] if cell.startswith(GUARDED) else cell
