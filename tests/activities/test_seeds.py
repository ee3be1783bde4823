from decimal import Decimal

import pytest
from celery.schedules import crontab
from genai_prices import Usage, calc_price
from pydantic import ValidationError

from apps.activities import bodies, prompting, seeds
from apps.activities.bodies import TemplateStep, validate_steps


def agent(key: str, *needed: str, **changes) -> TemplateStep:
    values = {"key": key, "title": key, "type": "write", "assignee_type": "agent", "agent_role": "copywriter"}
    return TemplateStep(**(values | {"depends_on": list(needed), "due_offset_days": 1} | changes))


def gate(key: str, *needed: str, **changes) -> TemplateStep:
    values = {"key": key, "title": key, "type": "approve", "assignee_type": "human", "human_role": "reviewer"}
    return TemplateStep(
        **(values | {"is_approval_gate": True, "depends_on": list(needed), "due_offset_days": 2} | changes)
    )


@pytest.mark.parametrize("pipeline", seeds.PIPELINES, ids=lambda pipeline: pipeline.deliverable_type)
def test_every_shipped_pipeline_is_sound_and_survives_jsonb(pipeline):
    again = tuple(TemplateStep.model_validate(step.model_dump(mode="json")) for step in pipeline.steps)

    assert validate_steps(pipeline.steps) == []
    assert again == pipeline.steps


@pytest.mark.acceptance("MISC-ActivityTemplateStep")
def test_a_step_has_exactly_the_fields_of_an_activity_template_step():
    assert list(TemplateStep.model_fields) == [
        "key",
        "title",
        "type",
        "assignee_type",
        "agent_role",
        "human_role",
        "is_approval_gate",
        "is_final_gate",
        "depends_on",
        "prompt_template",
        "due_offset_days",
        "on_reject",
        "creates",
        "counts_unit",
    ]


def test_the_blog_pipeline_has_its_eight_steps_with_gates_dues_and_ways_back():
    steps = seeds.BLOG_POSTS.steps

    assert [
        (
            s.key,
            s.agent_role or s.human_role,
            s.is_approval_gate,
            s.depends_on,
            s.on_reject,
            s.due_offset_days,
            s.creates,
        )
        for s in steps
    ] == [
        ("keyword_research", "keyword_researcher", False, [], None, 1, None),
        ("topic_request", "content_brief_writer", False, ["keyword_research"], None, 2, "blog_request"),
        ("topic_approval", "reviewer", True, ["topic_request"], "topic_request", 4, "blog_post"),
        ("draft", "copywriter", False, ["topic_approval"], None, 6, "body_version"),
        ("dm_review", "reviewer", True, ["draft"], "draft", 8, None),
        ("client_approval", "admin", True, ["dm_review"], "draft", 11, None),
        ("publish", "publisher", False, ["client_approval"], None, 12, "publish_attempt"),
        ("check_live", "data_analyst", False, ["publish"], None, 14, None),
    ]
    assert [step.key for step in steps if step.is_final_gate] == ["client_approval"]
    assert [step.key for step in steps if step.counts_unit] == ["publish"]


def test_onboarding_and_strategy_end_at_a_persons_gate():
    last = {pipeline.deliverable_type: pipeline.steps[-1] for pipeline in (seeds.ONBOARDING, seeds.STRATEGY)}

    assert {name: (s.key, s.human_role, s.is_final_gate, s.on_reject) for name, s in last.items()} == {
        "onboarding": ("context_review", "reviewer", True, "context_file"),
        "strategy": ("client_approval", "admin", True, "draft"),
    }


@pytest.mark.parametrize(
    ("steps", "problem"),
    [
        ([], "at least one step"),
        ([agent("a"), agent("a")], "exists 2 times"),
        ([agent("a", agent_role="wizard")], "unknown agent role: wizard"),
        ([agent("a", agent_role=None)], "unknown agent role: None"),
        ([agent("a", human_role="admin")], "names a person's role too"),
        ([gate("a", human_role=None, is_approval_gate=False)], "does not say which role"),
        ([gate("a", agent_role="copywriter", is_approval_gate=False)], "names an agent role too"),
        ([agent("a", "b")], "depends on b, which does not exist"),
        ([agent("a", "a")], "in a circle: a"),
        ([agent("a", "c"), agent("b", "a"), agent("c", "b")], "in a circle"),
        ([agent("a"), agent("g", "a", is_approval_gate=True, on_reject="a")], "agents never approve"),
        ([agent("a"), gate("g", "a")], "does not say where rejected work goes"),
        ([agent("a"), gate("g", "a", on_reject="z")], "sends rejected work to z"),
        ([agent("a"), gate("g", "a", on_reject="b"), agent("b", "g")], "does not come before it"),
        ([agent("a"), agent("b"), gate("g", "a", on_reject="b")], "does not come before it"),
        ([agent("a"), gate("g", "a", on_reject="g")], "does not come before it"),
        ([agent("a", counts_unit=True), agent("b", counts_unit=True)], "Only one step may count"),
        ([agent("a", is_final_gate=True)], "without being a gate"),
        ([gate("g")], "no agent works before it"),
        (
            [agent("a"), gate("g", "a", on_reject="a"), gate("h", "g", on_reject="g")],
            "which is a gate and makes nothing",
        ),
        (
            [
                agent("a"),
                gate("g", "a", on_reject="a", is_final_gate=True),
                gate("h", "g", on_reject="a", is_final_gate=True),
            ],
            "Only one gate may be the final one",
        ),
        ([agent("a"), agent("p", "a", type="publish", agent_role="publisher")], "publishes without a final gate"),
        ([agent("a"), gate("g", "a", on_reject="a"), agent("p", "g", agent_role="publisher")], "without a final gate"),
        (
            [agent("a"), gate("g", "a", on_reject="a", is_final_gate=True), agent("p", "a", type="publish")],
            "publishes without a final gate",
        ),
    ],
)
def test_an_unsound_pipeline_is_told_what_is_wrong_with_it(steps, problem):
    assert any(problem in told for told in validate_steps(steps)), validate_steps(steps)


