"""Work that a person asks for beside what is promised: one unit of the client's own pipeline, of no promise and no period."""

import hashlib
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction

from apps.shared import journal, locks
from apps.shared.actors import Actor
from apps.shared.errors import InvalidInput, OperationRefused
from apps.shared.scoping import TenantFacts
from apps.strategy.models import Goal
from apps.strategy.statuses import COUNTED, DeliverableType

from ..bodies import PUBLISHER, role_name
from ..models import Activity, ActivityTemplate, AgentConfig
from ..models.work import ASKED_FOR
from ..statuses import AssigneeType
from . import context_files
from .recurring import OVER, ClientClosed, open_since
from .spawning import NewUnit, spawn_units

TITLE_LENGTH = 200
WISH_LENGTH = 4_000
MOST_OPEN = 50  # of a client at one time; what is promised comes beside it
FURTHEST = timedelta(days=731)
DIRECTIONS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

# Of which kinds of work one may say where it is to appear; elsewhere the pipeline itself knows.
PLATFORMS: dict[str, tuple[str, ...]] = {
    DeliverableType.SOCIAL_POSTS: ("linkedin", "facebook", "instagram", "x_twitter", "tiktok"),
    DeliverableType.AD_COPY_SETS: ("google_ads", "meta_ads"),
}


class NoSuchPipeline(OperationRefused):
    """This client has no pipeline for work of this kind, or it is switched off. Ask an operator to switch it on."""

    code = "no_such_pipeline"


class AgentsOff(OperationRefused):
    """An agent that this work needs is switched off for the client. Switch it on first."""

    code = "agents_off"


class NotOnboarded(OperationRefused):
    """Nobody has approved this client's context file yet, and agents cannot write without it. Finish the onboarding first."""

    code = "not_onboarded"


class TooMuchAsked(OperationRefused):
    """So much of what was asked for is still open that nothing more fits. Wait until some of it is done, or cancel some."""

    code = "too_much_asked"


class KeyReused(OperationRefused):
    """This was sent before, and something else was asked for then. To ask for this too, send it under a new key."""

    code = "idempotency_key_reused"
    http_status = 422


@dataclass(frozen=True)
class WantedWork:
    """What somebody asks for. No `platforms`: wherever the client is; no `goal`: it serves none in particular."""

    deliverable_type: str
    title: str
    wish: str
    platforms: tuple[str, ...] = ()
    wanted_by: date | None = None
    goal: Goal | None = None

    @property
    def facts(self) -> dict[str, Any]:
        """As the unit and its steps keep it, for agents and pages."""
        return {
            "type": self.deliverable_type,
            "title": self.title,
            "wish": self.wish,
            "platforms": list(self.platforms),
            "wanted_by": self.wanted_by.isoformat() if self.wanted_by else None,
        }


def ask_for_work(tenant: TenantFacts, wanted: WantedWork, *, key: str, by: Actor, at: datetime) -> Activity:
    """The unit that was asked for, which goes the way of every other unit: the same gates, checks, caps and publication.

    Only its period differs: it has none, so it counts for no promise. The same person's `key` again gives the same unit
    again, whatever has become of it.

    Raises InvalidInput with sentences per field, KeyReused, ClientClosed, NotOnboarded, NoSuchPipeline, AgentsOff and
    TooMuchAsked, and StorageUnavailable; then nothing was changed.
    """
    origin = f"{ASKED_FOR}{hashlib.sha256(f'{by.ref} {key}'.encode()).hexdigest()[:40]}"
    if (made := _made_before(tenant, origin, wanted)) is not None:
        return made
    today = at.astimezone(ZoneInfo(tenant.time_zone)).date()
    _check(wanted, today)
    if open_since(tenant.id) is None:
        raise ClientClosed
    if not context_files.approved():
        raise NotOnboarded
    with transaction.atomic():
        locks.take_turns(f"activities.ask_for_work:{tenant.ref_id}")
        if (made := _made_before(tenant, origin, wanted)) is not None:
            return made
        unit = NewUnit(
            _template(tenant, wanted.deliverable_type),
            tenant.id,
            wanted.title,
            origin,
            about={"asked": wanted.facts},
            goal=wanted.goal,
            wanted_platforms=wanted.platforms,
            due=wanted.wanted_by,
        )
        _refuse_agents_off(unit)
        if open_units(tenant).count() >= MOST_OPEN:
            raise TooMuchAsked(
                f"{MOST_OPEN} pieces that were asked for are still open. Wait until some are done, or cancel some."
            )
        spawn_units([unit], by=by, at=at)
        found = Activity.objects.get(tenant_id=tenant.id, origin_key=unit.origin_key)
        journal.record(
            "unit.asked_for",
            found,
            by=by,
            at=at,
            after={"type": wanted.deliverable_type, "title": wanted.title, "steps": len(unit.steps)},
        )
    return found


