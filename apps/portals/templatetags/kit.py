"""What the components need from Python. `{% load kit %}`."""

import json
import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django import template
from django.forms import (
    BoundField,
    CheckboxInput,
    CheckboxSelectMultiple,
    FileInput,
    RadioSelect,
    Select,
    Textarea,
    Widget,
)
from django.forms.boundfield import BoundWidget
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from apps.portals import markup

register = template.Library()

_HEX_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
# WCAG 2.2, 1.4.3: text on a button must stand out at least this much.
_READABLE = 4.5
_SHEETS = {"light": "#ffffff", "dark": "#1c1a18"}

_PLATFORM_NAMES = {
    "linkedin": "LinkedIn",
    "facebook": "Facebook",
    "instagram": "Instagram",
    "x_twitter": "X",
    "tiktok": "TikTok",
    "wordpress": "WordPress",
    "webflow": "Webflow",
    "google_business_profile": "Google Business Profile",
    "google_search_console": "Google Search Console",
    "google_analytics": "Google Analytics",
    "mailchimp": "Mailchimp",
    "klaviyo": "Klaviyo",
    "google_ads": "Google Ads",
    "meta_ads": "Meta Ads",
}


@register.filter
def markdown(text: str | None) -> SafeString:
    """Markdown as safe HTML; see `markup.to_html`."""
    return markup.to_html(text or "")


@register.filter
def answer(text: str | None) -> SafeString:
    """An agent's answer, whether it is Markdown or JSON, as safe HTML; see `markup.answer_markdown`."""
    return markup.to_html(markup.answer_markdown(text or ""))


@register.filter
def mail(html: str | None) -> SafeString:
    """The HTML of a mail as safe HTML; see `markup.mail_html`."""
    return markup.mail_html(html or "")


@register.filter
def fields(text: str | None) -> dict:
    """The fields of a JSON answer by name; none of any other text. Their values are foreign text."""
    try:
        answer = json.loads(text or "")
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


@register.filter
def difference(new: str | None, old: str | None) -> SafeString:
    """`new|difference:old` marks what changed, in JSON answers as they are read; see `markup.difference_html`."""
    return markup.difference_html(markup.answer_markdown(old or ""), markup.answer_markdown(new or ""))


@register.filter
def excerpt(text: str | None, length: int = 160) -> str:
    """The beginning of Markdown as one line of plain text."""
    return markup.plain_excerpt(text or "", length)


@register.filter
def web_host(href: str | None) -> str:
    """The host behind an address of the web; '' for anything that must not become a link."""
    return markup.shown_host(href or "") or ""


@register.filter
def usd(amount: Decimal | float | int | str | None) -> str:
    """US dollars: `$1,204.50`; below one cent four digits (`$0.0042`), because a model call often costs less."""
    if amount is None or amount == "":
        return "—"
    value = Decimal(str(amount))
    sign = "−" if value < 0 else ""
    digits = 4 if 0 < abs(value) < Decimal("0.01") else 2
    return f"{sign}${abs(value):,.{digits}f}"


@register.filter
def as_day(text: str | None) -> date | None:
    """The date behind `2027-05-21`, as JSON keeps it; None for anything else."""
    try:
        return date.fromisoformat(text or "")
    except ValueError:
        return None


@register.filter
def rupees(paise: int | None) -> str:
    """Integer paise as rupees with Indian grouping: 11800000 is `₹1,18,000.00`."""
    if paise is None:
        return "—"
    sign = "−" if paise < 0 else ""
    whole, rest = divmod(abs(int(paise)), 100)
    head, tail = str(whole)[:-3], str(whole)[-3:]
    grouped = re.sub(r"(?<=\d)(?=(?:\d\d)+$)", ",", head)
    return f"{sign}₹{grouped + ',' if grouped else ''}{tail}.{rest:02d}"


@register.filter
def in_words(name: str | None) -> str:
    """A name of machines as people read it: `organic_sessions` is `organic sessions`."""
    return (name or "").replace("_", " ")


@register.filter
def last_day(read_on: datetime, zone: str) -> date:
    """The client's day that ends with this moment or holds it: what holds at midnight is as of the day before."""
    return (read_on - timedelta(microseconds=1)).astimezone(ZoneInfo(zone)).date()


