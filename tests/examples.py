"""Columns in which a row of the table cannot hold just any value."""

from typing import Any

EXAMPLES: dict[str, dict[str, Any]] = {
    "model_prices": {"valid_to_on": None},
    "review_comments": {"content_ref": "", "parent_id": None, "resolved_by": None, "resolved_on": None},
    "review_links": {"expires_on": "2099-01-01T00:00:00+00:00", "last_used_on": None, "revoked_by": None},
    "sessions": {"external_session_id": None, "expires_at": "2099-01-01T00:00:00+00:00"},
    "tool_calls": {"status": "success", "error": ""},
}
