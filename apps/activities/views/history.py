"""What is told about an approval beside the thing itself: facts, what happened, what changed."""

from dataclasses import dataclass, field
from datetime import datetime

from django.urls import reverse

from apps import storage
from apps.shared.models import JournalEntry
from apps.tenants.models import User

from .. import operations, queries, registry
from ..bodies import BRAND_RULES_WRITER
from ..models import ActivityRun, Approval
from ..queries import Version
from ..statuses import ApprovalStatus, HumanRole, RiskLevel, SubjectType
from . import asking, tones

# Which permission opens the editor of a subject; a subject without one has no editor.
EDIT_PERMISSION = {
    SubjectType.BLOG_POST: "post.edit",
    SubjectType.ONBOARDING_RUN: "context_file.edit",
    SubjectType.ACTIVITY: "skill.edit",
}

WAITS_FOR = {HumanRole.REVIEWER: "a reviewer", HumanRole.ADMIN: "the client"}

# Facts of the snapshots that people read, and what they are called.
FACTS = {
    "title": "Title",
    "slug": "Address",
    "meta_description": "Description for search engines",
    "scheduled_for": "Goes out",
    "topic_brief": "Brief",
    "target_keyword": "Main search",
    "secondary_keywords": "Other searches",
    "target_audience": "Readers",
    "target_word_count": "Words asked for",
    "summary": "Summary",
    "rationale": "Reasons",
    "period_months": "Months",
    "goals": "Goals",
    "deliverables": "Promises",
}


@dataclass(frozen=True)
class ChangedFact:
    label: str
    old: str
    new: str


@dataclass(frozen=True)
class Changes:
    """The difference between what is shown and what was there before. `is_lost`: a text could not be loaded."""

    facts: list[ChangedFact] = field(default_factory=list)
    old: str = ""
    new: str = ""
    old_label: str = ""
    new_label: str = ""
    is_lost: bool = False
    has_text: bool = False


def title_of(approval: Approval) -> str:
    return (
        approval.shown_snapshot["subject"].get("title")
        or f"{approval.get_subject_type_display()} of {approval.tenant.name}"
    )


def is_editable(approval: Approval) -> bool:
    """Of agents' answers, only proposed brand rules: they are a file people write by hand too."""
    if approval.subject_type != SubjectType.ACTIVITY:
        return True
    step = operations.step_behind(approval.activity)
    return step is not None and step.assignee_agent_role == BRAND_RULES_WRITER


def facts_of(approval: Approval) -> list[dict]:
    """For components/facts.html; facts of the subject itself stand in its own part."""
    unit, slug = approval.activity.parent_activity, approval.tenant.slug
    facts = [
        {"label": "Client", "value": approval.tenant.name, "href": reverse("dm:client", args=[slug])},
        {"label": "Status", "value": approval.get_status_display(), "tone": tones.of(tones.APPROVAL, approval.status)},
        {"label": "Part of", "value": unit.title, "href": reverse("dm:activities:activity", args=[slug, unit.ref_id])},
        *asking.facts_of(approval.activity),
        {"label": "Step", "value": approval.activity.title},
        {"label": "Asked", "at": approval.created_on},
    ]
    if approval.status == ApprovalStatus.PENDING:
        facts.append(
            {
                "label": "Waits for",
                "value": approval.assigned_to.name if approval.assigned_to else WAITS_FOR[approval.required_role],
            }
        )
        facts.append({"label": "Expires", "at": approval.expires_at})
    if approval.held_by and approval.held_until:
        facts.append({"label": "Held by", "value": approval.held_by.name})
        facts.append({"label": "Held until", "at": approval.held_until})
    if approval.risk_level == RiskLevel.HIGH:
        facts.append({"label": "Risk", "value": "High", "tone": "danger"})
    return facts


