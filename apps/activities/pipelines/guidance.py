"""Pipelines by which the agents' own guidance changes: always a proposal, always a person's decision."""

from ..bodies import TemplateStep
from .steps import agent, gate

BRAND_RULES: tuple[TemplateStep, ...] = (
    agent(
        "proposal",
        "Propose brand rules",
        "write",
        "brand_rules_writer",
        due_offset_days=1,
        prompt_template="Propose which rules of the client's brand voice these rejections ask for.",
    ),
    gate(
        "review",
        "Approve the brand rules",
        "approve",
        "reviewer",
        due_offset_days=4,
        depends_on=["proposal"],
        on_reject="proposal",
        is_final_gate=True,
    ),
)
