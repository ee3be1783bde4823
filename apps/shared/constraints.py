"""Keys with a rule of their own; `guards` turns the rule into walls of the database at the end of every migrate."""

from django.conf import settings
from django.db import models


class TenantForeignKey(models.ForeignKey):
    """A key from one tenant's row to another row of the same tenant.

    PostgreSQL holds it as (tenant_id, x_id) REFERENCES target (tenant_id, id), so a row cannot name another tenant's
    row; Django's own key would be a second check and a second lock, hence db_constraint=False. Rows with x NULL pass.
    """

    def __init__(self, to, on_delete=models.PROTECT, **kwargs):
        kwargs["db_constraint"] = False
        kwargs.setdefault("related_name", "+")
        super().__init__(to, on_delete, **kwargs)

    def deconstruct(self):
        name, path, args, kwargs = super().deconstruct()
        kwargs.pop("db_constraint", None)
        return name, path, args, kwargs


class UserKey(models.ForeignKey):
    """A key to users in a column of the field's own name (`created_by`, `assigned_to`).

    Plain, because platform staff have no tenant; a trigger refuses anyone but a user of the same tenant or staff.
    """

    def __init__(self, to=settings.AUTH_USER_MODEL, on_delete=models.PROTECT, **kwargs):
        kwargs.setdefault("null", True)
        kwargs.setdefault("blank", True)
        kwargs.setdefault("related_name", "+")
        kwargs.setdefault("db_index", False)  # users are never deleted, so no cascade looks these up
        super().__init__(to, on_delete, **kwargs)

    def get_attname_column(self):
        return f"{self.name}_id", self.name


class DigestField(models.CharField):
    """A SHA-256 in hexadecimal: always 64 characters."""

    def __init__(self, *args, **kwargs):
        kwargs["max_length"] = 64
        super().__init__(*args, **kwargs)

    def deconstruct(self):
        name, path, args, kwargs = super().deconstruct()
        del kwargs["max_length"]
        return name, path, args, kwargs

    def db_type(self, connection):
        return "character(64)"

    def get_placeholder(self, value, compiler, connection):
        """Plain, and there so that Django inserts many rows by VALUES: by UNNEST it casts to `character`, which is one long."""
        return "%s"


class Index(models.Index):
    """An index whose name may be as long as PostgreSQL allows; some names are given to the letter."""

    max_name_length = 63


def between(field: str, low, high, *, name: str) -> models.CheckConstraint:
    """low <= field <= high. Both ends are needed: NaN counts as greater than every number, so only `<=` refuses it."""
    return models.CheckConstraint(condition=models.Q(**{f"{field}__gte": low, f"{field}__lte": high}), name=name)


def not_negative(*fields: str, name: str) -> models.CheckConstraint:
    """Every named field is at least 0 (NULL passes). That a decimal is a number at all is a wall of its own."""
    condition = models.Q()
    for field in fields:
        condition &= models.Q(**{f"{field}__gte": 0})
    return models.CheckConstraint(condition=condition, name=name)
