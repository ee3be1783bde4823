"""What the product itself can count for a client: promises kept, what was published, links, scores of channels."""

from datetime import datetime
from decimal import Decimal

from apps.activities.figures import Figure, Span
from apps.channels.models import Channel
from apps.strategy.models import DeliverablePeriod
from apps.strategy.statuses import COUNTED, DeliverableType

from .models import Backlink, BlogPost
from .statuses import BlogPostStatus, OutreachStatus


def promises(span: Span, at: datetime) -> list[Figure]:
    """How many units of each kind were completed in the periods of the span, of how many promised."""
    done: dict[str, list[int]] = {}
    periods = DeliverablePeriod.objects.filter(period_start__gte=span.first, period_end__lte=span.last)
    for kind, completed, target in periods.values_list("deliverable__type", "completed_count", "target_count"):
        counts = done.setdefault(kind, [0, 0])
        counts[0] += completed
        counts[1] += target
    return [
        Figure(
            f"{kind}_delivered",
            f"{COUNTED[DeliverableType(kind)][1].capitalize()} {COUNTED[DeliverableType(kind)][2]}, of {target} promised",
            Decimal(completed),
            "Leadmetrics: completed units",
        )
        for kind, (completed, target) in sorted(done.items())
    ]


def published(span: Span, at: datetime) -> list[Figure]:
    """Articles that went live and links that were won in the span, and how many of each are up now."""
    posts = BlogPost.objects.filter(status=BlogPostStatus.PUBLISHED)
    links = Backlink.objects.filter(outreach_status=OutreachStatus.PUBLISHED)
    here = "Leadmetrics: published articles", "Leadmetrics: backlinks"
    won = links.filter(link_published_on__gte=span.begins, link_published_on__lt=span.ends)
    new = posts.filter(published_on__gte=span.begins, published_on__lt=span.ends)
    return [
        Figure("blog_posts_published", "Articles published", Decimal(new.count()), here[0]),
        Figure("blog_posts_live", "Articles published so far", Decimal(posts.count()), here[0]),
        Figure("backlinks_won", "Backlinks won", Decimal(won.count()), here[1]),
        Figure("backlinks", "Backlinks that are live", Decimal(links.filter(is_live=True).count()), here[1]),
    ]


def channel_scores(span: Span, at: datetime) -> list[Figure]:
    """The latest score of each channel that has one."""
    return [
        Figure(
            f"score_{channel.ref_id.lower()}",
            f"Score of {channel.name[:100]}, of 100",
            Decimal(channel.score),
            "Leadmetrics: channel scores",
        )
        for channel in Channel.objects.filter(score__isnull=False).order_by("ref_id")
    ]
