"""Give the clients' running totals of this month the two places that their column cut off until now."""

from django.db import migrations

EXACT = """
UPDATE tenants t SET current_month_spend_usd = c.settled_usd
  FROM spend_counters c
 WHERE c.tenant_id = t.id AND c.scope = 'tenant' AND c.month = date_trunc('month', now() AT TIME ZONE t.timezone)::date
   AND t.current_month_spend_usd = round(c.settled_usd, 4)
"""


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0002_plans_credits_and_invoices"),
        ("tenants", "0004_running_total_with_six_places"),
    ]

    operations = [migrations.RunSQL(EXACT, migrations.RunSQL.noop)]
