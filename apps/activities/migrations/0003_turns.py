from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("activities", "0002_functions")]
    operations = [
        migrations.AddIndex(
            "activitylease", models.Index(fields=["tenant", "leased_on"], name="idx_activity_leases_served")
        ),
    ]
