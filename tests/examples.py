"""What a generic row of a table would get wrong: the columns in which a rule of its own holds."""

EXAMPLES: dict[str, dict[str, object]] = {
    "campaigns": {"brief_ref": None, "approved_by": None, "approved_on": None},
    "channel_scores": {"period": "2026-04"},
    "integrations": {"auth_type": "none", "secret": None},
    "media_assets": {"bytes": 1, "s3_key": "01JD0EXAMPLE00000000000000/media/01JD0EXAMPLE00000000000001.png"},
}
