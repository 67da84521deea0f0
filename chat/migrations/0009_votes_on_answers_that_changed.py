from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("chat", "0008_inbox"),
        ("facilities", "0006_accounts_and_record"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            "guestfeedback",
            "language",
            models.CharField(blank=True, db_default="", editable=False, max_length=5),
        ),
        migrations.AddField(
            "guestfeedback", "network", models.BigIntegerField(editable=False, null=True)
        ),
        migrations.AddField(
            "guestfeedback", "superseded_at", models.DateTimeField(editable=False, null=True)
        ),
        migrations.AddIndex(
            "guestfeedback",
            models.Index(fields=["facility", "faq_id"], name="feedback_of_faq"),
        ),
    ]
