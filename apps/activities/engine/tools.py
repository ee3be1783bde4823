"""The tools of one run: which are offered, what is refused, within which limits, and the record of every use.

A model asks for whatever it likes. What is carried out is decided here, by the client's settings as they are at that
moment, and what it may say is the tool's own schema; whose data is read is decided by the scope.
"""

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

import structlog
from django.utils import timezone
from pydantic import ValidationError

from apps.billing import operations as billing
from apps.billing.models import SpendReservation
from apps.shared.actors import Actor
from apps.shared.errors import OperationRefused
from apps.shared.ids import spell
from apps.shared.redaction import redact
from apps.storage import StorageUnavailable
from apps.tenants.queries import is_local_only

from .. import operations, prompting, registry
from ..adapters.base import Message, ModelAnswer, ToolOffer, ToolResult, ToolUse, storable
from ..models import Activity, AgentConfig
from ..operations import Claim
from ..prompting import DataBlock
from ..registry import Found, Tool, ToolFailed
from ..skill_library import SkillVersion

log = structlog.get_logger(__name__)

TURNS = 8  # of a run in which tools may be asked for; then it has to answer
USES = 24  # of a run that are carried out
ARGUMENT_CHARACTERS = 8_000  # of one use
RESULT_CHARACTERS = 20_000  # of one result
RESULTS_CHARACTERS = 120_000  # of all results of a run: with the prompt they have to fit into the model's context
KEPT_CHARACTERS = 500  # of arguments that are none, and of a name that nobody offered
NOTHING = Decimal(0)
SECONDS_TO_ANSWER = 5.0  # with less time left nothing is looked up any more


class Refused(Exception):
    """The use is not carried out; the sentence is for the model."""


