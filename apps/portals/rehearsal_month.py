"""A month of a client to whom all ten types of deliverables are promised, walked through the doors by its people."""

import re
import time

from .browser import Browser, Page, WalkStopped
from .rehearsal import PATIENCE_SECONDS, Walk, Walked

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
NOTE = f"Please promise us more each month: {', '.join(TYPES[1:])}."


class MonthWalk(Walk):
    """Everybody approves what they are asked and does the tasks they are given, until every promise is kept."""

    def _run(self) -> Walked:
        with self.step() as told:
            self.sign_in(self.sam, "sam@leadmetrics.test", "/manage/")
            name, slug, _, _ = self.create_client()
            reviewer, admin = self.invite_and_assign(slug)
            self.connect_wordpress(slug)
            self.accept_invitation(self.alice, admin)
            self.accept_contract()
            told.append(f"{name} is set up by Sam, Rita and Alice as before")
        self.approve_context_file(slug)
        self.ask_for_more(NOTE)
        self.approve_strategy()
        with self.step() as told:
            decisions, tasks = self.work_through()
            told.append(f"{decisions} decisions and {tasks} tasks later every promise of the month is kept:")
        for promise, done in self.promises():
            self.say(0.0, f"{done:>8}  {promise}")
        return Walked(name, slug, reviewer, admin, self.live_posts(slug, 2) or [], time.monotonic() - self.began)

    def work_through(self) -> tuple[int, int]:
        """How many decisions were made and tasks done until the month was done; raises WalkStopped if it stands still."""
        decisions = tasks = 0
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self.is_month_done():
            moved = 0
            for browser, address in ((self.rita, "/dm/inbox/"), (self.alice, "/app/approvals/")):
                for link in self.waiting(browser, address, 1) or []:
                    moved += (decided := self.decide(browser, link))
                    decisions += decided
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

    def tasks(self) -> list[str]:
        """Addresses of Rita's own tasks."""
        links = self.rita.open("/dm/inbox/").links("/activities/")
        return list(dict.fromkeys(link for link in links if len(link.rstrip("/").rsplit("/", 1)[-1]) == 26))

    def do(self, address: str) -> bool:
        """Finish a task: with the address of what was published where that is asked for."""
        page = self.rita.open(address)
        if has_form(page, "/published/"):
            ref = address.rstrip("/").rsplit("/", 1)[-1].lower()
            self.rita.submit(page, page.form(action="/published/"), url=f"https://posts.example.com/{ref}")
            return True
        if has_form(page, "/done/"):
            self.rita.submit(page, page.form(action="/done/"))
            return True
        return False

    def promises(self) -> list[tuple[str, str]]:
        """(what is promised, "n of m") of the month, as the client reads it."""
        page = self.alice.open("/app/progress/")
        found = re.findall(r"(\d+) of (\d+)", page.words)
        names = [name for name in TYPES if name.split()[0] in page.words.lower()]
        return list(zip(names, (f"{done} of {total}" for done, total in found), strict=False))

    def is_month_done(self) -> bool:
        page = self.alice.open("/app/progress/")
        counts = re.findall(r"(\d+) of (\d+)", page.words)
        return len(counts) >= len(TYPES) and all(done == total for done, total in counts)


def has_form(page: Page, action: str) -> bool:
    return any((form.get("action") or "").endswith(action) for form in page.tree.forms)
