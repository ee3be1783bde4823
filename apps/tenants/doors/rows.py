"""How records are shown in the API: named fields only, all read-only, other records by their ref_id."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.shared.ids import spell

from .openapi import REF_ID
from .strict import Choice


@extend_schema_field(REF_ID)
class Ref(serializers.Field):
    """The ref_id of another record, from the key to it: both are spellings of one id, so nothing is read for it."""

    def __init__(self, **kwargs):
        super().__init__(read_only=True, **kwargs)

    def to_representation(self, value):
        return spell(value)


class Person(serializers.Serializer):
    """Somebody as others see them."""

    ref_id = serializers.CharField(read_only=True)
    name = serializers.CharField(read_only=True)


class Row(serializers.ModelSerializer):
    """A record with its ref_id and its client's. Subclasses name every field they show."""

    ref_id = Ref(source="id")
    tenant = Ref(source="tenant_id", help_text="The client's `ref_id`.")
    reads: tuple[str, ...] = ()  # columns that methods read, beside those that fields name

    @classmethod
    def columns(cls) -> list[str]:
        """What a list has to select: the columns of its fields, and the names of people."""
        known = {name for field in cls.Meta.model._meta.concrete_fields for name in (field.name, field.attname)}
        columns = [*cls.reads]
        for field in cls().fields.values():
            if isinstance(field, Person):
                columns.append(f"{field.source}__name")
            elif field.source in known:
                columns.append(field.source)
        return columns

    def build_standard_field(self, field_name, model_field):
        """A column with a list of words shows the list by name; everything is read-only."""
        if model_field.choices:
            name = f"{self.Meta.model.__name__}{field_name.title().replace('_', '')}Enum"
            return Choice, {"choices": model_field.choices, "component": name, "read_only": True}
        field_class, options = super().build_standard_field(field_name, model_field)
        kept = {name: options[name] for name in ("max_digits", "decimal_places", "child") if name in options}
        return field_class, {**kept, "read_only": True, "allow_null": model_field.null}
