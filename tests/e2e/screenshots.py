"""`make screenshots`: every page of the running product, wide and on a phone, light and dark.

Pages are found by following links from where each person lands: one page of every shape of address, where a shape is the
address without its ref_ids and short names. Pictures: `screenshots/<portal>/<page>-<size>-<theme>.png`.
"""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urljoin, urlsplit

from playwright.sync_api import Browser, Error, sync_playwright

from apps.portals.browser import WalkStopped
from apps.portals.rehearsal import Addresses, Walk

from .conftest import CHROMIUM, FLAGS, PICTURES

SIZES = {"wide": (1440, 900), "phone": (390, 844)}
THEMES = ("light", "dark")
FIRST = "harbour-coffee"  # the client of the first walk
NOT_PAGES = re.compile(r"/(pdf|stream|export|download|logout|autocomplete|jsi18n)/|\.\w+$")
OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
STARTS = {
    "manage": ("/manage/",),
    "dm": ("/dm/inbox/", "/dm/clients/"),
    "app": ("/app/", "/app/approvals/", "/app/content/", "/app/contract/", "/app/progress/", "/app/strategy/"),
}


class Camera:
    """One person's browser: takes pictures, and keeps what went wrong on each page."""

    def __init__(self, browser: Browser, base_url: str):
        self.context = browser.new_context(base_url=base_url, viewport={"width": 1440, "height": 900})
        self.page, self.count, self.troubles, self.heard = self.context.new_page(), 0, [], []
        self.page.on("pageerror", lambda error: self.heard.append(f"script error: {error}"))
        self.page.on("console", lambda m: self.heard.append(m.text) if "Content Security Policy" in m.text else None)

    def take(self, portal: str, address: str, *, name: str, status: int = 200) -> list[str]:
        """All pictures of the page; the addresses it links to."""
        (PICTURES / portal).mkdir(parents=True, exist_ok=True)
        found = set()
        for theme in THEMES:
            self.page.emulate_media(color_scheme=theme)
            answer = self.page.goto(address)
            if answer is None or answer.status != status:
                self.heard.append(f"answered {answer.status if answer else 'nothing'}")
            for size, (width, height) in SIZES.items():
                self.page.set_viewport_size({"width": width, "height": height})
                self.page.evaluate(
                    "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
                )
                if (beyond := self.page.evaluate(OVERFLOW)) > 0:
                    self.heard.append(f"{size}: {beyond} px wider than the screen")
                self.page.screenshot(path=PICTURES / portal / f"{name}-{size}-{theme}.png", full_page=size == "phone")
                self.count += 1
            found |= set(self.page.locator("a[href]").evaluate_all("links => links.map(l => l.href)"))
        self.troubles += [f"{address}: {what}" for what in dict.fromkeys(self.heard)]
        self.heard.clear()
        return sorted(urlsplit(urljoin(self.page.url, link)).path for link in found)

    def sign_in(self, email: str, password: str, to: str) -> bool:
        self.page.goto(f"/account/login/?next={to}")
        self.page.fill("input[name=login]", email)
        self.page.fill("input[name=password]", password)
        self.page.locator("form:has(input[name=password]) button[type=submit]").click()
        self.page.wait_for_load_state()
        return "/account/login/" not in self.page.url


@contextmanager
def camera(browser: Browser, base_url: str, all_cameras: list[Camera]) -> Iterator[Camera]:
    one = Camera(browser, base_url)
    all_cameras.append(one)
    yield one
    one.context.close()


def shape(address: str) -> str:
    """The address without what differs from row to row."""
    address = re.sub(r"(?<=/skills/)(?!add/)(s/)?[a-z0-9-]+(?=/)", r"\1one", address)
    return re.sub(r"^/dm/c/[^/]+/", "/dm/c/client/", re.sub(r"/[0-9A-Z]{26}(?=/|$)", "/one", address))


