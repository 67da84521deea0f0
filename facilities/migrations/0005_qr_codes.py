import itertools
import re

from django.db import migrations, models


def name_places(apps, schema_editor):
    """What staff wrote as the place becomes a kind of place and a name.

    Every printed code goes on working: it is known by its key. Of several that one place has, the
    later ones become places of the inn's own, with a number.
    """
    SiteKey = apps.get_model('facilities', 'SiteKey')
    taken = set()
    for key in SiteKey.objects.order_by('pk'):
        places = possible_places(key.location.strip())
        place = next(place for place in places if (key.facility_id, place) not in taken)
        if key.revoked_at is None:
            taken.add((key.facility_id, place))
        key.location, key.name = place
        key.save(update_fields=['location', 'name'])


def possible_places(written):
    kind, name = 'custom', written or 'QR'
    if written in {'entrance', 'kitchen', 'lounge'}:
        kind, name = written, ''
    elif room := re.fullmatch('room-(.+)', written):
        kind, name = 'room', room[1]
    yield kind, name
    for number in itertools.count(2):
        yield 'custom', f'{written[:45] or "QR"} {number}'


class Migration(migrations.Migration):

    dependencies = [
        ('facilities', '0004_guest_page'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='sitekey',
            options={'ordering': ['facility', 'location', 'name', 'pk'], 'verbose_name': 'QR code', 'verbose_name_plural': 'QR codes'},
        ),
        migrations.AddField(
            model_name='sitekey',
            name='include_session_token',
            field=models.BooleanField(db_default=False, default=False, verbose_name='offer to continue on another device'),
        ),
        migrations.AddField(
            model_name='sitekey',
            name='last_scan_at',
            field=models.DateTimeField(editable=False, null=True, verbose_name='last scan'),
        ),
        migrations.AddField(
            model_name='sitekey',
            name='name',
            field=models.CharField(blank=True, db_default='', default='', help_text="Of a room or of another place; a room's number is enough.", max_length=50, verbose_name='room number or name'),
        ),
        migrations.AddField(
            model_name='sitekey',
            name='scan_count',
            field=models.PositiveIntegerField(db_default=0, default=0, editable=False, verbose_name='scans'),
        ),
        migrations.RunPython(name_places, migrations.RunPython.noop),
        migrations.AlterField(
            model_name='sitekey',
            name='location',
            field=models.CharField(choices=[('entrance', 'entrance'), ('room', 'room'), ('kitchen', 'kitchen'), ('lounge', 'lounge'), ('custom', 'another place')], default='entrance', max_length=10, verbose_name='place'),
        ),
        migrations.AddConstraint(
            model_name='sitekey',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('location__in', ['entrance', 'kitchen', 'lounge']), ('name', '')), ('location', 'room'), models.Q(('location', 'custom'), models.Q(('name', ''), _negated=True)), _connector='OR'), name='site_key_place_named'),
        ),
        migrations.AddConstraint(
            model_name='sitekey',
            constraint=models.UniqueConstraint(condition=models.Q(('revoked_at', None)), fields=('facility', 'location', 'name'), name='site_key_once_a_place', violation_error_message='This place has a code already.'),
        ),
    ]
