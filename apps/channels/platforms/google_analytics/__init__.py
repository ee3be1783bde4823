"""Google Analytics 4: what visitors did on a client's website. Figures only; nothing is published there."""

from apps.channels.platforms.google_analytics.reports import Dimension, Report, Row, Unreadable, run_report

__all__ = ["Dimension", "Report", "Row", "Unreadable", "run_report"]
