"""What goes out on social channels, listings and by mail, and scripts for videos.

Nothing of ours reaches these platforms yet: their publish steps are a person's, who puts out what was approved and says
where it is. When a platform can be reached, only its step here changes.
"""

from .steps import agent, gate, person

SOCIAL_POSTS = (
    agent(
        "calendar_entry",
        "Plan the topic",
        "research",
        "social_calendar_planner",
        due_offset_days=1,
        creates="social_media_request",
        prompt_template="Plan the entry of the calendar that has the number of this unit in the period.",
    ),
    gate(
        "topic_approval",
        "Approve the topic",
        "approve",
        "reviewer",
        due_offset_days=2,
        depends_on=["calendar_entry"],
        on_reject="calendar_entry",
        creates="social_post",
    ),
    agent(
        "draft",
        "Write the post",
        "write",
        "social_post_writer",
        due_offset_days=3,
        depends_on=["topic_approval"],
        creates="body_version",
        prompt_template="Write the post of the approved topic for its platform.",
    ),
    gate(
        "dm_review",
        "Review the post",
        "review",
        "reviewer",
        due_offset_days=4,
        depends_on=["draft"],
        on_reject="draft",
    ),
    gate(
        "client_approval",
        "Approve the post",
        "approve",
        "admin",
        due_offset_days=6,
        depends_on=["dm_review"],
        on_reject="draft",
        is_final_gate=True,
    ),
    person(
        "publish",
        "Publish the post",
        "publish",
        "reviewer",
        due_offset_days=7,
        depends_on=["client_approval"],
        creates="publish_attempt",
        counts_unit=True,
        prompt_template="Put the approved post on its channel, exactly as it was approved, then enter its address here.",
    ),
    agent(
        "engagement_check",
        "Look at the figures",
        "report",
        "data_analyst",
        due_offset_days=14,
        depends_on=["publish"],
        creates="engagement_snapshot",
        prompt_template="Say what the figures of this post tell for the next ones.",
    ),
)

GBP_POSTS = (
    agent(
        "draft",
        "Write the post",
        "write",
        "gbp_post_writer",
        due_offset_days=2,
        creates="social_media_request",
        prompt_template="Write the post that has the number of this unit in the period.",
    ),
    gate(
        "approval",
        "Approve the post",
        "approve",
        "reviewer",
        due_offset_days=4,
        depends_on=["draft"],
        on_reject="draft",
        is_final_gate=True,
        creates="social_post",
    ),
    person(
        "publish",
        "Publish the post",
        "publish",
        "reviewer",
        due_offset_days=5,
        depends_on=["approval"],
        creates="publish_attempt",
        counts_unit=True,
        prompt_template="Put the approved post on the listing, exactly as it was approved, then enter its address here.",
    ),
)
