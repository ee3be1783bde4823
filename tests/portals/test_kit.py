"""The kit: what it shows, colours one can read, what a strict content security policy asks of it."""

import gzip
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django import forms
from django.contrib.auth.models import AnonymousUser
from django.contrib.messages.storage.base import BaseStorage
from django.http import HttpRequest
from django.template.loader import get_template, render_to_string
from django.test import RequestFactory
from django.utils import timezone

from apps.portals.styleguide import styleguide
from apps.portals.templatetags import kit
from tests.portals.elements import Elements, attributes_of

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "templates"
NOW = datetime(2026, 5, 6, 8, 40, tzinfo=UTC)
OURS = [
    path
    for folder in ("base", "components", "styleguide", "account", "mfa")
    for path in sorted((TEMPLATES / folder).rglob("*.html"))
] + sorted(TEMPLATES.glob("*.html"))


class KeptMessages(BaseStorage):
    """Messages of one request, kept nowhere."""

    def _get(self, *args: object, **kwargs: object) -> tuple[list[object], bool]:
        return [], True

    def _store(self, messages: list[object], *args: object, **kwargs: object) -> list[object]:
        return []


def styleguide_html(page: str = "") -> str:
    request = RequestFactory().get("/styleguide/", {"page": page} if page else {})
    request.user = AnonymousUser()
    request.csp_nonce = "n0nce"
    request._messages = KeptMessages(request)
    return styleguide(request).content.decode()


# Filters


@pytest.mark.parametrize(
    ("amount", "shown"),
    [(None, "—"), (0, "$0.00"), (Decimal("0.0042"), "$0.0042"), ("1204.5", "$1,204.50"), (Decimal("-3"), "−$3.00")],
)
def test_dollars(amount, shown):
    assert kit.usd(amount) == shown


@pytest.mark.acceptance("MISC-paise")
@pytest.mark.parametrize(
    ("paise", "shown"),
    [(None, "—"), (0, "₹0.00"), (99, "₹0.99"), (100_000, "₹1,000.00"), (11_800_000, "₹1,18,000.00"),
     (1_234_567_890, "₹1,23,45,678.90"), (-50_000, "−₹500.00")],
)  # fmt: skip
def test_rupees_are_grouped_as_in_india(paise, shown):
    assert kit.rupees(paise) == shown


@pytest.mark.parametrize(
    ("distance", "shown"),
    [
        (timedelta(seconds=-5), "just now"),
        (timedelta(seconds=5), "in a moment"),
        (timedelta(minutes=-12), "12 min ago"),
        (timedelta(hours=3), "in 3 h"),
        (timedelta(days=-1), "1 day ago"),
        (timedelta(days=8, hours=20), "in 8 days"),
        (timedelta(days=-90), "3 months ago"),
        (timedelta(days=-800), "2 years ago"),
    ],
)
def test_distances_in_time_have_one_unit_and_are_never_rounded_up(distance, shown):
    assert kit.ago(NOW + distance, NOW) == shown


@pytest.mark.parametrize(
    ("name", "letters"), [("Rita Mehta", "RM"), ("acme", "A"), ("", "?"), (None, "?"), ("<b>", "B")]
)
def test_initials(name, letters):
    assert kit.initials(name) == letters


def test_a_time_is_shown_in_the_viewers_zone_and_names_the_clients_in_its_title():
    with timezone.override("Europe/Berlin"):
        html = render_to_string(
            "components/time.html",
            {"at": NOW + timedelta(hours=3), "zone": "Asia/Kolkata", "now": NOW, "relative": True},
        )

    assert ">13:40 <" in html
    assert "· in 3 h" in html
    assert 'title="Wednesday 6 May 2026, 13:40 CEST · Wednesday 17:10 for the client (Asia/Kolkata)"' in html
    assert 'datetime="2026-05-06T11:40:00+00:00"' in html


def test_a_date_has_no_zone():
    html = render_to_string("components/time.html", {"at": date(2026, 5, 29), "zone": "Asia/Kolkata", "now": NOW})

    assert '<time datetime="2026-05-29" title="Friday 29 May 2026">29 May</time>' in html


# Colours


@pytest.mark.parametrize(
    "accent", ["red", "#fff", "#12345g", "#123456;}body{background:url(//x)", "</style><script>", "", None]
)
def test_an_accent_that_is_no_colour_is_left_out(accent):
    assert kit.accent_style(accent, "n0nce") == ""


@pytest.mark.parametrize("accent", ["#b4235a", "#ffff00", "#000000", "#ffffff", "#0f5f6c", "#808080"])
def test_any_accent_can_be_read_in_both_themes(accent):
    style = kit.accent_style(accent, "n0nce")
    colours = dict(re.findall(r"--([a-z-]+):(#[0-9a-f]{6})", style))

    assert 'nonce="n0nce"' in style
    for theme, sheet in (("light", "#ffffff"), ("dark", "#1c1a18")):
        assert kit.contrast(colours[f"accent-{theme}"], sheet) >= 4.5
        assert kit.contrast(colours[f"accent-{theme}-content"], colours[f"accent-{theme}"]) >= 4.5


