from django.db import migrations


def sleep_at_night(apps, schema_editor):
    """What a new facility is given when it is saved first."""
    absences = apps.get_model("facilities", "StaffAbsence")
    for facility in apps.get_model("facilities", "Facility").objects.filter(staffabsence=None):
        absences.objects.create(facility=facility)


class Migration(migrations.Migration):
    dependencies = [("facilities", "0002_hours_and_retention")]

    operations = [migrations.RunPython(sleep_at_night, migrations.RunPython.noop)]
