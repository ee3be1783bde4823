"""Search terms: asking an agent about those that nobody judged yet, and keeping its verdicts for a person to review."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

from django.db import transaction

from apps.activities import operations as work
from apps.activities.models import Activity
from apps.shared import journal
from apps.shared.actors import Actor
from apps.shared.errors import OperationRefused
from apps.shared.ids import new_id

from .. import queries
from ..bodies import TermVerdict
from ..models import AdCampaign, SearchTermClassification, SearchTermReport

TERMS_AT_ONCE = 100  # as many as fit into one answer with a reason each
ROLE = "search_term_classifier"


class NothingToClassify(OperationRefused):
    """Every search term of this campaign is judged already, or an agent is at work on it."""

    code = "nothing_to_classify"


class UnknownTerm(OperationRefused):
    """The agent judged a search term that it was not asked about. Nothing was kept; retry the step."""

    code = "unknown_term"


def ask_for_verdicts(campaign: AdCampaign, *, by: Actor, at: datetime) -> Activity:
    """Have an agent judge the costliest search terms of a campaign that nobody judged yet.

    Raises NothingToClassify when there are none, or the same ones are asked about already.
    """
    reports = list(queries.unjudged(campaign)[:TERMS_AT_ONCE])
    refs = sorted(report.ref_id for report in reports)
    task = None
    if refs:
        task = work.give_task(
            tenant_id=campaign.tenant_id,
            role=ROLE,
            title=f"Judge {len(refs)} search term{'' if len(refs) == 1 else 's'} of {campaign.name}",
            instruction="Judge every search term of the block search_terms, each once.",
            origin=f"search_terms:{campaign.ref_id}/{sha256(' '.join(refs).encode()).hexdigest()[:32]}",
            about={"campaign": campaign.ref_id, "search_terms": refs},
            by=by,
            at=at,
        )
    if task is None:
        raise NothingToClassify
    return task


def keep_verdicts(
    activity: Activity, verdicts: Sequence[TermVerdict], *, by: Actor, at: datetime
) -> list[SearchTermClassification]:
    """Keep an agent's verdicts as classifications that wait for review. A term without a verdict can be asked about
    again; one that was judged meanwhile keeps its verdict.

    Raises UnknownTerm when one is about a term the activity was not asked about; nothing is stored then.
    """
    reports = defaultdict(list)
    asked = SearchTermReport.objects.filter(ref_id__in=activity.input_data.get("search_terms", [])).order_by("ref_id")
    for report in asked:
        reports[report.search_term].append(report)
    unknown = [one.term for one in verdicts if one.term not in reports]
    if unknown:
        raise UnknownTerm(f"The agent judged “{unknown[0][:100]}”, which it was not asked about.")
    with transaction.atomic():
        judged = set(
            SearchTermClassification.objects.filter(search_term_report__in=asked).values_list(
                "search_term_report_id", flat=True
            )
        )
        rows = [
            SearchTermClassification(
                id=new_id(),
                tenant_id=activity.tenant_id,
                search_term_report=report,
                activity=activity,
                classification=one.classification,
                recommended_match_type=one.recommended_match_type,
                agent_reasoning=one.reasoning,
                created_by=by.user,
                created_on=at,
            )
            for one in verdicts
            for report in reports[one.term]
            if report.id not in judged
        ]
        SearchTermClassification.objects.bulk_create(rows)
        if rows:
            journal.record_batch(
                "classification.proposed",
                SearchTermClassification,
                tenant_id=activity.tenant_id,
                by=by,
                at=at,
                count=len(rows),
                refs_sha256=sha256("\n".join(sorted(row.ref_id for row in rows)).encode()).hexdigest(),
            )
    return rows
