from django.db import migrations, models

LIVE = models.Q(("deleted_on__isnull", True))


class Migration(migrations.Migration):
    dependencies = [("crm", "0001_initial")]

    operations = [
        migrations.AddIndex(
            "lead", models.Index(condition=LIVE, fields=["tenant", "email"], name="idx_leads_email")
        ),
        migrations.AddIndex(
            "lead", models.Index(condition=LIVE, fields=["tenant", "phone"], name="idx_leads_phone")
        ),
    ]
