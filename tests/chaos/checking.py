"""One look at everything after a disturbance: what must be true once the world is at rest."""

import io
import json
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


def faults(sandbox, *, since: datetime) -> list[str]:
    """Everything that is wrong, in sentences; empty when the world is sound. `since`: when the rehearsal began."""
    with every_tenant(reason="a chaos test looks at everything"):
        return [*_at_rest(), *_posts(sandbox, since), *_attempts(), *_runs(), *_moves(), *_integrity()]


def _at_rest() -> list[str]:
    state = queries.queue_state(timezone.now())
    return [] if state["quiescent"] else [f"not at rest: {state}"]


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
    confirmed = PublishAttempt.objects.filter(status="confirmed", created_on__gte=since)
    known = set(confirmed.values_list("marker", flat=True))
    wrong += [f"marker {marker} is live and no confirmed attempt says so" for marker in by_marker.keys() - known]
    wrong += [f"marker {marker} is confirmed and not on the platform" for marker in known - by_marker.keys()]
    if titles != by_title:
        wrong.append(f"titles on the platform {dict(by_title)}, published {dict(titles)}")
    return wrong


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
    for activity in Activity.objects.filter(status="completed", is_approval_gate=False):
        if JournalEntry.objects.filter(subject_id=activity.id, code="activity.completed").count() != 1:
            wrong.append(f"{activity.title} {activity.ref_id} was not completed exactly once")
    return wrong


def _integrity() -> list[str]:
    """What `manage.py verify_integrity --json` finds in all stores: pointers, counts, money, journal, its copy."""
    told = io.StringIO()
    try:
        call_command("verify_integrity", "--json", stdout=told)
    except CommandError as error:
        if error.returncode != 1:
            raise
    findings = json.loads(told.getvalue())["findings"]
    return [f"{f['code']} {f['table']} {f['ref_id']}: {f['detail']}" for f in findings]
