"""What the agents of the blog pipeline are told, and how their answers are kept as text."""

from apps import storage
from apps.activities.checks import Draft
from apps.activities.material import as_json as as_json
from apps.activities.material import previous as _previous
from apps.activities.material import promise as _promise
from apps.activities.models import Activity
from apps.activities.operations import context_files
from apps.activities.prompting import DataBlock
from apps.activities.queries import output_of
from apps.shared.egress import EgressFailed, EgressRefused, request

from . import drafts, queries
from .bodies import Article

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
    return [DataBlock("context_file", context_files.approved()), *_promise(activity)]


def gather_brief(activity: Activity) -> list[DataBlock]:
    unit = activity.unit
    blocks = [DataBlock("context_file", context_files.approved()), *_promise(activity)]
    blocks.append(DataBlock("keyword_research", output_of(unit, "keyword_research")))
    return blocks + _previous(activity)


def gather_article(activity: Activity) -> list[DataBlock]:
    unit = activity.unit
    blocks = [
        DataBlock("context_file", context_files.approved()),
        DataBlock("brief", output_of(unit, "topic_request")),
        DataBlock("keyword_research", output_of(unit, "keyword_research")),
    ]
    return blocks + _previous(activity)


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
