"""What the home page of the dashboard says, composed of other apps' answers."""

from dataclasses import dataclass
from datetime import datetime

from apps.activities import queries as work
from apps.activities.models import Activity
from apps.activities.statuses import ActivityStatus, HumanRole, SubjectType
from apps.content import queries as content
from apps.strategy import queries as strategy

# What a client reads for a step, by the kind of unit: the step in a list, and what happens while it is the current one.
ONBOARDING = {
    "crawl_website": "Read your website",
    "research": "Research your business and your market",
    "context_file": "Write down what we learned",
    "context_review": "Your agency checks it",
}
STRATEGY = {"draft": "Write the strategy", "client_approval": "You approve it"}
ARTICLE = {
    "keyword_research": "We look for what people search for",
    "topic_request": "We choose a topic",
    "topic_approval": "Your agency checks the topic",
    "draft": "It is being written",
    "dm_review": "Your agency reviews it",
    "publish": "It is being published",
}
# What comes after publication: the article is live and stands under what went live, a post or mail is out.
AFTERWARDS = ("check_live", "engagement_check", "results")


@dataclass(frozen=True)
class Happening:
    """One thing under way. `steps` in the shape of components/steps.html, or a sentence in `says`."""

    title: str
    says: str
    steps: list[dict[str, str]]
    done_count: int
    total_count: int


def happening_now() -> list[Happening]:
    """What is under way for the one client in scope, in words."""
    units = [found for found in work.units_in_work() if found.current is not None]
    posts = [step.subject_ref for found in units if (step := found.current).subject_type == SubjectType.BLOG_POST]
    titles = content.titles_of_posts(posts) if posts else {}
    happening = []
    for found in units:
        step = found.current
        if step.pipeline_step.startswith(AFTERWARDS) or _waits_for_client(step):
            continue
        words = _words_of(found)
        in_full = words is not ARTICLE
        happening.append(
            Happening(
                title=titles.get(step.subject_ref) or _title_of(found),
                says="" if in_full else _says(step, words),
                steps=[_as_step(one, words, current=step) for one in found.steps] if in_full else [],
                done_count=found.done_count,
                total_count=len(found.steps),
            )
        )
    return happening


def _waits_for_client(step: Activity) -> bool:
    """It stands under what waits for you."""
    return step.status == ActivityStatus.AWAITING_APPROVAL and step.step.human_role == HumanRole.ADMIN


def _words_of(found: work.UnitInWork) -> dict[str, str]:
    kind = found.unit.subject_type
    if kind == SubjectType.ONBOARDING_RUN:
        return ONBOARDING
    return STRATEGY if kind == SubjectType.STRATEGY else ARTICLE


def _title_of(found: work.UnitInWork) -> str:
    return "Getting to know your business" if _words_of(found) is ONBOARDING else found.unit.title


def _says(step: Activity, words: dict[str, str]) -> str:
    if step.status == ActivityStatus.FAILED:
        return "We ran into a problem; your agency looks into it"
    return words.get(step.pipeline_step, step.title)


def _as_step(step: Activity, words: dict[str, str], *, current: Activity) -> dict[str, str]:
    label = words.get(step.pipeline_step, step.title)
    if step.status == ActivityStatus.FAILED:
        return {"label": label, "state": "failed", "detail": "We ran into a problem; your agency looks into it."}
    if step.status in (ActivityStatus.COMPLETED, ActivityStatus.CANCELLED):
        return {"label": label, "state": "done" if step.status == ActivityStatus.COMPLETED else "skipped"}
    return {"label": label, "state": "running" if step.pk == current.pk else "waiting"}


@dataclass(frozen=True)
class Promise:
    """The month in words, and the goals it serves."""

    lines: list[strategy.Progress]
    goals: list


def promise(*, at: datetime) -> Promise:
    return Promise(lines=strategy.deliverable_progress(at=at), goals=strategy.with_readings(strategy.active_goals()))