def theme_colours(theme: str) -> dict[str, str]:
    """Every `--name: #rrggbb` (or a var with such a fallback) of one theme, from its source."""
    css = (ROOT / "assets" / "themes.css").read_text()
    plugin = re.search(rf'name: "{theme}";(.*?)\n}}', css, re.S).group(1)
    own = re.search(rf'\[data-theme="{theme}"\] {{(.*?)\n  }}', css, re.S).group(1)
    return dict(re.findall(r"--([a-z0-9-]+): (?:var\([^,]+, )?(#[0-9a-f]{6})", plugin + own))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_stands_out_from_what_it_is_written_on(theme):
    colour = theme_colours(theme)
    pairs = [(ink, sheet) for ink in ("color-base-content", "ink-muted", "ink-faint", "color-primary")
             for sheet in ("color-base-100", "color-base-200", "hover")]  # fmt: skip
    pairs += [("color-base-content", "chosen"), ("ink-muted", "chosen"), ("color-primary-content", "color-primary")]
    for tone in ("neutral", "info", "success", "warning", "danger"):
        pairs += [(f"{tone}-ink", f"{tone}-soft"), (f"{tone}-ink", "color-base-100"), (f"{tone}-ink", "hover"),
                  ("color-base-content", f"{tone}-soft"), ("ink-muted", f"{tone}-soft")]  # fmt: skip
    for tone in ("info", "success", "warning", "error", "neutral", "secondary"):
        pairs.append((f"color-{tone}-content", f"color-{tone}"))

    weak = {pair: round(kit.contrast(colour[pair[0]], colour[pair[1]]), 2) for pair in pairs}
    assert {pair: ratio for pair, ratio in weak.items() if ratio < 4.5} == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_lines_of_fields_can_be_seen(theme):
    colour = theme_colours(theme)

    assert kit.contrast(colour["field-line"], colour["color-base-100"]) >= 3


def test_the_system_preference_gives_the_same_dark_colours_as_the_switch():
    css = (ROOT / "assets" / "themes.css").read_text()
    switched = re.search(r'\[data-theme="dark"\] {(.*?)\n  }', css, re.S).group(1)
    preferred = re.search(r":root:not\(\[data-theme\]\) {(.*?)\n    }", css, re.S).group(1)

    assert switched.split() == preferred.split()


# A strict content security policy


@pytest.mark.parametrize("page", ["", "inbox", "client", "plain"])
def test_no_page_of_the_kit_holds_anything_a_strict_policy_refuses(page):
    html = styleguide_html(page)

    for tag, attributes in Elements(html).found:
        assert "style" not in attributes, (tag, attributes)
        assert not [name for name in attributes if name.startswith(("on", "hx-on"))], (tag, attributes)
        assert tag != "script" or attributes.get("src", "").startswith("/static/"), attributes
        assert tag != "style" or attributes["nonce"] == "n0nce"
        for name in ("src", "href", "action"):
            assert not (attributes.get(name) or "").startswith(("http:", "//", "javascript:")), (tag, attributes)
    assert '"allowEval":false' in html
    assert '"includeIndicatorStyles":false' in html


def test_the_stylesheet_and_scripts_load_nothing_from_elsewhere():
    css = (ROOT / "static" / "css" / "app.css").read_text()

    assert set(re.findall(r"url\((.*?)\)", css)) == {
        "../fonts/inter-latin-wght-normal.woff2", "../fonts/inter-latin-ext-wght-normal.woff2"
    }  # fmt: skip
    for script in (ROOT / "static" / "js").glob("*.js"):
        if not script.name.endswith(".min.js"):
            assert not re.search(r"https?://|\beval\(|innerHTML|new Function", script.read_text()), script.name


def test_all_scripts_together_are_small():
    scripts = (ROOT / "static" / "js").glob("*.js")

    assert sum(len(gzip.compress(script.read_bytes())) for script in scripts) <= 100_000


# The kit is whole


@pytest.mark.parametrize("path", OURS, ids=lambda path: str(path.relative_to(TEMPLATES)))
def test_every_template_of_the_kit_parses_and_says_what_it_is(path):
    get_template(str(path.relative_to(TEMPLATES)))
    text = path.read_text()

    assert "{% comment %}" in text
    assert re.search(r"^Context: ", text, re.M)


def test_every_icon_in_use_is_in_the_sprite():
    sprite = (ROOT / "static" / "icons" / "sprite.svg").read_text()
    held = set(re.findall(r'<symbol id="([^"]+)"', sprite))
    used = {
        name
        for path in TEMPLATES.rglob("*.html")
        for name in re.findall(r'{% icon "([^"]+)"|icon="([^"]+)"|icon\|default:"([^"]+)"', path.read_text())
        for name in name
        if name
    }

    assert used - held == set()
    assert {f"mark-{platform}" for platform in kit._PLATFORM_NAMES} <= held


