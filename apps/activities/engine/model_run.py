"""One attempt of an agent: gather, ask, check, repair, store, hand over. Money is set aside before every call."""

import hashlib
import json
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.utils import timezone
from pydantic import BaseModel, ValidationError

from apps import storage
from apps.billing import operations as billing
from apps.shared.actors import Actor
from apps.shared.errors import OperationRefused
from apps.shared.ids import spell
from apps.shared.scoping import only_tenant
from apps.storage import clients
from apps.tenants.models import Tenant
from apps.tenants.statuses import PrivacyLevel

from .. import operations, prompting, queries, registry
from ..adapters import ADAPTERS
from ..adapters.base import Message, ModelFailed, ModelRequest, storable
from ..models import Activity, AgentConfig, LlmProvider
from ..operations import Claim, LeaseLost, Spent
from ..statuses import RunStatus
from . import pricing, providers
from .streams import Stream

log = structlog.get_logger(__name__)

MAX_OUTPUT_TOKENS = 8_192
REPAIRS = 2
WAIT_FOR_MONEY = timedelta(minutes=15)
OUTAGES = {"rate_limited", "overloaded", "unavailable"}  # of the service, where nothing was charged
REPEATABLE = {"rate_limited", "overloaded", "unavailable", "timed_out", "broken_answer", "cut_off"}


class AgentOff(OperationRefused):
    """This agent is switched off for the client."""

    code = "agent_off"


@dataclass
class Attempt:
    """What one attempt has used so far."""

    claim: Claim
    config: AgentConfig
    by: Actor
    deadline: float
    spent: Spent = Spent()


def run(claim: Claim) -> None:
    """Work on a claimed agent step until it is finished, given back or failed. Raises nothing a model can cause."""
    assert claim.run_id is not None  # the claim of a model's role inserts its run
    run_ref = spell(claim.run_id)
    by = Actor.agent(claim.role, run_ref=run_ref)
    activity = Activity.objects.select_related("parent_activity").get(pk=claim.activity_id)
    config = AgentConfig.objects.get(agent_role=claim.role)
    attempt = Attempt(claim, config, by, time.monotonic() + config.timeout_ms / 1000)
    try:
        role = registry.AGENTS[claim.role]
        if role.begin:
            role.begin(activity, by=by, at=timezone.now())
        output, kept, summary = _work(attempt, activity, role, run_ref)
        operations.finish_run(
            claim, output=output, kept=kept, summary=summary, spent=attempt.spent, by=by, at=timezone.now()
        )
    except LeaseLost:
        log.info("run.lease_lost", activity=activity.ref_id, attempt=claim.attempt)
    except billing.CapReached as error:
        at = timezone.now()
        _end(operations.give_back, attempt, error=f"{error.code}: {error.detail}", ready_on=at + WAIT_FOR_MONEY, at=at)
    except ModelFailed as error:
        if error.cause in OUTAGES and error.was_free:
            _end(operations.wait_out, attempt, error=str(error), retry_after_s=error.retry_after_s, at=timezone.now())
            return
        _end(
            operations.fail_attempt,
            attempt,
            error=str(error),
            status=RunStatus.TIMED_OUT if error.cause == "timed_out" else RunStatus.FAILED,
            may_repeat=error.cause in REPEATABLE,
            retry_after_s=error.retry_after_s,
            at=timezone.now(),
        )
    except storage.StorageUnavailable as error:
        _end(operations.wait_out, attempt, error=f"{error.code}: {error.detail}", at=timezone.now())
    except OperationRefused as error:
        _end(
            operations.fail_attempt,
            attempt,
            error=f"{error.code}: {error.detail}",
            may_repeat=isinstance(error, storage.VersionTaken),  # a worker thought dead has stored its text just now
            at=timezone.now(),
        )


def _end(operation, attempt: Attempt, *, error: str, at: datetime, **how) -> None:
    """Give back or fail; whoever took the work over meanwhile keeps it."""
    try:
        operation(attempt.claim, error=error, spent=attempt.spent, by=attempt.by, at=at, **how)
    except LeaseLost:
        log.info("run.lease_lost", attempt=attempt.claim.attempt)


