"""(Agent role, what its step creates) -> what it is told, what it must answer, and the operation that receives the answer; on one screen."""

from apps.activities import (
    checks,
    commitments,
    competitors,
    exporting,
    material,
    onboarding,
    quality,
    review_answers,
)
from apps.activities.bodies import CRAWL_WEBSITE, EXPORT_CLIENT
from apps.activities.registry import TASK, AgentRole, Publishable
from apps.ads import agents as ads
from apps.ads import bodies as ads_bodies
from apps.content import agents as content
from apps.content import audit_bodies, audits, backlink_bodies, backlinks, landing_pages, report_bodies, reports
from apps.content import bodies as content_bodies
from apps.content import figures as content_figures
from apps.content import operations as content_operations
from apps.crm import figures as crm_figures
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
        to_check=checks.internal_text,
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
        to_check=checks.internal_text,
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
        to_check=checks.internal_text,
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
        to_check=content.article_to_check,
        live_field="bodyMarkdown",
    ),
    ("data_analyst", ""): AgentRole(
        schema=content_bodies.LiveCheck,
        output_type="live_check",
        gather=content.gather_live_check,
        text=content.as_json,
        receive=content_operations.receive_live_check,
    ),
    ("ads_analyst", ""): AgentRole(
        schema=ads_bodies.AudienceAndOffer,
        output_type="audience_and_offer",
        gather=ads.gather_audience,
        text=material.as_json,
        title=ads.title_of_audience,
        receive=material.changes_no_row,
    ),
    ("google_ads_writer", "body_version"): AgentRole(
        schema=ads_bodies.GoogleAds,
        output_type="ad_copy",
        gather=ads.gather_ads,
        text=ads.google_ads_as_text,
        title=ads.title_of_google_ads,
        receive=material.changes_no_row,
    ),
    ("meta_ads_writer", "body_version"): AgentRole(
        schema=ads_bodies.MetaAds,
        output_type="ad_copy",
        gather=ads.gather_ads,
        text=ads.meta_ads_as_text,
        title=ads.title_of_meta_ads,
        receive=material.changes_no_row,
    ),
    ("ads_analyst", TASK): AgentRole(
        schema=ads_bodies.Optimisation,
        output_type="ads_optimisation",
        gather=ads.gather_optimisation,
        text=material.as_json,
        receive=ads.receive_optimisation,
        prompt="ads_optimiser",
    ),
    ("content_brief_writer", ""): AgentRole(
        schema=landing_pages.LandingBrief,
        output_type="landing_brief",
        gather=landing_pages.gather_landing_brief,
        text=material.as_json,
        title=landing_pages.title_of_brief,
        receive=material.changes_no_row,
        prompt="landing_brief_writer",
    ),
    ("landing_page_writer", "body_version"): AgentRole(
        schema=landing_pages.LandingPage,
        output_type="landing_page",
        gather=landing_pages.gather_landing_page,
        text=landing_pages.page_as_text,
        title=landing_pages.title_of_page,
        receive=material.changes_no_row,
    ),
    ("quality_checker", ""): AgentRole(
        schema=quality.QualityReview,
        output_type="quality_review",
        gather=quality.gather_draft,
        text=quality.review_as_text,
        receive=quality.receive_review,
        is_advice=True,
    ),
    ("data_analyst", "goal_values"): AgentRole(
        schema=report_bodies.Analysis,
        output_type="report",
        begin=reports.collect,
        gather=reports.gather_figures,
        text=content.as_json,
        receive=reports.receive_analysis,
        prompt="data_analyst_figures",
    ),
    ("data_analyst", TASK): AgentRole(
        schema=report_bodies.Analysis,
        output_type="report",
        begin=reports.collect,
        gather=reports.gather_figures,
        text=content.as_json,
        receive=reports.receive_task,
        prompt="data_analyst_figures",
    ),
    ("report_writer", "body_version"): AgentRole(
        schema=report_bodies.Report,
        output_type="report",
        gather=reports.gather_report,
        text=reports.as_text,
        receive=reports.receive_report,
        title=lambda report: report.title,
        appendix=reports.appendix,
        live_field="sectionsMarkdown",
    ),
    ("site_auditor", "findings"): AgentRole(
        schema=audit_bodies.Audit,
        output_type="report",
        begin=audits.measure,
        gather=audits.gather_audit,
        text=audits.audit_as_text,
        receive=audits.receive_audit,
        appendix=audits.measures_as_text,
        live_field="summary",
    ),
    ("site_auditor", TASK): AgentRole(
        schema=audit_bodies.ListingCheck,
        output_type="report",
        begin=audits.measure,
        gather=audits.gather_listings,
        text=content.as_json,
        receive=audits.receive_listings,
        prompt="site_auditor_listings",
    ),
    ("report_writer", "tasks"): AgentRole(
        schema=audit_bodies.ActionList,
        output_type="report",
        gather=audits.gather_actions,
        text=audits.actions_as_text,
        receive=audits.receive_actions,
        title=audits.title_of_actions,
        released=audits.release_actions,
        live_field="summary",
        prompt="report_writer_actions",
    ),
    ("backlink_researcher", "backlinks"): AgentRole(
        schema=backlink_bodies.Prospects,
        output_type="topic_list",
        gather=backlinks.gather_prospects,
        text=content.as_json,
        receive=backlinks.receive_prospects,
    ),
    ("backlink_researcher", TASK): AgentRole(
        schema=backlink_bodies.LinkReview,
        output_type="report",
        gather=backlinks.gather_review,
        text=content.as_json,
        receive=backlinks.receive_review,
        prompt="backlink_researcher_review",
    ),
    ("backlink_outreach_writer", "outreach_mails"): AgentRole(
        schema=backlink_bodies.OutreachMails,
        output_type="outreach_email",
        gather=backlinks.gather_mails,
        text=content.as_json,
        receive=backlinks.receive_mails,
        title=backlinks.title_of_mails,
    ),
    ("data_analyst", "link_check"): AgentRole(
        schema=backlink_bodies.LinkCheck,
        output_type="live_check",
        begin=backlinks.check_links,
        gather=backlinks.gather_check,
        text=content.as_json,
        receive=backlinks.receive_check,
        prompt="data_analyst_links",
    ),
    ("search_term_classifier", TASK): AgentRole(
        schema=ads_bodies.TermVerdicts,
        output_type="search_term_verdicts",
        gather=ads.gather_terms,
        text=material.as_json,
        receive=ads.receive_verdicts,
    ),
    ("competitor_researcher", TASK): AgentRole(
        schema=competitors.CompetitorResearch,
        output_type="competitors",
        gather=competitors.gather_for_task,
        text=material.as_json,
        title=competitors.title,
        receive=material.changes_no_row,
    ),
    ("competitor_researcher", ""): AgentRole(
        schema=competitors.CompetitorResearch,
        output_type="competitors",
        gather=competitors.gather_in_unit,
        text=material.as_json,
        title=competitors.title,
        receive=material.changes_no_row,
    ),
    ("deliverable_planner", ""): AgentRole(
        schema=commitments.DeliverablePlan,
        output_type="deliverable_plan",
        gather=commitments.gather,
        text=material.as_json,
        receive=material.changes_no_row,
    ),
    ("review_response_writer", TASK): AgentRole(
        schema=review_answers.ReviewAnswers,
        output_type="review_answers",
        gather=review_answers.gather,
        text=material.as_json,
        receive=review_answers.receive,
    ),
}

PUBLISHABLE = {
    "blog_post": Publishable(
        prepare=content_operations.prepare_post,
        still_ready=content_operations.still_ready,
        settled=content_operations.settle_post,
    ),
}

SYSTEM_JOBS = {CRAWL_WEBSITE: onboarding.crawl, EXPORT_CLIENT: exporting.export}

DELIVERIES = {
    "report": reports.deliver,
    "outreach_sent": backlinks.send_mails,
}

FIGURES = [content_figures.promises, content_figures.published, content_figures.channel_scores, crm_figures.leads]
