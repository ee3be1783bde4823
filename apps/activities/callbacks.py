"""What agents behind a webhook call back: a token for one question, the answer kept once, live text on the way."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.core import signing
from django.urls import reverse

from apps import storage
from apps.shared.errors import InvalidInput, NotFound, OperationRefused
from apps.shared.ids import spell
from apps.shared.scoping import only_tenant
from apps.tenants.doors.signed import scope_behind_token
from apps.tenants.models import InboundEvent
from apps.tenants.statuses import InboundSource

from . import operations
from .adapters import webhook
from .adapters.base import Errand, storable
from .models import ActivityRun
from .operations import Claim, LeaseLost
from .statuses import RunStatus

LIVES = operations.CALLS_BACK_WITHIN
LONGEST_DELTA = 20_000  # characters


class BadToken(OperationRefused):
    """This token does not open this run, or it is older than an hour."""

    code = "bad_token"
    http_status = 401


@dataclass(frozen=True)
class _Question:
    tenant_ref: str
    run_ref: str
    number: int

    @property
    def task_id(self) -> str:
        return f"{self.run_ref}/{self.number}"


def errand_for(claim: Claim, *, number: int) -> Errand:
    """What the agent is told with the run's question of this number, and how its answer is found."""
    assert claim.run_id is not None
    question = _Question(only_tenant().ref_id, spell(claim.run_id), number)

    def received() -> bytes | None:
        if not operations.holds_lease(claim):
            raise LeaseLost
        body = InboundEvent.objects.filter(
            source=InboundSource.AGENT_CALLBACK, external_event_id=question.task_id
        ).values_list("body", flat=True)
        found = body.first()
        return None if found is None else bytes(found)

    return Errand(
        task_id=question.task_id,
        tenant_ref=question.tenant_ref,
        agent_role=claim.role,
        callback_url=f"{settings.PUBLIC_BASE_URL}{reverse('agents:result', args=[question.run_ref])}",
        token=_signer().sign_object({"t": question.tenant_ref, "r": question.run_ref, "n": number}),
        received=received,
    )


def record_result(run_ref: str, token: str, body: bytes, *, at: datetime) -> str:
    """Keep the answer to one question, once, before the agent hears that it arrived. Returns a receipt.

    Raises BadToken, NotFound, AlreadyClosed, and InvalidInput for a body that is no callback.
    """
    question = _opened(run_ref, token)
    with scope_behind_token(question.tenant_ref):
        _still_running(question)
        if not webhook.readable(body):
            raise InvalidInput({"body": ["This is no callback: see the adapter's fields."]})
        return operations.keep_answer(question.task_id, body, at=at)


def record_delta(run_ref: str, token: str, *, sequence: int, delta: str, at: datetime) -> None:
    """Show a piece of the text live. A number that was used before, or a store that is away, loses only the showing."""
    question = _opened(run_ref, token)
    if not 1 <= sequence <= 1_000_000 or len(delta) > LONGEST_DELTA:
        raise InvalidInput({"delta": [f"A number from 1 on, and {LONGEST_DELTA} characters at most."]})
    with scope_behind_token(question.tenant_ref):
        run = _still_running(question)
        try:
            storage.write(
                storage.ActivityStream(
                    activityId=run.activity.ref_id,
                    activityRunId=run.ref_id,
                    sequenceNum=sequence,
                    delta=storable(delta),
                    createdOn=at,
                )
            )
        except storage.VersionTaken:
            return


def _signer() -> signing.TimestampSigner:
    return signing.TimestampSigner(salt="apps.activities.callbacks")


def _opened(run_ref: str, token: str) -> _Question:
    try:
        told = _signer().unsign_object(token, max_age=LIVES)
    except signing.BadSignature:
        raise BadToken from None
    if told["r"] != run_ref:
        raise BadToken
    return _Question(told["t"], told["r"], told["n"])


def _still_running(question: _Question) -> ActivityRun:
    run = ActivityRun.objects.select_related("activity").filter(ref_id=question.run_ref).first()
    if run is None:
        raise NotFound
    if run.status != RunStatus.RUNNING:
        raise operations.AlreadyClosed
    return run
