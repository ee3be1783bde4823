"""Who may do what is decided in `tenants/permissions.py`: Django's own group and permission tables are not made."""


class NoPermissionTables:
    def allow_migrate(self, db, app_label, **hints):
        return False if app_label == "auth" else None
