"""Every component in all its states, with data that looks real. Development only; it reads and writes nothing."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

NOW = datetime(2026, 5, 6, 8, 40, tzinfo=UTC)
CLIENT_ZONE = "Asia/Kolkata"
PAGES = {"inbox", "client", "plain"}

OLD_TEXT = """Most bakeries lose a third of their morning queue because nobody can see what is left.

Our live shelf shows every loaf, updated each minute. Try it for 14 days."""
NEW_TEXT = """Most bakeries lose a quarter of their morning queue because nobody can see what is left.

The live shelf shows every loaf, updated each minute. Try it free for 14 days, no card needed."""
ARTICLE = """# Why the first hour decides the day

A bakery sells **41 % of its bread before nine**. What is gone by then is gone for the day, and people who walk
away once come back less often.

## What we measured

| Shop | Sold by 9:00 | Walked away |
|:-----|-------------:|------------:|
| Indiranagar | 46 % | 31 |
| Koramangala | 38 % | 12 |

1. Count the queue, not the till.
2. Put the second bake where the line bends.
3. Say what is left: [the live shelf](https://example.com/shelf) does it by itself.

> "We moved one oven and sold 60 loaves more." Meera, Indiranagar

![A full shelf at seven in the morning](https://pictures.example.net/shelf.jpg)

<script>alert("this appears as typed")</script> and [a bad link](javascript:alert(1)) stays text.
"""
SOCIAL_POST = {
    "bodyText": "41 % of our bread is gone before nine.\n\nSo the second bake now stands where the queue bends.",
    "hashtags": ["Bakery", "Bengaluru", "SecondBake"],
    "linkUrl": "https://example.com/shelf",
    "altText": "A full shelf at seven in the morning.",
}
NEWSLETTER = {
    "subjectLine": "The second bake, and why it moved",
    "subjectVariants": ["Sixty loaves more, one oven moved"],
    "previewText": "What is gone before nine is gone for the day.",
    "htmlBody": '<h2>Before nine</h2><p>41 % is sold by then. <a href="https://example.com/shelf">See the live shelf</a>.</p>',
    "plainText": "Before nine\n\n41 % is sold by then. See the live shelf: https://example.com/shelf",
}


class SampleForm(forms.Form):
    """One field of each kind."""

    name = forms.CharField(max_length=80, help_text="As people will see it on the invoice.")
    email = forms.EmailField(label="Billing address")
    site = forms.URLField(label="Website", required=False, assume_scheme="https")
    language = forms.ChoiceField(choices=[("en", "English"), ("hi", "Hindi"), ("kn", "Kannada")])
    brief = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), help_text="Two or three sentences are enough.")
    rhythm = forms.ChoiceField(
        choices=[("month", "Every month"), ("quarter", "Every quarter")], widget=forms.RadioSelect, initial="month"
    )
    terms = forms.BooleanField(label="I have read the terms and accept them")


def styleguide(request: HttpRequest) -> HttpResponse:
    """The kit on one page; `?page=inbox`, `client` or `plain` shows a frame with work in it."""
    page = request.GET.get("page", "")
    template = f"styleguide/{page}.html" if page in PAGES else "styleguide/index.html"
    if page not in PAGES:
        messages.success(request, "Post approved. It goes out tomorrow at 09:00.")
        messages.error(request, "LinkedIn refused the picture: it is larger than 5 MB. Choose a smaller one.")
    return render(request, template, _sample(page))


def _sample(page: str) -> dict[str, object]:
    filled = SampleForm(
        {"name": "Crust & Crumb", "email": "accounts", "language": "hi", "brief": "", "rhythm": "month"}
    )
    return {
        "now": NOW,
        "zone": CLIENT_ZONE,
        "nav": _client_nav() if page == "client" else _portal_nav(page),
        "brand": {"name": "Crust & Crumb", "href": "?page=client"} if page == "client" else None,
        "accent": "#b4235a" if page == "client" else None,
        "clients": [{"name": name, "href": "#"} for name in ("Crust & Crumb", "Nilgiri Dental", "Harbour Cycles")],
        "client": {"name": "Crust & Crumb"} if page != "inbox" else None,
        "all_clients_href": "#",
        "visiting": None if page else {"text": "You are working inside Crust & Crumb until 11:40.", "leave_href": "#"},
        "form": SampleForm(),
        "bad_form": filled,
        "old_text": OLD_TEXT,
        "new_text": NEW_TEXT,
        "article": ARTICLE,
        "social_post": SOCIAL_POST,
        "newsletter": NEWSLETTER,
        "digest": "9f2c" * 16,
        "hour_ago": NOW - timedelta(hours=1),
        "in_three_hours": NOW + timedelta(hours=3),
        "last_week": NOW - timedelta(days=8),
        "day": date(2026, 5, 29),
        "small_cost": Decimal("0.0042"),
        "cost": Decimal("1204.5"),
        "cap": Decimal("5000"),
        "tones": _tones(),
        "platforms": ["linkedin", "facebook", "instagram", "x_twitter", "tiktok", "wordpress", "webflow",
                      "google_business_profile", "google_search_console", "google_analytics", "mailchimp", "klaviyo",
                      "google_ads", "meta_ads"],
        "queue": _queue(),
        "columns": [
            {"label": "Title"}, {"label": "Status"}, {"label": "Owner"},
            {"label": "Due", "sort_href": "#", "sorted": "ascending"}, {"label": "Cost", "numeric": True},
            {"label": "Units", "numeric": True},
        ],
        "work": _work(),
        "menus": [{"label": "Status", "options": [{"label": "Waiting", "href": "#", "current": True},
                                                  {"label": "Approved", "href": "#"}]},
                  {"label": "Owner", "options": [{"label": "Anyone", "href": "#", "current": True}]}],
        "chips": [{"label": "Waiting", "remove_href": "#"}, {"label": "Due this week", "remove_href": "#"}],
        "facts": [
            {"label": "Client", "value": "Crust & Crumb", "href": "#"},
            {"label": "Goal", "value": "400 sign-ups by June"},
            {"label": "Goes out", "at": NOW + timedelta(days=1, hours=2)},
            {"label": "Risk", "value": "Mentions a price", "tone": "warning"},
            {"label": "Cost so far", "value": "$0.38 in 3 runs"},
        ],
        "events": [
            {"at": NOW - timedelta(minutes=12), "who": "Rita Mehta", "text": "asked for a change", "tone": "warning",
             "detail": "Say a quarter, not a third: the survey has 26 %."},
            {"at": NOW - timedelta(hours=2), "who": "Copywriter", "text": "wrote version 2", "href": "#"},
            {"at": NOW - timedelta(days=1), "who": "Planner", "text": "took it from May's plan", "tone": "success"},
        ],
        "job": {"id": "job", "label": "Under way", "tone": "info", "sentence": "Reading https://example.com/offers/",
                "done": 12, "total": 40, "started_on": NOW - timedelta(minutes=2), "is_live": False},
        "readings": [
            SimpleNamespace(value=value, source="Google Analytics", evidence="", read_on=NOW - timedelta(weeks=weeks))
            for weeks, value in enumerate([520, 498, 505, 470, 412, 430, 400])
        ],
        "turns": [
            {"text": "3 wait for the client, Alice Ahuja", "href": "#"},
            {"text": "2 with the copywriter", "href": ""},
        ],
        "steps": [
            {"label": "Read the site", "state": "done", "count": "148 pages"},
            {"label": "Find what sells", "state": "done", "count": "12 offers"},
            {"label": "Compare with rivals", "state": "running", "count": "3 of 5, about 2 min left"},
            {"label": "Check the ads account", "state": "failed", "count": "0 of 1",
             "detail": "Google Ads asks to sign in again. Reconnect the channel, then retry this step."},
            {"label": "Write the summary", "state": "waiting"},
        ],
        "found": {
            "is_checked": True,
            "needs_care": True,
            "counts": "1 must be mended, 1 to look at",
            "rows": [
                {"tone": "danger", "icon": "circle-alert", "text": "The client's brand rules ban “cheap”.",
                 "place": "Text, line 12", "quote": "A cheap loaf is a good loaf."},
                {"tone": "warning", "icon": "triangle-alert", "text": "“30 %” is a figure without a source.",
                 "place": "Text, line 20", "quote": "It saves 30 % of the flour."},
            ],
            "advice": [
                {"summary": "It answers its brief. Look at one sentence.", "is_about_this": True,
                 "rows": [{"tone": "neutral", "icon": "info", "text": "Say it in two sentences.", "quote": "And so on."}]},
            ],
        },
    }  # fmt: skip


def _tones() -> list[dict[str, str]]:
    return [
        {"label": "Created", "tone": "neutral"},
        {"label": "In progress", "tone": "info"},
        {"label": "Published", "tone": "success"},
        {"label": "Waiting for you", "tone": "warning"},
        {"label": "Failed", "tone": "danger"},
    ]


def _portal_nav(page: str) -> list[dict[str, object]]:
    return [
        {
            "label": "Inbox",
            "href": "?page=inbox",
            "icon": "inbox",
            "count": 14,
            "current": page == "inbox",
            "key": "g i",
        },
        {"label": "Home", "href": "#", "icon": "house", "key": "g h"},
        {"label": "Work", "href": "#", "icon": "layout-list", "count": 3, "key": "g w"},
        {"label": "Calendar", "href": "#", "icon": "calendar", "key": "g k"},
        {"label": "Clients", "href": "?", "icon": "building-2", "current": page == ""},
        {"label": "Agents", "href": "#", "icon": "bot"},
        {"label": "Strategy", "href": "#", "icon": "target", "heading": "Crust & Crumb"},
        {"label": "Channels", "href": "#", "icon": "plug", "count": 1},
        {"label": "Search terms", "href": "#", "icon": "search"},
        {"label": "Leads", "href": "#", "icon": "users"},
    ]


def _client_nav() -> list[dict[str, object]]:
    return [
        {"label": "Home", "href": "?page=client", "icon": "house", "current": True},
        {"label": "Waiting for you", "href": "#", "icon": "inbox", "count": 2},
        {"label": "Calendar", "href": "#", "icon": "calendar"},
        {"label": "Results", "href": "#", "icon": "chart-line"},
        {"label": "Leads", "href": "#", "icon": "users"},
        {"label": "Billing", "href": "#", "icon": "receipt"},
    ]


def _queue() -> list[dict[str, object]]:
    rows = [
        ("The first hour decides the day", "Crust & Crumb", "Article", 12, None, "", None),
        ("Monsoon hours, three shops", "Crust & Crumb", "Social post", 34, 3, "", ("Names a price", "warning")),
        ("Why a crown lasts longer than you think", "Nilgiri Dental", "Article", 58, None, "Arjun Rao", None),
        ("May plan: 8 articles, 24 posts, 2 campaigns", "Harbour Cycles", "Plan", 95, None, "", None),
        (
            "Before and after: Mr Iyer's bridge",
            "Nilgiri Dental",
            "Social post",
            130,
            1,
            "",
            ("Patient named", "danger"),
        ),
        ("Pause 41 search terms that never sold", "Harbour Cycles", "Search terms", 200, None, "", None),
        ("Servicing in the rain: a checklist", "Harbour Cycles", "Article", 260, None, "", None),
        ("Sourdough starter swap, Saturday", "Crust & Crumb", "Social post", 300, None, "", None),
        ("Raise the Saturday budget by ₹4,000", "Harbour Cycles", "Ad change", 420, 6, "", ("Raises spend", "warning")),
        ("Five questions to ask before an implant", "Nilgiri Dental", "Article", 560, None, "", None),
        ("E-bike rentals reach Fort Kochi", "Harbour Cycles", "Social post", 700, None, "", None),
        ("Newsletter: what May looks like", "Crust & Crumb", "Newsletter", 800, None, "", None),
        ("A guest article for Bengaluru Eats", "Crust & Crumb", "Outreach mail", 990, None, "", None),
        ("Strategy, second quarter", "Nilgiri Dental", "Strategy", 1500, None, "", None),
    ]
    return [
        {
            "href": "#",
            "title": title,
            "client": client,
            "kind": kind,
            "at": NOW - timedelta(minutes=minutes),
            "expires_on": NOW + timedelta(hours=hours) if hours else None,
            "holder": holder,
            "risk": {"label": risk[0], "tone": risk[1]} if risk else None,
            "is_current": position == 0,
        }
        for position, (title, client, kind, minutes, hours, holder, risk) in enumerate(rows)
    ]


def _work() -> list[dict[str, object]]:
    rows = [
        ("The first hour decides the day", "Waiting for approval", "warning", "Rita Mehta", False, 1, "0.38", 1),
        ("Monsoon hours, three shops", "In progress", "info", "Copywriter", True, 2, "0.0042", 1),
        ("Sourdough starter swap, Saturday", "Scheduled", "neutral", "Publisher", True, 3, "0.12", 1),
        ("Newsletter: what May looks like", "Published", "success", "Rita Mehta", False, -2, "1.04", 1),
        ("A guest article for Bengaluru Eats", "Failed", "danger", "Outreach", True, -1, "0.91", 0),
    ]
    return [
        {"title": title, "label": label, "tone": tone, "owner": owner, "is_agent": is_agent,
         "due": NOW + timedelta(days=days), "cost": Decimal(cost), "units": units}
        for title, label, tone, owner, is_agent, days, cost, units in rows
    ]  # fmt: skip
