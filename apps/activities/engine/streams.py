"""Live text: deltas are gathered for a moment and written to `activity_streams`. The output never depends on them."""

import json
import time

import structlog
from django.utils import timezone
from pydantic_core import from_json

from apps import storage

from ..adapters.base import storable

log = structlog.get_logger(__name__)

FLUSH_SECONDS = 0.3
MOST_PIECES = 5_000
DECODER = json.JSONDecoder()


class Stream:
    """The writing side, one per run. While the store is away the text is simply not shown live."""

    def __init__(self, *, activity_ref: str, run_ref: str):
        self._activity_ref, self._run_ref = activity_ref, run_ref
        self._waiting: list[str] = []
        self._next, self._sequence, self._is_off = 0.0, 0, False

    def write(self, delta: str) -> None:
        self._waiting.append(delta)
        if time.monotonic() >= self._next:
            self.flush()

    def flush(self) -> None:
        text, self._waiting = storable("".join(self._waiting)), []
        self._next = time.monotonic() + FLUSH_SECONDS
        if not text or self._is_off:
            return
        self._sequence += 1
        try:
            storage.write(
                storage.ActivityStream(
                    activityId=self._activity_ref,
                    activityRunId=self._run_ref,
                    sequenceNum=self._sequence,
                    delta=text,
                    createdOn=timezone.now(),
                )
            )
        except storage.StorageUnavailable:
            self._is_off = True
            log.warning("stream.not_shown", run=self._run_ref)


def read(run_ref: str) -> str:
    """All that this run has written so far; '' while the store is away or nothing was written."""
    try:
        return "".join(delta for _, delta in pieces(run_ref))
    except storage.StorageUnavailable:
        return ""


def pieces(run_ref: str, *, after: int = 0, until: int | None = None) -> list[tuple[int, str]]:
    """(sequence, delta) of a run behind the piece `after`, up to `until`; at most 5,000. Raises StorageUnavailable."""
    wanted: dict[str, int] = {"$gt": after} if until is None else {"$gt": after, "$lte": until}
    found = storage.find(
        storage.ActivityStream,
        {"activityRunId": run_ref, "sequenceNum": wanted},
        sort=[("sequenceNum", 1)],
        limit=MOST_PIECES,
    )
    return [(piece.sequenceNum, piece.delta) for _, piece in found]


def live_text(streamed: str, field: str) -> str:
    """The text field people read, out of JSON that is still being written."""
    if not field:
        return ""
    try:
        answer = from_json(_latest_answer(streamed), allow_partial="trailing-strings")
    except ValueError:
        return ""
    text = answer.get(field, "") if isinstance(answer, dict) else ""
    return storable(text) if isinstance(text, str) else ""


def _latest_answer(streamed: str) -> str:
    """From the last answer's first brace on: a run that had to repair its answer, or that used tools, wrote several."""
    start = streamed.find("{")
    while start >= 0:
        try:
            _, end = DECODER.raw_decode(streamed, start)
        except (ValueError, RecursionError):  # it is still being written, or nested beyond all reason
            break
        following = streamed.find("{", end)
        if following < 0:
            break
        start = following
    return streamed[start:] if start >= 0 else ""
