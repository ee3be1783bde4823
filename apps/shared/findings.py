"""What a command found wrong: one line for an operator, without a secret and without a customer's text."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Finding:
    """`tenant` and `ref_id` are ref_ids, or None where the finding is about no row of a client."""

    code: str
    detail: str
    table: str | None = None
    tenant: str | None = None
    ref_id: str | None = None

    def as_json(self) -> dict[str, str | None]:
        return asdict(self)

    def __str__(self):
        place = " ".join(part for part in (self.table, self.ref_id) if part)
        return f"{self.code}: {place}{': ' if place else ''}{self.detail}"
