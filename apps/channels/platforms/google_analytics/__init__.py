"""Google Analytics 4: what visitors did on a client's website. Figures only; nothing is published there."""

from apps.channels.platforms.google import Figures, Unreadable
from apps.channels.platforms.google_analytics.reports import Dimension, Row, run_report
from apps.channels.platforms.google_analytics.score import read_facts

__all__ = ["Dimension", "Figures", "Row", "Unreadable", "read_facts", "run_report"]
