from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('chat', '0005_another_device'),
    ]

    operations = [
        migrations.AddField(
            model_name='guestfeedback',
            name='ignored_at',
            field=models.DateTimeField(editable=False, null=True),
        ),
    ]
