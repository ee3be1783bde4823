"""At start-up the tables of this package are handed to the apps that work with them."""

from django.apps import AppConfig


class ConfigConfig(AppConfig):
    name = "config"
    label = "config"

    def ready(self):
        # Imported here because models must be loaded first.
        import apps.activities.tasks
        import apps.tenants.tasks  # noqa: F401  (consumers register themselves)
        from apps.activities import registry
        from apps.shared.journal import reactions as journal_reactions

        from . import agents, celery, gates, reactions

        registry.GATES.update(gates.GATES)
        registry.AGENTS.update(agents.AGENTS)
        registry.PUBLISHABLE.update(agents.PUBLISHABLE)
        registry.SYSTEM_JOBS.update(agents.SYSTEM_JOBS)
        journal_reactions.together.update(reactions.TOGETHER)
        journal_reactions.after.update(reactions.AFTER)
        journal_reactions.always.extend(reactions.ALWAYS)
        journal_reactions.rings.update(reactions.RINGS)
        journal_reactions.bell = celery.ring
