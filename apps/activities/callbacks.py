"""What agents behind a webhook call back: a token for one question, the answer kept once, live text on the way."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from django.conf import settings
from django.core import signing
from django.db import IntegrityError, transaction
from django.urls import reverse

from apps import storage
from apps.shared.errors import InvalidInput, NotFound, OperationRefused
from apps.shared.ids import spell
from apps.shared.scoping import every_tenant, only_tenant, tenant_scope
from apps.tenants.models import InboundEvent, Tenant
from apps.tenants.statuses import InboundSource

from . import operations
from .adapters import webhook
from .adapters.base import Errand, storable
from .models import ActivityRun
from .operations import Claim, LeaseLost
from .statuses import RunStatus

LIVES = timedelta(hours=1)
LONGEST_DELTA = 20_000  # characters


class BadToken(OperationRefused):
    """This token does not open this run, or it is older than an hour."""

    code = "bad_token"
    http_status = 401


class AlreadyClosed(OperationRefused):
    """This question was answered already, or nobody waits for the answer any more."""

    code = "already_closed"


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
    with tenant_scope(_facts_of(question)):
        _still_running(question)
        if not webhook.readable(body):
            raise InvalidInput({"body": ["This is no callback: see the adapter's fields."]})
        try:
            with transaction.atomic():
                event = InboundEvent.objects.create(
                    tenant_id=only_tenant().id,
                    source=InboundSource.AGENT_CALLBACK,
                    external_event_id=question.task_id,
                    body=body,
                    body_sha256=sha256(body).hexdigest(),
                    is_signature_valid=True,
                    received_on=at,
                    created_on=at,
                )
        except IntegrityError as error:
            raise AlreadyClosed from error
    return event.ref_id


def record_delta(run_ref: str, token: str, *, sequence: int, delta: str, at: datetime) -> None:
    """Show a piece of the text live. A number that was used before, or a store that is away, loses only the showing."""
    question = _opened(run_ref, token)
    if not 1 <= sequence <= 1_000_000 or len(delta) > LONGEST_DELTA:
        raise InvalidInput({"delta": [f"A number from 1 on, and {LONGEST_DELTA} characters at most."]})
    with tenant_scope(_facts_of(question)):
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


def _facts_of(question: _Question):
    with every_tenant(reason="a callback names its client in a token that only we can make"):
        tenant = Tenant.objects.filter(ref_id=question.tenant_ref).first()
    if tenant is None:
        raise NotFound
    return tenant.facts


def _still_running(question: _Question) -> ActivityRun:
    run = ActivityRun.objects.select_related("activity").filter(ref_id=question.run_ref).first()
    if run is None:
        raise NotFound
    if run.status != RunStatus.RUNNING:
        raise AlreadyClosed
    return run
