"""What lies where: relations, counts, money and statuses in PostgreSQL; documents and logs in MongoDB; texts in S3."""

import pytest
from bson import ObjectId
from django.db import connection

from apps import storage
from apps.activities.models import Activity, LlmCall
from apps.content.models import BlogPost
from apps.shared.models import JournalEntry
from apps.storage import clients
from apps.storage.documents import COLLECTIONS
from apps.strategy.models import OnboardingRun, Strategy
from apps.tenants.models import Contract

CORE = "tenants users campaigns strategies goals deliverables activities activity_runs sessions agent_configs plans invoices"
AUDIT_AND_COST = "llm_calls tool_calls"
CONTENT = (
    "channels channel_scores blog_requests blog_posts social_media_requests social_posts backlinks leads lead_activities "
    "ad_campaigns ad_keywords search_term_reports search_term_classifications ad_optimization_recommendations"
)
LONGEST_NOTE = 3_000  # characters; a text for readers is longer


def tables() -> set[str]:
    with connection.cursor() as cursor:
        return set(connection.introspection.table_names(cursor))


def raw(model, pointer: str) -> dict:
    return clients.database()[model.collection].find_one({"_id": ObjectId(pointer)})


@pytest.fixture
def live(world):
    with world.at("live") as tenant:
        yield tenant


@pytest.mark.acceptance("PLACE-rule")
@pytest.mark.acceptance("PLACE-core")
@pytest.mark.acceptance("PLACE-audit-cost")
@pytest.mark.acceptance("PLACE-content-meta")
@pytest.mark.parametrize("names", [CORE, AUDIT_AND_COST, CONTENT], ids=["core", "audit and cost", "content"])
def test_relations_counts_and_money_are_tables_and_no_collections(db, names):
    assert set(names.split()) <= tables()
    assert not set(names.split()) & {model.collection for model in COLLECTIONS}


@pytest.mark.acceptance("PLACE-output")
@pytest.mark.acceptance("PLACE-blog")
@pytest.mark.acceptance("XREF-output_ref")
def test_an_article_is_a_row_a_document_and_a_file_and_its_text_only_the_file(live):
    post = BlogPost.objects.order_by("ref_id").first()
    draft = Activity.objects.get(pipeline_step="draft", output_ref=post.content_ref)

    body = storage.read_one(storage.ActivityOutput, post.content_ref)
    document = raw(storage.ActivityOutput, draft.output_ref)

    assert len(body.text) > LONGEST_NOTE
    assert (document["tenantId"], document["activityId"]) == (live.ref_id, draft.ref_id)
    assert document["s3Key"].startswith(f"{live.ref_id}/activity-outputs/{draft.ref_id}/")
    sentence = body.text.strip().splitlines()[-1][:80]
    assert sentence not in str(document)
    assert sentence not in str(BlogPost.objects.filter(pk=post.pk).values().get())
    assert sentence not in str(Activity.objects.filter(pk=draft.pk).values().get())


@pytest.mark.acceptance("FLOW-context-file")
@pytest.mark.acceptance("PLACE-onboarding")
@pytest.mark.acceptance("XREF-context")
@pytest.mark.acceptance("XREF-none")
def test_research_is_split_into_a_row_keys_and_files_and_the_context_file_is_a_skill_too(live):
    run = OnboardingRun.objects.get()
    found = storage.find(storage.OnboardingResearch, {"runId": run.ref_id})
    (crawled,) = [pointer for pointer, document in found if document.stored("websiteText")]
    (researched,) = [pointer for pointer, document in found if document.stored("rawNotes")]
    context_files = [document.stored("generatedContextFile") for _, document in found]

    skill = storage.document(storage.Skill, run.context_file_id)
    website = storage.read_one(storage.OnboardingResearch, crawled, part="websiteText").text

    assert (run.status, run.reviewed_by_id is None) == ("completed", False)
    assert {part.key for part in context_files if part} == {f"{live.ref_id}/onboarding/{run.ref_id}/context-file.md"}
    assert storage.read_one(storage.OnboardingResearch, researched, part="rawNotes").text.strip()
    assert skill.body in [
        storage.read_one(storage.OnboardingResearch, pointer, part="generatedContextFile").text
        for pointer, document in found
        if document.stored("generatedContextFile")
    ]
    assert website.strip() and website not in str(raw(storage.OnboardingResearch, crawled))
    assert (skill.source, skill.tenantId) == ("context_file", live.ref_id)
    assert not {run.context_file_id} & {
        str(value) for pointer, _ in found for value in raw(storage.OnboardingResearch, pointer).values()
    }


@pytest.mark.acceptance("FLOW-onboarding")
def test_an_onboarding_went_through_its_statuses_to_the_reviewer_who_ended_it(live):
    run = OnboardingRun.objects.get()
    moves = ("onboarding.started", "onboarding.submitted", "onboarding.completed")
    told = JournalEntry.objects.filter(subject_ref=run.ref_id, code__in=moves).order_by("ref_id")

    assert [(entry.before.get("status"), entry.after.get("status")) for entry in told] == [
        ("pending", "researching"),
        ("researching", "review"),
        ("review", "completed"),
    ]
    assert run.status == "completed"
    assert (run.reviewed_by.role, told.last().actor_ref) == ("reviewer", run.reviewed_by.ref_id)
    assert run.reviewed_on == told.last().created_on


@pytest.mark.acceptance("PLACE-strategy")
def test_a_strategy_is_a_row_a_pointer_and_a_file(live):
    strategy = Strategy.objects.get(status="active")
    ((pointer, found),) = storage.find(storage.StrategyContent, {"strategyId": strategy.ref_id})

    text = storage.read_one(storage.StrategyContent, pointer).text

    assert found.s3Key == f"{live.ref_id}/strategies/{strategy.ref_id}/v{strategy.version}.md"
    assert text not in str(Strategy.objects.filter(pk=strategy.pk).values().get())


@pytest.mark.acceptance("PLACE-contract")
@pytest.mark.acceptance("MON-contract_pdfs")
@pytest.mark.acceptance("FLOW-contract-store")
def test_a_contract_is_a_record_of_acceptance_and_a_locked_file_and_no_document(live):
    contract = Contract.objects.get()

    pdf = storage.contracts.read(contract.pdf_s3_key, version_id=contract.pdf_version_id, sha256=contract.pdf_sha256)
    mode, _ = storage.contracts.lock_of(contract.pdf_s3_key, version_id=contract.pdf_version_id)

    assert pdf.startswith(b"%PDF") and mode == "COMPLIANCE"
    assert contract.accepted_on and contract.accepted_by_id and contract.accepted_user_agent is not None
    assert "contract_pdfs" not in {model.collection for model in COLLECTIONS}


@pytest.mark.acceptance("PLACE-logs")
@pytest.mark.acceptance("FLOW-audit-log")
def test_the_journal_is_written_with_the_row_and_copied_to_the_audit_log(live):
    entries = list(
        JournalEntry.objects.filter(tenant=live, code="blog_post.published").values_list("ref_id", flat=True)
    )

    assert entries
    assert set(storage.audit.copied(entries)) == set(entries)


@pytest.mark.acceptance("SEC-no-raw-prompt")
def test_a_model_call_keeps_digests_and_not_a_word_that_was_said(live):
    calls = list(LlmCall.objects.values())

    assert calls
    for call in calls:
        assert len(call["prompt_hash"]) == len(call["response_hash"]) == 64
        assert all(len(value) <= 100 for value in call.values() if isinstance(value, str))
