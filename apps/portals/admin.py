"""Django looks for pages of Manage here; those that span several apps are in `manage`."""

from .manage import clients, journal  # noqa: F401  (they register themselves)
