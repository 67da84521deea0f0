"""Facts about one row."""

from zoneinfo import available_timezones

import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from facilities.models import validate_timezone


def test_the_database_knows_every_time_zone_that_an_inn_may_have(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_timezone_names")
        known = {name for (name,) in cursor.fetchall()}

    for name in available_timezones() - known:
        with pytest.raises(ValidationError):
            validate_timezone(name)
