"""How Manage looks and what its rail offers; `settings/base.py` takes it in."""

from django.templatetags.static import static
from django.urls import reverse_lazy


def _page(title: str, icon: str, model: str) -> dict:
    return {"title": title, "icon": icon, "link": reverse_lazy(f"admin:{model}_changelist")}


UNFOLD = {
    "SITE_TITLE": "Leadmetrics Manage",
    "SITE_HEADER": "Leadmetrics",
    "SITE_SUBHEADER": "Manage",
    "SITE_SYMBOL": "monitoring",
    "SITE_URL": None,
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("icons/favicon.svg")}],
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": None,
    "STYLES": [lambda request: static("css/manage.css")],
    "DASHBOARD_CALLBACK": "apps.portals.manage.home.context",
    "ACCOUNT": {
        "navigation": [
            {"title": "DM Portal", "link": "/dm/"},
            {"title": "Change password", "link": reverse_lazy("account_change_password")},
            {"title": "Two-step sign-in", "link": reverse_lazy("mfa_index")},
        ]
    },
    "SIDEBAR": {
        "show_search": True,
        "command_search": True,
        "show_all_applications": False,
        "navigation": [
            {"title": "", "items": [{"title": "Needs you", "icon": "inbox", "link": reverse_lazy("admin:index")}]},
            {
                "title": "Clients",
                "items": [
                    _page("Clients", "apartment", "tenants_tenant"),
                    _page("Contracts", "contract", "tenants_contract"),
                    _page("Contract trail", "history_edu", "tenants_contractevent"),
                    _page("Onboarding", "travel_explore", "strategy_onboardingrun"),
                    _page("Strategies", "flag", "strategy_strategy"),
                    _page("Goals", "target", "strategy_goal"),
                    _page("Goal readings", "monitoring", "strategy_goalreading"),
                    _page("Deliverables", "inventory_2", "strategy_deliverable"),
                    _page("Periods", "calendar_month", "strategy_deliverableperiod"),
                    _page("Campaigns", "campaign", "strategy_campaign"),
                ],
            },
            {
                "title": "People",
                "items": [
                    _page("Users", "group", "tenants_user"),
                    _page("Assignments", "assignment_ind", "tenants_tenantassignment"),
                    _page("Invitations", "mail", "tenants_invitation"),
                    _page("API tokens", "key", "tenants_apitoken"),
                    _page("Saved views", "bookmark", "tenants_savedview"),
                ],
            },
            {
                "title": "Notices",
                "items": [
                    _page("Notifications", "notifications", "tenants_notification"),
                    _page("Preferences", "tune", "tenants_notificationpreference"),
                    _page("Providers", "alternate_email", "tenants_notificationprovider"),
                    _page("Dispatches", "send", "tenants_dispatchlog"),
                ],
            },
            {
                "title": "Work",
                "items": [
                    _page("Activities", "task_alt", "activities_activity"),
                    _page("Runs", "play_circle", "activities_activityrun"),
                    _page("Leases", "lock_clock", "activities_activitylease"),
                    _page("Tool calls", "build", "activities_toolcall"),
                    _page("Sessions", "forum", "activities_session"),
                    _page("Approvals", "approval", "activities_approval"),
                    _page("Review links", "link", "activities_reviewlink"),
                    _page("Review comments", "comment", "activities_reviewcomment"),
                ],
            },
            {
                "title": "Content",
                "items": [
                    _page("Blog requests", "lightbulb", "content_blogrequest"),
                    _page("Blog posts", "article", "content_blogpost"),
                    _page("Social requests", "tips_and_updates", "content_socialmediarequest"),
                    _page("Social posts", "chat", "content_socialpost"),
                    _page("Backlinks", "link", "content_backlink"),
                ],
            },
            {
                "title": "Channels",
                "items": [
                    _page("Channels", "hub", "channels_channel"),
                    _page("Publish attempts", "publish", "channels_publishattempt"),
                    _page("Scores", "score", "channels_channelscore"),
                    _page("Integrations", "extension", "channels_integration"),
                    _page("Media", "image", "channels_mediaasset"),
                ],
            },
            {
                "title": "Ads",
                "items": [
                    _page("Ad campaigns", "ads_click", "ads_adcampaign"),
                    _page("Campaign days", "monitoring", "ads_adcampaignday"),
                    _page("Keywords", "key_vertical", "ads_adkeyword"),
                    _page("Search terms", "search", "ads_searchtermreport"),
                    _page("Verdicts", "rule", "ads_searchtermclassification"),
                    _page("Recommendations", "tips_and_updates", "ads_adoptimizationrecommendation"),
                ],
            },
            {
                "title": "Leads",
                "items": [
                    _page("Leads", "person_search", "crm_lead"),
                    _page("Timelines", "timeline", "crm_leadactivity"),
                    _page("Touches", "touch_app", "crm_leadtouch"),
                    _page("Forms", "list_alt", "crm_leadform"),
                    _page("Merges", "merge", "crm_leadmerge"),
                ],
            },
            {
                "title": "Set-up",
                "items": [
                    _page("Pipelines", "account_tree", "activities_activitytemplate"),
                    _page("Recurring tasks", "event_repeat", "activities_recurringtasktemplate"),
                    _page("Agent settings", "smart_toy", "activities_agentconfig"),
                    {"title": "Skills", "icon": "school", "link": reverse_lazy("manage_skills:list")},
                    _page("Model providers", "dns", "activities_llmprovider"),
                    _page("Model prices", "sell", "activities_modelprice"),
                ],
            },
            {
                "title": "Billing",
                "items": [
                    _page("Plans", "sell", "billing_plan"),
                    _page("Subscriptions", "autorenew", "billing_subscription"),
                    _page("Invoices", "request_quote", "billing_invoice"),
                    _page("Payments", "payments", "billing_payment"),
                    _page("Credit notes", "undo", "billing_creditnote"),
                    _page("Billing events", "webhook", "billing_billingevent"),
                    _page("Billing effects", "bolt", "billing_billingeffect"),
                ],
            },
            {
                "title": "Credits",
                "items": [
                    _page("Credits", "toll", "billing_creditbalance"),
                    _page("Credit ledger", "list_alt", "billing_creditledgerentry"),
                    _page("Top-ups", "add_card", "billing_credittopuporder"),
                ],
            },
            {
                "title": "Money",
                "items": [
                    _page("Model calls", "receipt_long", "activities_llmcall"),
                    _page("Costs by day", "bar_chart", "activities_llmcostdaily"),
                    _page("Spend counters", "speed", "billing_spendcounter"),
                    _page("Reservations", "savings", "billing_spendreservation"),
                ],
            },
            {
                "title": "Operations",
                "items": [
                    _page("Journal", "history", "shared_journalentry"),
                    _page("Deliveries", "outbox", "shared_journaldelivery"),
                    _page("Webhook endpoints", "webhook", "tenants_webhookendpoint"),
                    _page("Inbound events", "move_to_inbox", "tenants_inboundevent"),
                    _page("Idempotency keys", "fingerprint", "tenants_idempotencykey"),
                ],
            },
        ],
    },
}