@dataclass
class Toolbox:
    """What one run may use and has used. `deadline` is a reading of `time.monotonic()`.

    `config` has the caps that paid tools keep to, `by` is who pays, and `charge` hears what each use has cost.
    """

    claim: Claim
    activity: Activity
    delimiter: str
    deadline: float
    config: AgentConfig
    by: Actor
    charge: Callable[[Decimal], None]
    turns: int = 0
    asked: int = 0
    carried_out: int = 0
    characters: int = 0
    is_closed: bool = False
    loaded: list[SkillVersion] = field(default_factory=list)  # skills whose text the agent asked for and got

    def __post_init__(self) -> None:
        allowed = _allowed(self.claim.role)
        self.offers = tuple(
            ToolOffer(name, tool.description, tool.arguments)
            for name, tool in sorted(registry.TOOLS.items())
            if tool.integration in allowed and not _is_kept_from(tool)
        )

    @property
    def may_be_used(self) -> bool:
        return bool(
            self.offers
            and not self.is_closed
            and self.turns < TURNS
            and self.carried_out < USES
            and self.characters < RESULTS_CHARACTERS
        )

    def close(self) -> None:
        """From here on the model only answers."""
        self.is_closed = True

    def use(self, answer: ModelAnswer) -> list[Message]:
        """Carry out or refuse every use that the answer asks for; the two turns that follow in the conversation.

        Raises StorageUnavailable: what cannot be recorded is not done.
        """
        self.turns += 1
        uses, results = [], []
        for wanted in answer.uses:
            self.asked += 1
            # Ids and names go back to the service, which refuses the whole conversation for an odd or repeated one.
            use = ToolUse(f"use_{self.asked}", re.sub(r"[^A-Za-z0-9_-]", "_", wanted.name)[:64] or "none", "{}")
            arguments, result = self._one(wanted, use)
            uses.append(ToolUse(use.id, use.name, json.dumps(arguments, ensure_ascii=False)))
            results.append(result)
        return [
            Message("assistant", storable(answer.text)[:RESULT_CHARACTERS], uses=tuple(uses)),
            Message("user", "", results=tuple(results)),
        ]

    def _one(self, wanted: ToolUse, use: ToolUse) -> tuple[dict[str, Any], ToolResult]:
        """(the arguments as they were understood, the result)"""
        began = time.monotonic()
        tool = registry.TOOLS.get(wanted.name)
        found, error, asked = Found(None, cost_usd=NOTHING), "", {}
        reservation: SpendReservation | None = None
        try:
            arguments = self._checked(wanted, tool)
            asked = arguments.model_dump(mode="json")
            self.carried_out += 1
            assert tool is not None  # or it was refused
            reservation = self._set_aside(tool)
            found = tool.read(arguments, self.activity)
        except Refused as refusal:
            error = str(refusal)
        except ToolFailed as failure:
            error = failure.sentence
            found = Found(None, status_code=failure.status_code, secrets=failure.secrets, cost_usd=failure.cost_usd)
        except StorageUnavailable:
            raise
        except OperationRefused as refusal:
            error = f"{refusal.code}: {refusal.detail}"
        except Exception as defect:  # ours; the run can go on without it, and an operator has to hear of it
            log.error("tool.crashed", tool=wanted.name[:64], exc_info=defect)
            found, error = Found(None), "This tool is out of order."
        if found.skill is not None:
            self.loaded.append(found.skill)
        content = self._content(found, error)
        kept = asked or {"written": storable(wanted.arguments)[:KEPT_CHARACTERS]}
        cost = None
        if reservation is not None:
            cost = reservation.reserved_usd if found.cost_usd is None else found.cost_usd
            self.charge(cost)
        operations.record_tool_call(
            self.claim,
            reservation,
            cost_usd=cost,
            integration=tool.integration if tool else "unknown",
            method=storable(wanted.name)[:100] or "none",
            asked=kept,
            answered={"content": content} if not error else {"error": error},
            summary={**found.summary, "characters": len(content)} if not error else {},
            error=error,
            status_code=found.status_code,
            duration_ms=int((time.monotonic() - began) * 1000),
            secrets=found.secrets,
            by=self.by,
            at=timezone.now(),
        )
        block = DataBlock("tool_result", content, limit=RESULT_CHARACTERS)
        marked = prompting.marked(block, delimiter=self.delimiter)
        return asked, ToolResult(use.id, use.name, marked, bool(error))

    def _checked(self, wanted: ToolUse, tool: Tool | None) -> registry.ToolArguments:
        """The arguments, of a use that may be carried out. Raises Refused."""
        if tool is None:
            raise Refused("There is no such tool.")
        if tool.integration not in _allowed(self.claim.role):
            raise Refused("This tool is not allowed to you.")
        _refuse_third_party(tool)
        if self.carried_out >= USES:
            raise Refused(f"Too many: {USES} uses of tools are all there are. Answer with what you have.")
        if self.characters >= RESULTS_CHARACTERS:
            raise Refused("Too much: no further result fits. Answer with what you have.")
        if self.deadline - time.monotonic() < SECONDS_TO_ANSWER:
            raise Refused("There is no time left for it. Answer with what you have.")
        if len(wanted.arguments) > ARGUMENT_CHARACTERS:
            raise Refused(f"The arguments have {len(wanted.arguments)} characters; {ARGUMENT_CHARACTERS} are allowed.")
        try:
            return tool.arguments.model_validate_json(wanted.arguments.strip() or "{}")
        except ValidationError as error:
            told = "; ".join(f"{'.'.join(map(str, e['loc']))[:100]}: {e['msg']}" for e in error.errors()[:5])
            raise Refused(storable(f"These arguments do not fit: {told}.")) from error

    def _set_aside(self, tool: Tool) -> SpendReservation | None:
        """The largest price of one use, under the caps that models have; None for what is free.

        Raises Refused, and CapReached, which the model is told: it may still answer with what it has. So is LeaseLost or
        ClientStopped, with which the next call then ends the run.
        """
        if not tool.most_usd:
            return None
        operations.may_go_on(self.claim)
        at = timezone.now()
        reservation = billing.reserve(
            amount_usd=tool.most_usd,
            activity_ref=self.activity.ref_id,
            run_ref=spell(self.claim.run_id) if self.claim.run_id else "",
            agent_role=self.claim.role,
            model_id=tool.integration,
            activity_cap_usd=self.config.max_cost_usd_per_activity,
            role_cap_usd=self.config.monthly_cap_usd,
            ends_by=at + timedelta(seconds=self.deadline - time.monotonic()),
            at=at,
        )
        try:
            _refuse_third_party(tool)  # once more: setting money aside may have waited for others
        except Refused:
            billing.release(reservation, by=self.by, at=timezone.now())
            raise
        return reservation

    def _content(self, found: Found, error: str) -> str:
        content = storable(error or json.dumps(found.value, ensure_ascii=False, indent=1))
        content = redact(content, secrets=found.secrets)
        if len(content) > RESULT_CHARACTERS:
            content = f"{content[: RESULT_CHARACTERS - 100]}\n[cut: {len(content)} characters in all]"
        self.characters += len(content)
        return content


def _is_kept_from(tool: Tool) -> bool:
    """Whether it asks a third party while the client, as it is at this moment, has local models only."""
    return tool.asks == "a third party" and is_local_only()


def _refuse_third_party(tool: Tool) -> None:
    """Raises Refused."""
    if _is_kept_from(tool):
        raise Refused("This client's data is not shown to third parties, so this tool is not allowed.")


def _allowed(role: str) -> set[str]:
    """The integrations this agent may use, as the client's settings are at this moment."""
    return set(AgentConfig.objects.values_list("tool_names", flat=True).get(agent_role=role))
