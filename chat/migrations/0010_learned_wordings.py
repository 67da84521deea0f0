from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("chat", "0009_votes_on_answers_that_changed"),
    ]

    operations = [
        migrations.AddField(
            model_name="guestfeedback",
            name="wording_id",
            field=models.BigIntegerField(editable=False, null=True),
        ),
    ]
