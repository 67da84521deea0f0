from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("facilities", "0006_accounts_and_record")]

    operations = [
        migrations.AddField(
            "membership",
            "weekly_letter",
            models.BooleanField(
                db_default=True,
                default=True,
                help_text=(
                    "By email on Monday mornings, to owners: what guests asked, and what to add."
                ),
                verbose_name="gets the weekly letter",
            ),
        ),
    ]
