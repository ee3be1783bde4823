"""Lists of Manage: a keyset page in order of ref_id, estimated counts, and filters that name clients by slug."""

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import PAGE_VAR
from django.db import connection, models
from unfold.views import ChangeList

from apps.shared.ids import is_ref_id

from ..models import Tenant
from .admin_display import address_of, label_of, value_of

CLIENTS_SUGGESTED = 100  # more would weigh down every list; any other client is found by typing its short name
COUNTED_AT_MOST = 1_000  # rows that are counted one by one; beyond that the catalogue's estimate is enough

ESTIMATE = """
SELECT coalesce(sum(greatest(reltuples, 0)), 0)::bigint FROM pg_class
 WHERE relkind = 'r' AND (oid = %s::regclass OR oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = %s::regclass))
"""


def estimated_rows(model: type[models.Model]) -> int:
    """How many rows the table has by PostgreSQL's own last estimate, its partitions included."""
    table = model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(ESTIMATE, [table, table])
        return cursor.fetchone()[0]


class KeysetList(ChangeList):
    """The newest first, page by page: `p=<ref_id>` shows what is older, `p=-<ref_id>` what is newer; nothing is counted off."""

    def get_ordering(self, request, queryset):
        return ["-ref_id"]

    def get_ordering_field_columns(self):
        return {}

    def get_results(self, request):
        found = self._page(request.GET.get(PAGE_VAR, ""))
        self.result_list = found
        self.result_count, self.count_label = self._count()
        self.older = f"{found[-1].ref_id}" if found and self.has_older else ""
        self.newer = f"-{found[0].ref_id}" if found and self.has_newer else ""
        self.full_result_count, self.show_full_result_count = self.result_count, False
        self.show_admin_actions, self.can_show_all, self.multi_page, self.paginator = True, False, False, None

    def _page(self, cursor: str) -> list:
        size = self.list_per_page
        backwards, ref_id = cursor.startswith("-"), cursor.removeprefix("-")
        if cursor and not is_ref_id(ref_id):
            raise IncorrectLookupParameters(f"{cursor!r} is no place in this list.")
        if backwards:
            rows = list(self.queryset.filter(ref_id__gt=ref_id).order_by("ref_id")[: size + 1])
            if len(rows) > size:
                self.has_older = self.has_newer = True
                return rows[size - 1 :: -1]
            cursor = ""  # fewer than a page is newer: that is the first page
        older = self.queryset.filter(ref_id__lt=ref_id) if cursor else self.queryset
        rows = list(older[: size + 1])
        self.has_older, self.has_newer = len(rows) > size, bool(cursor)
        return rows[:size]

    def _count(self) -> tuple[int, str]:
        """(number, as it is said); exact for short lists, an estimate for whole tables, a lower bound otherwise."""
        counted = self.queryset.order_by()[: COUNTED_AT_MOST + 1].count()
        if counted <= COUNTED_AT_MOST:
            return counted, f"{counted:,}"
        if self.has_active_filters or self.query:
            return counted, f"more than {COUNTED_AT_MOST:,}"
        estimate = max(estimated_rows(self.model), counted)
        return estimate, f"about {estimate:,}"

    @property
    def headers(self) -> list[str]:
        return [label_of(name, self.model_admin) for name in self._columns]

    @property
    def table(self):
        """(row, its address, its cells) of the page."""
        for row in self.result_list:
            yield row, address_of(row), [value_of(row, name, self.model_admin) for name in self._columns]

    @property
    def _columns(self) -> list:
        return [name for name in self.list_display if name != "action_checkbox"]

    def link_to(self, cursor: str) -> str:
        return self.get_query_string({PAGE_VAR: cursor}) if cursor else ""

    @property
    def older_link(self) -> str:
        return self.link_to(self.older)

    @property
    def newer_link(self) -> str:
        return self.link_to(self.newer)

    @property
    def is_narrowed(self) -> bool:
        return bool(self.has_active_filters or self.query)


class TextFilter(admin.SimpleListFilter):
    """A filter one types: subclasses say in `queryset` what the text means."""

    template = "manage/text_filter.html"
    placeholder = ""

    def lookups(self, request, model_admin):
        return ()

    def has_output(self):
        return True

    def choices(self, changelist):
        others = [
            (name, value)
            for name, values in changelist.filter_params.items()
            for value in values
            if name != self.parameter_name
        ]
        yield {
            "others": others,
            "suggestions": self.suggestions(),
            "clear": changelist.get_query_string(remove=[self.parameter_name]),
        }

    def suggestions(self) -> list[tuple[str, str]]:
        """(value, what it stands for) of what is offered while one types."""
        return []


class ClientFilter(TextFilter):
    title, parameter_name, placeholder = "client", "client", "Short name, such as harbour-coffee"

    def queryset(self, request, queryset):
        wanted = self.value()
        if not wanted:
            return queryset
        by = "tenant__ref_id" if is_ref_id(wanted) else "tenant__slug"
        return queryset.filter(**{by: wanted})

    def suggestions(self):
        return list(Tenant.objects.order_by("name").values_list("slug", "name")[:CLIENTS_SUGGESTED])


def text_filter(
    title_: str, lookup: str, *, name: str = "", placeholder_: str = "", also: dict[str, str] | None = None
) -> type[TextFilter]:
    """A filter of exactly this text in a column; `also` is what a partial index of the column asks for besides."""

    class Filter(TextFilter):
        title, parameter_name, placeholder = title_, name or lookup, placeholder_

        def queryset(self, request, queryset):
            return queryset.filter(**{lookup: self.value()}, **(also or {})) if self.value() else queryset

    return Filter


def searched(queryset, term: str, fields: tuple[str, ...]):
    """Rows whose ref_id, or one of these indexed columns, begins with the term; whole references match exactly."""
    term = term.strip()
    if not term:
        return queryset
    if is_ref_id(term.upper()):
        return queryset.filter(ref_id=term.upper())
    wanted = models.Q(ref_id__startswith=term.upper())
    for field in fields:
        wanted |= models.Q(**{f"{field}__startswith": term.lower()})
    return queryset.filter(wanted)