@register.filter
def trend(readings: list) -> str:
    """Readings, the newest first, as the points of a polyline in a box of 96 by 24: the lowest value stands at the bottom."""
    values = [float(reading.value) for reading in reversed(readings)]
    lowest, highest = min(values), max(values)
    wide, high = 92 / max(1, len(values) - 1), 20 / ((highest - lowest) or 1)
    heights = [22 - (value - lowest) * high if highest > lowest else 12 for value in values]
    return " ".join(f"{2 + place * wide:.1f},{height:.1f}" for place, height in enumerate(heights))


@register.filter
def initials(name: str | None) -> str:
    """Up to two letters that stand for a person or client: `Rita Mehta` is `RM`."""
    words = re.findall(r"\w+", name or "")
    if not words:
        return "?"
    return (words[0][0] + (words[-1][0] if len(words) > 1 else "")).upper()


@register.filter
def ago(at: datetime | date | None, now: datetime | None = None) -> str:
    """The distance from `now` in one unit: `in 3 h`, `5 min ago`, `just now`; of a plain date `today`, `in 2 days`."""
    if at is None:
        return ""
    if not isinstance(at, datetime):
        days = (at - timezone.localtime(now or timezone.now()).date()).days
        count = f"{abs(days)} day{'' if abs(days) == 1 else 's'}"
        return "today" if days == 0 else f"in {count}" if days > 0 else f"{count} ago"
    distance = at - (now or timezone.now())
    seconds = abs(distance.total_seconds())
    if seconds < 60:
        return "just now" if distance <= timedelta() else "in a moment"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if minutes < 60:
        text = f"{minutes:.0f} min"
    elif hours < 24:
        text = f"{hours:.0f} h"
    elif days < 60:
        text = f"{days:.0f} day{'s' if days >= 2 else ''}"
    elif days < 730:
        text = f"{days // 30:.0f} months"
    else:
        text = f"{days // 365:.0f} years"
    return f"in {text}" if distance > timedelta() else f"{text} ago"


@register.simple_tag
def moment(at: datetime | date, zone: str = "", now: datetime | None = None) -> dict[str, str]:
    """Texts of one moment for `components/time.html`: machine, shown (viewer's zone), title (both zones).

    `zone` is the client's IANA zone name. A plain date has no zone and gets none.
    """
    now = timezone.localtime(now or timezone.now())
    if not isinstance(at, datetime):
        shown = date_format(at, "j M" if at.year == now.year else "j M Y")
        return {"machine": at.isoformat(), "shown": shown, "title": date_format(at, "l j F Y")}
    here = timezone.localtime(at)
    day = "" if here.date() == now.date() else "j M, " if here.year == now.year else "j M Y, "
    title = f"{date_format(here, 'l j F Y, H:i')} {here.tzname()}"
    if zone:
        there = at.astimezone(ZoneInfo(zone))
        if there.utcoffset() != here.utcoffset():
            title = f"{title} · {date_format(there, 'l H:i')} for the client ({zone})"
    return {"machine": at.isoformat(), "shown": date_format(here, f"{day}H:i"), "title": title}


@register.simple_tag
def icon(name: str, extra: str = "") -> SafeString:
    """One icon of the sprite, hidden from screen readers: a word stands beside it."""
    return format_html(
        '<svg class="icon {}" aria-hidden="true"><use href="{}#{}"/></svg>', extra, static("icons/sprite.svg"), name
    )


@register.filter
def platform_name(platform: str) -> str:
    """The name people use for a platform; the value itself where there is none."""
    return _PLATFORM_NAMES.get(platform, platform)


@register.filter
def has_mark(platform: str) -> bool:
    """Whether the sprite holds a glyph for this platform."""
    return platform in _PLATFORM_NAMES


