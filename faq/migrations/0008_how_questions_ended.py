from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("faq", "0007_suggestions")]

    operations = [
        migrations.AddField(
            "faq",
            "left_content",
            models.PositiveIntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.AddField(
            "faq",
            "left_unhelped",
            models.PositiveIntegerField(db_default=0, default=0, editable=False),
        ),
    ]
