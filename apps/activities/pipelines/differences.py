"""What one version of a pipeline says that another does not, as sentences. Pure."""

from collections.abc import Sequence

from ..bodies import TemplateStep, role_in_words

LABELS = {
    "title": "title",
    "type": "kind",
    "who": "who does it",
    "gate": "gate",
    "depends_on": "waits for",
    "prompt_template": "instruction",
    "due_offset_days": "due day",
    "on_reject": "sends back to",
    "creates": "leaves behind",
    "counts_unit": "counts the unit",
}
LONGEST = 60  # characters of a value in a sentence


def differences(before: Sequence[TemplateStep], after: Sequence[TemplateStep]) -> list[str]:
    """A sentence per step that is new, gone or otherwise said, in the order of the later version."""
    old, new = {step.key: step for step in before}, {step.key: step for step in after}
    titles = {step.key: step.title for step in (*before, *after)}  # a step that was renamed is told once, not by others
    told = [f"“{step.title}” is new." for step in after if step.key not in old]
    told += [f"“{step.title}” is gone." for step in before if step.key not in new]
    for step in after:
        if step.key in old:
            was, now = _said(old[step.key], titles), _said(step, titles)
            changed = [
                f"{LABELS[name]} {_pair(name, was[name], now[name])}" for name in LABELS if was[name] != now[name]
            ]
            if changed:
                told.append(f"“{step.title}”: {'; '.join(changed)}.")
    shared_before, shared_after = [key for key in old if key in new], [key for key in new if key in old]
    if shared_before != shared_after:
        told.append("The steps stand in another order.")
    return told


def _said(step: TemplateStep, titles: dict[str, str]) -> dict[str, str]:
    return {
        "title": step.title,
        "type": step.type,
        "who": role_in_words(step.agent_role or step.human_role or "nobody"),
        "gate": "final" if step.is_final_gate else "yes" if step.is_approval_gate else "no",
        "depends_on": ", ".join(sorted(titles.get(key, key) for key in step.depends_on)),
        "prompt_template": step.prompt_template,
        "due_offset_days": str(step.due_offset_days),
        "on_reject": titles.get(step.on_reject, step.on_reject) if step.on_reject else "",
        "creates": step.creates or "",
        "counts_unit": "yes" if step.counts_unit else "no",
    }


def _pair(name: str, was: str, now: str) -> str:
    if name == "prompt_template":
        return "is worded anew" if was and now else "is new" if now else "is gone"
    return f"{_short(was)} → {_short(now)}"


def _short(value: str) -> str:
    return value if 0 < len(value) <= LONGEST else f"{value[:LONGEST]}…" if value else "nothing"
