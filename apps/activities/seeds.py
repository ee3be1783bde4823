"""What every installation starts with: pipelines, recurring tasks and the settings of agents.

Bootstrap writes these as global rows (no tenant); new clients receive copies of their own. A change here reaches
nobody's copy.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from .bodies import (
    CRAWL_WEBSITE,
    PUBLISHER,
    TemplateStep,
    TemplateVariable,
    VariableType,
)
from .pipelines import advertising, channel_content, findings, guidance
from .pipelines.steps import agent, gate

# Priced in the offline price table; a model without a price is refused.
DEFAULT_MODEL = "claude-sonnet-4-6"


@dataclass(frozen=True)
class Pipeline:
    """A global activity template. `deliverable_type` is one of the ten, or the name of an internal pipeline."""

    deliverable_type: str
    name: str
    steps: tuple[TemplateStep, ...]


@dataclass(frozen=True)
class RecurringTemplate:
    """A global recurring task, with the columns of `recurring_task_templates`.

    `cron_expression` is set exactly when `trigger` is cron; its times are in the tenant's time zone.
    """

    name: str
    description: str
    assignee_type: str
    periodicity: str
    trigger: str
    prompt_template: str
    agent_role: str | None = None
    human_role: str | None = None
    cron_expression: str | None = None
    variables: tuple[TemplateVariable, ...] = ()


@dataclass(frozen=True)
class AgentDefaults:
    """The settings an agent role has at a new client, with the columns of `agent_configs`."""

    agent_role: str
    max_concurrent: int
    timeout_ms: int
    max_cost_usd_per_activity: Decimal
    adapter_type: str = "claude"
    model_id: str = DEFAULT_MODEL
    escalation_after_failures: int = 3
    tool_names: list[str] = field(default_factory=list)


BLOG_POSTS = Pipeline(
    "blog_posts",
    "Blog post",
    (
        agent(
            "keyword_research",
            "Research keywords",
            "research",
            "keyword_researcher",
            due_offset_days=1,
            prompt_template="Find the keyword clusters from which the topic of one article for this deliverable is chosen.",
        ),
        agent(
            "topic_request",
            "Propose a topic",
            "write",
            "content_brief_writer",
            due_offset_days=2,
            depends_on=["keyword_research"],
            creates="blog_request",
            prompt_template="Propose one article. Choose the cluster that matches the number of this unit in the period.",
        ),
        gate(
            "topic_approval",
            "Approve the topic",
            "approve",
            "reviewer",
            due_offset_days=4,
            depends_on=["topic_request"],
            on_reject="topic_request",
            creates="blog_post",
        ),
        agent(
            "draft",
            "Write the article",
            "write",
            "copywriter",
            due_offset_days=6,
            depends_on=["topic_approval"],
            creates="body_version",
            prompt_template="Write the article of the approved brief.",
        ),
        gate(
            "dm_review",
            "Review the article",
            "review",
            "reviewer",
            due_offset_days=8,
            depends_on=["draft"],
            on_reject="draft",
        ),
        gate(
            "client_approval",
            "Approve the article",
            "approve",
            "admin",
            due_offset_days=11,
            depends_on=["dm_review"],
            on_reject="draft",
            is_final_gate=True,
        ),
        agent(
            "publish",
            "Publish the article",
            "publish",
            PUBLISHER,
            due_offset_days=12,
            depends_on=["client_approval"],
            creates="publish_attempt",
            counts_unit=True,
        ),
        agent(
            "check_live",
            "Check the live page",
            "audit",
            "data_analyst",
            due_offset_days=14,
            depends_on=["publish"],
            prompt_template="Compare the live page with the article that was approved.",
        ),
    ),
)

ONBOARDING = Pipeline(
    "onboarding",
    "Client onboarding",
    (
        agent("crawl_website", "Read the client's website", "research", CRAWL_WEBSITE, due_offset_days=0),
        agent(
            "research",
            "Research the client",
            "research",
            "onboarding_agent",
            due_offset_days=1,
            depends_on=["crawl_website"],
            prompt_template="Write down what the client's website says about its business.",
        ),
        agent(
            "context_file",
            "Write the context file",
            "write",
            "context_file_writer",
            due_offset_days=1,
            depends_on=["research"],
            creates="context_file",
            prompt_template="Write the context file of this client from the research.",
        ),
        gate(
            "context_review",
            "Review the context file",
            "review",
            "reviewer",
            due_offset_days=3,
            depends_on=["context_file"],
            on_reject="context_file",
            is_final_gate=True,
        ),
    ),
)

STRATEGY = Pipeline(
    "strategy",
    "Marketing strategy",
    (
        agent(
            "draft",
            "Draft the strategy",
            "write",
            "strategy_writer",
            due_offset_days=2,
            creates="strategy",
            prompt_template="Write the client's strategy with its goals and deliverables.",
        ),
        gate(
            "client_approval",
            "Approve the strategy",
            "approve",
            "admin",
            due_offset_days=7,
            depends_on=["draft"],
            on_reject="draft",
            is_final_gate=True,
        ),
    ),
)

AD_COPY_SETS = Pipeline("ad_copy_sets", "Ad copy set", advertising.AD_COPY_SETS)
LANDING_PAGES = Pipeline("landing_pages", "Landing page", advertising.LANDING_PAGES)
SOCIAL_POSTS = Pipeline("social_posts", "Social post", channel_content.SOCIAL_POSTS)
GBP_POSTS = Pipeline("gbp_posts", "Business Profile post", channel_content.GBP_POSTS)
VIDEO_SCRIPTS = Pipeline("video_scripts", "Video script", channel_content.VIDEO_SCRIPTS)
EMAIL_NEWSLETTERS = Pipeline("email_newsletters", "Newsletter", channel_content.EMAIL_NEWSLETTERS)

PIPELINES: tuple[Pipeline, ...] = (
    BLOG_POSTS,
    ONBOARDING,
    STRATEGY,
    AD_COPY_SETS,
    LANDING_PAGES,
    Pipeline("performance_reports", "Performance report", findings.PERFORMANCE_REPORTS),
    Pipeline("website_audit", "Website audit", findings.WEBSITE_AUDIT),
    Pipeline("backlinks", "Backlink", findings.BACKLINKS),
    SOCIAL_POSTS,
    GBP_POSTS,
    VIDEO_SCRIPTS,
    EMAIL_NEWSLETTERS,
    Pipeline("brand_rules", "Brand rules", guidance.BRAND_RULES),
)


def _variable(key: str, label: str, type: VariableType = "text", *, required: bool = True) -> TemplateVariable:
    return TemplateVariable(key=key, label=label, type=type, required=required)


RECURRING: tuple[RecurringTemplate, ...] = (
    RecurringTemplate(
        name="Update Google Business Profile listing",
        description="Keeps hours, services and pictures of the listing true for people who search nearby.",
        assignee_type="human",
        human_role="reviewer",
        periodicity="monthly",
        trigger="cron",
        cron_expression="0 9 5 * *",
        prompt_template=(
            "Open the listing at {{listing_url}}. Compare its opening hours with {{opening_hours}} and its services "
            "with {{services}}. Correct what differs, look through new pictures and questions, and note your changes."
        ),
        variables=(
            _variable("listing_url", "Address of the listing", "url"),
            _variable("opening_hours", "Opening hours", "long_text"),
            _variable("services", "Services offered", "long_text", required=False),
        ),
    ),
    RecurringTemplate(
        name="Kick-off call",
        description="Agrees on ways of working with the client once the strategy is approved.",
        assignee_type="human",
        human_role="reviewer",
        periodicity="one_time",
        trigger="on_strategy_approval",
        prompt_template=(
            "Arrange the kick-off call with {{contact_name}}, preferably {{preferred_time}}. Walk through the "
            "strategy, the deliverables of the first month and who approves what. Note open questions."
        ),
        variables=(
            _variable("contact_name", "Whom to call"),
            _variable("preferred_time", "Preferred time", required=False),
        ),
    ),
    RecurringTemplate(
        name="Connect channels",
        description="Without connected channels nothing can be published or measured.",
        assignee_type="human",
        human_role="admin",
        periodicity="one_time",
        trigger="on_onboarding",
        prompt_template="Connect your website and the social, listing and analytics accounts that we may work with.",
    ),
    RecurringTemplate(
        name="Upload brand assets",
        description="Logo, pictures and guidelines that drafts and designs keep to.",
        assignee_type="human",
        human_role="admin",
        periodicity="one_time",
        trigger="on_onboarding",
        prompt_template="Upload your logo, brand guidelines and pictures that may be used in publications.",
    ),
    RecurringTemplate(
        name="Verify analytics and tag set-up",
        description="Finds broken tracking before a month of figures is lost.",
        assignee_type="human",
        human_role="reviewer",
        periodicity="monthly",
        trigger="cron",
        cron_expression="0 9 3 * *",
        prompt_template=(
            "Check that property {{property_id}} received data on every day of last month and that these conversions "
            "fire: {{conversions}}. Note gaps and their cause."
        ),
        variables=(
            _variable("property_id", "Analytics property"),
            _variable("conversions", "Conversions that must be counted", "long_text"),
        ),
    ),
    RecurringTemplate(
        name="Check name, address, phone in directories",
        description="Differing entries in directories weaken local search results.",
        assignee_type="agent",
        agent_role="site_auditor",
        periodicity="quarterly",
        trigger="cron",
        cron_expression="0 7 10 1,4,7,10 *",
        prompt_template=(
            "Compare the directory entries you are given with this spelling: {{business_name}}, {{address}}, "
            "{{phone}}. List every entry that differs, with its address and the difference."
        ),
        variables=(
            _variable("business_name", "Business name"),
            _variable("address", "Address", "long_text"),
            _variable("phone", "Telephone number"),
        ),
    ),
    RecurringTemplate(
        name="Review competitor list",
        description="Keeps the list of rivals current, against which positions are compared.",
        assignee_type="agent",
        agent_role="competitor_researcher",
        periodicity="quarterly",
        trigger="cron",
        cron_expression="0 7 15 1,4,7,10 *",
        prompt_template=(
            "Look at the known competitors: {{competitors}}. Say for each whether it still belongs on the list, what "
            "has changed in its offer or position, and which one is missing."
        ),
        variables=(_variable("competitors", "Known competitors", "long_text"),),
    ),
    RecurringTemplate(
        name="Answer new reviews",
        description="Drafts answers to reviews of the past week. A person releases each answer.",
        assignee_type="agent",
        agent_role="review_response_writer",
        periodicity="weekly",
        trigger="cron",
        cron_expression="0 8 * * 1",
        prompt_template=(
            "Draft an answer to each new review in this tone: {{tone}}. Complaints that need a person go to "
            "{{escalation_contact}} with a summary and no draft. The new reviews: {{new_reviews}}"
        ),
        variables=(
            _variable("tone", "Tone of the answers"),
            _variable("escalation_contact", "Who takes complaints"),
            _variable("new_reviews", "New reviews, with stars and names", "long_text", required=False),
        ),
    ),
    RecurringTemplate(
        name="Keyword position check",
        description="Shows early whether content moves the searches it was written for.",
        assignee_type="agent",
        agent_role="data_analyst",
        periodicity="weekly",
        trigger="cron",
        cron_expression="0 6 * * 1",
        prompt_template=(
            "Report this week's positions of these keywords in {{location}}: {{keywords}}. Name changes of more than "
            "three places, with the page that ranks."
        ),
        variables=(
            _variable("keywords", "Keywords", "long_text"),
            _variable("location", "Place of the search"),
        ),
    ),
    RecurringTemplate(
        name="Update goal values",
        description="Keeps the progress of the goals true between two reports.",
        assignee_type="agent",
        agent_role="data_analyst",
        periodicity="weekly",
        trigger="cron",
        cron_expression="0 5 * * 1",
        prompt_template="Say which collected figure shows where each goal stands now.",
    ),
    RecurringTemplate(
        name="Weekly ads budget check",
        description="Catches campaigns that run ahead of or behind their budget.",
        assignee_type="agent",
        agent_role="ads_analyst",
        periodicity="weekly",
        trigger="cron",
        cron_expression="0 7 * * 1",
        prompt_template=(
            "Compare the spend of this month so far with the budget of {{monthly_budget}} {{currency}}. Name campaigns "
            "more than ten per cent off their pace and propose a correction for a person to decide on."
        ),
        variables=(
            _variable("monthly_budget", "Budget per month", "number"),
            _variable("currency", "Currency"),
        ),
    ),
    RecurringTemplate(
        name="Daily lead follow-up reminder",
        description="Leads that are answered late are lost.",
        assignee_type="human",
        human_role="admin",
        periodicity="daily",
        trigger="cron",
        cron_expression="0 9 * * 1-5",
        prompt_template="Answer every new lead that has waited longer than {{response_hours}} hours.",
        variables=(_variable("response_hours", "Hours within which a lead is answered", "number"),),
    ),
    RecurringTemplate(
        name="Monthly review meeting",
        description="Goes through results and next month's plan with the client.",
        assignee_type="human",
        human_role="reviewer",
        periodicity="monthly",
        trigger="cron",
        cron_expression="0 10 7 * *",
        prompt_template=(
            "Hold the review meeting with {{attendees}}. Prepare last month's report, missed deliverables with their "
            "reasons, and the plan of this month. Note decisions."
        ),
        variables=(_variable("attendees", "Who takes part"),),
    ),
    RecurringTemplate(
        name="Refresh context file",
        description="Keeps what all agents know about the client up to date.",
        assignee_type="agent",
        agent_role="context_file_writer",
        periodicity="quarterly",
        trigger="cron",
        cron_expression="0 6 1 2,5,8,11 *",
        prompt_template=(
            "Bring the context file up to date. What has changed since the last version, according to the client: "
            "{{changes_since}}"
        ),
        variables=(_variable("changes_since", "What has changed", "long_text", required=False),),
    ),
    RecurringTemplate(
        name="Renew contract and price talk",
        description="A talk about scope and price before the contract year ends.",
        assignee_type="human",
        human_role="reviewer",
        periodicity="yearly",
        trigger="manual",
        prompt_template="Prepare the renewal due on {{renewal_date}}: results of the year, scope, price.",
        variables=(_variable("renewal_date", "Date of renewal", "date"),),
    ),
    RecurringTemplate(
        name="Backlink profile clean-up",
        description="Finds links that harm the client's standing.",
        assignee_type="agent",
        agent_role="backlink_researcher",
        periodicity="quarterly",
        trigger="cron",
        cron_expression="0 6 20 3,6,9,12 *",
        prompt_template="List links to the client's site that look bought, hacked or irrelevant, each with the reason.",
    ),
)

MINUTE_MS = 60_000
# Read where the client connected its accounts; otherwise the agent is told that it has not.
VISITS = ["google_analytics", "google_search_console"]


def _role(role: str, at_once: int, minutes: int, most_usd: str, **rest: Any) -> AgentDefaults:
    return AgentDefaults(role, at_once, minutes * MINUTE_MS, Decimal(most_usd), **rest)


# Concurrency and time limits are the product's specification; the cost limit leaves room for two repairs and a retry.
AGENT_DEFAULTS: dict[str, AgentDefaults] = {
    defaults.agent_role: defaults
    for defaults in (
        _role("onboarding_agent", 3, 15, "2.0000", tool_names=["skills", "website"]),
        _role("context_file_writer", 5, 15, "1.5000", tool_names=["skills"]),
        _role("strategy_writer", 3, 8, "1.5000", tool_names=["channels", *VISITS, "outputs", "skills"]),
        _role(
            "keyword_researcher",
            4,
            8,
            "0.7500",
            tool_names=["dataforseo", "google_search_console", "outputs", "skills"],
        ),
        _role("content_brief_writer", 6, 5, "0.7500", tool_names=["outputs", "skills", "website"]),
        _role("copywriter", 1, 10, "1.5000"),
        _role("data_analyst", 3, 8, "0.7500", tool_names=["channels", *VISITS, "website"]),
        _role("ads_analyst", 2, 8, "0.7500"),
        _role("google_ads_writer", 4, 5, "0.7500"),
        _role("meta_ads_writer", 4, 5, "0.7500"),
        _role("landing_page_writer", 3, 8, "1.0000"),
        _role("quality_checker", 4, 5, "0.5000"),
        _role("report_writer", 3, 8, "1.0000", tool_names=VISITS),
        _role("site_auditor", 2, 15, "1.0000", tool_names=VISITS),
        _role("backlink_researcher", 2, 10, "1.0000", tool_names=["dataforseo", "website"]),
        _role("backlink_outreach_writer", 3, 2, "0.7500"),
        _role("competitor_researcher", 3, 15, "1.0000", tool_names=["dataforseo", "website"]),
        _role("deliverable_planner", 2, 8, "0.7500"),
        _role("search_term_classifier", 2, 8, "1.0000"),
        _role("review_response_writer", 2, 5, "0.7500"),
        _role("social_calendar_planner", 3, 5, "0.7500"),
        _role("social_post_writer", 8, 3, "0.5000"),
        _role("gbp_post_writer", 6, 3, "0.5000"),
        _role("video_script_writer", 3, 5, "0.7500"),
        _role("email_writer", 4, 5, "0.7500"),
        _role("brand_rules_writer", 1, 5, "0.7500"),
    )
}
