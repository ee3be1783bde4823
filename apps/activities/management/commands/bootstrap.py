"""Everything the product needs before it can serve: stores, partitions, templates, plans, providers, schedules."""

from datetime import UTC, datetime

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import transaction
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from apps.activities import operations
from apps.activities.engine import providers
from apps.activities.models import LlmProvider
from apps.activities.seeds import DEFAULT_MODEL
from apps.billing.operations import seed_plans
from apps.shared import locks
from apps.storage import bootstrap

MINUTE = 60
HOUR = 3_600
DAY = 24 * HOUR
WEEK = 7 * DAY
# What these providers begin with; the models of one's own server are whatever was pulled there, and set in Manage.
OPENAI_MODELS = [
    {"model_id": "gpt-5.4", "context_tokens": 400_000},
    {"model_id": "gpt-5.4-mini", "context_tokens": 400_000},
]
OLLAMA_MODELS = [{"model_id": "gpt-oss:20b", "context_tokens": 131_072}]
# A tick that has not run yet counts from its last change, and each release changes it: with a past start, it runs at once.
BEGAN = datetime(2026, 1, 5, tzinfo=UTC)
# The product's fixed ticks; each is harmless twice, so any number of beats may run. `None` means SWEEP_SECONDS.
TICKS = {
    "doors.deliver": None,
    "activities.work": None,
    "activities.sweep": None,
    "activities.spawn_recurring": MINUTE,
    "activities.plan_periods": HOUR,
    "activities.tend_periods": HOUR,
    "activities.sync_goals": HOUR,
    "activities.roll_up_costs": HOUR,
    "activities.close_sessions": HOUR,
    "activities.ask_overdue_anew": HOUR,
    "activities.score_channels": HOUR,
    "activities.ensure_partitions": DAY,
    "activities.propose_brand_rules": DAY,
    "storage.sweep": DAY,
    "shared.slow_queries": WEEK,
}


class Command(BaseCommand):
    help = "Prepare PostgreSQL, MongoDB and S3 for the product. Safe to repeat, to run twice at once, and to kill."

    def handle(self, *args, **options):
        at = timezone.now()
        if settings.MONGO_ADMIN_URL:
            made = bootstrap.mongodb()
            self.stdout.write(f"  MongoDB: {len(made)} collections made, validators, indexes and users in place.")
        if settings.S3_ADMIN_ACCESS_KEY:
            made = bootstrap.s3()
            self.stdout.write(f"  S3: {len(made)} buckets made, versioning and Object Lock in place.")
        self.stdout.write(f"  Partitions: {operations.ensure_partitions(at)} made.")
        self.stdout.write(f"  Templates: {operations.seed_global_templates(at=at)} made.")
        self.stdout.write(f"  Skills: {operations.seed_global_skills(at=at)} versions written.")
        self.stdout.write(f"  Plans: {seed_plans(at=at)} made.")
        self._providers(at)
        self._ticks()

    def _providers(self, at) -> None:
        wanted = [("Anthropic", "claude", False, [{"model_id": DEFAULT_MODEL, "context_tokens": 200_000}])]
        if settings.OPENAI_API_KEY:
            wanted.append(("OpenAI", "openai", False, OPENAI_MODELS))
        if settings.OLLAMA_BASE_URL:
            is_local = providers.is_our_own(settings.OLLAMA_BASE_URL)
            wanted.append(("Ollama", "ollama", is_local, OLLAMA_MODELS))
        made = 0
        for name, adapter_type, is_local, models in wanted:
            _, is_new = LlmProvider.objects.get_or_create(
                name=name,
                defaults={"adapter_type": adapter_type, "is_local": is_local, "models": models, "created_on": at},
            )
            made += is_new
        self.stdout.write(f"  Model providers: {made} made; keys come from the environment or from Manage.")
        self.stdout.write(
            f"  Model prices: {operations.seed_prices(at=at)} set; what is not publicly known is set in Manage."
        )

    def _ticks(self) -> None:
        with transaction.atomic():
            locks.take_turns("bootstrap schedules")  # nothing in the table keeps an interval from being made twice
            for name, seconds in TICKS.items():
                every = seconds if seconds is not None else max(1, round(settings.SWEEP_SECONDS))
                schedule, _ = IntervalSchedule.objects.get_or_create(every=every, period=IntervalSchedule.SECONDS)
                wanted = {"task": name, "interval": schedule, "expire_seconds": max(every, 30)}
                if every == WEEK:
                    wanted["start_time"] = BEGAN
                PeriodicTask.objects.update_or_create(name=name, defaults=wanted)
        self.stdout.write(f"  Schedules: {len(TICKS)} in place.")
