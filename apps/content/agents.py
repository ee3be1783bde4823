"""What the agents of the blog pipeline are told, and how their answers are kept as text."""

from apps import storage
from apps.activities.checks import Draft
from apps.activities.material import previous, promise
from apps.activities.models import Activity
from apps.activities.operations import context_files
from apps.activities.prompting import DataBlock
from apps.activities.queries import output_of
from apps.shared.egress import EgressFailed, EgressRefused, request

from . import drafts, limits, queries
from .bodies import Article, CalendarEntry, ListingPost
from .models import SocialPost

PAGE_CHARACTERS = 40_000


def article_as_text(article: Article) -> tuple[str, str]:
    return article.body_markdown, "text/markdown"


def article_to_check(article: Article, activity: Activity) -> Draft:
    return drafts.article(
        title=article.title,
        description=article.meta_description,
        text=article.body_markdown,
        request=queries.blog_post_of(activity.subject_ref).blog_request,
    )


def gather_keywords(activity: Activity) -> list[DataBlock]:
    return [DataBlock("context_file", context_files.approved()), *promise(activity)]


def gather_brief(activity: Activity) -> list[DataBlock]:
    unit = activity.unit
    blocks = [DataBlock("context_file", context_files.approved()), *promise(activity)]
    blocks.append(DataBlock("keyword_research", output_of(unit, "keyword_research")))
    return blocks + previous(activity)


def gather_article(activity: Activity) -> list[DataBlock]:
    unit = activity.unit
    blocks = [
        DataBlock("context_file", context_files.approved()),
        DataBlock("brief", output_of(unit, "topic_request")),
        DataBlock("keyword_research", output_of(unit, "keyword_research")),
    ]
    return blocks + previous(activity)


def calendar_entry_title(entry: CalendarEntry) -> str:
    return entry.theme


def gather_calendar(activity: Activity) -> list[DataBlock]:
    """Besides the promise: the channels there are, and the other topics of the period."""
    own = queries.social_request_of_unit(activity.unit)
    others = queries.calendar_of(activity.deliverable_period_id, but=own)
    lines = [
        f"- {each.scheduled_for:%Y-%m-%d} {each.topic}" if each.scheduled_for else f"- {each.topic}" for each in others
    ]
    return [
        DataBlock("context_file", context_files.approved()),
        *promise(activity),
        DataBlock("channels", _channels_told(activity)),
        DataBlock("calendar", "\n".join(lines) or "Nothing is planned yet."),
        *previous(activity),
    ]


def _channels_told(activity: Activity) -> str:
    wanted = queries.wanted_platforms(activity.platforms)
    channels = queries.channels_on(wanted)
    told = [f"- {channel.platform}: {channel.name}" for channel in channels]
    lacking = [platform for platform in wanted if platform not in {channel.platform for channel in channels}]
    return "\n".join(told + [f"- {platform}: not connected, no post is made there" for platform in lacking])


def gather_social_post(activity: Activity) -> list[DataBlock]:
    post = queries.social_post_of(activity.subject_ref)
    request = post.social_media_request
    brief = f"{request.topic}\n\n{request.content_brief}\n\nKind of post: {request.get_post_type_display()}"
    platform = (
        f"Platform: {post.platform}\nChannel: {post.channel.name}\n"
        f"Most characters, with link and hashtags: {limits.limit_of(post.platform)}"
    )
    before = "\n".join(f"- {each.social_media_request.topic}" for each in queries.published_before(post, limit=10))
    return [
        DataBlock("context_file", context_files.approved()),
        DataBlock("social_brief", f"{brief}\n\nNotes: {request.notes}" if request.notes else brief),
        DataBlock("platform", platform),
        DataBlock("earlier_topics", before or "Nothing was published on this channel yet."),
        *previous(activity),
    ]


def listing_post_title(post: ListingPost) -> str:
    return post.topic


def gather_listing_post(activity: Activity) -> list[DataBlock]:
    """Besides the promise: the listings there are, and the other posts of the period and before."""
    own = queries.social_request_of_unit(activity.unit)
    listings = queries.channels_on(queries.LISTINGS)
    others = queries.calendar_of(activity.deliverable_period_id, but=own)
    earlier = queries.published_on(queries.LISTINGS, limit=10)
    topics = [f"- {each.topic}" for each in others] + [f"- {each.social_media_request.topic}" for each in earlier]
    return [
        DataBlock("context_file", context_files.approved()),
        *promise(activity),
        DataBlock("listings", "\n".join(f"- {each.name}" for each in listings) or "No listing is connected yet."),
        DataBlock("earlier_topics", "\n".join(dict.fromkeys(topics)) or "Nothing was posted yet."),
        *previous(activity),
    ]


def gather_engagement(activity: Activity) -> list[DataBlock]:
    """The post, its figures as far as anybody has them, and those of earlier posts of the channel."""
    post = queries.social_post_of(activity.subject_ref)
    text = queries.written(post, storage.read_one(storage.ActivityOutput, post.content_ref).text).text
    published = f"{post.published_on:%Y-%m-%d}" if post.published_on else ""
    earlier = [
        f"- {each.social_media_request.topic}: {_figures_told(each)}"
        for each in queries.published_before(post, limit=10)
    ]
    return [
        DataBlock("published_post", f"Platform: {post.platform}\nPublished: {published}\n\n{text}"),
        DataBlock("figures", _figures_told(post)),
        DataBlock("earlier_posts", "\n".join(earlier) or "None."),
    ]


def _figures_told(post: SocialPost) -> str:
    if post.engagement_snapshot is None or post.last_engagement_on is None:
        return "no figures are known"
    told = ", ".join(f"{name} {figure}" for name, figure in post.engagement_snapshot.items())
    return f"{told} (on {post.last_engagement_on:%Y-%m-%d})"


def gather_live_check(activity: Activity) -> list[DataBlock]:
    """The approved text and the page as it is seen now; a page that does not answer is said to be so."""
    post = queries.blog_post_of(activity.subject_ref)
    approved = storage.read_one(storage.ActivityOutput, post.content_ref).text
    try:
        answer = request("GET", post.published_url)
        page = f"Status {answer.status}\n\n{answer.body.decode('utf-8', 'replace')[:PAGE_CHARACTERS]}"
    except (EgressRefused, EgressFailed) as error:
        page = f"The page could not be read: {error.cause}"
    return [
        DataBlock("published_post", f"# {post.title}\n\n{approved}"),
        DataBlock("live_page", f"Address: {post.published_url}\n{page}"),
    ]
