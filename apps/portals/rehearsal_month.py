"""A month of a client to whom all ten types of deliverables are promised, walked through the doors by its people."""

import re
import time

from .browser import Browser, Page, WalkStopped
from .rehearsal import PATIENCE_SECONDS, Walk, Walked, options

TYPES = (
    "blog posts",
    "social posts",
    "backlinks",
    "gbp posts",
    "website audit",
    "email newsletters",
    "ad copy sets",
    "performance reports",
    "landing pages",
    "video scripts",
)
# Accounts to which people publish by hand, and what the address of a post there looks like.
ACCOUNTS = {
    "linkedin": "https://www.linkedin.com/company/{slug}/",
    "google_business_profile": "https://g.page/{slug}",
    "mailchimp": "https://mailchimp.com/{slug}",
}
POSTS = {
    "linkedin": "https://www.linkedin.com/feed/update/urn:li:share:{number}",
    "google_business_profile": "https://g.page/r/{number}",
}
NOTE = f"Please promise us more each month: {', '.join(TYPES[1:])}."


class MonthWalk(Walk):
    """Everybody approves what they are asked and does the tasks they are given, until every promise is kept."""

    def _run(self) -> Walked:
        with self.step() as told:
            self.sign_in(self.sam, "sam@leadmetrics.test", "/manage/")
            name, slug, _, _ = self.create_client()
            reviewer, admin = self.invite_and_assign(slug)
            self.connect_wordpress(slug)
            for platform, address in ACCOUNTS.items():
                self.name_account(slug, platform, address)
            self.accept_invitation(self.alice, admin)
            self.accept_contract()
            told.append(f"{name} is set up by Sam, Rita and Alice as before")
        self.approve_context_file(slug)
        self.ask_for_more(NOTE)
        self.approve_strategy()
        with self.step() as told:
            decisions, tasks = self.work_through(slug)
            told.append(f"{decisions} decisions and {tasks} tasks later every promise of the month is kept:")
        for promise in self.promises():
            self.say(0.0, promise)
        live = self.live_posts(slug, 2) or []
        return Walked(name, slug, reviewer, admin, live, self.cost(slug), time.monotonic() - self.began)

    def name_account(self, slug: str, platform: str, address: str) -> None:
        page = self.sam.open("/manage/channels/channel/add/")
        form = page.form(field="application_password")
        client = [value for value, text in options(form, "client") if text.endswith(slug) or value == slug]
        self.sam.submit(
            page,
            form,
            client=client[0] if client else slug,
            platform=platform,
            name=f"{platform.replace('_', ' ').title()} of the client",
            site_url=address.format(slug=slug),
        )

    def work_through(self, slug: str) -> tuple[int, int]:
        """How many decisions were made and tasks done until the month was done; raises WalkStopped if it stands still."""
        decisions = tasks = 0
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self.is_month_done():
            moved = 0
            for browser, address in ((self.rita, "/dm/inbox/"), (self.alice, "/app/approvals/")):
                for link in self.waiting(browser, address, 1) or []:
                    moved += (decided := self.decide(browser, link))
                    decisions += decided
            moved += self.record_agreements(slug)
            for link in self.tasks():
                moved += (done := self.do(link))
                tasks += done
            if moved:
                deadline = time.monotonic() + PATIENCE_SECONDS
            elif time.monotonic() > deadline:
                raise WalkStopped(f"The month stands still at: {self.promises()}")
            else:
                time.sleep(0.4)
        return decisions, tasks

    def decide(self, browser: Browser, address: str) -> bool:
        """Approve what waits; False where somebody else decides."""
        page = browser.open(address)
        if not has_form(page, "/approve/"):
            return False
        browser.submit(page, page.form(action="/approve/"))
        return True

    def record_agreements(self, slug: str) -> int:
        """The magazine agreed to link from the page about the client's trade; Rita writes that down."""
        recorded = 0
        list_of_links = self.rita.open(f"/dm/c/{slug}/backlinks/")
        for address in dict.fromkeys(list_of_links.links("/backlinks/0")):
            for move in ("answer", "agree"):
                page = self.rita.open(address)
                about = any(f"/quay-notes/{name}/" in page.text for name in ("coffee", "clinics", "roofs"))
                if about and f'value="{move}"' in page.text:
                    self.rita.submit(page, page.form(action="/move/"), move=move)
                    recorded += 1
        return recorded

    def tasks(self) -> list[str]:
        """Addresses of Rita's own tasks."""
        links = self.rita.open("/dm/inbox/").links("/activities/")
        return list(dict.fromkeys(link for link in links if len(link.rstrip("/").rsplit("/", 1)[-1]) == 26))

    def do(self, address: str) -> bool:
        """Finish a task: with the address of what was published where that is asked for."""
        page = self.rita.open(address)
        if has_form(page, "/published/"):
            number = str(int(address.rstrip("/").rsplit("/", 1)[-1], 36) % 10**18)
            platform = next((name for name in POSTS if name.split("_")[0] in page.words.lower()), "")
            url = POSTS.get(platform, "https://news.lumen-physio.com/{number}").format(number=number)
            self.rita.submit(page, page.form(action="/published/"), url=url)
            return True
        if has_form(page, "/done/"):
            self.rita.submit(page, page.form(action="/done/"))
            return True
        return False

    def promises(self) -> list[str]:
        """What is promised for the month and how far it is, as the client reads it: "1 of 2 blog posts"."""
        lines = self.alice.open("/app/progress/").tree.xpath("//strong")
        texts = [" ".join(line.text_content().split()) for line in lines]
        return [text for text in texts if re.match(r"\d+ of \d+", text)]

    def is_month_done(self) -> bool:
        counts = [re.match(r"(\d+) of (\d+)", promise) for promise in self.promises()]
        return len(counts) >= len(TYPES) and all(count and count[1] == count[2] for count in counts)


def has_form(page: Page, action: str) -> bool:
    return any((form.get("action") or "").endswith(action) for form in page.tree.forms)
