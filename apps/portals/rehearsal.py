"""The first journey, walked through the doors over HTTP by the people it takes: Sam, Rita and Alice.

Nothing here calls the product's functions or reads its stores: pages are opened, forms are filled, mail is read in the
mail catcher, and every decision is made by the person whose decision it is.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx2

from .browser import Browser, Page, WalkStopped

# The sandbox's small businesses: (name, short name, website folder, industry)
BUSINESSES = (
    ("Harbour Coffee", "harbour-coffee", "harbour-coffee", "Speciality coffee"),
    ("Lumen Physio", "lumen-physio", "lumen-physio", "Physiotherapy"),
    ("Northfield Solar", "northfield-solar", "northfield-solar", "Rooftop solar"),
)
PATIENCE_SECONDS = 180.0  # with a real model a draft takes a minute or two
LOOK_SECONDS = 0.4


@dataclass(frozen=True)
class Addresses:
    """Where the product and the rehearsal world are, and the password of all demo people."""

    product: str
    sandbox: str
    password: str


@dataclass(frozen=True)
class Walked:
    """What the walk ended with."""

    client: str
    slug: str
    reviewer_email: str
    admin_email: str
    live: list[str]
    cost: str
    seconds: float


class Walk:
    """One walk; `say(seconds, what)` is called when a step is done."""

    def __init__(self, addresses: Addresses, say: Callable[[float, str], None]):
        self.at, self.say = addresses, say
        self.began = time.monotonic()
        self.client_address = ""  # in Manage, known once the client is made
        self.sam, self.rita, self.alice = (Browser(addresses.product) for _ in range(3))

    @contextmanager
    def step(self) -> Iterator[list[str]]:
        """Times a step; what the step appends is said when it is done."""
        began, told = time.monotonic(), []
        yield told
        self.say(time.monotonic() - began, " ".join(told))

    def run(self) -> Walked:
        try:
            return self._run()
        finally:
            for browser in (self.sam, self.rita, self.alice):
                browser.close()

    def _run(self) -> Walked:
        with self.step() as told:
            self.sign_in(self.sam, "sam@leadmetrics.test", "/manage/")
            told.append("Sam, super admin, signs in to Manage")
        name, slug, industry, folder = self.create_client()
        reviewer, admin = self.invite_and_assign(slug)
        self.connect_wordpress(slug)
        self.join(admin)
        self.accept_contract()
        self.approve_context_file(slug)
        self.approve_strategy()
        self.decide_topics()
        self.review_drafts()
        live = self.approve_posts(slug)
        return Walked(name, slug, reviewer, admin, live, self.cost(slug), time.monotonic() - self.began)

    # Manage

    def sign_in(self, browser: Browser, email: str, to: str) -> Page:
        page = browser.open(f"/account/login/?next={to}")
        form = page.form(field="password")
        after = browser.submit(page, form, login=email, password=self.at.password)
        if "/account/login/" in after.url:
            raise WalkStopped(f"{email} could not sign in: {after.words[:300]}")
        return after

    def create_client(self) -> tuple[str, str, str, str]:
        """A client with a short name that is still free, so that walking again makes another client."""
        with self.step() as told:
            page = self.sam.open("/manage/tenants/tenant/add/")
            for number in range(1, 200):
                for name, base, folder, industry in BUSINESSES:
                    slug = base if number == 1 else f"{base}-{number}"
                    shown = name if number == 1 else f"{name} {number}"
                    answer = self.sam.submit(
                        page,
                        page.form(field="admin_email"),
                        expect=(200, 400),
                        name=shown,
                        slug=slug,
                        website=f"{self.at.sandbox}/site/{folder}/",
                        industry=industry,
                        admin_name="Alice Ahuja",
                        admin_email=f"alice@{slug}.test",
                    )
                    if not answer.url.endswith("/add/"):
                        self.client_address = answer.url
                        told.append(f"Sam creates the client {shown}; its contract is made, Alice is invited")
                        return shown, slug, industry, folder
                    if "Another client has this address" not in answer.words:
                        raise WalkStopped(f"The client was not created: {answer.words[:400]}")
                    page = answer
        raise WalkStopped("Every short name is taken.")

    def invite_and_assign(self, slug: str) -> tuple[str, str]:
        reviewer = f"rita@{slug}.reviewers.test"
        with self.step() as told:
            page = self.sam.open("/manage/tenants/user/add/")
            self.sam.submit(page, page.form(field="email"), role="reviewer", name="Rita Rao", email=reviewer)
            self.accept_invitation(self.rita, reviewer)
            told.append("Sam invites Rita as reviewer; she reads her mail and chooses a password")
        with self.step() as told:
            client = self.sam.open(self.client_address)
            page = self.sam.open(client.links("/assign/")[0])
            form = page.form(field="user")
            wanted = [v for v, text in options(form, "user") if reviewer in text]
            self.sam.submit(page, form, user=wanted[0])
            told.append("Sam assigns Rita to the client")
        return reviewer, f"alice@{slug}.test"

    def connect_wordpress(self, slug: str) -> None:
        with self.step() as told:
            page = self.sam.open("/manage/channels/channel/add/")
            form = page.form(field="application_password")
            client = [value for value, text in options(form, "client") if text.endswith(slug) or value == slug]
            after = self.sam.submit(
                page,
                form,
                **({"client": client[0]} if client else {"client": slug}),
                name="Company blog",
                site_url=f"{self.at.sandbox}/wordpress/{slug}/",
                username="editor",
                application_password="rehearsal application password",
            )
            tested = self.sam.submit(after, after.form(action="/test/"))
            if "Connected to" not in tested.words:
                raise WalkStopped(f"WordPress is not connected: {tested.words[:300]}")
            told.append("Sam connects the client's WordPress site and tests the connection")

    # Mail

    def accept_invitation(self, browser: Browser, email: str) -> None:
        link = self.wait_for(lambda: self.invitation_link(email), f"the invitation of {email}")
        page = browser.open(link)
        browser.submit(page, page.form(field="password"), password=self.at.password)

    def invitation_link(self, email: str) -> str | None:
        answer = httpx2.get(f"{self.at.sandbox}/mail/messages.json", params={"to": email}, trust_env=False)
        links = [link for message in answer.json() for link in message["links"] if "/invitation/" in link]
        return links[0] if links else None

    # Client

    def join(self, admin: str) -> None:
        with self.step() as told:
            self.accept_invitation(self.alice, admin)
            told.append("Alice reads her invitation and chooses a password")

    def accept_contract(self) -> None:
        with self.step() as told:
            gate = self.alice.open("/app/strategy/")
            if "/app/contract/" not in gate.url:
                raise WalkStopped("A page opened before the contract was accepted.")
            page = self.wait_for(self.contract_page, "the contract")
            pdf = self.alice.raw("/app/contract/pdf/")
            if not pdf.content.startswith(b"%PDF"):
                raise WalkStopped("The contract is not a PDF.")
            self.alice.submit(page, page.form(action="/accept/"), agree="on")
            told.append(f"Alice reads the contract ({len(pdf.content) // 1024} kB, locked in S3) and accepts it")

    def contract_page(self) -> Page | None:
        page = self.alice.open("/app/contract/")
        return page if any("/accept/" in (form.get("action") or "") for form in page.tree.forms) else None

    def ask_for_more(self, note: str) -> None:
        """Alice reads the strategy and wants more in it."""
        with self.step() as told:
            (address,) = self.wait_for(lambda: self.waiting(self.alice, "/app/approvals/", 1), "the strategy")
            page = self.alice.open(address)
            self.alice.submit(page, page.form(action="/reject/"), note=note)
            told.append("An agent drafts the strategy; Alice sends it back and asks for more")

    def approve_strategy(self) -> None:
        with self.step() as told:
            (address,) = self.wait_for(lambda: self.waiting(self.alice, "/app/approvals/", 1), "the strategy")
            page = self.alice.open(address)
            self.alice.submit(page, page.form(action="/approve/"))
            told.append("An agent drafts the strategy; Alice reads and approves it; the month is planned")

    def approve_posts(self, slug: str) -> list[str]:
        with self.step() as told:
            waiting = self.wait_for(lambda: self.waiting(self.alice, "/app/approvals/", 2), "the posts")
            for address in waiting:
                page = self.alice.open(address)
                self.alice.submit(page, page.form(action="/approve/"))
            told.append(f"Alice approves {len(waiting)} posts")
        with self.step() as told:
            live = self.wait_for(lambda: self.live_posts(slug, 2), "the live posts")
            told.append(f"{len(live)} posts are live on the client's WordPress site")
        with self.step() as told:
            page = self.wait_for(self.month_is_done, "this month's progress")
            told.append("The month's promise is counted: 2 of 2 blog posts")
            assert page is not None
        return live

    def live_posts(self, slug: str, count: int) -> list[str] | None:
        page = self.alice.open("/app/content/")
        links = page.links(f"/wordpress/{slug}/")
        if len(links) < count:
            return None
        for link in links:
            answer = httpx2.get(link, trust_env=False)
            if answer.status_code != 200:
                raise WalkStopped(f"{link} answered {answer.status_code}, though it counts as published.")
        return links

    def month_is_done(self) -> Page | None:
        page = self.alice.open("/app/progress/")
        return page if "2 of 2" in page.words else None

    # Reviewer

    def waiting(self, browser: Browser, address: str, count: int) -> list[str] | None:
        """Addresses of what waits for this person, once there are so many."""
        page = browser.open(address)
        links = [link for link in page.links("/approvals/") if len(link.rstrip("/").rsplit("/", 1)[-1]) == 26]
        return links if len(links) >= count else None

    def approve_context_file(self, slug: str) -> None:
        with self.step() as told:
            (address, *_) = self.wait_for(lambda: self.waiting(self.rita, "/dm/inbox/", 1), "the context file")
            told.append("The website is read, researched, and a context file is written")
        with self.step() as told:
            page = self.rita.open(address + "edit/")
            form = page.form(field="markdown") if 'name="markdown"' in page.text else page.form(field="body_markdown")
            field = "markdown" if "markdown" in form.fields else "body_markdown"
            corrected = (
                form.fields[field].rstrip() + "\n\n## House rules\n\nSay “we roast on Tuesdays”, never “daily”.\n"
            )
            self.rita.submit(page, form, **{field: corrected})
            page = self.rita.open(address)
            self.rita.submit(page, page.form(action="/approve/"))
            told.append("Rita corrects the context file and approves it")

    def decide_topics(self) -> None:
        with self.step() as told:
            topics = self.wait_for(lambda: self.waiting(self.rita, "/dm/inbox/", 2), "the topics")
            for address in topics:
                page = self.rita.open(address)
                self.rita.submit(page, page.form(action="/approve/"))
            told.append(f"Agents propose {len(topics)} topics; Rita approves them")

    def review_drafts(self) -> None:
        with self.step() as told:
            drafts = self.wait_for(lambda: self.waiting(self.rita, "/dm/inbox/", 2), "the drafts")
            told.append(f"{len(drafts)} drafts are written")
        with self.step() as told:
            page = self.rita.open(drafts[0])
            note = "Add a short section on what to do when the first attempt goes wrong."
            self.rita.submit(page, page.form(action="/reject/"), note=note)
            for address in drafts[1:]:
                page = self.rita.open(address)
                self.rita.submit(page, page.form(action="/approve/"))
            told.append("Rita asks for one change and approves the other draft")
        with self.step() as told:
            (again, *_) = self.wait_for(lambda: self.waiting(self.rita, "/dm/inbox/", 1), "the second version")
            page = self.rita.open(again)
            self.rita.submit(page, page.form(action="/approve/"))
            told.append("The draft is written again with her note; Rita approves it")

    def cost(self, slug: str) -> str:
        """What the client's models cost this month, in the words of its costs page."""
        lines = self.rita.open(f"/dm/c/{slug}/costs/").tree.xpath('//section[@aria-labelledby="total"]//p')
        return ", ".join(" ".join(line.text_content().split()) for line in lines)

    def wait_for(self, look: Callable, what: str):
        """Look until there is something; raises WalkStopped when it does not come."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            if found := look():
                return found
            time.sleep(LOOK_SECONDS)
        raise WalkStopped(f"After {PATIENCE_SECONDS:.0f} s there is still no sign of {what}.")


def options(form, name: str) -> list[tuple[str, str]]:
    """(value, text) of a select's options; nothing for another kind of field."""
    return [
        (o.get("value") or "", " ".join(o.text_content().split()))
        for o in form.xpath(f'.//select[@name="{name}"]/option')
    ]