def open_units(tenant: TenantFacts):
    """What was asked for and is neither done nor cancelled."""
    units = Activity.objects.filter(tenant_id=tenant.id, parent_activity__isnull=True, origin_key__startswith=ASKED_FOR)
    return units.exclude(status__in=OVER)


def _made_before(tenant: TenantFacts, origin: str, wanted: WantedWork) -> Activity | None:
    made = Activity.with_deleted.filter(tenant_id=tenant.id, origin_key=f"{origin}/unit").first()
    if made is None:
        return None
    is_same = made.input_data["asked"] == wanted.facts and made.goal_id == (wanted.goal.pk if wanted.goal else None)
    if not is_same:
        raise KeyReused
    return made


def _check(wanted: WantedWork, today: date) -> None:
    errors: dict[str, list[str]] = {}
    kind = wanted.deliverable_type
    if kind not in DeliverableType.values:
        raise InvalidInput({"deliverable_type": ["There is no such kind of work."]})
    if problem := _problem(wanted.title, most=TITLE_LENGTH, breaks=""):
        errors["title"] = [problem]
    if problem := _problem(wanted.wish, most=WISH_LENGTH, breaks="\n\t"):
        errors["wish"] = [problem]
    if elsewhere := sorted(set(wanted.platforms) - set(PLATFORMS.get(kind, ()))):
        errors["platforms"] = [f"{COUNTED[DeliverableType(kind)][1].capitalize()} cannot be asked for {elsewhere[0]}."]
    elif len(set(wanted.platforms)) < len(wanted.platforms):
        errors["platforms"] = ["Name each platform once."]
    elif kind == DeliverableType.AD_COPY_SETS and len(wanted.platforms) > 1:
        errors["platforms"] = [
            "A set of ad texts is written for one platform: choose one, and ask again for the other."
        ]
    if wanted.wanted_by is not None and not today <= wanted.wanted_by <= today + FURTHEST:
        errors["wanted_by"] = ["Choose a day from today on, within the next two years."]
    if errors:
        raise InvalidInput(errors)


def _problem(text: str, *, most: int, breaks: str) -> str:
    """What is wrong with a text of a person; '' if nothing is. `breaks` are the control characters that may stand in it."""
    if not text.strip():
        return "Say what you would like."
    if len(text) > most:
        return f"At most {most} characters."
    odd = (c for c in text if c not in breaks and (unicodedata.category(c) in ("Cc", "Cs") or c in DIRECTIONS))
    return "Leave out control characters." if next(odd, None) else ""


def _template(tenant: TenantFacts, kind: str) -> ActivityTemplate:
    """The client's own, as it stands now."""
    own = ActivityTemplate.objects.filter(tenant_id=tenant.id, deliverable_type=kind, is_active=True)
    template = own.first()
    if template is None:
        raise NoSuchPipeline
    return template


def _refuse_agents_off(unit: NewUnit) -> None:
    needed = {step.agent_role or "" for step in unit.steps if step.assignee_type == AssigneeType.AGENT}
    needed = {role for role in needed if role != PUBLISHER and not role.startswith("system.")}
    on = AgentConfig.objects.filter(tenant_id=unit.tenant_id, agent_role__in=needed, is_enabled=True)
    if off := sorted(needed - set(on.values_list("agent_role", flat=True))):
        names = ", ".join(role_name(role) for role in off)
        raise AgentsOff(f"Switched off for this client, and needed for this work: {names}. Switch it on first.")
