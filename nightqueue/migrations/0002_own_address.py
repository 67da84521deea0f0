from django.db import migrations


def reach_at_own_address(apps, schema_editor):
    """What a new facility is given when it is saved first."""
    channels = apps.get_model("nightqueue", "Channel")
    for facility in apps.get_model("facilities", "Facility").objects.filter(channels=None):
        channels.objects.create(facility=facility, kind="email")


class Migration(migrations.Migration):
    dependencies = [
        ("nightqueue", "0001_notifications"),
        ("facilities", "0003_sleep_at_night"),
    ]

    operations = [migrations.RunPython(reach_at_own_address, migrations.RunPython.noop)]
