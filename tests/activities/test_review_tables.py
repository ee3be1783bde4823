"""Review links and comments: what PostgreSQL holds true about them."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from apps.activities.models import Approval, ReviewComment, ReviewLink, ReviewLinkApproval
from config.integrity import live_outputs
from tests.activities.tables import a_comment, a_review_link, refused


@pytest.mark.acceptance("review_links")
def test_a_link_keeps_whom_it_is_for_and_what_it_opens(acme):
    link, approval = a_review_link(), Approval.objects.first()
    ReviewLinkApproval.objects.create(review_link=link, approval=approval, created_on=timezone.now())
    kept = ReviewLink.objects.values().get()

    for statement in (
        "UPDATE review_links SET token_digest = repeat('0', 64)",
        "UPDATE review_links SET recipient_user_id = ulid_uuid()",
        "UPDATE review_link_approvals SET approval_id = ulid_uuid()",
        "UPDATE review_link_approvals SET review_link_id = ulid_uuid()",
    ):
        with refused() as why, connection.cursor() as cursor:
            cursor.execute(statement)
        assert why.by == "guard_immutable"

    assert ReviewLink.objects.values().get() == kept
    assert list(ReviewLinkApproval.objects.values_list("review_link", "approval")) == [(link.pk, approval.pk)]


@pytest.mark.acceptance("review_links")
def test_a_token_leads_to_one_link_of_one_client(world):
    with world.at("drafts"):
        a_review_link()
    with world.at("rival"), refused() as why:
        a_review_link()

    assert why.by == "review_links_token_digest_key"


@pytest.mark.acceptance("review_link_approvals")
def test_a_link_opens_an_approval_once(acme):
    link, approval = a_review_link(), Approval.objects.first()
    ReviewLinkApproval.objects.create(review_link=link, approval=approval, created_on=timezone.now())

    with refused() as why:
        ReviewLinkApproval.objects.create(review_link=link, approval=approval, created_on=timezone.now())

    assert why.by == "uniq_review_link_approvals_pair"
    assert ReviewLinkApproval.objects.count() == 1


@pytest.mark.acceptance("review_links")
def test_a_link_that_was_taken_back_stays_so(acme, sam):
    link, at = a_review_link(), timezone.now()
    ReviewLink.objects.filter(pk=link.pk).update(revoked_by=sam.user, revoked_on=at)

    with refused() as why:
        ReviewLink.objects.filter(pk=link.pk).update(revoked_by=None, revoked_on=None)

    assert why.by == "guard_immutable"
    assert ReviewLink.objects.get().revoked_on == at


@pytest.mark.acceptance("review_links")
@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        (lambda at, sam: {"expires_on": at}, "review_links_end_after_start"),
        (lambda at, sam: {"last_used_on": at}, "review_links_used_after_opening"),
        (
            lambda at, sam: {"first_opened_on": at, "last_used_on": at - timedelta(seconds=1)},
            "review_links_used_after_opening",
        ),
        (lambda at, sam: {"revoked_by": sam.user}, "review_links_revoked_when"),
    ],
)
def test_a_link_whose_moments_contradict_each_other_is_refused(acme, sam, change, constraint):
    at = timezone.now()

    with refused() as why:
        a_review_link(at, **change(at, sam))

    assert why.by == constraint
    assert ReviewLink.objects.count() == 0


@pytest.mark.acceptance("review_comments")
def test_a_comment_keeps_what_it_speaks_about(acme):
    comment = a_comment()

    for column, value in (("content_ref", "'other'"), ("subject_ref", "'other'"), ("approval_id", "ulid_uuid()")):
        with refused() as why, connection.cursor() as cursor:
            cursor.execute(f"UPDATE review_comments SET {column} = {value}")
        assert why.by == "guard_immutable"

    answer = a_comment(parent=comment, body="Yes, from the client's report.")
    assert (answer.parent, ReviewComment.objects.count()) == (comment, 2)


@pytest.mark.acceptance("review_comments")
def test_a_comment_that_says_nothing_or_contradicts_itself_is_refused(acme, rita):
    comment = a_comment()
    with refused() as empty:
        a_comment(body="")
    with refused() as half:
        a_comment(resolved_on=timezone.now())
    with refused() as circle:
        ReviewComment.objects.filter(pk=comment.pk).update(parent=comment)
    with refused() as unsaid:
        a_comment(is_internal=None)

    assert empty.by == "review_comments_body_not_empty"
    assert half.by == "review_comments_resolved_fields_together"
    assert circle.by == "review_comments_not_its_own_answer"
    assert unsaid.by is None  # NOT NULL has no name: whoever writes says whether the client may see it
    ReviewComment.objects.filter(pk=comment.pk).update(resolved_by=rita.user, resolved_on=timezone.now())
    assert ReviewComment.objects.get().resolved_by == rita.user


@pytest.mark.acceptance("review_comments")
def test_a_text_somebody_commented_on_is_never_swept_away(acme):
    pointer = "a" * 24
    a_comment(content_ref=pointer, deleted_on=timezone.now())

    class Old:
        activityRunId, authorType, type = "01M7Z00000000000000000000A", "agent", "blog_post"

    assert live_outputs([(pointer, Old()), ("b" * 24, Old())]) == {pointer}
