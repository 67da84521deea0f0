from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("chat", "0009_votes_on_answers_that_changed")]

    operations = [
        migrations.AddField(
            "conversation",
            "is_check",
            models.BooleanField(db_default=False, default=False, editable=False),
        ),
    ]
