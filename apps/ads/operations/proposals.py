"""What agents propose to change in ads. Every proposal waits for a person; nothing here reaches a platform."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from hashlib import sha256

from django.db import transaction

from apps.activities.models import Activity
from apps.shared import journal
from apps.shared.actors import Actor
from apps.shared.errors import OperationRefused
from apps.shared.ids import new_id

from ..bodies import Recommendation
from ..models import AdCampaign, AdOptimizationRecommendation
from ..statuses import AdStatus, RecommendationPriority, RecommendationStatus

HIGH_RISK_SHARE = Decimal("0.20")  # a budget or bid that changes by more is looked at first
OPEN = (RecommendationStatus.PENDING_REVIEW, RecommendationStatus.SNOOZED, RecommendationStatus.APPROVED)


class UnknownCampaign(OperationRefused):
    """The agent named a campaign that this client does not have. Nothing was kept; retry the step."""

    code = "unknown_campaign"


def propose_changes(
    activity: Activity, proposed: Sequence[Recommendation], *, by: Actor, at: datetime
) -> list[AdOptimizationRecommendation]:
    """Keep an agent's proposals as recommendations that wait for review; those of the list that are new.

    A change that is proposed already and not decided against is not proposed again. Raises UnknownCampaign when one
    names a campaign of nobody's; nothing is stored then.
    """
    wanted = {one.campaign for one in proposed}
    found = AdCampaign.objects.filter(external_campaign_id__in=wanted).exclude(status=AdStatus.REMOVED)
    campaigns = {campaign.external_campaign_id: campaign for campaign in found.select_related("channel")}
    unknown = sorted(wanted - set(campaigns))
    if unknown:
        raise UnknownCampaign(f"The agent named campaign {unknown[0][:100]}, which this client does not have.")
    with transaction.atomic():
        still_open = AdOptimizationRecommendation.objects.filter(
            ad_campaign__in=campaigns.values(), status__in=OPEN
        ).values_list("ad_campaign_id", "type", "change_payload")
        known = {(campaign, kind, _spelled(payload)) for campaign, kind, payload in still_open}
        rows = []
        for one in proposed:
            campaign, payload = campaigns[one.campaign], one.change_payload.model_dump(mode="json")
            same = (campaign.id, one.type, _spelled(payload))
            if same in known:
                continue
            known.add(same)
            rows.append(
                AdOptimizationRecommendation(
                    id=new_id(),
                    tenant_id=activity.tenant_id,
                    channel=campaign.channel,
                    ad_campaign=campaign,
                    platform=campaign.platform,
                    activity=activity,
                    type=one.type,
                    title=one.title,
                    reasoning=one.reasoning,
                    impact_estimate=one.impact_estimate.model_dump(mode="json", by_alias=False),
                    change_payload=payload,
                    priority=_priority(one),
                    created_by=by.user,
                    created_on=at,
                )
            )
        AdOptimizationRecommendation.objects.bulk_create(rows)
        if rows:
            journal.record_batch(
                "recommendation.proposed",
                AdOptimizationRecommendation,
                tenant_id=activity.tenant_id,
                by=by,
                at=at,
                count=len(rows),
                refs_sha256=sha256("\n".join(sorted(row.ref_id for row in rows)).encode()).hexdigest(),
            )
    return rows


def _spelled(payload: dict) -> tuple:
    return tuple(sorted((name, str(value)) for name, value in payload.items()))


def _priority(one: Recommendation) -> str:
    """The agent's word, but a large change of money is always looked at first."""
    before, after = one.change_payload.current_value, one.change_payload.new_value
    if before is not None and after is not None and abs(after - before) > before * HIGH_RISK_SHARE:
        return RecommendationPriority.HIGH
    return one.priority
