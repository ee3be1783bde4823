"""Steps whose agent depends on the platform that a promise names."""

from collections.abc import Sequence

from ..bodies import TemplateStep

ADS_WRITERS = {"google_ads": "google_ads_writer", "meta_ads": "meta_ads_writer"}


def suited(step: TemplateStep, platforms: Sequence[str], *, number: int) -> TemplateStep:
    """The step for the unit of this number: ads are written by the writer of the promise's platform, and with several
    platforms by one after the other. Where the promise names none, the template's own writer stays."""
    writers = [ADS_WRITERS[platform] for platform in platforms if platform in ADS_WRITERS]
    if step.agent_role not in ADS_WRITERS.values() or not writers:
        return step
    return step.model_copy(update={"agent_role": writers[(number - 1) % len(writers)]})
