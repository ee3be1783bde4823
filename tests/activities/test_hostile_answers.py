"""A model that lies, oversteps or attacks: what it invents is refused or stays text, wherever it is shown."""

import json

import pytest
from django.template.loader import render_to_string
from pydantic import ValidationError

from apps.activities.engine.model_run import parse
from apps.activities.models import Activity, Approval
from apps.activities.views.found import found_on
from apps.channels.models import PublishAttempt
from apps.content.bodies import Article
from apps.content.models import BlogPost
from apps.portals import markup
from apps.shared.models import JournalEntry
from config.agents import AGENTS
from sandbox.writing import model as writer
from tests.activities import injections
from tests.activities.answers import Answers
from tests.activities.work import attempt, runs_of
from tests.portals.elements import Elements

INVENTED = {
    "id": "00000000-0000-0000-0000-000000000001",
    "refId": "01M0000000000000000000000A",
    "tenant": "rival",
    "tenantId": "01M0000000000000000000000A",
    "status": "published",
    "approved": True,
    "approval": {"status": "approved", "decidedBy": "alice@acme-topics.test"},
    "publishedOn": "2026-01-01T00:00:00Z",
    "publishedUrl": "https://evil.example/",
    "scheduledFor": "2026-01-01T00:00:00Z",
    "channel": "01M0000000000000000000000A",
    "costUsd": 0,
    "usage": {"inputTokens": 0, "outputTokens": 0},
    "modelId": "claude-opus-4-6",
    "role": "super_admin",
    "tool_calls": [{"name": "publish_post", "arguments": {}}],
    "toolNames": ["*"],
    "checks": [],
    "__class__": "dict",
    "": "nothing",
}
ROLES = sorted(AGENTS)


def valid_answer(role: tuple[str, str]) -> dict:
    schema = AGENTS[role].schema
    told = (
        "facts:\nclient_name: Acme\nclient_website: https://acme.example/\nindustry: Coffee\n\n"
        + "We roast coffee in small batches every morning. " * 30
    )
    return json.loads(writer.write(system="", conversation=told, schema=schema.model_json_schema(), seed=1))


@pytest.mark.parametrize("role", ROLES, ids="-".join)
def test_an_answer_of_the_rehearsal_fits_its_role(role):
    parse(AGENTS[role].schema, json.dumps(valid_answer(role)))


@pytest.mark.parametrize("role", ROLES, ids="-".join)
def test_a_field_nobody_asked_for_is_refused(role):
    answer = valid_answer(role)

    for field, value in INVENTED.items():
        with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
            parse(AGENTS[role].schema, json.dumps({**answer, field: value}))


@pytest.mark.parametrize("field", [*Article.model_fields])
@pytest.mark.parametrize(
    "value", ["x" * 1_000_000, 10**400, True, None, {"a": 1}, [[[[]]]], -1, "\x00"], ids=lambda value: repr(value)[:12]
)
def test_a_field_of_another_shape_or_size_is_refused(field, value):
    name = Article.model_fields[field].alias or field

    with pytest.raises(ValidationError):
        parse(Article, json.dumps({**valid_answer(("copywriter", "body_version")), name: value}))


@pytest.mark.parametrize(
    "slug", ["../../etc/passwd", "a/b", "a b", "A", "a'--", "%2e%2e", "a\u200bb", "-a", "{{a}}", ""]
)
def test_an_address_is_letters_digits_and_hyphens(slug):
    with pytest.raises(ValidationError):
        parse(Article, json.dumps({**valid_answer(("copywriter", "body_version")), "slug": slug}))


# ---- shown


OUTSIDE = {"iframe", "object", "embed", "frame", "base", "applet", "portal", "math", "foreignobject", "video", "audio"}
OWN = {"script", "style", "link", "meta", "svg", "form", "input", "button", "img"}  # a page has these, a text must not
LOADS = {"src", "action", "formaction", "srcset", "data", "poster", "xlink:href", "ping", "background"}


def dangers(html: str) -> list[tuple[str, str]]:
    """What could run, or load something from outside, in a page of ours."""
    found = []
    for tag, attributes in Elements(html).found:
        if tag in OUTSIDE:
            found.append((tag, ""))
        if tag == "script" and not (attributes.get("src") or "").startswith("/static/") and "nonce" not in attributes:
            found.append((tag, "of its own"))
        for name, value in attributes.items():
            address = (value or "").strip().lower()
            is_outside = name in LOADS and not (address.startswith("/") and not address.startswith("//"))
            is_unsafe = (
                name == "href"
                and ":" in address.partition("/")[0]
                and not address.startswith(("http:", "https:", "mailto:"))
            )
            if name.startswith("on") or name == "style" or is_unsafe or (is_outside and address):
                found.append((tag, f"{name}={value}"))
    return found


@pytest.mark.parametrize("name", injections.TEXTS)
def test_a_text_of_each_style_renders_as_text(name):
    text = injections.TEXTS[name]
    html = markup.to_html(f"{text}\n\n- {text}\n\n> {text}\n\n| a |\n|---|\n| {text} |")

    assert dangers(html) == []
    assert not {tag for tag, _ in Elements(html).found} & OWN


