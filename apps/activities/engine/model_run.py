"""One attempt of an agent: gather, ask, look up, check, repair, store, hand over. Money is set aside before every call."""

import hashlib
import json
import time
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

import structlog
from django.utils import timezone
from pydantic import BaseModel, ValidationError

from apps import storage
from apps.billing import operations as billing
from apps.shared.actors import Actor
from apps.shared.errors import OperationRefused
from apps.shared.ids import spell
from apps.storage import clients
from apps.tenants.models import Tenant
from apps.tenants.queries import is_local_only

from .. import callbacks, checking, checks, material, memory, operations, prompting, queries, registry, skill_library
from ..adapters import ADAPTERS
from ..adapters.base import Message, ModelAnswer, ModelFailed, ModelRequest, storable
from ..models import Activity, AgentConfig, LlmProvider
from ..operations import Claim, ClientStopped, LeaseLost, Spent, context_files
from ..statuses import RunStatus
from . import pricing, providers, traces
from .streams import Stream
from .tools import Toolbox

log = structlog.get_logger(__name__)

MAX_OUTPUT_TOKENS = 8_192
REPAIRS = 2
OUTAGES = {"rate_limited", "overloaded", "unavailable"}  # of the service, where nothing was charged
REPEATABLE = {"rate_limited", "overloaded", "unavailable", "timed_out", "broken_answer", "cut_off"}


class AgentOff(OperationRefused):
    """This agent is switched off for the client."""

    code = "agent_off"


class NoSuchWork(OperationRefused):
    """This agent has nothing to do at a step of this kind. Change the step in the pipeline, or cancel it."""

    code = "no_such_work"


@dataclass
class Attempt:
    """What one attempt has used so far."""

    claim: Claim
    config: AgentConfig
    by: Actor
    deadline: float
    spent: Spent = Spent()
    asked: int = 0

    @property
    def left_s(self) -> float:
        """Seconds until it is over; never nothing, so that a call which begins too late ends as timed out."""
        return max(self.deadline - time.monotonic(), 0.1)

    def charge(self, usd: Decimal) -> None:
        """What a tool has cost."""
        self.spent = self.spent.plus(Spent(cost_usd=usd))


