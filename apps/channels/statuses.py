"""Platforms and services, kinds of media, statuses of channels, attempts and integrations, and the moves between them."""

from django.db.models import TextChoices

from apps.shared.transitions import Moves


class Platform(TextChoices):
    LINKEDIN = "linkedin", "LinkedIn"
    FACEBOOK = "facebook", "Facebook"
    INSTAGRAM = "instagram", "Instagram"
    X_TWITTER = "x_twitter", "X (Twitter)"
    TIKTOK = "tiktok", "TikTok"
    WORDPRESS = "wordpress", "WordPress"
    WEBFLOW = "webflow", "Webflow"
    GOOGLE_BUSINESS_PROFILE = "google_business_profile", "Google Business Profile"
    GOOGLE_SEARCH_CONSOLE = "google_search_console", "Google Search Console"
    GOOGLE_ANALYTICS = "google_analytics", "Google Analytics"
    MAILCHIMP = "mailchimp", "Mailchimp"
    KLAVIYO = "klaviyo", "Klaviyo"
    GOOGLE_ADS = "google_ads", "Google Ads"
    META_ADS = "meta_ads", "Meta Ads"


class ChannelType(TextChoices):
    SOCIAL = "social", "Social"
    CMS = "cms", "Website"
    ANALYTICS = "analytics", "Analytics"
    LOCAL = "local", "Local"
    EMAIL = "email", "E-mail"
    ADS = "ads", "Ads"


class ChannelStatus(TextChoices):
    CONNECTED = "connected", "Connected"
    EXPIRED = "expired", "Expired"
    REVOKED = "revoked", "Disconnected"
    ERROR = "error", "Error"


class AttemptSubject(TextChoices):
    BLOG_POST = "blog_post", "Blog post"
    SOCIAL_POST = "social_post", "Social post"
    AD_RECOMMENDATION = "ad_recommendation", "Ads recommendation"
    SEARCH_TERM_CLASSIFICATION = "search_term_classification", "Search term"
    ACTIVITY = "activity", "Activity"


class AttemptStatus(TextChoices):
    PREPARED = "prepared", "Prepared"
    SENT = "sent", "Sent"
    CONFIRMED = "confirmed", "Confirmed"
    UNKNOWN = "unknown", "Outcome unknown"
    FAILED = "failed", "Failed"


class IntegrationProvider(TextChoices):
    DATAFORSEO = "dataforseo", "DataForSEO"
    RAZORPAY = "razorpay", "Razorpay"
    SENDGRID = "sendgrid", "SendGrid"
    SLACK = "slack", "Slack"
    SMTP = "smtp", "SMTP"
    WHATSAPP = "whatsapp", "WhatsApp"
    TELEGRAM = "telegram", "Telegram"
    CUSTOM = "custom", "Custom"


class AuthType(TextChoices):
    NONE = "none", "None"
    API_KEY = "api_key", "API key"
    BASIC = "basic", "User and password"
    OAUTH = "oauth", "OAuth"


class IntegrationStatus(TextChoices):
    ACTIVE = "active", "Active"
    DISABLED = "disabled", "Disabled"
    ERROR = "error", "Error"


class MediaKind(TextChoices):
    IMAGE = "image", "Image"
    VIDEO = "video", "Video"
    DOCUMENT = "document", "Document"


C = ChannelStatus
ANY = [C.CONNECTED, C.EXPIRED, C.REVOKED, C.ERROR]
CHANNEL_MOVES = Moves(
    C,
    # move        from                                 to            journal
    ("connect", [C.EXPIRED, C.REVOKED, C.ERROR], C.CONNECTED, "channel.connected"),
    ("expire", [C.CONNECTED], C.EXPIRED, "channel.expired"),
    ("disconnect", [C.CONNECTED], C.REVOKED, "channel.disconnected"),
    ("report_error", [C.CONNECTED], C.ERROR, "channel.failed"),
)

A = AttemptStatus
ATTEMPT_MOVES = Moves(
    A,
    ("send", [A.PREPARED], A.SENT, "publish.sent"),
    ("stop", [A.PREPARED], A.FAILED, "publish.stopped"),
    ("confirm", [A.SENT, A.UNKNOWN], A.CONFIRMED, "publish.confirmed"),
    ("lose", [A.SENT], A.UNKNOWN, "publish.unknown"),
    ("fail", [A.SENT, A.UNKNOWN], A.FAILED, "publish.failed"),
    ("prepare_again", [A.UNKNOWN], A.PREPARED, "publish.prepared_again"),
)

I = IntegrationStatus  # noqa: E741
INTEGRATION_MOVES = Moves(
    I,
    ("activate", [I.DISABLED, I.ERROR], I.ACTIVE, "integration.activated"),
    ("disable", [I.ACTIVE, I.ERROR], I.DISABLED, "integration.disabled"),
    ("report_error", [I.ACTIVE], I.ERROR, "integration.failed"),
)