def test_every_component_is_on_the_styleguide():
    pages = "".join(path.read_text() for path in (TEMPLATES / "styleguide").glob("*.html"))
    nested = "".join(path.read_text() for path in TEMPLATES.glob("[bc]*/*.html"))
    absent = {
        path.stem
        for path in (TEMPLATES / "components").glob("*.html")
        if f"components/{path.name}" not in pages + nested and f"{{% {path.stem} " not in pages
    }

    assert absent == set()


def test_components_are_included_with_only():
    loose = [
        f"{path.name}: {include}"
        for path in TEMPLATES.rglob("*.html")
        for include in re.findall(r'{% include "components/[^%]*%}', path.read_text())
        if not include.endswith(" only %}")
    ]

    assert loose == []


@pytest.mark.parametrize("code", [400, 403, 404, 500, 503])
def test_error_pages_render_without_a_request(code):
    html = render_to_string(f"{code}.html")

    assert len(attributes_of(html, "h1")) == 1
    assert "Leadmetrics" in html


def test_a_text_given_to_a_component_is_escaped():
    text = "<script>alert(1)</script>"
    html = "".join(
        [
            render_to_string("components/badge.html", {"label": text}),
            render_to_string("components/person.html", {"name": text, "detail": text}),
            render_to_string("components/toast.html", {"text": text}),
            render_to_string("components/stream.html", {"id": "s", "text": text, "is_live": True, "href": "/x"}),
            render_to_string(
                "components/queue_row.html", {"title": text, "client": text, "kind": text, "at": NOW, "href": "#"}
            ),
            render_to_string("components/facts.html", {"facts": [{"label": text, "value": text}]}),
            render_to_string("components/platform.html", {"platform": text}),
        ]
    )

    assert "<script" not in html


class NoteForm(forms.Form):
    note = forms.CharField(help_text="Two sentences.", widget=forms.TextInput(attrs={"placeholder": "Note"}))
    agreed = forms.BooleanField()
    rhythm = forms.ChoiceField(choices=[("m", "Monthly"), ("q", "Quarterly")], widget=forms.RadioSelect)


def test_a_field_ties_label_help_and_error_to_its_control():
    form = NoteForm({"note": ""})
    html = render_to_string("components/field.html", {"field": form["note"]})
    control = attributes_of(html, "input")[0]

    assert control["aria-invalid"] == "true"
    assert set(control["aria-describedby"].split()) == {"id_note_helptext", "id_note_error"}
    for name in ("id_note_helptext", "id_note_error"):
        assert f'id="{name}"' in html
    assert 'for="id_note"' in html
    assert "placeholder" not in control


def test_radio_buttons_stand_in_a_fieldset_with_a_legend():
    html = render_to_string("components/field.html", {"field": NoteForm()["rhythm"]})

    assert "<legend>Rhythm</legend>" in html
    assert [control["class"] for control in attributes_of(html, "input")] == ["radio radio-sm"] * 2


def test_a_decision_posts_the_digest_of_what_was_shown():
    html = render_to_string(
        "components/decision_bar.html",
        {"approve_href": "/approve/", "ask_href": "/ask/", "shown_sha256": "9f2c", "csrf_token": "t"},
    )

    assert [form["action"] for form in attributes_of(html, "form")] == ["/approve/", "/ask/"]
    assert [i["value"] for i in attributes_of(html, "input") if i["name"] == "shown_sha256"] == ["9f2c", "9f2c"]
    assert "Hold" not in html


def test_approving_that_is_impossible_is_not_offered_by_key():
    html = render_to_string(
        "components/decision_bar.html",
        {
            "approve_href": "/approve/",
            "shown_sha256": "9f2c",
            "csrf_token": "t",
            "why_not": "Arjun Rao decides this one.",
        },
    )
    button = attributes_of(html, "button")[0]

    assert "disabled" in button
    assert "data-key" not in button
    assert "Arjun Rao decides this one." in html


def test_a_stream_stops_asking_when_its_text_is_whole():
    live = render_to_string("components/stream.html", {"id": "s", "text": "a", "href": "/part", "is_live": True})
    done = render_to_string("components/stream.html", {"id": "s", "text": "a", "href": "/part", "is_live": False})

    assert 'hx-get="/part"' in live
    assert "hx-get" not in done
    assert 'aria-live="polite"' in done


def test_a_work_list_of_fifty_rows_stays_small():
    row = {
        "href": "/dm/c/crust/approvals/01JTG9ZZZZZZZZZZZZZZZZZZZZ/",
        "title": "The first hour decides the day",
        "client": "Crust & Crumb",
        "kind": "Social post",
        "at": NOW,
        "expires_on": NOW + timedelta(hours=2),
        "now": NOW,
        "zone": "Asia/Kolkata",
    }

    assert 50 * len(render_to_string("components/queue_row.html", row).encode()) <= 55_000


def test_the_request_is_needed_for_nothing_but_the_person():
    assert "hx-headers" not in render_to_string("base/plain.html", {}, request=HttpRequest())