def run(claim: Claim) -> None:
    """Work on a claimed agent step until it is finished, given back or failed. Raises nothing a model can cause."""
    assert claim.run_id is not None  # the claim of a model's role inserts its run
    run_ref = spell(claim.run_id)
    by = Actor.agent(claim.role, run_ref=run_ref)
    activity = Activity.objects.select_related("parent_activity").get(pk=claim.activity_id)
    config = AgentConfig.objects.get(agent_role=claim.role)
    attempt = Attempt(claim, config, by, time.monotonic() + config.timeout_ms / 1000)
    try:
        role = registry.work_of(activity)
        if role is None:
            raise NoSuchWork
        if role.begin:
            role.begin(activity, by=by, at=timezone.now())
        output, kept, summary = _work(attempt, activity, role, run_ref)
        operations.finish_run(
            claim, output=output, kept=kept, summary=summary, spent=attempt.spent, by=by, at=timezone.now()
        )
    except LeaseLost:
        log.info("run.lease_lost", activity=activity.ref_id, attempt=claim.attempt)
    except (AgentOff, ClientStopped) as error:  # nobody claims it until the agent is switched on, the client resumed
        at = timezone.now()
        _end(operations.give_back, attempt, error=f"{error.code}: {error.detail}", ready_on=at, at=at)
    except billing.CapReached as error:
        _end(
            operations.wait_for_money, attempt, reached=error, error=f"{error.code}: {error.detail}", at=timezone.now()
        )
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
    given = skill_library.given_to(activity, attempt.config)
    prompt = _prompt(attempt, activity, role, given)
    traces.keep_prompt(activity, run_ref, prompt)
    messages = [Message("user", prompt.user)]
    stream = Stream(activity_ref=activity.ref_id, run_ref=run_ref)
    toolbox = Toolbox(
        attempt.claim,
        activity,
        prompt.delimiter,
        attempt.deadline,
        config=attempt.config,
        by=attempt.by,
        charge=attempt.charge,
    )
    ground = checking.ground() if role.to_check else None
    output: BaseModel | None = None
    for repair in range(REPAIRS + 1):
        try:
            text = _answer(attempt, activity, role, prompt.system, messages, stream, run_ref, toolbox)
            output = parse(role.schema, text)
            if role.to_check is None or ground is None:
                break
            failed = checks.failures(checks.run(role.to_check(output, activity), ground))
            if not failed:
                break
            toolbox.close()
            messages += [
                Message("assistant", text[:20_000]),
                Message("user", prompting.asked_again([each.told for each in failed], delimiter=prompt.delimiter)),
            ]
        except (ModelFailed, billing.CapReached):
            if output is None:
                raise
            break  # a person can work with the answer that is there, and sees what is wrong with it
        except ValidationError as error:
            # The model's own field names are in it, which nobody has looked at.
            told = (f"{'.'.join(map(str, e['loc']))[:200]}: {e['msg']}" for e in error.errors()[:10])
            problems = storable("; ".join(told))
            if repair == REPAIRS and output is None:
                detail = f"The answer did not fit after {REPAIRS} repairs: {problems}"
                raise ModelFailed("broken_answer", detail, request_left=True) from error
            toolbox.close()
            messages += [
                Message("assistant", text[:20_000] or "(nothing)"),
                Message("user", f"That answer cannot be used: {problems}. Answer again, whole, in the asked-for JSON."),
            ]
    assert output is not None
    checked = {}
    if role.to_check is not None and ground is not None:
        found = checking.after_trying_links(role.to_check(output, activity), ground, own_only=is_local_only)
        checked = {"checks": checks.as_json(found)}
    at = timezone.now()
    body, content_type = role.text(output)
    if role.appendix:
        body = f"{body}\n\n{role.appendix(activity)}"
    subject = role.subject(activity)
    used = [skill.fact for skill in given.used(toolbox.loaded)]
    with_skills = {"skills": used} if used else {}
    version, metadata = queries.next_version(subject), {**queries.metadata_of(output), **with_skills}
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
            "title": (role.title(output) if role.title else "")[:200],
            "content_type": content_type,
            "words": len(body.split()),
            "model": attempt.claim.model_id,
            "metadata_sha256": operations.digest_of(metadata),
            "author": {
                "step": activity.ref_id,
                "role": attempt.claim.role,
                "model": attempt.claim.model_id,
                **with_skills,
            },
            **checked,
        },
    )


def parse(schema: type[BaseModel], text: str) -> BaseModel:
    """The answer as its role's schema; prose or a code fence around one JSON object is forgiven, nothing else is."""
    start, end = text.find("{"), text.rfind("}")
    return schema.model_validate_json(text[start : end + 1] if 0 <= start < end else text)


def _prompt(
    attempt: Attempt, activity: Activity, role: registry.AgentRole, given: skill_library.Given
) -> prompting.Prompt:
    tenant = Tenant.objects.get(pk=activity.tenant_id)
    unit = activity.parent_activity
    facts = {
        "client_name": tenant.name,
        "client_website": tenant.website,
        "industry": tenant.industry,
        "today": queries.day_of(timezone.now(), tenant.timezone).isoformat(),
        "unit_number": str(activity.input_data.get("number", 1)),
        "unit": unit.title if unit else activity.title,
    }
    return prompting.build_prompt(
        prompting.load_prompt(role.prompt or activity.assignee_agent_role).text,
        facts=facts,
        blocks=[
            *_with_context_file(role.gather(activity)),
            *_values_of_task(activity),
            *material.wish(activity),
            *memory.blocks_of(attempt.claim.session_id, besides=activity),
        ],
        task=activity.step.prompt_template,
        skills=given.told,
        reviewer_note=activity.revision_note or None,
        schema=role.schema.model_json_schema(),
    )


def _with_context_file(blocks: list[prompting.DataBlock]) -> list[prompting.DataBlock]:
    """Every agent knows the client: the approved context file, in full, beside what its role gathers."""
    if any(block.name == "context_file" for block in blocks):
        return blocks
    approved = context_files.approved()
    return [prompting.DataBlock("context_file", approved), *blocks] if approved else blocks


