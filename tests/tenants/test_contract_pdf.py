import re
import zlib

import pytest

from apps.tenants import contract_pdf
from apps.tenants.contract_pdf import ContractTemplate, ContractTemplateError

VALUES = {
    "client_name": "Acme Plumbing Private Limited",
    "client_website": "https://acme.example",
    "client_gstin": "29ABCDE1234F1Z5",
    "plan_name": "Pro",
    "effective_date": "2026-03-09",
    "contract_ref": "01KAJ9E5Q4W3V0ZT7M8N2B6C1D",
}
MASTER = contract_pdf.read_template()


def text_of(pdf: bytes) -> str:
    """What a reader can copy from the pages of a typst PDF: its glyphs, read through the fonts' ToUnicode tables."""
    objects = dict(re.findall(rb"\n(\d+) 0 obj\s*(.*?)\s*endobj", pdf, re.DOTALL))

    def stream(number: bytes) -> bytes:
        return zlib.decompress(re.search(rb"stream\r?\n(.*)\r?\nendstream", objects[number], re.DOTALL)[1])

    letters = {}
    for number, body in objects.items():
        if table := re.search(rb"/ToUnicode (\d+) 0 R", body):
            pairs = re.findall(rb"<([0-9A-F]{4})> <([0-9A-F]+)>", stream(table[1]))
            letters[number] = {int(code, 16): bytes.fromhex(text.decode()).decode("utf-16-be") for code, text in pairs}
    text = ""
    for page in objects.values():
        if found := re.search(rb"/Type/Page/Resources (\d+) 0 R.*/Contents (\d+) 0 R", page):
            fonts = dict(re.findall(rb"/(f\d+) (\d+) 0 R", objects[found[1]]))
            for font, codes in shown_on(stream(found[2])):
                table = letters[fonts[font]]
                text += "".join(table[code] for code in codes) if codes else " "
    return " ".join(text.split())


def shown_on(page: bytes):
    """(font, glyph codes) of every string in the page's text objects; each object begins with an empty one."""
    at, font, in_text = 0, b"f0", False
    while found := re.compile(rb"/(f\d+) [\d.]+ Tf|\b[BE]T\b|\(").search(page, at):
        at = found.end()
        if found[1]:
            font = found[1]
        elif found[0] != b"(":
            in_text = found[0] == b"BT"
            yield font, ()
        else:
            literal, depth = b"", 1
            for piece in re.compile(rb"\\(?:[0-7]{1,3}|.)|.", re.DOTALL).finditer(page, at):
                depth += {b"(": 1, b")": -1}.get(piece[0], 0)
                at = piece.end()
                if not depth:
                    break
                literal += _byte(piece[0])
            if in_text:
                yield font, [high << 8 | low for high, low in zip(literal[::2], literal[1::2], strict=True)]


def _byte(piece: bytes) -> bytes:
    """One byte of a PDF string literal, as itself or behind a backslash."""
    escape = piece[1:]
    if escape.isdigit():
        return bytes([int(escape, 8)])
    return {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}.get(escape, escape or piece)


def pages_of(pdf: bytes) -> int:
    return int(re.search(rb"/Type/Pages/Count (\d+)", pdf)[1])


def of_text(text: str) -> ContractTemplate:
    return ContractTemplate(version="v1.0", text=text)


@pytest.mark.acceptance("MISC-contract-template")
def test_the_master_contract_states_its_version_and_asks_only_for_known_values():
    asked = set(re.findall(r"\{\{(.*?)\}\}", MASTER.text))

    assert MASTER.version == "v1.0"
    assert asked == contract_pdf.PLACEHOLDERS


@pytest.mark.acceptance("FLOW-contract-generate")
def test_the_contract_shows_the_client_the_plan_the_date_and_its_reference():
    pdf = contract_pdf.render(MASTER, VALUES)

    text = text_of(pdf)
    for shown in ["Acme Plumbing Private Limited", "https://acme.example", "29ABCDE1234F1Z5", "Pro", "9 March 2026"]:
        assert shown in text
    assert text.count("reference 01KAJ9E5Q4W3V0ZT7M8N2B6C1D page") == pages_of(pdf)
    assert "{{" not in text


def test_the_contract_has_between_three_and_five_numbered_pages():
    pdf = contract_pdf.render(MASTER, VALUES)

    assert 3 <= pages_of(pdf) <= 5
    assert f"page 1 of {pages_of(pdf)}" in text_of(pdf)
    assert f"page {pages_of(pdf)} of {pages_of(pdf)}" in text_of(pdf)


def test_the_same_contract_rendered_twice_has_the_same_bytes():
    assert contract_pdf.render(MASTER, VALUES) == contract_pdf.render(MASTER, dict(reversed(VALUES.items())))


def test_the_document_carries_the_effective_date_and_no_other_time():
    pdf = contract_pdf.render(MASTER, VALUES)

    assert set(re.findall(rb"\(D:(\d+Z?)\)", pdf)) == {b"20260309000000Z"}
    assert set(re.findall(rb"<xmp:\w+Date>([^<]+)<", pdf)) == {b"2026-03-09T00:00:00Z"}


