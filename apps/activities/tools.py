"""What agents may look up: skills, pages, figures, earlier work. config/tools.py lists them; engine/tools.py lets them run.

Everything is read within the scope of the client whose work it is. A row of somebody else is as absent as one that never
was, and addresses are those that people of this client entered or approved, not those a model thinks of.
"""

import re
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from functools import partial
from typing import Annotated, Literal
from urllib.parse import urlsplit

from django.utils import timezone
from pydantic import Field

from apps import storage
from apps.channels import operations as channels
from apps.channels.models import Channel, ChannelScore
from apps.channels.platforms import google_analytics, google_search_console
from apps.channels.platforms.google import Unreadable
from apps.channels.statuses import ChannelStatus, ChannelType, Platform
from apps.strategy import outside
from apps.tenants.models import Tenant
from apps.tenants.statuses import PrivacyLevel

from .models import Activity, Approval
from .operations import context_files
from .registry import Found, ToolArguments, ToolFailed
from .skill_library import in_force
from .statuses import ApprovalStatus, SubjectType

ADDRESS = re.compile(r"https?://[^\s<>\"')\]},|]+")
PAGE_CHARACTERS = 15_000
OUTPUT_CHARACTERS = 12_000  # of one earlier output that is asked for by its ref
EXCERPT_CHARACTERS = 1_500  # of each where several are listed
APPROVALS_LOOKED_AT = 100
SEARCH_DATA_LAGS = timedelta(days=3)  # Google's figures of the last days still change
VISITS_LAG = timedelta(days=2)  # a day is counted within 48 hours, says Google


class SearchSkills(ToolArguments):
    words: str = Field(
        min_length=1, max_length=200, description="A few words that say what the guidance is needed for."
    )


def search_skills(arguments: SearchSkills, activity: Activity) -> Found:
    """Names and descriptions of what holds for the client, best first."""
    holding = {skill.pointer: skill for skill in in_force().values()}
    found = [holding[pointer] for pointer, _ in storage.search_skills(arguments.words) if pointer in holding]
    told = [{"name": skill.name, "description": skill.document.description} for skill in found]
    return Found({"skills": told}, {"found": len(told)})


class LoadSkill(ToolArguments):
    name: str = Field(
        max_length=100, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", description="As search_skills or the prompt names it."
    )


def load_skill(arguments: LoadSkill, activity: Activity) -> Found:
    """The body of a skill as it holds for the client."""
    if (skill := in_force().get(arguments.name)) is None:
        raise ToolFailed(f"There is no skill called {arguments.name}.")
    told = {"name": skill.name, "description": skill.document.description, "body": skill.document.body}
    return Found(told, {"version": skill.version}, skill=skill)


class ReadPage(ToolArguments):
    url: str = Field(
        max_length=2_000, description="A page of the client's own sites, or of a site that the client's data names."
    )


def read_page(arguments: ReadPage, activity: Activity) -> Found:
    """The text of one web page. Which hosts there are to read is decided by people: see `hosts_of`."""
    hosts = hosts_of(activity)
    if (host_of(arguments.url) or "") not in hosts:
        raise ToolFailed(f"Only pages of these sites can be read: {', '.join(sorted(hosts)) or 'none'}.")
    crawl = outside.read_page(arguments.url, may_visit=lambda url: host_of(url) in hosts)
    if crawl.failed is not None:
        raise ToolFailed(crawl.failed.sentence)
    (page,) = crawl.pages
    told = {
        "url": page.url,
        "title": page.title,
        "description": page.description,
        "text": page.text[:PAGE_CHARACTERS],
    }
    return Found(told, {"url": page.url, "sha256": page.sha256})


def hosts_of(activity: Activity) -> set[str]:
    """Where pages may be read for this activity: the client's website and channels, and sites that a person named, in
    the values of the task or in the context file a reviewer approved. For local models only, the client's own alone."""
    tenant = Tenant.objects.get(pk=activity.tenant_id)
    sites = Channel.objects.exclude(status=ChannelStatus.REVOKED).filter(channel_type=ChannelType.CMS)
    addresses = [tenant.website or "", *sites.values_list("external_url", flat=True)]
    if tenant.data_privacy_level != PrivacyLevel.LOCAL_ONLY:
        values = activity.input_data.get("values") or {}
        named = "\n".join([*map(str, values.values()), context_files.approved()])
        addresses += ADDRESS.findall(named)
    return {host for address in addresses if (host := host_of(address))}


def host_of(url: str) -> str | None:
    """Host and port in the one form they are compared by; None for what is no web address."""
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not host or parts.username or parts.password:
        return None
    usual = port in (None, 443 if parts.scheme == "https" else 80)
    return host.removeprefix("www.") + ("" if usual else f":{port}")


class ChannelMetrics(ToolArguments):
    platform: Literal[("", *Platform.values)] = Field(default="", description="Empty: all channels.")  # type: ignore[valid-type]
    months: int = Field(default=3, ge=1, le=12, description="How many months of scores.")