def events_of(approval: Approval, decisions: list[Approval], versions: list[Version], *, href: str) -> list[dict]:
    """For components/timeline.html, newest first: who wrote, edited, was asked and decided."""
    names = dict(
        User.objects.filter(ref_id__in={v.created_by for v in versions if v.created_by}).values_list("ref_id", "name")
    )
    joint = "&" if "?" in href else "?"
    events = []
    for version in versions:
        is_current = version.pointer == approval.content_ref
        events.append(
            {
                "at": version.created_on,
                "who": names.get(version.created_by, "Somebody") if version.author_type == "human" else "Agent",
                "text": f"wrote version {version.version}"
                if version.author_type == "agent"
                else f"edited it: version {version.version}",
                "detail": version.change_note,
                "href": "" if is_current else f"{href}{joint}view=changes&against={version.version}",
            }
        )
    for decision in decisions:
        step = decision.activity.title
        events.append(
            {"at": decision.created_on, "who": "", "text": f"{step}: waits for {WAITS_FOR[decision.required_role]}"}
        )
        if decision.decided_by:
            is_yes = decision.status == ApprovalStatus.APPROVED
            events.append(
                {
                    "at": decision.decided_on,
                    "who": decision.decided_by.name,
                    "text": "approved it" if is_yes else "asked for a change",
                    "detail": decision.decision_note,
                    "tone": "success" if is_yes else "warning",
                }
            )
    return sorted(events, key=lambda event: event["at"], reverse=True)


def run_row(run: ActivityRun, *, slug: str) -> dict:
    """One line of the list of runs."""
    return {
        "title": run.activity.title,
        "href": reverse("dm:activities:activity", args=[slug, run.activity.ref_id]),
        "label": run.get_status_display(),
        "tone": tones.of(tones.RUN, run.status),
        "cost_usd": run.cost_usd,
    }


def has_changes(approval: Approval, decisions: list[Approval], versions: list[Version]) -> bool:
    return _former(approval, decisions) is not None or _before(approval, versions) is not None


def changes_of(approval: Approval, decisions: list[Approval], versions: list[Version], *, wanted: str) -> Changes:
    """Facts against the decision before this one, text against the version before (or the `wanted` version's number)."""
    former = _facts_before(approval, decisions)
    facts = changed_facts(former, {**former, **approval.shown_snapshot["subject"]}) if former else []
    current = next((version for version in versions if version.pointer == approval.content_ref), None)
    before = next((v for v in versions if str(v.version) == wanted and v != current), None) or _before(
        approval, versions
    )
    if current is None or before is None:
        return Changes(facts)
    old, new = queries.text_of(before.pointer), queries.text_of(current.pointer)
    return Changes(
        facts,
        old or "",
        new or "",
        f"Version {before.version}",
        f"version {current.version}",
        is_lost=old is None or new is None,
        has_text=True,
    )


def _facts_before(approval: Approval, decisions: list[Approval]) -> dict | None:
    """The facts as they were before a person's last edit of what is shown, else at the decision before this one."""
    edits = JournalEntry.objects.filter(
        subject_ref=approval.subject_ref, code__endswith=".edited", created_on__gte=approval.created_on
    )
    edit = edits.order_by("-ref_id").first()
    if edit is not None:
        return edit.before
    former = _former(approval, decisions)
    return former.shown_snapshot["subject"] if former else None


def _former(approval: Approval, decisions: list[Approval]) -> Approval | None:
    """What was decided last about this subject before this approval was asked for."""
    earlier = (
        a for a in decisions if a.ref_id < approval.ref_id and a.subject_type == approval.subject_type and a.decided_on
    )
    return next(earlier, None)


def _before(approval: Approval, versions: list[Version]) -> Version | None:
    current = next((version for version in versions if version.pointer == approval.content_ref), None)
    return next((v for v in versions if current and v.version < current.version), None)


def changed_facts(old: dict, new: dict) -> list[ChangedFact]:
    """Facts that people read and that differ; a name that one side does not have is no difference."""
    both = (
        (label, _as_text(old[name]), _as_text(new[name]))
        for name, label in FACTS.items()
        if name in old and name in new
    )
    return [ChangedFact(label, before, after) for label, before, after in both if before != after]


def _as_text(value) -> str:
    """Goals and promises are lists of lists that begin with a ref_id; the rest is text, numbers and lists of words."""
    if isinstance(value, list):
        rows = (" · ".join(_as_text(cell) for cell in row[1:]) if isinstance(row, list) else str(row) for row in value)
        return "\n".join(rows) if value and isinstance(value[0], list) else ", ".join(rows)
    if isinstance(value, datetime):
        return value.isoformat()
    return "" if value is None else str(value)


def beside(approval: Approval) -> dict:
    """What the gate's page shows beside an agent's answer, which its role knows; nothing where a store has it not."""
    if approval.subject_type != SubjectType.ACTIVITY:
        return {}
    step = operations.step_behind(approval.activity)
    work = registry.work_of(step) if step is not None else None
    if step is None or work is None or work.beside is None:
        return {}
    try:
        return work.beside(step)
    except (storage.StorageUnavailable, storage.BodyMissing):
        return {}
