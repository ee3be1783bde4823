"""At start-up the tables of this package are handed to the apps that work with them."""

from django.apps import AppConfig
from django.conf import settings


class ConfigConfig(AppConfig):
    name = "config"
    label = "config"

    def ready(self):
        # Imported here because models must be loaded first.
        import apps.activities.tasks
        import apps.shared.tasks
        import apps.tenants.tasks  # noqa: F401  (consumers register themselves)
        from apps.activities import registry
        from apps.shared import schema_rules, timings
        from apps.shared.journal import reactions as journal_reactions

        if settings.STATEMENT_TIMINGS:
            timings.install()

        from . import agents, celery, gates, integrity, reactions, schema, tools

        registry.GATES.update(gates.GATES)
        registry.AGENTS.update(agents.AGENTS)
        registry.TOOLS.update(tools.TOOLS)
        registry.PUBLISHABLE.update(agents.PUBLISHABLE)
        registry.SYSTEM_JOBS.update(agents.SYSTEM_JOBS)
        registry.DELIVERIES.update(agents.DELIVERIES)
        registry.FIGURES.extend(agents.FIGURES)
        registry.POINTERS.extend(integrity.POINTERS)
        registry.FOUND_BY_REF.extend(integrity.FOUND_BY_REF)
        registry.IS_REFERENCED.update(integrity.IS_REFERENCED)
        registry.INTEGRITY_RULES.extend(integrity.RULES)
        schema_rules.demands.tables.update(schema.TABLES)
        schema_rules.demands.third_party = schema.THIRD_PARTY
        schema_rules.demands.indexes.extend(schema.INDEXES)
        schema_rules.demands.functions.update(schema.FUNCTIONS)
        schema_rules.demands.withheld.update(schema.WITHHELD)
        journal_reactions.together.update(reactions.TOGETHER)
        journal_reactions.after.update(reactions.AFTER)
        journal_reactions.always.extend(reactions.ALWAYS)
        journal_reactions.rings.update(reactions.RINGS)
        journal_reactions.bell = celery.ring
