"""Reading along while an agent writes: Server-Sent Events (WHATWG HTML, section 9.2) until the run ends.

    retry: 1000
    id: <run>/<n>     event: text   data: {"run", "attempt", "text", "starts_over", "is_partial": true}
    id: <run>/end     event: end    data: {"run", "attempt", "status"}

`text` is what came since the event before; with `starts_over` it takes the place of all before. Nothing of it is an
output: that is at `output-url`, and it never depends on what was read here. A body lasts a minute at most and then ends
without `end`: whoever asks again with Last-Event-ID goes on where it stopped.
"""

import json
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from django.db import connection
from django.http import StreamingHttpResponse

from apps.shared.errors import InvalidInput, OperationRefused
from apps.tenants.doors.bodies import entered_again
from apps.tenants.models import User

from .. import queries, registry
from ..engine import streams
from ..models import Activity
from ..statuses import ActivityStatus, RunStatus

LAST_EVENT = re.compile(r"(?P<run>[0-7][0-9A-HJKMNP-TV-Z]{25})/(?P<place>\d{1,9}|end)")
LOOK_SECONDS = 1.0
MOST_LOOKS = 60  # then the client asks again, and a worker that is being replaced can go
RETRY_MS, BUSY_RETRY_MS = 1_000, 10_000
# In one process: each open stream keeps one of its two threads, and pages need the other.
AT_ONCE = threading.BoundedSemaphore(1)
WILL_RUN = (ActivityStatus.ASSIGNED, ActivityStatus.IN_PROGRESS)


@dataclass
class Place:
    """How far somebody has read: the run, its last piece, and everything of it so far."""

    run_ref: str = ""
    sequence: int = 0
    streamed: str = ""
    shown: str = ""
    has_ended: bool = field(default=False)


def place_of(header: str | None) -> Place:
    """What Last-Event-ID says. Raises InvalidInput for what is no place of ours."""
    if not header:
        return Place()
    found = LAST_EVENT.fullmatch(header)
    if found is None:
        raise InvalidInput({"Last-Event-ID": ["This is no id of an event of this stream."]})
    if found["place"] == "end":
        return Place(found["run"], has_ended=True)
    return Place(found["run"], int(found["place"]))


def is_over(activity: Activity, place: Place) -> bool:
    """Whether somebody who has read so far has read all there will be."""
    run = queries.latest_run(activity)
    return place.has_ended and run is not None and run.ref_id == place.run_ref and activity.status not in WILL_RUN


def response(user: User, activity: Activity, place: Place) -> StreamingHttpResponse:
    answer = StreamingHttpResponse(_body(user, activity, place), content_type="text/event-stream")
    answer["Cache-Control"] = "no-store"
    answer["X-Accel-Buffering"] = "no"  # nginx would collect the events otherwise
    return answer


def _body(user: User, activity: Activity, place: Place) -> Iterator[bytes]:
    """Runs after the view has returned: without its scope, and without the connection it leaves behind."""
    _give_connection_back()
    if not AT_ONCE.acquire(blocking=False):
        yield f"retry: {BUSY_RETRY_MS}\n: too many streams are open; ask again\n\n".encode()
        return
    try:
        yield f"retry: {RETRY_MS}\n\n".encode()
        for look in range(MOST_LOOKS):
            if look:
                time.sleep(LOOK_SECONDS)
            try:
                with entered_again(user, activity.tenant_id, to="activity.read"):
                    events, is_end = _look(activity, place)
            except OperationRefused:  # signed out, taken away, or the store is not there: asking again tells which
                return
            finally:
                _give_connection_back()
            yield b"".join(events) or b": still there\n\n"
            if is_end:
                return
    finally:
        AT_ONCE.release()


def _give_connection_back() -> None:
    """A stream holds no connection between two looks: twenty of them would empty the pool."""
    if not connection.in_atomic_block:
        connection.close()


def _look(activity: Activity, place: Place) -> tuple[list[bytes], bool]:
    """What is new since `place`, which is moved on; True at the end."""
    current = Activity.objects.filter(pk=activity.pk).first()
    if current is None:
        return [], True
    run = queries.latest_run(current)  # before the pieces: what was written before the end is then read before it
    if run is None or (run.status != RunStatus.RUNNING and place.has_ended and place.run_ref == run.ref_id):
        return ([], False) if current.status in WILL_RUN else ([_event("end", "", {"run": None, "status": None})], True)
    events = []
    starts_over = place.run_ref not in ("", run.ref_id)
    if place.run_ref != run.ref_id:
        place.run_ref, place.sequence, place.streamed, place.shown = run.ref_id, 0, "", ""
        place.has_ended = False
    role = registry.work_of(current)
    name = role.live_field if role else ""
    if place.sequence and not place.streamed:  # somebody who comes back: what they have seen is read once more
        before = streams.pieces(run.ref_id, until=place.sequence)
        place.streamed = "".join(delta for _, delta in before)
        place.shown = streams.live_text(place.streamed, name)
    for sequence, delta in streams.pieces(run.ref_id, after=place.sequence):
        place.sequence, place.streamed = sequence, place.streamed + delta
    text = streams.live_text(place.streamed, name)
    if text != place.shown:
        is_more = text.startswith(place.shown) and not starts_over
        told = {
            "run": run.ref_id,
            "attempt": run.attempt,
            "text": text[len(place.shown) :] if is_more else text,
            "starts_over": not is_more,
            "is_partial": True,
        }
        events.append(_event("text", f"{run.ref_id}/{place.sequence}", told))
        place.shown = text
    if run.status == RunStatus.RUNNING:
        return events, False
    place.has_ended = True
    ending = {"run": run.ref_id, "attempt": run.attempt, "status": run.status}
    return [*events, _event("end", f"{run.ref_id}/end", ending)], True


def _event(name: str, event_id: str, told: dict) -> bytes:
    """One event. JSON holds no line break, so its data is one line."""
    lines = [f"id: {event_id}"] if event_id else []
    return "\n".join([*lines, f"event: {name}", f"data: {json.dumps(told, ensure_ascii=False)}", "", ""]).encode()