def _work(attempt: Attempt, activity: Activity, role: registry.AgentRole, run_ref: str):
    """(output, what was kept, summary); the network is used here and no transaction is open."""
    if not all(clients.is_reachable().values()):
        raise storage.StorageUnavailable  # before money is spent on an answer that could not be kept
    prompt = _prompt(activity, role)
    messages = [Message("user", prompt.user)]
    stream = Stream(activity_ref=activity.ref_id, run_ref=run_ref)
    for repair in range(REPAIRS + 1):
        text = _ask(attempt, activity, role, prompt.system, messages, stream, run_ref)
        try:
            output = parse(role.schema, text)
            break
        except ValidationError as error:
            # The model's own field names are in it, which nobody has looked at.
            told = (f"{'.'.join(map(str, e['loc']))[:200]}: {e['msg']}" for e in error.errors()[:10])
            problems = storable("; ".join(told))
            if repair == REPAIRS:
                detail = f"The answer did not fit after {REPAIRS} repairs: {problems}"
                raise ModelFailed("broken_answer", detail, request_left=True) from error
            messages += [
                Message("assistant", text[:20_000] or "(nothing)"),
                Message("user", f"That answer cannot be used: {problems}. Answer again, whole, in the asked-for JSON."),
            ]
    at = timezone.now()
    body, content_type = role.text(output)
    subject = role.subject(activity)
    version, metadata = queries.next_version(subject), queries.metadata_of(output)
    pointer = storage.write(
        storage.ActivityOutput(
            activityId=activity.ref_id,
            activityRunId=run_ref,
            subjectRef=subject,
            version=version,
            authorType="agent",
            type=role.output_type,
            contentType=content_type,
            changeNote=activity.revision_note,
            metadata=metadata,
            createdOn=at,
        ),
        {"": body},
    )
    extra = role.keep(output, activity=activity, at=at) if role.keep else {}
    sha256 = hashlib.sha256(body.encode()).hexdigest()
    return (
        output,
        registry.Kept(pointer, sha256, version, extra),
        {
            "words": len(body.split()),
            "model": attempt.claim.model_id,
            "metadata_sha256": operations.digest_of(metadata),
        },
    )


def parse(schema: type[BaseModel], text: str) -> BaseModel:
    """The answer as its role's schema; prose or a code fence around one JSON object is forgiven, nothing else is."""
    start, end = text.find("{"), text.rfind("}")
    return schema.model_validate_json(text[start : end + 1] if 0 <= start < end else text)


def _prompt(activity: Activity, role: registry.AgentRole) -> prompting.Prompt:
    tenant = Tenant.objects.get(pk=activity.tenant_id)
    unit = activity.parent_activity
    facts = {
        "client_name": tenant.name,
        "client_website": tenant.website,
        "industry": tenant.industry,
        "today": timezone.now().date().isoformat(),
        "unit_number": str(activity.input_data.get("number", 1)),
        "unit": unit.title if unit else activity.title,
    }
    return prompting.build_prompt(
        prompting.load_prompt(activity.assignee_agent_role).text,
        facts=facts,
        blocks=[*role.gather(activity), *_values_of_task(activity)],
        task=activity.step.prompt_template,
        reviewer_note=activity.revision_note or None,
        schema=role.schema.model_json_schema(),
    )


def _values_of_task(activity: Activity) -> list[prompting.DataBlock]:
    """What the client filled into a recurring task. Its instruction names the values; their words are data."""
    values = activity.input_data.get("values")
    if values is None:
        return []
    return [prompting.DataBlock("task_values", json.dumps(values, ensure_ascii=False, indent=2))]


