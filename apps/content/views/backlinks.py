"""Backlinks: in the DM Portal whom was written to and what came of it, in the dashboard the links that were won."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from apps.shared.errors import InvalidInput
from apps.tenants.doors import paging, portal
from apps.tenants.permissions import may, require

from .. import operations
from ..access import backlink_for
from ..forms import BacklinkFilter, BacklinkMoveForm
from ..models import Backlink
from ..statuses import BACKLINK_MOVES, OutreachStatus

TONES = {
    OutreachStatus.OUTREACH_SENT: "info",
    OutreachStatus.RESPONDED: "info",
    OutreachStatus.AGREED: "success",
    OutreachStatus.PUBLISHED: "success",
    OutreachStatus.NO_RESPONSE: "warning",
}
LABELS = {
    "ask": "Asked by hand",
    "answer": "They answered",
    "agree": "They agreed",
    "reject": "Declined",
    "give_up": "No answer came",
    "publish": "I saw the link on their page",
}


@portal.dm()
def backlinks(request: HttpRequest) -> HttpResponse:
    """Links of one client with where each stands, the newest first; `?status=` shows one status only."""
    require(request.actor, "backlink.read")
    filters = BacklinkFilter(request.GET)
    if not filters.is_valid():
        raise InvalidInput({name: ["choose one of the list."] for name in filters.errors})
    rows, status = Backlink.objects.all(), filters.cleaned_data["status"]
    if status:
        rows = rows.filter(outreach_status=status)
    page = paging.page_of(request, rows, order=("-ref_id",), size=50)
    options = [{"label": "Any", "href": request.path, "current": not status}]
    options += [
        {"label": label, "href": f"?status={value}", "current": status == value}
        for value, label in OutreachStatus.choices
    ]
    chips = [{"label": OutreachStatus(status).label, "remove_href": request.path}] if status else []
    context = {
        "rows": [{**_row(link), "href": _href(request, link)} for link in page.rows],
        "page": page,
        "columns": [{"label": label} for label in ("Their page", "Status", "Link", "Last looked at")],
        "menus": [{"label": "Status", "options": options}],
        "chips": chips,
        "clear_href": request.path,
    }
    return portal.respond(request, "dm/content/backlinks.html", context)


@portal.dm()
def backlink(request: HttpRequest, ref_id: str) -> HttpResponse:
    """One link: both pages, what happened, and what can be recorded now."""
    return _page(request, backlink_for(request.actor, ref_id, to="read"))


@portal.dm(methods=["GET", "POST"])
def move(request: HttpRequest, ref_id: str) -> HttpResponse:
    """Record what came of asking."""
    link = backlink_for(request.actor, ref_id, to="move")
    if request.method != "POST":
        return redirect(_href(request, link))
    form = BacklinkMoveForm(request.POST)
    if not form.is_valid():
        return _page(request, link, form=form, status=422)
    wanted = dict(form.cleaned_data)
    try:
        operations.move_backlink(link, wanted.pop("move"), by=request.actor, at=request.at, **wanted)
    except InvalidInput as error:
        for name, sentences in error.errors.items():
            form.add_error(name, sentences)
        return _page(request, link, form=form, status=422)
    return portal.done(request, _href(request, link), message="Recorded.")


@portal.app()
def won(request: HttpRequest) -> HttpResponse:
    """The links that were won for the client: live or lost, with the words that carry them."""
    require(request.actor, "backlink.read")
    rows = Backlink.objects.filter(outreach_status=OutreachStatus.PUBLISHED)
    page = paging.page_of(request, rows, order=("-ref_id",), size=50)
    context = {"rows": [_row(link) for link in page.rows], "page": page}
    return portal.respond(request, "app/content/backlinks.html", context)


def _page(request: HttpRequest, link: Backlink, *, form: BacklinkMoveForm | None = None, status: int = 200):
    by_hand = operations.moves_by_hand()
    offered = [
        (step.name, LABELS[step.name])
        for step in BACKLINK_MOVES.open_from(link.outreach_status)
        if step.name in by_hand
    ]
    if form is None:
        form = BacklinkMoveForm(initial={"notes": link.notes})
    form.fields["move"].choices = offered
    if "agree" not in dict(offered) and not form.is_bound:
        del form.fields["target_url"]  # nobody names a page before they answered
    context = {
        **_row(link),
        "form": form,
        "may_move": may(request.actor, "backlink.move") and bool(offered),
        "move_href": reverse("dm:content:move_backlink", args=[request.tenant.slug, link.ref_id]),
        "facts": _facts(request, link),
    }
    return portal.respond(request, "dm/content/backlink.html", context, status=status)


def _facts(request: HttpRequest, link: Backlink) -> list[dict]:
    facts = [{"label": "Your page", "value": link.source_url}, {"label": "Found", "at": link.created_on}]
    for label, at in (
        ("Asked", link.outreach_sent_on),
        ("Link seen first", link.link_published_on),
        ("Last looked at", link.last_checked_on),
    ):
        if at:
            facts.append({"label": label, "at": at})
    if link.anchor_text:
        facts.append({"label": "Words of the link", "value": link.anchor_text})
    if link.link_type:
        facts.append({"label": "Kind", "value": link.get_link_type_display()})
    if link.activity:
        href = reverse("dm:activities:activity", args=[request.tenant.slug, link.activity.ref_id])
        facts.append({"label": "Asked at", "value": link.activity.title, "href": href})
    return facts


def _row(link: Backlink) -> dict:
    """How a link is shown anywhere; whether it is up is a word of its own beside its status."""
    live, live_tone = {True: ("Live", "success"), False: ("Not there", "danger"), None: ("", "")}[link.is_live]
    return {
        "link": link,
        "label": link.get_outreach_status_display(),
        "tone": TONES.get(OutreachStatus(link.outreach_status), "neutral"),
        "live": live,
        "live_tone": live_tone,
    }


def _href(request: HttpRequest, link: Backlink) -> str:
    return reverse("dm:content:backlink", args=[request.tenant.slug, link.ref_id])
