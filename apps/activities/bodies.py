"""Typed shapes of the jsonb columns of templates: pipeline steps and template variables."""

from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Annotated, Literal

from django.utils.text import capfirst
from pydantic import BaseModel, ConfigDict, Field

PUBLISHER = "publisher"  # carries out the approved outside call; an agent role without a model
MOST_ATTEMPTS = 32_767  # at one activity: the largest number its lease can have
CRAWL_WEBSITE = "system.crawl_website"  # a long job of a client, worked like any activity
EXPORT_CLIENT = "system.export_client"  # no step of a pipeline names it: a person asks for it
IMPORT_LEADS = "system.import_leads"
SYNC_GOALS = "system.sync_goals"  # nor this: it is asked for once a week, and by people
SCORE_CHANNELS = "system.score_channels"  # asked for by the month, and by people
BRAND_RULES_WRITER = "brand_rules_writer"

AGENT_ROLES = frozenset(
    {
        "activity_planner",
        "ads_analyst",
        "anomaly_detector",
        "backlink_outreach_writer",
        "backlink_researcher",
        BRAND_RULES_WRITER,
        "competitor_researcher",
        "content_auditor",
        "content_brief_writer",
        "content_repurposer",
        "context_file_writer",
        "copywriter",
        "data_analyst",
        "deliverable_planner",
        "email_writer",
        "gbp_post_writer",
        "google_ads_writer",
        "keyword_researcher",
        "landing_page_writer",
        "lead_enricher",
        "meta_ads_writer",
        "onboarding_agent",
        "quality_checker",
        "report_writer",
        "review_response_writer",
        "search_term_classifier",
        "site_auditor",
        "social_calendar_planner",
        "social_post_writer",
        "strategy_writer",
        "video_script_writer",
        PUBLISHER,
        CRAWL_WEBSITE,
    }
)


def role_in_words(role: str) -> str:
    """`gbp_post_writer` is "GBP post writer"."""
    return " ".join("GBP" if word == "gbp" else word for word in role.split("_"))


def role_name(role: str) -> str:
    """`copywriter` is "Copywriter"; jobs of the product itself are done by "Leadmetrics"."""
    return "Leadmetrics" if role.startswith("system.") else capfirst(role_in_words(role))


Key = Annotated[str, Field(max_length=100, pattern=r"^[a-z][a-z_]*$")]

StepType = Literal["research", "write", "review", "approve", "publish", "audit", "report", "outreach", "other"]
HumanRole = Literal["reviewer", "admin"]
VariableType = Literal["text", "long_text", "number", "date", "url"]
Created = Literal[
    "blog_request",
    "blog_post",
    "body_version",
    "publish_attempt",
    "context_file",
    "strategy",
    "goal_values",
    "report",
    "findings",
    "tasks",
    "backlinks",
    "outreach_mails",
    "outreach_sent",
    "link_check",
    "social_media_request",
    "social_post",
    "engagement_snapshot",
    "campaign_figures",
]


class JsonShape(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class TemplateVariable(JsonShape):
    """A value that a tenant fills in; `{{key}}` in the template's text."""

    key: Key
    label: Annotated[str, Field(min_length=1, max_length=255)]
    type: VariableType
    required: bool


class TemplateStep(JsonShape):
    """One step of a pipeline, an ActivityTemplateStep.

    `depends_on` and `on_reject` name other steps by key. `due_offset_days` counts from the start of the unit. `creates`
    says which record the step leaves behind. The step that `counts_unit` completes the unit's count.
    """

    key: Key
    title: Annotated[str, Field(min_length=1, max_length=200)]
    type: StepType
    assignee_type: Literal["agent", "human"]
    agent_role: Annotated[str, Field(max_length=100)] | None = None
    human_role: HumanRole | None = None
    is_approval_gate: bool = False
    is_final_gate: bool = False
    depends_on: list[Key] = []
    prompt_template: Annotated[str, Field(max_length=10_000, pattern=r"^[^\x00]*$")] = ""
    due_offset_days: Annotated[int, Field(ge=0, le=366)]
    on_reject: Key | None = None
    creates: Created | None = None
    counts_unit: bool = False


def validate_steps(steps: Sequence[TemplateStep]) -> list[str]:
    """What is wrong with a pipeline, as sentences for the person who edits it; an empty list if nothing is."""
    keys = [step.key for step in steps]
    problems = [f"Step {key} exists {keys.count(key)} times." for key in dict.fromkeys(keys) if keys.count(key) > 1]
    if not steps:
        problems.append("A pipeline needs at least one step.")
    problems += [problem for step in steps for problem in _assignee_problems(step)]
    problems += [
        f"Step {step.key} depends on {needed}, which does not exist."
        for step in steps
        for needed in step.depends_on
        if needed not in keys
    ]
    if sum(step.counts_unit for step in steps) > 1:
        problems.append("Only one step may count the unit.")
    if sum(step.is_final_gate for step in steps) > 1:
        problems.append("Only one gate may be the final one.")

    try:
        before = _steps_before(steps)
    except CycleError as error:
        return [*problems, f"Steps wait for each other in a circle: {', '.join(dict.fromkeys(error.args[1]))}."]
    by_key = {step.key: step for step in steps}
    for step in steps:
        if step.is_approval_gate and step.on_reject is None:
            problems.append(f"Gate {step.key} does not say where rejected work goes.")
        earlier = [by_key[key] for key in before[step.key] if key in by_key]
        if step.is_approval_gate and not any(one.assignee_type == "agent" for one in earlier):
            problems.append(f"Gate {step.key} has nothing to decide on: no agent works before it.")
        if step.on_reject in by_key and by_key[step.on_reject].is_approval_gate:
            problems.append(
                f"Step {step.key} sends rejected work to {step.on_reject}, which is a gate and makes nothing."
            )
        if step.on_reject is not None and step.on_reject not in before[step.key]:
            problems.append(f"Step {step.key} sends rejected work to {step.on_reject}, which does not come before it.")
        goes_out = step.type == "publish" or step.agent_role == PUBLISHER
        if goes_out and not any(by_key[key].is_final_gate for key in before[step.key] if key in by_key):
            problems.append(f"Step {step.key} publishes without a final gate before it.")
    return problems


def _assignee_problems(step: TemplateStep) -> list[str]:
    problems = []
    if step.assignee_type == "agent":
        if step.agent_role not in AGENT_ROLES:
            problems.append(f"Step {step.key} names an unknown agent role: {step.agent_role}.")
        if step.human_role is not None:
            problems.append(f"Step {step.key} is for an agent and names a person's role too.")
    else:
        if step.human_role is None:
            problems.append(f"Step {step.key} is for a person and does not say which role.")
        if step.agent_role is not None:
            problems.append(f"Step {step.key} is for a person and names an agent role too.")
    if step.is_approval_gate and step.human_role is None:
        problems.append(f"Gate {step.key} needs a person: agents never approve.")
    if step.is_final_gate and not step.is_approval_gate:
        problems.append(f"Step {step.key} is a final gate without being a gate.")
    return problems


def _steps_before(steps: Sequence[TemplateStep]) -> dict[str, set[str]]:
    """For each key all keys it waits for, directly or not. Raises CycleError."""
    direct = {step.key: set(step.depends_on) for step in steps}
    before: dict[str, set[str]] = {}
    for key in TopologicalSorter(direct).static_order():
        needed = direct.get(key, set())
        before[key] = needed.union(*(before[each] for each in needed))
    return before
