"""Asking for work beside what is promised, in both portals: the same form, and what was asked for told to people."""

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.dateparse import parse_date

from apps.channels.models import Channel
from apps.channels.statuses import ChannelStatus, Platform
from apps.shared.errors import InvalidInput, OperationRefused
from apps.strategy import queries as strategies
from apps.strategy.statuses import COUNTED, DeliverableType
from apps.tenants.doors import portal
from apps.tenants.permissions import require

from .. import operations
from ..forms import AskForWorkForm
from ..models import Activity


@portal.dm(methods=["GET", "POST"])
def ask(request: HttpRequest) -> HttpResponse:
    """A reviewer asks for one piece of work for this client; it opens as a unit."""
    return _asked(request, "dm/activities/ask.html", back=reverse("dm:work", args=[request.tenant.slug]))


@portal.app(methods=["GET", "POST"])
def ask_as_client(request: HttpRequest) -> HttpResponse:
    """The client's admin asks for one; it goes to the agency first, as everything does."""
    return _asked(request, "app/activities/ask.html", back=reverse("app:home"))


def _asked(request: HttpRequest, template: str, *, back: str) -> HttpResponse:
    require(request.actor, "activity.ask")
    if request.method != "POST":
        form = AskForWorkForm(
            initial={"deliverable_type": request.GET.get("deliverable_type", "")}, **_offered(request)
        )
        return _page(request, template, form, back=back)
    form = AskForWorkForm(request.POST, **_offered(request))
    refusal, status = None, 422
    if form.is_valid():
        try:
            unit = operations.ask_for_work(
                request.tenant.facts,
                form.wanted,
                key=f"form {form.cleaned_data['key']}",
                by=request.actor,
                at=request.at,
            )
            return _done(request, unit, back=back)
        except InvalidInput as error:
            form.refuse(error)
        except operations.KeyReused:
            form.renew_key()  # somebody went back and changed the form
            refusal = {
                "title": "This form was sent already",
                "text": "What it asked for then is under way. Send it once more to ask for this as well.",
            }
        except OperationRefused as error:
            refusal, status = {"title": "Nothing was asked for", "text": error.detail}, error.http_status
    elif "key" in form.errors:
        form.renew_key()
        refusal = {"title": "Nothing was asked for", "text": "The form came incomplete. Send it again."}
    return _page(request, template, form, back=back, refusal=refusal, status=status)


def _done(request: HttpRequest, unit: Activity, *, back: str) -> HttpResponse:
    if request.user.tenant_id:
        return portal.done(
            request, back, message=f"Asked for: {unit.title}. Your agency reviews it before it comes to you."
        )
    to = reverse("dm:activities:activity", args=[request.tenant.slug, unit.ref_id])
    return portal.done(request, to, message=f"Asked for: {unit.title}")


def _page(
    request: HttpRequest,
    template: str,
    form: AskForWorkForm,
    *,
    back: str,
    refusal: dict | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {"form": form, "back_href": back, "refusal": refusal}
    return portal.respond(request, f"{template}#fields", context, status=status)


def _offered(request: HttpRequest) -> dict:
    """What the form of this client offers, and where it asks for its fields again when another kind is chosen."""
    connected = set(Channel.objects.exclude(status=ChannelStatus.REVOKED).values_list("platform", flat=True))
    return {
        "goals": strategies.active_goals(),
        "connected": connected,
        "href": request.path,
    }


def facts_of(unit: Activity) -> list[dict]:
    """What a unit that was asked for tells in place of its promise and period; for components/facts.html."""
    if unit.asked is None:
        return []
    kind = COUNTED[DeliverableType(unit.asked["type"])][0]
    facts: list[dict] = [{"label": "Promise", "value": f"Ad hoc: {kind}"}]
    if unit.created_by:
        facts.append({"label": "Asked for by", "value": unit.created_by.name})
    if unit.asked["platforms"]:
        names = ", ".join(Platform(platform).label for platform in unit.asked["platforms"])
        facts.append({"label": "For", "value": names})
    if unit.asked["wanted_by"]:
        facts.append({"label": "Wanted by", "at": parse_date(unit.asked["wanted_by"])})
    return facts
