"""The frame of every page made here: it says that it is a rehearsal."""

from functools import cache
from html import escape
from pathlib import Path
from string import Template

from sandbox.wire import Response, html_response, text_response

FOLDER = Path(__file__).parent / "templates"
# Texts here were written by models and strangers: nothing in them may run or load anything.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-src 'self'; form-action 'none'"
)


@cache
def template(name: str) -> Template:
    return Template((FOLDER / name).read_text("utf-8"))


def page(
    title: str,
    body_html: str,
    *,
    ribbon: str = "Rehearsal",
    head_html: str = "",
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Response:
    """An HTML answer. `body_html` and `head_html` are HTML already; `title` and `ribbon` are plain text."""
    html = template("page.html").substitute(title=escape(title), ribbon=escape(ribbon), head=head_html, body=body_html)
    return html_response(
        html, status=status, headers={"Content-Security-Policy": CONTENT_SECURITY_POLICY, **(headers or {})}
    )


def link(address: str, text: str) -> str:
    return f'<a href="{escape(address, quote=True)}">{escape(text)}</a>'


def stylesheet() -> Response:
    return text_response((FOLDER / "rehearsal.css").read_text("utf-8"), content_type="text/css; charset=utf-8")


def nothing_here(what: str) -> Response:
    return page(
        "Nothing here", f"<h1>Nothing here</h1><p>{escape(what)}</p><p>{link('/', 'What there is')}</p>", status=404
    )
