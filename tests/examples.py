"""What an example row of a table needs beyond any value that fits its column: only where a CHECK asks for more."""

EXAMPLES = {
    "api_tokens": {
        "expires_on": "2099-01-01T00:00:00Z",
        "revoked_by": None,
        "revoked_on": None,
    },
    "dispatch_logs": {"channel": "webhook", "attempt": 1, "response_status": 200},
    "idempotency_keys": {"response_status": 200},
    "notification_preferences": {"is_enabled": True},
    "webhook_endpoints": {
        "url": "https://hooks.example.test/leadmetrics",
        "is_enabled": True,
        "disabled_on": None,
        "disabled_reason": "",
    },
}
