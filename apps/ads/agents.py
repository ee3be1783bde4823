"""What the agents of ads are told, and how their answers are kept as text."""

import json
from datetime import datetime

from django.utils import timezone

from apps.activities import material
from apps.activities.models import Activity
from apps.activities.prompting import DataBlock
from apps.activities.queries import output_of
from apps.activities.registry import Kept
from apps.shared.actors import Actor

from . import operations, queries
from .bodies import AudienceAndOffer, GoogleAds, MetaAds, Optimisation, TermVerdicts
from .limits import (
    GOOGLE_DESCRIPTION,
    GOOGLE_HEADLINE,
    GOOGLE_PATH,
    META_DESCRIPTION,
    META_HEADLINE,
    META_PRIMARY_TEXT,
    google_length,
)


def gather_audience(activity: Activity) -> list[DataBlock]:
    return [material.context(), *material.promise(activity), *_figures(), *material.previous(activity)]


def gather_ads(activity: Activity) -> list[DataBlock]:
    agreed = DataBlock("audience_and_offer", output_of(activity.unit, "audience_and_offer"))
    return [material.context(), agreed, *material.promise(activity), *material.previous(activity)]


def gather_optimisation(activity: Activity) -> list[DataBlock]:
    return [material.context(), *_figures()]


def _figures() -> list[DataBlock]:
    """What the last sync knew of this month. Without an ads account both lists are empty, and say so."""
    today = timezone.localdate()
    return [
        DataBlock("campaigns", _as_json(queries.figures_of_month(today))),
        DataBlock("ad_keywords", _as_json(queries.keywords_told())),
    ]


def _as_json(rows: list) -> str:
    return json.dumps(rows, ensure_ascii=False, indent=1) if rows else "None are known: no ads account was synced."


def title_of_audience(agreed: AudienceAndOffer) -> str:
    return agreed.angles[0]


def title_of_google_ads(ads: GoogleAds) -> str:
    return ads.headlines[0]


def title_of_meta_ads(ads: MetaAds) -> str:
    return ads.headlines[0]


def google_ads_as_text(ads: GoogleAds) -> tuple[str, str]:
    """Each part with its length as Google counts, so that a person sees at once what fits."""
    parts = [
        _parts("Headlines", ads.headlines, GOOGLE_HEADLINE),
        _parts("Descriptions", ads.descriptions, GOOGLE_DESCRIPTION),
        _parts("Paths of the shown address", ads.paths, GOOGLE_PATH),
    ]
    return "\n\n".join(filter(None, parts)), "text/markdown"


def meta_ads_as_text(ads: MetaAds) -> tuple[str, str]:
    parts = [
        _parts("Primary texts", ads.primary_texts, META_PRIMARY_TEXT),
        _parts("Headlines", ads.headlines, META_HEADLINE),
        _parts("Descriptions", ads.descriptions, META_DESCRIPTION),
        f"## Call to action\n\n{ads.call_to_action.replace('_', ' ').capitalize()}",
    ]
    return "\n\n".join(filter(None, parts)), "text/markdown"


def _parts(heading: str, texts: list[str], most: int) -> str:
    lines = [f"{number}. {text} ({google_length(text)} of {most})" for number, text in enumerate(texts, 1)]
    return "\n\n".join([f"## {heading}", "\n".join(lines)]) if lines else ""


def receive_optimisation(output: Optimisation, *, activity: Activity, kept: Kept, by: Actor, at: datetime) -> None:
    operations.propose_changes(activity, output.recommendations, by=by, at=at)


def gather_terms(activity: Activity) -> list[DataBlock]:
    terms = queries.terms_told(activity.input_data.get("search_terms", []))
    return [
        material.context(),
        DataBlock("search_terms", _as_json(terms)),
        DataBlock("ad_keywords", _as_json(queries.keywords_told())),
    ]


def receive_verdicts(output: TermVerdicts, *, activity: Activity, kept: Kept, by: Actor, at: datetime) -> None:
    operations.keep_verdicts(activity, output.items, by=by, at=at)