@register.simple_tag
def control(field: BoundField) -> SafeString:
    """The widget of a form field with the kit's classes; Django adds the aria attributes."""
    widget = field.field.widget
    if str(widget.attrs.get("placeholder", "")).lower().startswith(str(field.label).lower()):
        widget.attrs.pop("placeholder", None)  # it would only repeat the label above
    if isinstance(widget, (RadioSelect, CheckboxSelectMultiple)):
        name = f"{_kind(widget)} {_kind(widget)}-sm"
    elif isinstance(widget, CheckboxInput):
        name = "checkbox checkbox-sm"
    elif isinstance(widget, Select):
        name = "select"
    elif isinstance(widget, Textarea):
        name = "textarea"
    elif isinstance(widget, FileInput):
        name = "file-input w-full"
    else:
        name = "input"
    return field.as_widget(attrs={"class": f"{name} {widget.attrs.get('class', '')}".strip()})


def _kind(widget: Widget) -> str:
    """Of a group's buttons; Django derives its checkboxes from its radio buttons."""
    return "checkbox" if isinstance(widget, CheckboxSelectMultiple) else "radio"


@register.simple_tag
def choice_control(field: BoundField, choice: BoundWidget) -> SafeString:
    """One radio button or checkbox of a group."""
    kind = _kind(field.field.widget)
    choice.data["attrs"]["class"] = f"{kind} {kind}-sm"
    return choice.tag(wrap_label=False)


@register.filter
def is_checkbox(field: BoundField) -> bool:
    """Whether the label belongs behind the control."""
    return isinstance(field.field.widget, CheckboxInput)


@register.filter
def is_choice_list(field: BoundField) -> bool:
    """Whether the field is a group of radio buttons or checkboxes, which needs a legend instead of a label."""
    return isinstance(field.field.widget, (RadioSelect, CheckboxSelectMultiple))


@register.simple_tag
def accent_style(accent: str | None, nonce: str = "") -> SafeString:
    """A `<style>` that replaces the accent by a client's colour (`#rrggbb`), legible in both themes.

    Anything that is not six hex digits gives nothing: the colour comes from a client and lands in a stylesheet.
    """
    if not accent or not _HEX_COLOUR.fullmatch(accent):
        return mark_safe("")
    light, dark = _legible_on(accent, _SHEETS["light"]), _legible_on(accent, _SHEETS["dark"])
    return format_html(
        '<style nonce="{}">:root{{--accent-light:{};--accent-light-content:{};'
        "--accent-dark:{};--accent-dark-content:{}}}</style>",
        nonce, light, _text_on(light), dark, _text_on(dark),
    )  # fmt: skip


@register.simple_block_tag(takes_context=False)
def dialog(content: SafeString, *, id: str, title: str, is_open: bool = False) -> SafeString:
    """A native modal dialog. Open it with `data-dialog-open="<id>"`."""
    return _in_frame("components/dialog.html", content, id=id, title=title, is_open=is_open)


@register.simple_block_tag(takes_context=False)
def drawer(content: SafeString, *, id: str, title: str, is_open: bool = False) -> SafeString:
    """A dialog that comes from the right, for details beside a list."""
    return _in_frame("components/drawer.html", content, id=id, title=title, is_open=is_open)


def contrast(one: str, other: str) -> float:
    """WCAG contrast ratio of two `#rrggbb` colours, 1 to 21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _in_frame(name: str, content: SafeString, **values: object) -> SafeString:
    return render_to_string(name, {"content": content, **values})


def _luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""

    def linear(channel: float) -> float:
        return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(int(colour[at : at + 2], 16) / 255) for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _legible_on(colour: str, sheet: str) -> str:
    """The colour itself, or the nearest mix with black or white that can be read on the sheet."""
    target = "#ffffff" if _luminance(sheet) < 0.5 else "#000000"
    for percent in range(0, 101, 5):
        mixed = _mix(colour, target, percent / 100)
        if contrast(mixed, sheet) >= _READABLE:
            return mixed
    return target


def _text_on(colour: str) -> str:
    return max("#ffffff", "#1c1a18", key=lambda text: contrast(text, colour))


def _mix(colour: str, other: str, share: float) -> str:
    channels = ((int(colour[at : at + 2], 16), int(other[at : at + 2], 16)) for at in (1, 3, 5))
    return "#" + "".join(f"{round(own + (its - own) * share):02x}" for own, its in channels)
