"""The answer that an agent behind a webhook calls back, kept before the agent hears that it arrived."""

from datetime import datetime
from hashlib import sha256

from django.db import IntegrityError, transaction

from apps.shared.errors import OperationRefused
from apps.shared.scoping import only_tenant
from apps.tenants.models import InboundEvent
from apps.tenants.statuses import InboundSource


class AlreadyClosed(OperationRefused):
    """This question was answered already, or nobody waits for the answer any more."""

    code = "already_closed"


def keep_answer(task_id: str, body: bytes, *, at: datetime) -> str:
    """Keep the one answer to this question of a run of the client in scope; returns a receipt. Raises AlreadyClosed."""
    try:
        with transaction.atomic():
            event = InboundEvent.objects.create(
                tenant_id=only_tenant().id,
                source=InboundSource.AGENT_CALLBACK,
                external_event_id=task_id,
                body=body,
                body_sha256=sha256(body).hexdigest(),
                is_signature_valid=True,
                received_on=at,
                created_on=at,
            )
    except IntegrityError as error:
        raise AlreadyClosed from error
    return event.ref_id
