"""A person's browser, as far as a walk through the portals needs one: cookies, pages, forms, links. No scripts."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

import httpx2
from lxml import html


class WalkStopped(Exception):
    """The walk cannot go on; the sentence says at which page and why."""


@dataclass
class Page:
    """One answer, with its links and forms."""

    url: str
    status: int
    text: str

    def __post_init__(self):
        self.tree = html.fromstring(self.text, base_url=self.url) if self.text.strip() else None

    @property
    def heading(self) -> str:
        found = self.tree.xpath("//h1") if self.tree is not None else []
        return " ".join(found[0].text_content().split()) if found else ""

    @property
    def words(self) -> str:
        return " ".join(self.tree.text_content().split()) if self.tree is not None else ""

    def links(self, containing: str) -> list[str]:
        """Addresses of links whose address contains this, in the order of the page, each once."""
        found = [urljoin(self.url, a.get("href")) for a in self.tree.xpath("//a[@href]")]
        return list(dict.fromkeys(link for link in found if containing in link))

    def form(self, *, action: str = "", field: str = "") -> Any:
        """The form whose address ends so, or that has this field. Raises WalkStopped when there is none."""
        for form in self.tree.forms:
            target = urljoin(self.url, form.get("action") or self.url)
            if action and not target.rstrip("/").endswith(action.rstrip("/")):
                continue
            if field and field not in form.fields:
                continue
            if (form.get("method") or "get").lower() == "post":
                return form
        raise WalkStopped(
            f"{self.url} ({self.status}): there is no form for {action or field}. It says: {self.words[:300]}"
        )


class Browser:
    """Cookies of one person. Follows redirects within the product; every unexpected status stops the walk."""

    def __init__(self, base_url: str, *, timeout_s: float = 30.0):
        self.base_url = base_url
        self._client = httpx2.Client(timeout=timeout_s, follow_redirects=True, trust_env=False)

    def close(self) -> None:
        self._client.close()

    def open(self, address: str) -> Page:
        return self._page(self._client.get(urljoin(self.base_url, address)), (200,))

    def raw(self, address: str) -> httpx2.Response:
        return self._client.get(urljoin(self.base_url, address))

    def submit(self, page: Page, form: Any, *, expect: tuple[int, ...] = (200,), **values: str) -> Page:
        """Send the form as the page filled it, with these values in place of its own."""
        filled = {name: value for name, value in form.form_values()}
        target = urljoin(page.url, form.get("action") or page.url)
        headers = {"Referer": page.url, "Origin": self.base_url}
        return self._page(self._client.post(target, data={**filled, **values}, headers=headers), expect)

    def _page(self, response: httpx2.Response, expect: tuple[int, ...]) -> Page:
        page = Page(str(response.url), response.status_code, response.text)
        if response.status_code not in expect:
            raise WalkStopped(f"{page.url} answered {response.status_code}: {page.words[:400]}")
        return page
