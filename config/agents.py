"""(Agent role, what its step creates) -> what it is told, what it must answer, and the operation that receives the answer; on one screen."""

from apps.activities import material, onboarding
from apps.activities.bodies import CRAWL_WEBSITE
from apps.activities.registry import AgentRole, Publishable
from apps.content import agents as content
from apps.content import bodies as content_bodies
from apps.content import newsletters, video_scripts
from apps.content import operations as content_operations
from apps.strategy import bodies as strategy_bodies

AGENTS = {
    ("onboarding_agent", ""): AgentRole(
        schema=strategy_bodies.Research,
        output_type="research",
        gather=onboarding.gather_research,
        text=onboarding.research_as_text,
        receive=onboarding.receive_research,
        keep=onboarding.keep_research,
        live_field="rawNotes",
    ),
    ("context_file_writer", "context_file"): AgentRole(
        schema=strategy_bodies.ContextFile,
        output_type="context_file",
        gather=onboarding.gather_context,
        text=onboarding.context_as_text,
        subject=onboarding.subject,
        receive=onboarding.receive_context_file,
        keep=onboarding.keep_context_file,
        live_field="markdown",
    ),
    ("strategy_writer", "strategy"): AgentRole(
        schema=strategy_bodies.StrategyDraft,
        output_type="strategy",
        gather=onboarding.gather_strategy,
        text=onboarding.strategy_as_text,
        subject=onboarding.subject,
        receive=onboarding.receive_strategy,
        keep=onboarding.keep_strategy,
        live_field="strategyMarkdown",
    ),
    ("keyword_researcher", ""): AgentRole(
        schema=content_bodies.KeywordResearch,
        output_type="topic_list",
        gather=content.gather_keywords,
        text=content.as_json,
        receive=content_operations.receive_keywords,
    ),
    ("content_brief_writer", "blog_request"): AgentRole(
        schema=content_bodies.TopicBrief,
        output_type="seo_brief",
        gather=content.gather_brief,
        text=content.as_json,
        receive=content_operations.receive_topic,
        live_field="angle",
    ),
    ("copywriter", "body_version"): AgentRole(
        schema=content_bodies.Article,
        output_type="blog_post",
        begin=content_operations.begin_article,
        gather=content.gather_article,
        text=content.article_as_text,
        subject=onboarding.subject,
        receive=content_operations.receive_article,
        live_field="bodyMarkdown",
    ),
    ("social_calendar_planner", "social_media_request"): AgentRole(
        schema=content_bodies.CalendarEntry,
        output_type="social_calendar_entry",
        gather=content.gather_calendar,
        text=content.as_json,
        receive=content_operations.receive_calendar_entry,
        title=content.calendar_entry_title,
        live_field="brief",
    ),
    ("social_post_writer", "body_version"): AgentRole(
        schema=content_bodies.SocialPostDraft,
        output_type="social_posts",
        begin=content_operations.begin_social_post,
        gather=content.gather_social_post,
        text=content.as_json,
        subject=onboarding.subject,
        receive=content_operations.receive_social_post,
        live_field="bodyText",
    ),
    ("gbp_post_writer", "social_media_request"): AgentRole(
        schema=content_bodies.ListingPost,
        output_type="social_posts",
        gather=content.gather_listing_post,
        text=content.as_json,
        receive=content_operations.receive_listing_post,
        title=content.listing_post_title,
        live_field="body",
    ),
    ("social_calendar_planner", ""): AgentRole(
        schema=video_scripts.VideoIdea,
        output_type="video_idea",
        gather=video_scripts.gather_idea,
        text=material.as_json,
        title=video_scripts.title_of_idea,
        receive=material.changes_no_row,
        live_field="angle",
        prompt="video_planner",
    ),
    ("video_script_writer", "body_version"): AgentRole(
        schema=video_scripts.VideoScript,
        output_type="video_script",
        gather=video_scripts.gather_script,
        text=material.as_json,
        title=video_scripts.title_of_script,
        receive=material.changes_no_row,
        live_field="hook",
    ),
    ("email_writer", ""): AgentRole(
        schema=newsletters.NewsletterTopic,
        output_type="newsletter_topic",
        gather=newsletters.gather_topic,
        text=material.as_json,
        title=newsletters.title_of_topic,
        receive=material.changes_no_row,
        live_field="angle",
        prompt="newsletter_planner",
    ),
    ("email_writer", "body_version"): AgentRole(
        schema=newsletters.Newsletter,
        output_type="email_sequence",
        gather=newsletters.gather_newsletter,
        text=material.as_json,
        title=newsletters.title_of_newsletter,
        receive=material.changes_no_row,
        released=content_operations.release_newsletter,
        live_field="plainText",
    ),
    ("data_analyst", "campaign_figures"): AgentRole(
        schema=content_bodies.EngagementCheck,
        output_type="campaign_figures",
        gather=newsletters.gather_results,
        text=material.as_json,
        receive=content_operations.receive_results,
        prompt="newsletter_analyst",
    ),
    ("data_analyst", "engagement_snapshot"): AgentRole(
        schema=content_bodies.EngagementCheck,
        output_type="engagement_check",
        gather=content.gather_engagement,
        text=content.as_json,
        receive=content_operations.receive_engagement_check,
        prompt="engagement_analyst",
    ),
    ("data_analyst", ""): AgentRole(
        schema=content_bodies.LiveCheck,
        output_type="live_check",
        gather=content.gather_live_check,
        text=content.as_json,
        receive=content_operations.receive_live_check,
    ),
}

PUBLISHABLE = {
    "blog_post": Publishable(
        prepare=content_operations.prepare_post,
        still_ready=content_operations.still_ready,
        settled=content_operations.settle_post,
    ),
    "social_post": Publishable(
        prepare=content_operations.prepare_social_post,
        still_ready=content_operations.still_ready_social_post,
        settled=content_operations.settle_social_post,
        failed=content_operations.fail_social_post,
    ),
    "activity": Publishable(
        prepare=content_operations.prepare_newsletter,
        still_ready=content_operations.still_ready_newsletter,
        settled=content_operations.settle_newsletter,
    ),
}

SYSTEM_JOBS = {CRAWL_WEBSITE: onboarding.crawl}
