"""Figures about a client: counted by the product, each with the place it comes from; models only read them."""

from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class Span:
    """Days of a client, the last one included."""

    first: date
    last: date
    time_zone: str

    @property
    def begins(self) -> datetime:
        return self._midnight(self.first)

    @property
    def ends(self) -> datetime:
        """The moment after the last day."""
        return self._midnight(self.last + timedelta(days=1))

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(), ZoneInfo(self.time_zone)).astimezone(UTC)


@dataclass(frozen=True)
class Figure:
    """`key` is how a metric is called (`qualified_leads`), `source` where it was counted, in at most 100 characters."""

    key: str
    label: str
    value: Decimal
    source: str


@dataclass(frozen=True)
class Collected:
    """What was counted for a span at one moment, as it is kept on the step that asked for it."""

    first: date
    last: date
    collected_on: datetime
    figures: tuple[Figure, ...]

    def named(self, key: str) -> Figure | None:
        return next((figure for figure in self.figures if figure.key == key), None)

    def as_json(self) -> dict[str, Any]:
        return {
            "first": self.first.isoformat(),
            "last": self.last.isoformat(),
            "collected_on": self.collected_on.isoformat(),
            "figures": [{**asdict(figure), "value": str(figure.value)} for figure in self.figures],
        }

    @classmethod
    def of_json(cls, kept: dict[str, Any]) -> "Collected":
        return cls(
            first=date.fromisoformat(kept["first"]),
            last=date.fromisoformat(kept["last"]),
            collected_on=datetime.fromisoformat(kept["collected_on"]),
            figures=tuple(Figure(**{**figure, "value": Decimal(figure["value"])}) for figure in kept["figures"]),
        )
