"""What a person can decide on, on one screen."""

from apps.activities import answers
from apps.activities.registry import Gate
from apps.content import operations as content
from apps.content import queries as content_queries
from apps.strategy import operations as strategy
from apps.strategy import queries as strategy_queries

GATES = {
    "activity": Gate(
        load=answers.load,
        shown=answers.shown,
        release=answers.release,
        still_holds=answers.still_holds,
        send_back=answers.send_back,
        template="dm/activities/_answer_gate.html",
        risk="medium",
    ),
    "onboarding_run": Gate(
        load=strategy_queries.onboarding_run_of,
        shown=strategy_queries.onboarding_shown,
        release=strategy.complete_onboarding,
        send_back=strategy.send_back_onboarding,
        template="dm/strategy/_context_file_gate.html",
        risk="medium",
    ),
    "strategy": Gate(
        load=strategy_queries.strategy_of,
        shown=strategy_queries.strategy_shown,
        release=strategy.activate_strategy,
        send_back=strategy.send_back_strategy,
        template="dm/strategy/_strategy_gate.html",
        risk="medium",
    ),
    "blog_request": Gate(
        load=content_queries.blog_request_of,
        shown=content_queries.blog_request_shown,
        approved=content.approve_request,
        send_back=content.send_back_request,
        template="dm/content/_blog_request_gate.html",
        risk="low",
    ),
    "blog_post": Gate(
        load=content_queries.blog_post_of,
        shown=content_queries.blog_post_shown,
        release=content.release_post,
        send_back=content.send_back_post,
        template="dm/content/_blog_post_gate.html",
        risk="medium",
    ),
    "social_media_request": Gate(
        load=content_queries.social_request_of,
        shown=content_queries.social_request_shown,
        approved=content.approve_social_request,
        release=content.release_social_request,
        send_back=content.send_back_social_request,
        template="dm/content/_social_request_gate.html",
        risk="low",
    ),
    "social_post": Gate(
        load=content_queries.social_post_of,
        shown=content_queries.social_post_shown,
        approved=content.check_social_post,
        release=content.release_social_post,
        send_back=content.send_back_social_post,
        template="dm/content/_social_post_gate.html",
        risk="medium",
    ),
}
