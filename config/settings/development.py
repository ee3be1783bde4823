"""The development stack and the rehearsal: every address comes from .local/env, which the stack writes."""

import os
from pathlib import Path

_written = Path(__file__).resolve().parents[2] / ".local" / "env"
if _written.exists():  # `manage.py` by hand, beside a running stack
    for _line in _written.read_text().splitlines():
        _name, _, _value = _line.partition("=")
        os.environ.setdefault(_name, _value)

from .base import *  # noqa: E402, F403

DEBUG = False
STYLEGUIDE = True
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}  # noqa: F405
WHITENOISE_USE_FINDERS = True
STATIC_ROOT = None  # nothing is collected here; files are served from where they are