def name_of(portal: str, address: str) -> str:
    return shape(address).removeprefix(f"/{portal}/").strip("/").replace("/", "-") or "home"


def decided(sam: Camera) -> list[str]:
    """ref_ids of decisions, newest first: once decided, the portals no longer link to their pages."""
    sam.page.goto("/manage/activities/approval/")
    links = sam.page.locator("a[href*='/activities/approval/01']").evaluate_all("links => links.map(l => l.href)")
    return list(dict.fromkeys(found.group() for link in links if (found := re.search(r"[0-9A-Z]{26}", link))))


def decision_of(person: Camera, portal: str, slug: str, ref_ids: list[str]) -> list[str]:
    """The first decision this person may look at; none where there is none."""
    before = f"/dm/c/{slug}/approvals/" if portal == "dm" else "/app/approvals/"
    for ref_id in ref_ids:
        if person.context.request.get(f"{before}{ref_id}/").status == 200:
            return [f"{before}{ref_id}/"]
    return []


def take_portal(person: Camera, portal: str, more: list[str]) -> None:
    """A page of every shape that can be reached by links from the portal's starts and from `more`."""
    waiting = [*STARTS[portal], *more]
    seen = {shape(address) for address in waiting}
    while waiting:
        address = waiting.pop(0)
        try:
            links = person.take(portal, address, name=name_of(portal, address))
        except Error as error:
            person.troubles.append(f"{address}: {error.message.splitlines()[0]}")
            continue
        for link in links:
            if link.startswith(f"/{portal}/") and not NOT_PAGES.search(link) and shape(link) not in seen:
                seen.add(shape(link))
                waiting.append(link)


def main() -> int:
    names = ("PUBLIC_BASE_URL", "SANDBOX_URL", "DEMO_PASSWORD")
    if missing := [name for name in names if not os.environ.get(name)]:
        print(f"{', '.join(missing)} not set: run this by `make screenshots`.")
        return 2
    if not CHROMIUM:
        print("No pictures: Chromium is not installed. Install Debian's package chromium, or set CHROMIUM_PATH.")
        return 0
    base_url, sandbox, password = (os.environ[name] for name in names)
    cameras: list[Camera] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        with camera(browser, base_url, cameras) as stranger:
            stranger.take("public", "/account/login/", name="sign-in")
            stranger.take("public", "/no-such-page/", name="not-found", status=404)
            stranger.take("public", "/styleguide/", name="styleguide")
            alice = f"alice@{FIRST}.test"
            if not stranger.sign_in(alice, password, "/app/"):
                try:
                    walked = Walk(
                        Addresses(base_url, sandbox, password), lambda s, what: print(f"  {s:6.1f} s  {what}")
                    ).run()
                except WalkStopped as error:
                    print(f"There is no client with data, and the walk that makes one stopped: {error}")
                    return 1
                alice, rita = walked.admin_email, walked.reviewer_email
            else:
                rita = f"rita@{FIRST}.reviewers.test"
        slug, ref_ids = alice.removeprefix("alice@").removesuffix(".test"), []
        for portal, email in (("manage", "sam@leadmetrics.test"), ("dm", rita), ("app", alice)):
            with camera(browser, base_url, cameras) as person:
                if not person.sign_in(email, password, STARTS[portal][0]):
                    print(f"{email} cannot sign in with DEMO_PASSWORD.")
                    return 1
                if portal == "manage":
                    ref_ids = decided(person)
                take_portal(person, portal, decision_of(person, portal, slug, ref_ids) if portal != "manage" else [])
                print(f"  {person.count:4}  {portal}", flush=True)
        browser.close()
    troubles = [trouble for one in cameras for trouble in one.troubles]
    print(f"{sum(one.count for one in cameras)} pictures in {PICTURES}")
    for trouble in troubles:
        print(f"  {trouble}")
    return 1 if troubles else 0


if __name__ == "__main__":
    sys.exit(main())
