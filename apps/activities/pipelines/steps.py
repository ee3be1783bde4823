"""Short ways to write down steps."""

from typing import Any

from ..bodies import HumanRole, StepType, TemplateStep


def agent(key: str, title: str, type: StepType, role: str, **rest: Any) -> TemplateStep:
    return TemplateStep(key=key, title=title, type=type, assignee_type="agent", agent_role=role, **rest)


def person(key: str, title: str, type: StepType, role: HumanRole, **rest: Any) -> TemplateStep:
    return TemplateStep(key=key, title=title, type=type, assignee_type="human", human_role=role, **rest)


def gate(key: str, title: str, type: StepType, role: HumanRole, **rest: Any) -> TemplateStep:
    return person(key, title, type, role, is_approval_gate=True, **rest)
