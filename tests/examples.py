"""What a generic row of a table would get wrong: the columns in which a rule of its own holds. A function is called anew
for each row."""

from itertools import count

from apps.shared.ids import new_id, spell

numbers = count(1)
EXAMPLES: dict[str, dict[str, object]] = {
    "api_tokens": {
        "expires_on": "2099-01-01T00:00:00Z",
        "revoked_by": None,
        "revoked_on": None,
    },
    "campaigns": {"brief_ref": None, "approved_by": None, "approved_on": None},
    "channel_scores": {"period": "2026-04"},
    "credit_ledger": {"amount": 10, "balance_after": 10},
    "credit_notes": {"number": lambda: f"CN-2026-11-{next(numbers):04}"},
    "credit_topup_orders": {"credits": 50},
    "dispatch_logs": {"channel": "webhook", "attempt": 1, "response_status": 200},
    "idempotency_keys": {"response_status": 200},
    "integrations": {"auth_type": "none", "secret": None},
    "media_assets": {"bytes": 1, "s3_key": lambda: f"{spell(new_id())}/media/{spell(new_id())}.png"},
    "notification_preferences": {"is_enabled": True},
    "review_links": {"expires_on": "2099-01-01T00:00:00Z"},
    "sessions": {"expires_at": "2099-01-01T00:00:00Z"},
    "tool_calls": {"status": "success", "error": ""},
    "webhook_endpoints": {
        "url": "https://hooks.example.test/leadmetrics",
        "is_enabled": True,
        "disabled_on": None,
        "disabled_reason": "",
    },
    "search_term_reports": {"report_date_range": ("2026-02-01", "2026-03-01")},
}