def _values_of_task(activity: Activity) -> list[prompting.DataBlock]:
    """What the client filled into a recurring task. Its instruction names the values; their words are data."""
    values = activity.input_data.get("values")
    if values is None:
        return []
    return [prompting.DataBlock("task_values", json.dumps(values, ensure_ascii=False, indent=2))]


def _answer(
    attempt: Attempt,
    activity: Activity,
    role,
    system: str,
    messages: list[Message],
    stream: Stream,
    run_ref: str,
    toolbox: Toolbox,
) -> str:
    """Ask until the model answers; what it looks up on the way joins `messages`. Raises what `_ask` raises.

    It ends: each turn uses up one of the toolbox's, and asking for a tool when none may be used is a failure.
    """
    while True:
        answer = _ask(attempt, activity, role, system, messages, stream, run_ref, toolbox)
        if not answer.uses:
            return answer.text
        messages += toolbox.use(answer)


def _ask(
    attempt: Attempt,
    activity: Activity,
    role,
    system: str,
    messages: list[Message],
    stream: Stream,
    run_ref: str,
    toolbox: Toolbox,
) -> ModelAnswer:
    """One call: reserve, ask, settle. The answer; raises ModelFailed, CapReached, LeaseLost or ClientStopped."""
    claim = attempt.claim
    attempt.asked += 1
    operations.may_go_on(claim)
    provider = _provider(claim)
    started_on = timezone.now()
    price = pricing.price_of(provider, claim.model_id, at=started_on)
    told = [system, *(offer.told for offer in toolbox.offers), *(message.told for message in messages)]
    characters = sum(map(len, told))
    reservation = billing.reserve(
        amount_usd=price.most(prompt_characters=characters, max_tokens=MAX_OUTPUT_TOKENS),
        activity_ref=activity.ref_id,
        run_ref=run_ref,
        agent_role=claim.role,
        model_id=claim.model_id,
        activity_cap_usd=attempt.config.max_cost_usd_per_activity,
        role_cap_usd=attempt.config.monthly_cap_usd,
        ends_by=started_on + timedelta(seconds=attempt.left_s),
        at=started_on,
    )
    # Once more: setting money aside may have waited for others, and the client may have changed its mind meanwhile.
    local_only = is_local_only()
    if local_only and not provider.is_local:
        billing.release(reservation, by=attempt.by, at=timezone.now())
        raise providers.LocalModelsOnly
    request = ModelRequest(
        model_id=claim.model_id,
        system=system,
        messages=tuple(messages),
        schema=role.schema,
        max_tokens=MAX_OUTPUT_TOKENS,
        timeout_s=attempt.left_s,
        api_key=providers.key_of(provider),
        base_url=providers.address_of(provider.adapter_type, provider.base_url),
        context_tokens=providers.context_of(provider, claim.model_id),
        listed_hosts_only=local_only,
        errand=callbacks.errand_for(claim, number=attempt.asked) if claim.adapter_type == "webhook" else None,
        tools=toolbox.offers,
        may_use_tools=toolbox.may_be_used,
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
    answer = replace(answer, text=storable(answer.text))
    said, usage = Message("assistant", answer.text, uses=answer.uses).told, answer.usage
    if usage is None or min(usage.input_tokens, usage.output_tokens, usage.cached_input_tokens) < 0:
        log.warning("model.no_usage", run=run_ref, model=claim.model_id)
        usage = pricing.counted(characters, len(said))
    _record(attempt, reservation, price, system, messages, said, usage, began, started_on)
    return answer


def _record(
    attempt: Attempt, reservation, price, system, messages, text, usage, began: float, started_on: datetime
) -> None:
    cost, duration_ms = price.cost(usage), int((time.monotonic() - began) * 1000)
    prompt = json.dumps([system, *([m.role, m.told] for m in messages)])
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
    return providers.provider_for(claim.adapter_type, claim.model_id, local_only=is_local_only())
