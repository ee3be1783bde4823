"""The editor of a text while a decision on it is pending; one for every kind of subject."""

from collections.abc import Callable
from dataclasses import dataclass

from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from apps import storage
from apps.shared.errors import InvalidInput, OperationRefused
from apps.strategy.access import onboarding_run_for
from apps.tenants.doors import portal
from apps.tenants.permissions import require

from .. import access, operations, queries, skill_files
from ..forms import BrandRulesForm, ContextFileForm
from ..models import Approval
from ..statuses import ApprovalStatus
from . import history


@dataclass(frozen=True)
class Editor:
    """How one kind of subject is edited.

    form(data, initial)   the form; its `text_field` holds the Markdown
    initial               what the form shows besides the text
    save(cleaned)         one operation; it gets `shown_sha256` with the rest
    preview(text)         the Markdown that shows how it will read; the text itself by default
    kind                  what people call it; by default as its approvals do
    """

    form: Callable[..., Form]
    initial: dict
    save: Callable[[dict], object]
    text_field: str
    preview: Callable[[str], str] = lambda text: text
    kind: str = ""


def edit_context_file(request: HttpRequest, approval: Approval) -> HttpResponse:
    onboarding_run_for(request.actor, approval.subject_ref, to="edit")

    def save(cleaned: dict) -> object:
        return operations.edit_context_file(approval.activity, by=request.actor, at=request.at, **cleaned)

    return edit(request, approval, Editor(form=ContextFileForm, initial={}, save=save, text_field="markdown"))


def edit_brand_rules(request: HttpRequest, approval: Approval) -> HttpResponse:
    """The file of the skill as it was proposed. Other answers have no editor."""
    require(request.actor, "skill.edit")
    if not history.is_editable(approval):
        raise operations.NoEditor

    def save(cleaned: dict) -> object:
        return operations.edit_brand_rules(approval.activity, by=request.actor, at=request.at, **cleaned)

    editor = Editor(
        form=BrandRulesForm,
        initial={},
        save=save,
        text_field="markdown",
        preview=skill_files.readable,
        kind="brand rules",
    )
    return edit(request, approval, editor)


def edit(request: HttpRequest, approval: Approval, editor: Editor) -> HttpResponse:
    """Show the form, a preview of what was typed, or save it. What a person typed survives every refusal."""
    if request.method != "POST":
        if approval.status != ApprovalStatus.PENDING:
            raise operations.NotEditable
        text = _current_text(approval)
        initial = {**editor.initial, editor.text_field: text, "shown_sha256": approval.content_sha256}
        return _page(request, approval, editor, editor.form(initial=initial), text=text)

    form, typed = editor.form(request.POST), request.POST.get(editor.text_field, "")[:100_000]
    if "preview" in request.POST:
        return _page(request, approval, editor, form, text=typed, part="#preview", is_checked=False)
    if not form.is_valid():
        return _page(request, approval, editor, form, text=typed, status=422)
    try:
        editor.save(form.cleaned_data)
    except operations.ApprovalStale:
        return _somebody_was_faster(request, approval, editor, form.cleaned_data)
    except InvalidInput as error:
        for name, sentences in error.errors.items():
            for sentence in sentences:
                form.add_error(name, sentence)
        return _page(request, approval, editor, form, text=typed, status=422)
    except OperationRefused as refusal:
        note = {"title": "Not saved", "text": f"{refusal.detail} Your text is still below."}
        return _page(request, approval, editor, form, text=typed, refusal=note, status=refusal.http_status)
    message = "Saved. The decision is about your version now."
    return portal.done(
        request, reverse("dm:activities:approval", args=[approval.tenant.slug, approval.ref_id]), message=message
    )


def _somebody_was_faster(request: HttpRequest, approval: Approval, editor: Editor, cleaned: dict) -> HttpResponse:
    """Both versions are shown; saving again replaces the one that is there now."""
    fresh = access.approval_for(request.actor, approval.ref_id, to="read")
    answers = request.POST.copy()
    answers["shown_sha256"] = fresh.content_sha256
    note = {
        "title": "Not saved: somebody edited this after you opened it",
        "text": "Below is how yours differs from theirs. Take over what you want to keep, then save again to replace theirs.",
    }
    differing = history.changed_facts(fresh.shown_snapshot["subject"], cleaned)
    theirs, text = queries.text_of(fresh.content_ref), cleaned[editor.text_field]
    form = editor.form(answers)
    return _page(request, fresh, editor, form, text=text, refusal=note, theirs=theirs, differing=differing, status=409)


def _current_text(approval: Approval) -> str:
    shown = queries.text_shown(approval)
    if shown.text is None:
        raise storage.StorageUnavailable(shown.why_not)
    return shown.text


def _page(
    request: HttpRequest,
    approval: Approval,
    editor: Editor,
    form: Form,
    *,
    text: str,
    part: str = "",
    is_checked: bool = True,
    status: int = 200,
    **more,
) -> HttpResponse:
    if not is_checked:
        form.errors.clear()  # a preview complains about nothing
    context = {
        "approval": approval,
        "title": history.title_of(approval),
        "kind": editor.kind or approval.get_subject_type_display(),
        "form": form,
        "text_field": editor.text_field,
        "preview_title": request.POST.get("title", "") or form.initial.get("title", ""),
        "text": text,
        "preview": editor.preview(text),
        "back_href": reverse("dm:activities:approval", args=[approval.tenant.slug, approval.ref_id]),
        **more,
    }
    return portal.respond(request, f"dm/activities/edit.html{part}", context, status=status)
