"""The contract a client accepts: a Markdown template and a client's facts become a PDF.

The template is ours; the facts are not. Every word of the template reaches typst as a string literal, every fact as a
`sys.inputs` value, so nothing a client can type is ever read as markup. The renderer has no network and reads no files:
the source is built in memory and names none.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

import typst
from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

TEMPLATE_PATH = Path(__file__).resolve().parents[2] / "contracts" / "master-contract.md"

PLACEHOLDERS = frozenset(
    {
        "client_gstin",
        "client_name",
        "client_website",
        "contract_ref",
        "effective_date",
        "plan_name",
    }
)

NOT_PROVIDED = "not provided"

# The longest run of letters a table cell holds without a place to break: a longer one would leave the page.
LONGEST_UNBROKEN = 40

LAYOUT = """\
#let (year, month, day) = sys.inputs.document_date.split("-").map(int)
#set document(
  title: "Services Agreement " + sys.inputs.contract_ref,
  author: "Leadmetrics Technologies Private Limited",
  date: datetime(year: year, month: month, day: day),
)
#set page(
  paper: "a4",
  margin: (x: 22mm, top: 20mm, bottom: 22mm),
  footer: context {
    set text(size: 8pt, fill: luma(90))
    grid(
      columns: (1fr, auto),
      [Services Agreement #sys.inputs.template_version, reference #sys.inputs.contract_ref],
      [page #counter(page).display() of #counter(page).final().first()],
    )
  },
)
#set text(font: "Libertinus Serif", size: 10pt, lang: "en", region: "IN", hyphenate: false)
#set par(leading: 0.58em, spacing: 0.85em, justify: false)
#set table(stroke: 0.5pt + luma(180), inset: 5pt)
#set list(indent: 4pt, spacing: 0.7em)
#set enum(indent: 4pt, spacing: 0.7em)
#show heading.where(level: 1): it => align(center, block(above: 0pt, below: 14pt, text(size: 20pt, it.body)))
#show heading.where(level: 2): it => block(above: 1.5em, below: 0.8em, sticky: true, text(size: 12pt, it.body))
#show heading.where(level: 3): it => block(above: 1.2em, below: 0.7em, sticky: true, text(size: 10.5pt, it.body))
"""


class ContractTemplateError(ValueError):
    """The template, or the values given for it, cannot become a contract. The message says which part."""


@dataclass(frozen=True)
class ContractTemplate:
    """`version` as the front matter states it, with its `v`; `text` is the Markdown below the front matter."""

    version: str
    text: str


def read_template(path: Path = TEMPLATE_PATH) -> ContractTemplate:
    """The master contract as it stands now. Raises ContractTemplateError if its front matter is not a version alone."""
    return parse_template(path.read_text(encoding="utf-8"))


def parse_template(source: str) -> ContractTemplate:
    found = re.fullmatch(r"---\nversion: (v\d+\.\d+)\n---\n(.+)", source, re.DOTALL)
    if not found:
        raise ContractTemplateError("The contract template must open with front matter holding `version: vN.N`.")
    return ContractTemplate(version=found[1], text=found[2])


def render(template: ContractTemplate, values: dict[str, str]) -> bytes:
    """The contract as PDF: same template and values, same bytes.

    `values` holds a text for every name in PLACEHOLDERS; an empty one prints as "not provided". `effective_date` is
    an ISO date; it is printed in words and is also the document's own date, so no clock is read. Raises
    ContractTemplateError for a missing or unknown name, a date that is none, or Markdown outside the small subset.

    The file is PDF/A-2b. The one exception is a value with characters that the bundled fonts lack (emoji, some
    scripts): PDF/A forbids such a page, so the file is then plain PDF 1.7.
    """
    source = typst_source(template)
    inputs = _inputs(template, values)
    try:
        return _compile(source, inputs, standards="a-2b")
    except typst.TypstError as error:
        if "could not be displayed with" not in error.message:
            raise
    return _compile(source, inputs, standards="1.7")


def typst_source(template: ContractTemplate) -> bytes:
    """The typst document of a template. It depends on the template alone: values come in when it is compiled."""
    tree = SyntaxTreeNode(MarkdownIt("commonmark", {"html": False}).enable("table").parse(template.text))
    return (LAYOUT + "\n" + _blocks(tree.children)).encode()


def _compile(source: bytes, inputs: dict[str, str], *, standards: Literal["a-2b", "1.7"]) -> bytes:
    # Without system fonts: the same bytes on every machine.
    return typst.compile(source, format="pdf", sys_inputs=inputs, ignore_system_fonts=True, pdf_standards=standards)


def _inputs(template: ContractTemplate, values: dict[str, str]) -> dict[str, str]:
    if missing := PLACEHOLDERS - values.keys():
        raise ContractTemplateError(f"No value for {', '.join(sorted(missing))}.")
    if unknown := values.keys() - PLACEHOLDERS:
        raise ContractTemplateError(f"The contract knows no {', '.join(sorted(unknown))}.")
    try:
        dated = date.fromisoformat(values["effective_date"])
    except ValueError as error:
        raise ContractTemplateError("effective_date must be a date as YYYY-MM-DD.") from error
    printed = {name: _printable(value) for name, value in values.items()}
    return printed | {
        "effective_date": f"{dated.day} {dated:%B %Y}",
        "document_date": dated.isoformat(),
        "template_version": template.version,
    }


def _printable(value: str) -> str:
    """One line of `value`: white space folded, and without characters that are invisible or reorder their neighbours.

    Joiners stay, Indian scripts are spelled with them.
    """
    line = " ".join("".join(character if _is_printable(character) else " " for character in value).split())
    broken = re.sub(rf"\S{{{LONGEST_UNBROKEN}}}(?=\S)", lambda run: run[0] + "\u200b", line)
    return broken or NOT_PROVIDED


def _is_printable(character: str) -> bool:
    return unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn"} or character in "\u200c\u200d"


def _blocks(nodes: Iterable[SyntaxTreeNode]) -> str:
    return "\n\n".join(_block(node) for node in nodes)


def _block(node: SyntaxTreeNode) -> str:
    match node.type:
        case "paragraph":
            return _inline(node)
        case "heading":
            return f"#heading(level: {node.tag[1:]})[{_inline(node)}]"
        case "bullet_list":
            return f"#list({_items(node)})"
        case "ordered_list":
            return f"#enum(start: {node.attrs.get('start', 1)}, {_items(node)})"
        case "table":
            return _table(node)
        case "hr":
            return "#line(length: 100%, stroke: 0.5pt + luma(180))"
    raise ContractTemplateError(f"The contract template uses {node.type}, which the contract cannot print.")


def _items(node: SyntaxTreeNode) -> str:
    return ", ".join(f"[{_blocks(item.children)}]" for item in node.children)


def _table(node: SyntaxTreeNode) -> str:
    """Two columns share the page one to three, as facts do; more share it evenly. An empty heading row is left out."""
    heading, *bodies = node.children
    titles = [_inline(cell) for row in heading.children for cell in row.children]
    cells = [_inline(cell) for body in bodies for row in body.children for cell in row.children]
    columns = "(1fr, 3fr)" if len(titles) == 2 else f"(1fr,) * {len(titles)}"
    header = f"table.header({', '.join(f'strong[{title}]' for title in titles)})" if any(titles) else ""
    return f"#table(columns: {columns}, {', '.join(filter(None, [header, *(f'[{cell}]' for cell in cells)]))})"


def _inline(node: SyntaxTreeNode) -> str:
    """Everything inside a paragraph, heading or cell."""
    return "".join(_spans(inline.children) for inline in node.children)


def _spans(nodes: Iterable[SyntaxTreeNode]) -> str:
    return "".join(_span(node) for node in nodes)


def _span(node: SyntaxTreeNode) -> str:
    match node.type:
        case "text":
            return _text(node.content)
        case "strong":
            return f"#strong[{_spans(node.children)}];"
        case "em":
            return f"#emph[{_spans(node.children)}];"
        case "softbreak":
            return _literal(" ")
        case "hardbreak":
            return "#linebreak();"
    raise ContractTemplateError(f"The contract template uses {node.type}, which the contract cannot print.")


def _text(content: str) -> str:
    """Literal text with its placeholders turned into look-ups."""
    pieces = re.split(r"\{\{(.*?)\}\}", content)
    for name in pieces[1::2]:
        if name not in PLACEHOLDERS:
            raise ContractTemplateError(f"The contract template names an unknown placeholder: {name!r}.")
    return "".join(
        f"#sys.inputs.{piece};" if is_name else _literal(piece)
        for piece, is_name in zip(pieces, [False, True] * len(pieces), strict=False)
        if piece
    )


def _literal(text: str) -> str:
    """`text` as a typst string expression, which typst prints and never parses."""
    if "{{" in text or "}}" in text:
        raise ContractTemplateError(f"The contract template has a damaged placeholder near {text.strip()!r}.")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'#"{escaped}";'
