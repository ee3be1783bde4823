"""The first journey by clicking: Sam in Manage, Rita in the DM Portal, Alice in her dashboard, each in a browser of their own."""

import re
import time

import httpx2
import pytest

from .conftest import PICTURES

PATIENCE_S = 90


class Person:
    """One person's browser. Fails on any script error or blocked resource, and takes pictures wide and narrow."""

    def __init__(self, chromium, base_url: str, name: str):
        self.context = chromium.new_context(base_url=base_url, viewport={"width": 1440, "height": 900})
        self.page = self.context.new_page()
        self.name, self.troubles = name, []
        self.page.on("pageerror", lambda error: self.troubles.append(f"script: {error}"))
        self.page.on("console", lambda m: self.troubles.append(m.text) if "Content Security Policy" in m.text else None)

    def picture(self, what: str) -> None:
        PICTURES.mkdir(exist_ok=True)
        for size, width, height in (("wide", 1440, 900), ("phone", 390, 844)):
            self.page.set_viewport_size({"width": width, "height": height})
            self.page.screenshot(path=PICTURES / f"{self.name}-{what}-{size}.png", full_page=size == "phone")
        self.page.set_viewport_size({"width": 1440, "height": 900})

    def open(self, address: str):
        self.page.goto(address)
        return self.page

    def approve(self) -> None:
        """Press Approve, and wait for the page that comes after the decision."""
        button = self.page.get_by_role("button", name=re.compile("^Approve")).filter(visible=True).first
        self.leave(button.click)

    def leave(self, act) -> None:
        before = self.page.url
        act()
        self.page.wait_for_url(lambda url: url != before)

    def wait_until(self, there, what: str):
        """Open the page again until `there(page)` gives something."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if found := there(self.page):
                return found
            self.page.wait_for_timeout(400)
            self.page.reload()
        self.picture("lost")
        raise AssertionError(f"No sign of {what} after {PATIENCE_S} s; see the picture {self.name}-lost.")


def invitation_for(sandbox: str, email: str) -> str:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        messages = httpx2.get(f"{sandbox}/mail/messages.json", params={"to": email}, trust_env=False).json()
        for message in messages:
            for link in message["links"]:
                if "/invitation/" in link:
                    return link
    raise AssertionError(f"No invitation for {email}.")


def approvals_on(page) -> list[str]:
    links = page.locator("a[href*='/approvals/']").evaluate_all("links => links.map(l => l.getAttribute('href'))")
    return list(dict.fromkeys(link for link in links if re.search(r"/approvals/[0-9A-Z]{26}/$", link or "")))


@pytest.fixture
def people(chromium, addresses):
    cast = {name: Person(chromium, addresses["PUBLIC_BASE_URL"], name) for name in ("sam", "rita", "alice")}
    yield cast
    for person in cast.values():
        person.context.close()


@pytest.mark.acceptance("FLOW-contract-modal")
@pytest.mark.acceptance("ACT-doors")
def test_a_client_comes_in_and_its_first_posts_go_live(people, addresses):
    sam, rita, alice = people["sam"], people["rita"], people["alice"]
    sandbox, password = addresses["SANDBOX_URL"], addresses["DEMO_PASSWORD"]
    slug = f"lumen-{int(time.time())}"
    admin, reviewer = f"alice@{slug}.test", f"rita@{slug}.test"

    # Sam signs in and makes the client
    page = sam.open("/account/login/?next=/manage/")
    sam.picture("01-sign-in")
    page.fill("input[name=login]", "sam@leadmetrics.test")
    page.fill("input[name=password]", password)
    page.locator("form:has(input[name=password]) button[type=submit]").click()
    page.wait_for_url("**/manage/")
    sam.picture("02-manage")
    page = sam.open("/manage/tenants/tenant/add/")
    page.fill("[name=name]", f"Lumen Physio {slug[-4:]}")
    page.fill("[name=slug]", slug)
    page.fill("[name=website]", f"{sandbox}/site/lumen-physio/")
    page.fill("[name=admin_name]", "Alice Ahuja")
    page.fill("[name=admin_email]", admin)
    sam.picture("03-new-client")
    page.locator("form:has([name=admin_email]) [type=submit]").first.click()
    page.wait_for_url(re.compile(r"/manage/tenants/tenant/[0-9A-Z]{26}/"))
    client_page = page.url
    sam.picture("04-client")
    page = sam.open("/manage/tenants/user/add/")
    page.select_option("[name=role]", "reviewer")
    page.fill("[name=name]", "Rita Rao")
    page.fill("[name=email]", reviewer)
    page.locator("form:has([name=email]) [type=submit]").first.click()
    page.wait_for_url(re.compile(r"/manage/tenants/user/[0-9A-Z]{26}/"))

    # Rita and Alice join
    for person, email in ((rita, reviewer), (alice, admin)):
        page = person.open(invitation_for(sandbox, email))
        person.picture("05-invitation")
        page.fill("input[name=password]", password)
        page.locator("form:has(input[name=password]) button[type=submit]").click()
        page.wait_for_url(re.compile(r"/(dm|app)/"))

    # Sam assigns the reviewer and connects the website
    page = sam.open(client_page + "assign/")
    value = page.locator("[name=user] option", has_text=reviewer).get_attribute("value")
    page.locator("[name=user]").select_option(value)
    page.locator("form:has([name=user]) [type=submit]").first.click()
    page.wait_for_url(client_page)
    page = sam.open("/manage/channels/channel/add/")
    sam.picture("06-new-channel")
    if page.locator("select[name=client]").count():
        value = page.locator("[name=client] option", has_text=slug[-4:]).first.get_attribute("value")
        page.select_option("[name=client]", value)
    else:
        page.fill("[name=client]", slug)
    page.fill("[name=name]", "Company blog")
    page.fill("[name=site_url]", f"{sandbox}/wordpress/{slug}/")
    page.fill("[name=username]", "editor")
    page.fill("[name=application_password]", "rehearsal application password")
    page.locator("form:has([name=application_password]) [type=submit]").first.click()
    page.wait_for_url(re.compile(r"/manage/channels/channel/[0-9A-Z]{26}/"))
    sam.picture("07-channel")

    # Alice accepts the contract
    page = alice.open("/app/")
    page.wait_for_url("**/app/contract/")
    alice.wait_until(lambda p: p.locator("input[name=agree]").count(), "the contract")
    alice.picture("08-contract")
    page.check("input[name=agree]")
    page.locator("form:has(input[name=agree]) button[type=submit]").click()
    page.wait_for_url(re.compile(r"/app/$"))
    alice.picture("09-home")

    # Rita approves the context file with the keyboard
    rita.open("/dm/inbox/")
    rita.picture("10-empty-inbox")
    (context, *_) = rita.wait_until(approvals_on, "the context file")
    rita.picture("11-inbox")
    page = rita.open(context)
    rita.picture("12-context-file")
    rita.leave(lambda: page.keyboard.press("a"))

    # Alice approves the strategy
    alice.open("/app/approvals/")
    (strategy,) = alice.wait_until(approvals_on, "the strategy")
    alice.open(strategy)
    alice.picture("13-strategy")
    alice.approve()

    # Rita approves both topics, asks for one change, approves the rest
    rita.open("/dm/inbox/")
    for address in rita.wait_until(lambda p: len(approvals_on(p)) == 2 and approvals_on(p), "the topics"):
        rita.open(address)
        rita.picture("14-topic")
        rita.approve()
    rita.open("/dm/inbox/")
    drafts = rita.wait_until(lambda p: len(approvals_on(p)) == 2 and approvals_on(p), "the drafts")
    page = rita.open(drafts[0])
    rita.picture("15-draft")
    page.keyboard.press("r")
    page.locator("textarea[name=note]").filter(visible=True).first.fill("Say when one should see a doctor instead.")
    rita.picture("16-ask-for-a-change")
    rita.leave(lambda: page.keyboard.press("Control+Enter"))
    rita.open(drafts[1])
    rita.approve()
    rita.open("/dm/inbox/")
    (again,) = rita.wait_until(lambda p: len(approvals_on(p)) == 1 and approvals_on(p), "the second version")
    rita.open(again)
    rita.picture("17-second-version")
    rita.approve()

    # Alice approves both posts, and they are live
    alice.open("/app/approvals/")
    for address in alice.wait_until(lambda p: len(approvals_on(p)) == 2 and approvals_on(p), "the posts"):
        alice.open(address)
        alice.picture("18-post")
        alice.approve()
    alice.open("/app/content/")
    live = f"a[href*='/wordpress/{slug}/']"
    alice.wait_until(lambda p: p.locator(live).count() >= 2, "the live posts")
    alice.picture("19-published")
    address = alice.page.locator(live).first.get_attribute("href")
    answer = httpx2.get(address, trust_env=False)
    assert answer.status_code == 200
    assert "Rehearsal" in answer.text
    alice.open("/app/progress/")
    alice.wait_until(lambda p: "2 of 2" in p.inner_text("main"), "the month's progress")
    alice.picture("20-progress")
    rita.open(f"/dm/c/{slug}/")
    rita.picture("21-client")
    sam.open("/manage/")
    sam.picture("22-manage-after")
    assert [trouble for person in people.values() for trouble in person.troubles] == []
