"""Every list of Manage, of whatever table: as many statements for thirty rows as for three, and no OFFSET."""

import re

import pytest
from django.contrib import admin
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from apps.shared.ids import new_id, spell
from apps.shared.scoping import TenantModel
from apps.tenants.doors.admin import ManageAdmin
from apps.tenants.models import Tenant
from tests.architecture.rows import make_row
from tests.examples import EXAMPLES

FEW, MANY = 3, 30
LISTS = {
    f"{model._meta.app_label}/{model._meta.model_name}": model
    for model, page in admin.site._registry.items()
    if isinstance(page, ManageAdmin)
}


def other(value):
    """An example's value for one row more: the reference in it, if there is one, is another."""
    return re.sub(r"[0-9A-Z]{26}(?!.*[0-9A-Z]{26})", spell(new_id()), value) if isinstance(value, str) else value


def fill(model, monkeypatch) -> int:
    """Rows for every client, several times over, until there are enough or the table takes no more; how many there are."""
    table = model._meta.db_table
    tenants = list(Tenant.objects.order_by("ref_id").values_list("pk", flat=True)) * 4
    with connection.cursor() as cursor:
        for tenant in tenants:
            monkeypatch.setitem(
                EXAMPLES, table, {name: other(value) for name, value in EXAMPLES.get(table, {}).items()}
            )
            try:
                with transaction.atomic():
                    make_row(cursor, model, tenant if issubclass(model, TenantModel) else None)
            except DatabaseError:
                continue  # this client has its one row of the kind
        cursor.execute(f'SELECT count(*) FROM "{table}"')
        return cursor.fetchone()[0]


@pytest.mark.acceptance("PERF-no-n1")
@pytest.mark.acceptance("PERF-no-offset")
@pytest.mark.parametrize("name", sorted(LISTS))
def test_a_list_costs_as_much_for_thirty_rows_as_for_three(sam, monkeypatch, name):
    total = fill(LISTS[name], monkeypatch)
    few = FEW if total > FEW else 1
    address, counts, shown = f"/manage/{name}/", [], []
    sam.get(address)

    for size in (few, MANY):
        monkeypatch.setattr(ManageAdmin, "list_per_page", size)
        with CaptureQueriesContext(connection) as queries:
            response = sam.get(address)
        assert response.status_code == 200
        assert not [query["sql"] for query in queries if "OFFSET" in query["sql"]]
        counts.append(len(queries))
        shown.append(len(response.context["cl"].result_list))

    assert counts[0] == counts[1] <= 6
    assert shown[0] == few < shown[1]