def _ask(
    attempt: Attempt, activity: Activity, role, system: str, messages: list[Message], stream: Stream, run_ref: str
) -> str:
    """One call: reserve, ask, settle. The text of the answer; raises ModelFailed, CapReached or LeaseLost."""
    claim = attempt.claim
    if not operations.holds_lease(claim):
        raise LeaseLost
    provider = _provider(claim)
    started_on = timezone.now()
    price = pricing.price_of(provider, claim.model_id, at=started_on)
    characters = len(system) + sum(len(message.content) for message in messages)
    reservation = billing.reserve(
        amount_usd=price.most(prompt_characters=characters, max_tokens=MAX_OUTPUT_TOKENS),
        activity_ref=activity.ref_id,
        run_ref=run_ref,
        agent_role=claim.role,
        model_id=claim.model_id,
        activity_cap_usd=attempt.config.max_cost_usd_per_activity,
        role_cap_usd=attempt.config.monthly_cap_usd,
        at=started_on,
    )
    # Once more: setting money aside may have waited for others, and the client may have changed its mind meanwhile.
    local_only = _is_local_only()
    if local_only and not provider.is_local:
        billing.release(reservation, by=attempt.by, at=timezone.now())
        raise providers.LocalModelsOnly
    left_s = attempt.deadline - time.monotonic()
    request = ModelRequest(
        model_id=claim.model_id,
        system=system,
        messages=tuple(messages),
        schema=role.schema,
        max_tokens=MAX_OUTPUT_TOKENS,
        timeout_s=max(left_s, 0.1),
        api_key=providers.key_of(provider),
        base_url=providers.address_of(provider.adapter_type, provider.base_url),
        context_tokens=providers.context_of(provider, claim.model_id),
        listed_hosts_only=local_only,
    )
    began = time.monotonic()
    try:
        answer = ADAPTERS[claim.adapter_type](request, on_delta=stream.write)
    except ModelFailed as error:
        at = timezone.now()
        if error.usage is not None:
            _record(attempt, reservation, price, system, messages, "", error.usage, began, started_on)
        elif error.request_left:
            billing.keep_at_estimate(reservation, by=attempt.by, at=at)
            attempt.spent = attempt.spent.plus(Spent(cost_usd=reservation.reserved_usd))
        else:
            billing.release(reservation, by=attempt.by, at=at)
        raise
    finally:
        stream.flush()
    text, usage = storable(answer.text), answer.usage
    if usage is None or min(usage.input_tokens, usage.output_tokens, usage.cached_input_tokens) < 0:
        log.warning("model.no_usage", run=run_ref, model=claim.model_id)
        usage = pricing.counted(characters, len(answer.text))
    _record(attempt, reservation, price, system, messages, text, usage, began, started_on)
    return text


def _record(
    attempt: Attempt, reservation, price, system, messages, text, usage, began: float, started_on: datetime
) -> None:
    cost, duration_ms = price.cost(usage), int((time.monotonic() - began) * 1000)
    prompt = json.dumps([system, *([m.role, m.content] for m in messages)])
    operations.record_call(
        attempt.claim,
        reservation,
        prompt_hash=hashlib.sha256(prompt.encode("utf-8", "replace")).hexdigest(),
        response_hash=hashlib.sha256(text.encode("utf-8", "replace")).hexdigest(),
        input_tokens=usage.input_tokens,
        cached_input_tokens=usage.cached_input_tokens,
        output_tokens=usage.output_tokens,
        cost_usd=cost,
        input_usd_per_million=price.input_usd,
        output_usd_per_million=price.output_usd,
        duration_ms=duration_ms,
        started_on=started_on,
        by=attempt.by,
        at=timezone.now(),
    )
    attempt.spent = attempt.spent.plus(Spent(usage.input_tokens, usage.output_tokens, cost, duration_ms))


def _provider(claim: Claim) -> LlmProvider:
    """The enabled provider of this model, allowed for this client as it is at this moment."""
    if not AgentConfig.objects.filter(agent_role=claim.role, is_enabled=True).exists():
        raise AgentOff
    return providers.provider_for(claim.adapter_type, claim.model_id, local_only=_is_local_only())


def _is_local_only() -> bool:
    """As the client has it at this moment: the scope's facts are as old as the run."""
    privacy = Tenant.objects.values_list("data_privacy_level", flat=True).get(pk=only_tenant().id)
    return privacy == PrivacyLevel.LOCAL_ONLY
