"""One look at everything after a disturbance: what must be true once the world is at rest."""

import io
import json
import re
from collections import Counter, defaultdict
from datetime import datetime

from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from apps.activities import queries
from apps.activities.models import Activity, ActivityLease, ActivityRun
from apps.billing.models import SpendReservation
from apps.channels.models import PublishAttempt
from apps.content.models import BlogPost
from apps.shared.models import JournalEntry
from apps.shared.scoping import every_tenant
from apps.storage.clients import database

OUTREACH_ID = re.compile(r"^Message-ID: <lm-([0-9a-z]{26})@", re.MULTILINE | re.IGNORECASE)


def faults(sandbox, *, since: datetime, at_rest: bool = True) -> list[str]:
    """Everything that is wrong, in sentences; empty when the world is sound. `since`: when the rehearsal began."""
    with every_tenant(reason="a chaos test looks at everything"):
        return [
            *(_at_rest() if at_rest else []),
            *_left_alone(),
            *_posts(sandbox, since),
            *_mails(sandbox, since),
            *_attempts(),
            *_runs(),
            *_versions(),
            *_moves(),
            *found_by("verify_integrity"),
        ]


def _at_rest() -> list[str]:
    state = queries.queue_state(timezone.now())
    return [] if state["quiescent"] else [f"not at rest: {state}"]


def _left_alone() -> list[str]:
    """Whatever an agent is not to try again is with a person."""
    wrong = []
    for activity in Activity.objects.filter(status="failed", assignee_type="agent"):
        if not Activity.with_deleted.filter(origin_key__startswith=f"escalation:{activity.ref_id}/").exists():
            wrong.append(f"{activity.title} {activity.ref_id} failed and nobody was told")
    return wrong


def posts_created(sandbox) -> list[dict]:
    """Every post the rehearsal's WordPress recorded, as its log has it."""
    entries = sandbox.world.entries(target="wordpress", method="POST", full=True)
    return [entry for entry in entries if (entry["recorded"] or {}).get("kind") == "post.created"]


def _posts(sandbox, since: datetime) -> list[str]:
    """One live post per published blog post, by marker and by title; none for anything else, and none is missing."""
    created = posts_created(sandbox)
    by_marker = Counter(entry["marker"] for entry in created)
    by_title = Counter(json.loads(entry["body"])["title"] for entry in created)
    wrong = [f"marker {marker} was sent {count} times" for marker, count in by_marker.items() if count != 1]
    titles: Counter = Counter()
    for attempt in PublishAttempt.objects.filter(marker__in=by_marker):
        post = BlogPost.objects.get(ref_id=attempt.subject_ref)
        titles[post.title] += 1
        if (attempt.status, post.status) != ("confirmed", "published"):
            wrong.append(f"live, and attempt and post say {attempt.status} and {post.status}")
        if (post.cms_post_id, post.published_url) != (attempt.external_object_id, attempt.external_url):
            wrong.append(f"post {post.ref_id} does not carry the platform's id and address")
    confirmed = PublishAttempt.objects.filter(status="confirmed", created_on__gte=since, channel__platform="wordpress")
    known = set(confirmed.values_list("marker", flat=True))
    wrong += [f"marker {marker} is live and no confirmed attempt says so" for marker in by_marker.keys() - known]
    wrong += [f"marker {marker} is confirmed and not on the platform" for marker in known - by_marker.keys()]
    if titles != by_title:
        wrong.append(f"titles on the platform {dict(by_title)}, published {dict(titles)}")
    return wrong


def _mails(sandbox, since: datetime) -> list[str]:
    """One mail left for each that counts as sent, one at most where nobody can know, none for the others."""
    left: Counter = Counter()
    for entry in sandbox.world.entries(target="smtp", full=True):
        if entry["recorded"] and (found := OUTREACH_ID.search(entry["body"])):
            left[found[1].upper()] += 1
    wrong, known = [], set()
    for step in Activity.objects.filter(output_summary__has_key="mails", created_on__gte=since):
        for prospect, told in step.output_summary.get("mails", {}).items():
            known.add(prospect)
            allowed = {"sent": {1}, "unsure": {0, 1}, "leaving": {0, 1}}.get(told["state"], {0})
            if left[prospect] not in allowed:
                wrong.append(f"the mail to {prospect} is {told['state']} and left {left[prospect]} times")
    return wrong + [f"a mail left to {prospect} of which nothing is known" for prospect in left.keys() - known]


