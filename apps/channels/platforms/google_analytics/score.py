"""What an Analytics property's score is made of, from one report by day.

What is set up in a property is not in the Data API: key events are known to be defined once one was counted, and links to
Google Ads and Search Console are told by the Admin API alone, which nothing of ours asks.
"""

from datetime import timedelta

from apps.channels.platforms.base import Question, Unscored
from apps.channels.platforms.google import Unreadable
from apps.channels.platforms.google_analytics.reports import run_report
from apps.channels.scoring import PERIOD_DAYS, Fact, change, periods

LAG = timedelta(days=2)  # a day is counted within 48 hours, says Google
NO_SESSIONS = "No sessions in these days."


def read_facts(question: Question) -> dict[str, Fact] | Unscored:
    source = question.source
    now, before = periods(question.at.date() - LAG)
    found = run_report(
        source.connection,
        property_id=source.name,
        dimension="date",
        first=before.first,
        last=now.last,
        limit=2 * PERIOD_DAYS,
    )
    if isinstance(found, Unreadable):
        return Unscored(found.cause, found.next_step)

    these = [row for row in found.rows if row.key >= now.first.isoformat()]
    sessions = sum(row.sessions for row in these)
    sessions_before = sum(row.sessions for row in found.rows) - sessions
    engaged, events = sum(row.engaged_sessions for row in these), sum(row.key_events for row in these)
    with_data = sum(1 for row in these if row.sessions)
    return {
        "arriving": Fact(sessions > 0, f"{sessions:,} sessions in 30 days."),
        "conversions": Fact(1, f"{events:,.0f} key events were counted.")
        if events
        else Fact(None, "No key event was counted, and Analytics does not tell here which are defined."),
        "linked": Fact(None, "Analytics does not tell here what it is linked to."),
        "days": Fact(with_data / PERIOD_DAYS, f"{with_data} of {PERIOD_DAYS} days."),
        "sessions_change": Fact(
            change(sessions, sessions_before), f"{sessions:,} sessions, {sessions_before:,} in the 30 days before."
        ),
        "engagement_rate": Fact(engaged / sessions, f"{engaged:,} of {sessions:,} sessions were engaged.")
        if sessions
        else Fact(None, NO_SESSIONS),
        "conversion_rate": Fact(events / sessions, f"{events:,.0f} key events in {sessions:,} sessions.")
        if sessions
        else Fact(None, NO_SESSIONS),
    }
