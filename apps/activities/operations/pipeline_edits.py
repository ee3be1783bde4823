"""Changing the steps of a pipeline: the global one, or a client's own copy. What was planned before keeps its own steps."""

from datetime import datetime
from typing import Any

from django.db import transaction
from pydantic import TypeAdapter, ValidationError

from apps.shared.actors import Actor
from apps.shared.edits import edit
from apps.shared.errors import InvalidInput, OperationRefused

from .. import registry
from ..bodies import CRAWL_WEBSITE, PUBLISHER, TemplateStep, validate_steps
from ..models import ActivityTemplate
from ..pipelines.differences import differences
from ..statuses import AssigneeType

STEPS = TypeAdapter(list[TemplateStep])
PROBLEMS_SHOWN = 10
MOST_STEPS = 30
LAST_VERSION = 32_767  # of the column

# Steps that the product itself looks for by their key: without them approved work would not know where to go.
NEEDED = {
    "blog_posts": ("topic_request", "topic_approval", "draft", "publish"),
    "onboarding": ("crawl_website", "research", "context_file"),
    "strategy": ("draft",),
}


class NoGlobalTemplate(OperationRefused):
    """This pipeline was not copied from a global one, so there is nothing to go back to."""

    code = "no_global_template"


def edit_template(
    template: ActivityTemplate, *, name: str, steps: Any, by: Actor, at: datetime, seen_on: datetime | None
) -> ActivityTemplate:
    """Give a pipeline other steps and the next version. An edited global one reaches no copy.

    `steps` is a list of TemplateStep in JSON. Raises InvalidInput with a sentence per problem, EditedMeanwhile.
    """
    parsed, problems = checked(steps, template.deliverable_type)
    if problems:
        raise InvalidInput({"steps": problems[:PROBLEMS_SHOWN]})
    return _next_version(template, "template.edited", name=name, steps=parsed, by=by, at=at, seen_on=seen_on)


def reset_template(
    template: ActivityTemplate, *, by: Actor, at: datetime, seen_on: datetime | None
) -> ActivityTemplate:
    """Give a client's copy the steps that its global pipeline has now, as the copy's next version.

    Raises NoGlobalTemplate for a pipeline that is no copy, EditedMeanwhile.
    """
    source = template.source_template
    if template.tenant_id is None or source is None:
        raise NoGlobalTemplate
    return _next_version(
        template, "template.reset", name=source.name, steps=source.parsed_steps, by=by, at=at, seen_on=seen_on
    )


def _next_version(
    template: ActivityTemplate,
    code: str,
    *,
    name: str,
    steps: list[TemplateStep],
    by: Actor,
    at: datetime,
    seen_on: datetime | None,
) -> ActivityTemplate:
    """Nothing at all where nothing differs. The journal says in sentences what is different from the version before."""
    wanted = {"name": name, "steps": [step.model_dump(mode="json") for step in steps]}
    with transaction.atomic():
        now = ActivityTemplate.objects.select_for_update(of=("self",)).get(pk=template.pk)
        if all(getattr(now, field) == value for field, value in wanted.items()):
            return now
        told = differences(now.parsed_steps, steps)
        if name != now.name:
            told.insert(0, f"It is called “{name}”.")
        changes = {**wanted, "version": min(now.version + 1, LAST_VERSION)}
        return edit(now, code, changes, by=by, at=at, seen_on=seen_on, told={"changes": told})


def checked(steps: Any, deliverable_type: str) -> tuple[list[TemplateStep], list[str]]:
    """(the steps, what is wrong with them as sentences); no steps where they cannot even be read."""
    try:
        parsed = STEPS.validate_python(steps)
    except ValidationError as error:
        return [], [f"{'.'.join(map(str, e['loc'])) or 'steps'}: {e['msg']}." for e in error.errors()]
    return parsed, [*validate_steps(parsed), *_missing(parsed, deliverable_type), *_beyond(parsed)]


def _missing(steps: list[TemplateStep], deliverable_type: str) -> list[str]:
    """Steps that this kind of pipeline cannot do without."""
    keys = {step.key for step in steps}
    told = [
        f"Step {key} is missing: work of this kind cannot go on without it."
        for key in NEEDED.get(deliverable_type, ())
        if key not in keys
    ]
    if len(steps) > MOST_STEPS:
        told.append(f"A pipeline has {MOST_STEPS} steps at most; this one has {len(steps)}.")
    return told


def _beyond(steps: list[TemplateStep]) -> list[str]:
    """What is asked of an agent that it cannot do."""
    told = []
    for step in steps:
        role = step.agent_role or ""
        if step.assignee_type != AssigneeType.AGENT or step.is_approval_gate:
            continue
        if role == PUBLISHER:
            if step.creates in {creates for _, creates in registry.AGENTS if creates}:
                told.append(
                    f"Step {step.key}: the publisher carries out what was approved and cannot create {step.creates}."
                )
        elif role == CRAWL_WEBSITE:
            if step.creates is not None:
                told.append(f"Step {step.key} reads the website, which leaves nothing behind.")
        elif any(known == role for known, _ in registry.AGENTS) and (role, step.creates or "") not in registry.AGENTS:
            able = sorted(creates or "nothing" for known, creates in registry.AGENTS if known == role)
            can = ", ".join(each for each in able if each != registry.TASK) or "nothing in a pipeline"
            told.append(
                f"Step {step.key}: the agent {role} cannot create {step.creates or 'nothing'}; it can create {can}."
            )
        elif not any(known == role for known, _ in registry.AGENTS):
            told.append(f"Step {step.key}: the agent {role} cannot work yet.")
    return told
