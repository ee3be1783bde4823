"""Whether Valkey is thought to be there: whoever finds it away spares those that come after the wait."""

import time

AWAY_SECONDS = 5  # how long nobody of this process asks again: a request asks it several times, and each would wait

_away = {"until": 0.0}  # of the process; Django makes a cache object per thread


def is_away() -> bool:
    return time.monotonic() < _away["until"]


def found_away() -> None:
    _away["until"] = time.monotonic() + AWAY_SECONDS