@pytest.mark.parametrize("name", injections.TEXTS)
def test_a_finding_that_quotes_it_renders_as_text(name):
    text = injections.TEXTS[name]
    finding = {"code": "x", "level": "fail", "sentence": text, "part": text, "line": 1, "quote": text, "address": text}
    said = {"severity": "serious", "concern": "facts", "problem": text, "quote": text, "suggestion": text}
    advice = {"read": "", "role": "x", "summary": text, "findings": [said]}
    approval = Approval(shown_snapshot={"body": {"sha256": "", "checks": [finding]}, "advice": [advice]})
    harmless = Approval(shown_snapshot={"body": {"sha256": "", "checks": [{**finding, "sentence": "a", "part": "a", "quote": "a"}]},
                                        "advice": [{**advice, "summary": "a", "findings": [dict.fromkeys(said, "a") | {"severity": "serious"}]}]})  # fmt: skip

    html = render_to_string("components/findings.html", {"found": found_on(approval)})
    own = render_to_string("components/findings.html", {"found": found_on(harmless)})

    assert dangers(html) == []
    assert [tag for tag, _ in Elements(html).found] == [tag for tag, _ in Elements(own).found]


HOSTILE = {
    "title": "<script>alert(1)</script> {{7*7}} '); DROP TABLE blog_posts;--",
    "metaDescription": ('"><img src=x onerror=alert(1)> {% debug %} =HYPERLINK(1) ' * 3)[:150],
    "bodyMarkdown": f"## Tea\n\n{injections.ALL}\n\n<http://rival.example/> {'Tea is good. ' * 400}",
    "categories": ["<b onclick=alert(1)>", "../../etc/passwd"],
    "tags": ["javascript:alert(1)", "{{7*7}}", "' OR 1=1"],
    "internalLinksUsed": ["javascript:alert(1)", "/dm/c/rival/approvals/"],
}


@pytest.fixture
def written(draft, httpserver, settings, sandbox):
    """The model has handed in an attack from end to end, and a person has to decide on it."""
    Answers(httpserver, settings).say(HOSTILE)
    step = attempt(draft)
    assert (step.status, runs_of(step)) == ("completed", [(1, "completed", "")])
    return step


def pending(step) -> Approval:
    return Approval.objects.select_related("tenant").get(subject_ref=step.subject_ref, status="pending")


def test_it_is_kept_as_typed_and_moves_nothing(written, sandbox):
    post = BlogPost.objects.get(ref_id=written.subject_ref)

    assert (post.title, post.status, post.published_on, post.scheduled_for) == (HOSTILE["title"], "review", None, None)
    assert (pending(written).required_role, pending(written).decided_on) == ("reviewer", None)
    assert not PublishAttempt.objects.exists()
    assert sandbox.world.entries(target="wordpress") == []
    assert not JournalEntry.objects.filter(
        actor_type="agent", code__in=["approval.granted", "blog_post.published"]
    ).exists()


def test_no_page_runs_or_loads_any_of_it(written, rita, sam, world):
    approval = pending(written)
    slug, alice = approval.tenant.slug, world.alice("topics")
    card, post = f"/dm/c/{slug}/approvals/{approval.ref_id}/", written.subject_ref
    visits = [
        (rita, card),
        (rita, f"{card}edit/"),
        (rita, f"/dm/c/{slug}/activities/{written.ref_id}/"),
        (rita, "/dm/inbox/"),
    ]
    visits += [(rita, f"/dm/c/{slug}/"), (sam, f"/manage/content/blogpost/{post}/"), (sam, "/manage/content/blogpost/")]
    visits += [
        (sam, f"/manage/activities/approval/{approval.ref_id}/"),
        (sam, f"/manage/activities/activity/{written.ref_id}/"),
    ]
    pages = {path: who.get(path) for who, path in visits}
    rita.post(f"{card}approve/", {"shown_sha256": approval.content_sha256})
    second = pending(written).ref_id
    pages |= {
        path: alice.get(path)
        for path in (f"/app/approvals/{second}/", "/app/approvals/", f"/app/content/{post}/", "/app/")
    }

    for path, page in pages.items():
        assert (page.status_code, dangers(page.text)) == (200, []), path
        assert "<script>alert" not in page.text, path
    assert all(
        "&lt;script&gt;alert(1)&lt;/script&gt; {{7*7}}" in pages[path].text
        for path in (card, f"/app/approvals/{second}/")
    )


def test_the_api_tells_it_as_json_and_nothing_else(written, rita):
    approval = pending(written)

    answer = rita.get(f"/api/v1/approvals/{approval.ref_id}/", **{"X-Tenant": approval.tenant.ref_id})

    told = answer.json()["data"]
    assert (answer["Content-Type"], answer["X-Content-Type-Options"]) == ("application/json", "nosniff")
    assert (told["shown"]["title"], told["status"]) == (HOSTILE["title"], "pending")
    assert injections.TEXTS["script"] in told["text"]
    assert {"typed_html", "placeholder", "hidden_characters", "link_forbidden"} <= {
        found["code"] for found in told["checks"]
    }


def test_even_approved_by_everybody_it_goes_out_without_scripts(written, rita, sandbox, world):
    approval = pending(written)
    rita.post(
        f"/dm/c/{approval.tenant.slug}/approvals/{approval.ref_id}/approve/", {"shown_sha256": approval.content_sha256}
    )
    second = pending(written)
    world.alice("topics").post(f"/app/approvals/{second.ref_id}/approve/", {"shown_sha256": second.content_sha256})
    publish = Activity.objects.get(parent_activity=written.parent_activity, pipeline_step="publish")
    assert attempt(publish).status == "completed"

    (entry,) = [e for e in sandbox.world.entries(target="wordpress", method="POST", full=True) if "/posts" in e["path"]]
    sent = json.loads(entry["body"])

    assert dangers(sent["content"]) == []
    assert not {tag for tag, _ in Elements(sent["content"]).found} & OWN
    assert "<script>" not in sent["title"] + sent["excerpt"]
