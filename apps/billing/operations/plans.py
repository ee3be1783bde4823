"""The plans on sale."""

from dataclasses import asdict
from datetime import datetime

from django.db import transaction

from apps.shared import locks

from .. import seeds
from ..models import Plan


def seed_plans(*, at: datetime) -> int:
    """Make the versions of plans that are not there yet; others are left alone. Returns how many were made."""
    made = 0
    with transaction.atomic():
        locks.take_turns("billing.seed_plans")
        for terms in seeds.PLANS:
            if not Plan.objects.filter(key=terms.key, version=terms.version).exists():
                Plan.objects.create(created_on=at, **asdict(terms))
                made += 1
    return made
