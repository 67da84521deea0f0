from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("chat", "0010_learned_wordings")]

    operations = [
        migrations.AddField(
            "conversation",
            "is_check",
            models.BooleanField(db_default=False, default=False, editable=False),
        ),
    ]
