"""What is thrown at is the API at the stage of drafts, as its own tests have it."""

from tests.api.conftest import at_drafts, fresh_limits

__all__ = ["at_drafts", "fresh_limits"]