@pytest.mark.parametrize(
    "change",
    [
        {"key": "Draft it"},
        {"key": ""},
        {"title": ""},
        {"type": "delete"},
        {"assignee_type": "system"},
        {"human_role": "super_admin"},
        {"due_offset_days": -1},
        {"due_offset_days": "1"},
        {"creates": "invoice"},
        {"is_final_gate": 1},
        {"status": "approved"},
        {"prompt_template": "a\x00"},
    ],
)
def test_a_malformed_step_is_refused(change):
    sound = agent("a").model_dump(mode="json")

    with pytest.raises(ValidationError):
        TemplateStep.model_validate(sound | change)


def test_the_recurring_templates_are_complete():
    names = [template.name for template in seeds.RECURRING]

    assert len(set(names)) == 16
    assert names[0] == "Update Google Business Profile listing"
    for template in seeds.RECURRING:
        by_agent = template.assignee_type == "agent"
        assert (template.agent_role in bodies.AGENT_ROLES, template.human_role in {"reviewer", "admin"}) == (
            by_agent,
            not by_agent,
        )
        assert (template.cron_expression is not None) == (template.trigger == "cron")
        assert template.cron_expression is None or crontab.from_string(template.cron_expression)
        assert template.description
        assert len(template.name) <= 255


@pytest.mark.acceptance("MISC-TemplateVariable")
@pytest.mark.parametrize("template", seeds.RECURRING, ids=lambda template: template.name)
def test_a_recurring_template_uses_exactly_the_variables_it_defines(template):
    values = {variable.key: f"<{variable.key}>" for variable in template.variables}

    filled = prompting.substitute(template.prompt_template, values)

    assert list(bodies.TemplateVariable.model_fields) == ["key", "label", "type", "required"]
    assert "{{" not in filled
    assert all(value in filled for value in values.values())


def test_every_model_role_of_the_shipped_pipelines_has_settings_a_prompt_and_a_price():
    roles = {step.agent_role for pipeline in seeds.PIPELINES for step in pipeline.steps if step.agent_role}

    assert roles - {bodies.PUBLISHER, bodies.CRAWL_WEBSITE} <= set(seeds.AGENT_DEFAULTS)
    for role, defaults in seeds.AGENT_DEFAULTS.items():
        price = calc_price(Usage(input_tokens=1000, output_tokens=100), defaults.model_id, provider_id="anthropic")
        assert prompting.load_prompt(role).text
        assert price.total_price > 0
        assert defaults.max_cost_usd_per_activity == round(defaults.max_cost_usd_per_activity, 4) > 0


def test_concurrency_and_time_limits_are_those_of_the_specification():
    limits = {role: (d.max_concurrent, d.timeout_ms // 60_000) for role, d in seeds.AGENT_DEFAULTS.items()}

    assert (
        limits.items()
        >= {
            "onboarding_agent": (3, 15),
            "context_file_writer": (5, 15),
            "strategy_writer": (3, 8),
            "keyword_researcher": (4, 8),
            "content_brief_writer": (6, 5),
            "copywriter": (1, 10),
            "data_analyst": (3, 8),
            "social_calendar_planner": (3, 5),
            "social_post_writer": (8, 3),
            "gbp_post_writer": (6, 3),
            "video_script_writer": (3, 5),
            "email_writer": (4, 5),
        }.items()
    )
    assert {d.escalation_after_failures for d in seeds.AGENT_DEFAULTS.values()} == {3}
    assert seeds.AGENT_DEFAULTS["copywriter"].max_cost_usd_per_activity == Decimal("1.5000")
