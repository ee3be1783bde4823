"""Agent role -> what it is told, what it must answer, and the operation that receives the answer; on one screen."""

from apps.activities import checks, onboarding, quality
from apps.activities.bodies import CRAWL_WEBSITE
from apps.activities.registry import AgentRole, Publishable
from apps.content import agents as content
from apps.content import bodies as content_bodies
from apps.content import operations as content_operations
from apps.strategy import bodies as strategy_bodies

AGENTS = {
    "onboarding_agent": AgentRole(
        schema=strategy_bodies.Research,
        output_type="research",
        gather=onboarding.gather_research,
        text=onboarding.research_as_text,
        receive=onboarding.receive_research,
        keep=onboarding.keep_research,
        live_field="rawNotes",
    ),
    "context_file_writer": AgentRole(
        schema=strategy_bodies.ContextFile,
        output_type="context_file",
        gather=onboarding.gather_context,
        text=onboarding.context_as_text,
        subject=onboarding.subject,
        receive=onboarding.receive_context_file,
        to_check=checks.internal_text,
        keep=onboarding.keep_context_file,
        live_field="markdown",
    ),
    "strategy_writer": AgentRole(
        schema=strategy_bodies.StrategyDraft,
        output_type="strategy",
        gather=onboarding.gather_strategy,
        text=onboarding.strategy_as_text,
        subject=onboarding.subject,
        receive=onboarding.receive_strategy,
        to_check=checks.internal_text,
        keep=onboarding.keep_strategy,
        live_field="strategyMarkdown",
    ),
    "keyword_researcher": AgentRole(
        schema=content_bodies.KeywordResearch,
        output_type="topic_list",
        gather=content.gather_keywords,
        text=content.as_json,
        receive=content_operations.receive_keywords,
    ),
    "content_brief_writer": AgentRole(
        schema=content_bodies.TopicBrief,
        output_type="seo_brief",
        gather=content.gather_brief,
        text=content.as_json,
        receive=content_operations.receive_topic,
        to_check=checks.internal_text,
        live_field="angle",
    ),
    "copywriter": AgentRole(
        schema=content_bodies.Article,
        output_type="blog_post",
        begin=content_operations.begin_article,
        gather=content.gather_article,
        text=content.article_as_text,
        subject=onboarding.subject,
        receive=content_operations.receive_article,
        to_check=content.article_to_check,
        live_field="bodyMarkdown",
    ),
    "data_analyst": AgentRole(
        schema=content_bodies.LiveCheck,
        output_type="live_check",
        gather=content.gather_live_check,
        text=content.as_json,
        receive=content_operations.receive_live_check,
    ),
    "quality_checker": AgentRole(
        schema=quality.QualityReview,
        output_type="quality_review",
        gather=quality.gather_draft,
        text=quality.review_as_text,
        receive=quality.receive_review,
        is_advice=True,
    ),
}

PUBLISHABLE = {
    "blog_post": Publishable(
        prepare=content_operations.prepare_post,
        still_ready=content_operations.still_ready,
        settled=content_operations.settle_post,
    ),
}

SYSTEM_JOBS = {CRAWL_WEBSITE: onboarding.crawl}