def read_channel_metrics(arguments: ChannelMetrics, activity: Activity) -> Found:
    """What is kept of the client's channels: status, score with its parts, the scores of the last months."""
    connected = Channel.objects.exclude(status=ChannelStatus.REVOKED).order_by("platform", "ref_id")
    if arguments.platform:
        connected = connected.filter(platform=arguments.platform)
    told = []
    for channel in connected[:20]:
        scores = ChannelScore.objects.filter(channel=channel).order_by("-period", "-scored_on")
        latest: dict[str, int] = {}
        for period, score in scores.values_list("period", "score")[: arguments.months * 5]:
            latest.setdefault(period, score)
        told.append(
            {
                "platform": channel.platform,
                "name": channel.name,
                "status": channel.status,
                "score": channel.score,
                "score_before": channel.score_previous,
                "parts": channel.score_breakdown,
                "months": [{"month": p, "score": s} for p, s in list(latest.items())[: arguments.months]],
            }
        )
    return Found({"channels": told}, {"found": len(told)})


class SearchConsole(ToolArguments):
    group_by: google_search_console.Dimension = Field(default="query", description="What each row stands for.")
    days: int = Field(default=28, ge=1, le=480, description="How many days, up to three days ago.")
    rows: int = Field(default=25, ge=1, le=100, description="How many rows at most; most clicks first.")


def read_search_console(arguments: SearchConsole, activity: Activity) -> Found:
    """How the client's own site was found on Google, from the property the client connected."""
    channel = _connected(Platform.GOOGLE_SEARCH_CONSOLE, called="Search Console")
    ask = partial(google_search_console.query, site=channel.name_there)
    return _figures(arguments, channel, lag=SEARCH_DATA_LAGS, ask=ask)


class Analytics(ToolArguments):
    group_by: google_analytics.Dimension = Field(default="landing_page", description="What each row stands for.")
    days: int = Field(default=28, ge=1, le=480, description="How many days, up to two days ago.")
    rows: int = Field(default=25, ge=1, le=100, description="How many rows at most; most sessions first.")


def read_analytics(arguments: Analytics, activity: Activity) -> Found:
    """What visitors did on the client's own site, from the Analytics property the client connected."""
    channel = _connected(Platform.GOOGLE_ANALYTICS, called="Google Analytics")
    ask = partial(google_analytics.run_report, property_id=channel.external_id)
    return _figures(arguments, channel, lag=VISITS_LAG, ask=ask)


def _figures(arguments: SearchConsole | Analytics, channel: Channel, *, lag: timedelta, ask: Callable) -> Found:
    """The rows of a property for the days asked for, the last of which lies `lag` back. Raises ToolFailed."""
    connection = channels.connection_of(channel)
    last = timezone.now().date() - lag
    first = last - timedelta(days=arguments.days - 1)
    found = ask(connection, dimension=arguments.group_by, first=first, last=last, limit=arguments.rows)
    if isinstance(found, Unreadable):
        raise ToolFailed(found.next_step, status_code=found.status, secrets=(connection.secret,))
    told = {
        "property": channel.name,
        "first_day": first.isoformat(),
        "last_day": last.isoformat(),
        "rows": [asdict(row) for row in found.rows],
    }
    return Found(told, {"rows": len(found.rows)}, status_code=found.status, secrets=(connection.secret,))


def _connected(platform: Platform, *, called: str) -> Channel:
    """The client's own account there, the first that was connected. Raises ToolFailed."""
    mine = Channel.objects.filter(platform=platform).exclude(status=ChannelStatus.REVOKED)
    channel = mine.order_by("ref_id").first()
    if channel is None:
        raise ToolFailed(f"The client has not connected {called}.")
    return channel


class PastOutputs(ToolArguments):
    kind: Literal[("", *SubjectType.values)] = Field(default="", description="Empty: of every kind.")  # type: ignore[valid-type]
    ref: Annotated[str, Field(pattern=r"^([0-7][0-9A-HJKMNP-TV-Z]{25})?$")] = Field(
        default="",
        description="The ref of one output, to read all of it. Empty: the latest, with the beginning of each.",
    )
    most: int = Field(default=3, ge=1, le=10, description="How many at most.")


def read_past_outputs(arguments: PastOutputs, activity: Activity) -> Found:
    """Texts that people of this client approved at the final gate, the latest first."""
    rows = Approval.objects.filter(status=ApprovalStatus.APPROVED).exclude(content_ref="").select_related("activity")
    if arguments.kind:
        rows = rows.filter(subject_type=arguments.kind)
    if arguments.ref:
        rows = rows.filter(subject_ref=arguments.ref)
    approved: dict[str, Approval] = {}
    for approval in rows.order_by("-decided_on", "-ref_id")[:APPROVALS_LOOKED_AT]:
        if approval.content_ref and approval.activity.step.is_final_gate:
            approved.setdefault(approval.subject_ref, approval)
    chosen = list(approved.values())[: arguments.most]
    if arguments.ref and not chosen:
        raise ToolFailed(f"There is no approved output {arguments.ref}.")
    bodies = storage.read(storage.ActivityOutput, [approval.content_ref for approval in chosen])
    length = OUTPUT_CHARACTERS if arguments.ref else EXCERPT_CHARACTERS
    told = [
        {
            "ref": approval.subject_ref,
            "kind": approval.subject_type,
            "title": approval.shown_snapshot["subject"].get("title", ""),
            "approved_on": approval.decided_on.date().isoformat(),
            "text": bodies[approval.content_ref].text[:length],
        }
        for approval in chosen
    ]
    return Found({"outputs": told}, {"found": len(told), "refs": [approval.subject_ref for approval in chosen]})
