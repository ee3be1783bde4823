"""The month that a pipeline gives, before anybody plans it: units, steps and due dates for what a client was promised."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from apps.strategy.models import Deliverable
from apps.strategy.statuses import StrategyStatus

from .bodies import TemplateStep, role_in_words
from .models import ActivityTemplate
from .operations.planning import period_around, templates_for
from .operations.platforms import suited


@dataclass(frozen=True)
class PlannedStep:
    title: str
    who: str
    due: date
    is_late: bool  # due after the period it was promised for


@dataclass(frozen=True)
class PlannedUnits:
    """Units that look alike. `numbers` count from 1."""

    numbers: tuple[int, ...]
    steps: tuple[PlannedStep, ...]


@dataclass(frozen=True)
class PlannedPeriod:
    """The coming period of one promise; `of` is empty for the example of a pipeline that nobody was promised yet."""

    of: str
    begins: date
    ends: date | None
    units: tuple[PlannedUnits, ...]

    @property
    def count(self) -> int:
        return sum(len(units.numbers) for units in self.units)


def month_of(template: ActivityTemplate, steps: Sequence[TemplateStep], *, at: datetime) -> list[PlannedPeriod]:
    """The next period of every promise that this pipeline serves, with these steps instead of its own; one unit that
    begins today where it serves none, as a global one."""
    if template.tenant is None:
        return [_example(steps, at.date())]
    rows = Deliverable.objects.filter(
        tenant_id=template.tenant_id,
        is_active=True,
        type=template.deliverable_type,
        strategy__status=StrategyStatus.ACTIVE,
    )
    promised = list(rows.order_by("ref_id"))
    templates = templates_for(promised)
    served = [one for one in promised if templates.get(one.pk) == template]
    today = at.astimezone(ZoneInfo(template.tenant.timezone)).date()
    return [_period(one, steps, today) for one in served] or [_example(steps, today)]


def _period(deliverable: Deliverable, steps: Sequence[TemplateStep], today: date) -> PlannedPeriod:
    begins, ends = period_around(period_around(today, deliverable.period)[1] + timedelta(days=1), deliverable.period)
    alike: dict[tuple[PlannedStep, ...], list[int]] = {}
    for number in range(1, deliverable.quantity_per_period + 1):
        planned = _steps([suited(step, deliverable.platforms, number=number) for step in steps], begins, ends)
        alike.setdefault(planned, []).append(number)
    units = tuple(PlannedUnits(tuple(numbers), planned) for planned, numbers in alike.items())
    return PlannedPeriod(deliverable.name, begins, ends, units)


def _example(steps: Sequence[TemplateStep], today: date) -> PlannedPeriod:
    return PlannedPeriod("", today, None, (PlannedUnits((1,), _steps(steps, today, None)),))


def _steps(steps: Sequence[TemplateStep], begins: date, ends: date | None) -> tuple[PlannedStep, ...]:
    planned = []
    for step in steps:
        due = begins + timedelta(days=step.due_offset_days)
        who = step.agent_role or f"{step.human_role} (person)"
        planned.append(PlannedStep(step.title, role_in_words(who), due, ends is not None and due > ends))
    return tuple(planned)
