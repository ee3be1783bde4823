"""What agents may look up about the market, at DataForSEO: a third party that is paid by the question.

What is asked there is the client's business: which words it wants to be found for, whom it competes with. So none of it is
offered or carried out for a client with local models only (decision 26). The account is the agency's; the client pays as it
pays for models, under the same caps (decision 43).
"""

from dataclasses import asdict
from typing import Annotated, Literal

from django.conf import settings
from pydantic import AfterValidator, Field

from apps.channels.platforms import dataforseo
from apps.channels.platforms.base import Connection
from apps.tenants.models import Tenant

from .adapters.base import storable
from .models import Activity
from .registry import Found, ToolArguments, ToolFailed
from .tools import host_of, hosts_of

MOST_WORDS = 10  # of one search, says Google Ads, which takes none of these symbols either
PLAIN = r"^[^,!@%^()={}\[\];:~`<>?|*\"\\\\]+$"


def _as_people_search(search: str) -> str:
    if not 1 <= len(search.split()) <= MOST_WORDS or storable(search) != search:
        raise ValueError(f"one to {MOST_WORDS} words, without control characters")
    return search


Country = Literal[tuple(dataforseo.LOCATIONS)]  # type: ignore[valid-type]
Language = Literal["ar", "de", "en", "es", "fr", "hi", "it", "nl"]
Search = Annotated[str, Field(min_length=1, max_length=80, pattern=PLAIN), AfterValidator(_as_people_search)]


class KeywordVolumes(ToolArguments):
    searches: list[Search] = Field(
        min_length=1, max_length=100, description="All you want to know about at once: each use costs the same."
    )
    country: Country = Field(description="Where people search.")
    language: Language = Field(default="en", description="In which language.")


def keyword_volumes(arguments: KeywordVolumes, activity: Activity) -> Found:
    """How often people search for these words on Google. For no client with local models only."""
    answer = dataforseo.keyword_volumes(
        _account(), keywords=arguments.searches, country=arguments.country, language=arguments.language
    )
    return _found(answer, "searches")


class SearchResults(ToolArguments):
    search: Search = Field(description="What somebody types into Google.")
    country: Country = Field(description="Where.")
    language: Language = Field(default="en", description="In which language.")
    rows: int = Field(default=10, ge=1, le=20, description="How many results at most; the best first.")


def search_results(arguments: SearchResults, activity: Activity) -> Found:
    """What Google finds for a search, advertisements left out. For no client with local models only."""
    answer = dataforseo.search_results(
        _account(),
        keyword=arguments.search,
        country=arguments.country,
        language=arguments.language,
        limit=arguments.rows,
    )
    return _found(answer, "results")


class Backlinks(ToolArguments):
    url: str = Field(
        default="",
        max_length=2_000,
        description="A site that the client's data names. Empty: the client's own website.",
    )


def backlink_summary(arguments: Backlinks, activity: Activity) -> Found:
    """How many link to a site: the client's own, or one that people named, as for pages. For no client with local models
    only."""
    hosts = hosts_of(activity)
    own = Tenant.objects.values_list("website", flat=True).get(pk=activity.tenant_id)
    target = host_of(arguments.url or own)
    if not target or target not in hosts:
        told = ", ".join(sorted(hosts)) or "none"
        raise ToolFailed(f"Only these sites can be looked at: {told}.", cost_usd=dataforseo.NOTHING)
    return _found(dataforseo.backlink_summary(_account(), target=target.partition(":")[0]), "summary")


def _account() -> Connection:
    """The agency's own. Raises ToolFailed."""
    if not settings.DATAFORSEO_LOGIN:
        raise ToolFailed("The agency has not connected DataForSEO.", cost_usd=dataforseo.NOTHING)
    return Connection(
        base_url=settings.DATAFORSEO_BASE_URL, username=settings.DATAFORSEO_LOGIN, secret=settings.DATAFORSEO_PASSWORD
    )


def _found(answer: dataforseo.Answer | dataforseo.Unreadable, called: str) -> Found:
    secrets = (settings.DATAFORSEO_PASSWORD,)
    if isinstance(answer, dataforseo.Unreadable):
        raise ToolFailed(answer.next_step, status_code=answer.status, secrets=secrets, cost_usd=answer.cost_usd)
    rows = [asdict(row) for row in answer.rows]
    return Found(
        {called: rows}, {"rows": len(rows)}, status_code=answer.status, secrets=secrets, cost_usd=answer.cost_usd
    )
