"""When an inn's owners get their weekly letter: on Monday morning by its clock, exactly once.

Like `nightqueue.services` it only writes rows; what the letter says is `nightqueue.weekly`'s.
"""

import logging
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.db import DatabaseError, transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from chat.statistics import Period, questions_within
from facilities.hours import moment
from facilities.models import Facility, Membership
from nightqueue.models import Delivery, WeeklyLetter
from nightqueue.services import post

logger = logging.getLogger(__name__)

#: On Mondays; what could not be written for so long is news no more.
SENT_AT: Final = time(8)
STALE_AFTER: Final = timedelta(days=2)


def make_weekly_letters(at: datetime | None = None) -> list[WeeklyLetter]:
    """The letter of each inn whose Monday morning has come by `at` and that has none yet."""
    made = []
    for facility, week in weeks_to_tell(at or timezone.now()):
        try:
            made.append(make_weekly_letter(facility.pk, week))
        except DatabaseError:  # one inn's trouble is not another's
            logger.exception("The weekly letter of facility %s was not made.", facility.pk)
    return [letter for letter in made if letter]


def weeks_to_tell(at: datetime) -> Iterator[tuple[Facility, date]]:
    """The inns whose last week is to be told now, by their own clocks, each with its Monday."""
    open_ones = Facility.objects.open()
    for name in open_ones.order_by().values_list("timezone", flat=True).distinct():
        zone = ZoneInfo(name)
        today = at.astimezone(zone).date()
        monday = today - timedelta(days=today.weekday())
        due_at = moment(monday, SENT_AT, zone)
        if due_at <= at < due_at + STALE_AFTER:
            week = monday - timedelta(days=7)
            told = WeeklyLetter.objects.filter(facility=OuterRef("pk"), week=week)
            for facility in open_ones.filter(~Exists(told), timezone=name):
                yield facility, week


@transaction.atomic
def make_weekly_letter(facility_id: int, week: date) -> WeeklyLetter | None:
    """Put the letter of one week into the outbox, for each owner who wants it; None when somebody
    else has done so, or nobody asked anything in it."""
    # Whoever comes second waits here until the first is through, and finds the letter.
    facility = Facility.objects.select_for_update(no_key=True).get(pk=facility_id)
    letter, is_new = WeeklyLetter.objects.get_or_create(facility=facility, week=week)
    period = Period.up_to(week + timedelta(days=6), days=7)
    if not is_new or not questions_within(facility, period).exists():
        return None
    readers = Membership.objects.for_facility(facility).letter_readers()
    post(
        Delivery(facility=facility, kind=Delivery.Kind.LETTER, weekly_letter=letter, member=reader)
        for reader in readers
    )
    return letter
