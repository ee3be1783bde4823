"""Look into rendered HTML by element."""

from html.parser import HTMLParser


class Elements(HTMLParser):
    """Every start tag of a page with its attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def attributes_of(html: str, tag: str) -> list[dict[str, str | None]]:
    return [attributes for name, attributes in Elements(html).found if name == tag]