def _attempts() -> list[str]:
    """At most one open attempt and one confirmed per subject and channel."""
    per_subject = Counter(PublishAttempt.objects.filter(status="confirmed").values_list("subject_ref", "channel_id"))
    return [f"{subject} was confirmed {count} times" for subject, count in per_subject.items() if count != 1]


def _runs() -> list[str]:
    """Attempts without gaps, the lease at the last of them; nothing runs, nothing is leased, no money is set aside."""
    wrong = [f"run {run.ref_id} is {run.status}" for run in ActivityRun.objects.filter(status="running")]
    numbers = defaultdict(list)
    for activity_id, attempt in ActivityRun.objects.order_by("attempt").values_list("activity_id", "attempt"):
        numbers[activity_id].append(attempt)
    for lease in ActivityLease.objects.all():
        if lease.expires_on is not None:
            wrong.append(f"lease of {lease.activity_id} is held by {lease.worker}")
        attempts = numbers.pop(lease.activity_id, None)
        if attempts is not None and attempts != list(range(1, lease.attempt + 1)):
            wrong.append(f"attempts of {lease.activity_id} are {attempts}, its lease says {lease.attempt}")
    wrong += [f"runs without a lease: {activity_id}" for activity_id in numbers]
    finished = Counter(ActivityRun.objects.filter(status="completed").values_list("activity_id", flat=True))
    for activity_id, count in finished.items():
        times = JournalEntry.objects.filter(subject_id=activity_id, code="activity.completed").count()
        if times != count:
            wrong.append(f"{activity_id} was completed {times} times by {count} completed runs")
    return wrong + [f"reservation {r.ref_id} is open" for r in SpendReservation.objects.filter(status="open")]


def _versions() -> list[str]:
    """Every run that completed stored its output in one version, and no run stored two."""
    stored = database()["activity_outputs"].aggregate(
        [
            {"$match": {"authorType": "agent"}},
            {"$group": {"_id": "$activityRunId", "count": {"$sum": 1}}},
        ]
    )
    counts = {one["_id"]: one["count"] for one in stored}
    wrong = [f"run {run_ref} stored its output {count} times" for run_ref, count in counts.items() if count != 1]
    completed = ActivityRun.objects.filter(status="completed").values_list("ref_id", flat=True)
    return wrong + [f"run {run_ref} completed and stored nothing" for run_ref in completed if run_ref not in counts]


def _moves() -> list[str]:
    """The entries of each row follow each other without a double or a gap. A claim has no entry: its run or lease tells it."""
    wrong, status_of = [], {}
    claimed = {("activities", "assigned", "in_progress")}
    for entry in JournalEntry.objects.filter(row_count__isnull=True).order_by("ref_id"):
        if not set(entry.before) & set(entry.after) & {"status"}:
            continue
        known = status_of.get(entry.subject_id, entry.before["status"])
        step = (entry.subject_type, known, entry.before["status"])
        if known != entry.before["status"] and step not in claimed:
            wrong.append(
                f"{entry.subject_type} {entry.subject_ref}: {entry.code} from {entry.before['status']}, it was {known}"
            )
        status_of[entry.subject_id] = entry.after["status"]
    told = JournalEntry.objects.filter(subject_type="activities", row_count__isnull=True)
    completed = Counter(told.filter(code="activity.completed").values_list("subject_id", flat=True))
    sent_back = Counter(told.filter(before__status="completed").values_list("subject_id", flat=True))
    for activity in Activity.objects.filter(status="completed", is_approval_gate=False):
        if (times := completed[activity.id] - sent_back[activity.id]) != 1:
            wrong.append(f"{activity.title} {activity.ref_id} was completed {times} times")
    return wrong


def found_by(command: str) -> list[str]:
    """What `manage.py verify_integrity` finds in all stores (pointers, counts, money, journal, its copy), and
    `manage.py check_schema` in what holds them."""
    told = io.StringIO()
    try:
        call_command(command, "--json", stdout=told)
    except CommandError as error:
        if error.returncode != 1:
            raise
    found = json.loads(told.getvalue())["findings"]
    return [f"{command}: {one}" for one in found]