def test_the_contract_is_an_archive_pdf():
    pdf = contract_pdf.render(MASTER, VALUES)

    assert b"<pdfaid:part>2</pdfaid:part>" in pdf
    assert b"<pdfaid:conformance>B</pdfaid:conformance>" in pdf


@pytest.mark.parametrize(
    "name",
    [
        '#image("/etc/passwd")',
        '#read("/etc/passwd") $ x^2 $ *bold* _em_ `raw` <label> @ref // and = more',
        "<script>alert(1)</script>",
        "file:///etc/passwd",
        '<iframe src="https://outside.example/?q=1"> [x](javascript:alert(1))',
        'quotes " \' \\ \\" "); #panic("out',
        "{{client_gstin}} {{7*7}} {% debug %} ${7*7} <%= %>",
    ],
)
@pytest.mark.acceptance("FLOW-contract-generate")
def test_markup_in_a_clients_name_is_printed_as_typed_and_does_nothing(name):
    pdf = contract_pdf.render(MASTER, VALUES | {"client_name": name})

    assert name in text_of(pdf)
    assert pages_of(pdf) == pages_of(contract_pdf.render(MASTER, VALUES))
    assert not re.search(rb"/URI|/Launch|/JavaScript|/EmbeddedFile|/Subtype/Image", pdf)


def test_values_never_become_part_of_the_document_source():
    source = contract_pdf.typst_source(MASTER)

    assert b"#sys.inputs.client_name;" in source
    assert not any(value.encode() in source for value in VALUES.values() if value != "Pro")


@pytest.mark.parametrize(
    ("typed", "printed"),
    [
        ("two\nlines\r\n= none is a heading", "two lines = none is a heading"),
        ("right\u202eto\u2066left", "right to left"),
        ("a\x00b \ud800 c", "a b c"),
        ("", "not provided"),
        (" \u200b ", "not provided"),
    ],
)
def test_values_are_printed_on_one_line_without_invisible_characters(typed, printed):
    pdf = contract_pdf.render(MASTER, VALUES | {"client_website": typed})

    assert f"Client\u2019s website {printed} Client\u2019s GSTIN" in text_of(pdf)


@pytest.mark.parametrize("name", ["😀" * 255, "தமிழ் நிறுவனம்", "👩\u200d👩\u200d👧", "अनु ज्ञान", "Ünïcödé", "W" * 255])
def test_any_name_a_client_may_have_gives_a_contract(name):
    pdf = contract_pdf.render(MASTER, VALUES | {"client_name": name})

    assert pdf.startswith(b"%PDF-1.7")
    assert pdf == contract_pdf.render(MASTER, VALUES | {"client_name": name})


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"client_name": None}, "No value for client_name"),
        ({"client_phone": "1"}, "knows no client_phone"),
        ({"effective_date": "9 March 2026"}, "effective_date must be a date"),
    ],
)
def test_missing_unknown_and_malformed_values_are_refused(change, complaint):
    values = {name: value for name, value in (VALUES | change).items() if value is not None}

    with pytest.raises(ContractTemplateError, match=complaint):
        contract_pdf.render(MASTER, values)


@pytest.mark.parametrize(
    "text",
    [
        "Dear {{client_nmae}}",
        "{{ client_name }}",
        "{{client_name}",
        "client_name}}",
        "{{client_name.__class__}}",
        "{{}}",
        "**{{client_name**}}",
    ],
)
def test_a_template_with_an_unknown_or_damaged_placeholder_is_refused(text):
    with pytest.raises(ContractTemplateError, match="placeholder"):
        contract_pdf.render(of_text(text), VALUES)


@pytest.mark.parametrize("text", ["[a](https://b.example)", "![a](/etc/passwd)", "`code`", "    code", "> quote"])
def test_a_template_beyond_the_small_subset_is_refused_and_not_printed_differently(text):
    with pytest.raises(ContractTemplateError, match="cannot print"):
        contract_pdf.typst_source(of_text(text))


def test_the_subset_prints_headings_lists_tables_emphasis_and_rules():
    template = of_text(
        "# One\n\n## Two\n\n### Three\n\nA *b* **c #d**\ne\\\nf\n\n- g\n- h\n  1. i\n\n---\n\n"
        "| j | k |\n|---|---|\n| l | {{plan_name}} |\n"
    )

    pdf = contract_pdf.render(template, VALUES)

    assert text_of(pdf).startswith("One Two Three A b c #d e f • g • h 1. i j k l Pro")


@pytest.mark.parametrize(
    "source",
    [
        "# No front matter",
        "---\nversion: 1.0\n---\ntext",
        "---\nversion: v1.0\nsecret: x\n---\ntext",
        "---\nversion: v1.0\n---\n",
    ],
)
def test_a_template_without_exactly_a_version_is_refused(source):
    with pytest.raises(ContractTemplateError, match="front matter"):
        contract_pdf.parse_template(source)
