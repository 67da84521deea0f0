"""Zone × local time × weekday × schedule: mode, threshold, told now or in the morning, and when."""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest
from django.utils import translation

from facilities.hours import StaffHours, absence_end, rule_at
from facilities.models import EscalationMode, EscalationSchedule, StaffAbsence, Weekday

TOKYO, NEW_YORK = "Asia/Tokyo", "America/New_York"
KATHMANDU, APIA = "Asia/Kathmandu", "Pacific/Apia"

NIGHT = ("22:00", "08:00", "all")
#: Name -> spans in which nobody is awake: (from, until, days).
ABSENCES = {
    "night": [NIGHT],
    "night and a nap": [NIGHT, ("13:00", "15:00", "all")],
    "two that touch": [("20:00", "00:00", "all"), ("00:00", "06:00", "all")],
    "two that overlap": [("20:00", "02:00", "all"), ("01:00", "07:00", "all")],
    "sundays": [("00:00", "00:00", "sun")],
    "weekend nights": [("23:00", "07:00", "fri sat")],
    "small hours": [("01:00", "03:00", "all")],
    "until half past two": [("22:00", "02:30", "all")],
    "from half past one": [("01:30", "05:00", "all")],
    "never there": [("00:00", "00:00", "all")],
    "always there": [],
}

# The row: zone, local time (with "+1" the second coming of a time that comes twice), absences, and
# when somebody is back, in UTC (None: somebody is there).
MORNINGS = [
    # 2026-12-01 is a Tuesday.
    (TOKYO, "2026-12-01 12:00", "night", None),
    (TOKYO, "2026-12-01 21:59", "night", None),
    (TOKYO, "2026-12-01 22:00", "night", "2026-12-01 23:00"),
    (TOKYO, "2026-12-01 23:59", "night", "2026-12-01 23:00"),
    (TOKYO, "2026-12-02 00:00", "night", "2026-12-01 23:00"),
    (TOKYO, "2026-12-02 07:59", "night", "2026-12-01 23:00"),
    (TOKYO, "2026-12-02 08:00", "night", None),
    (TOKYO, "2026-12-02 13:00", "night and a nap", "2026-12-02 06:00"),
    (TOKYO, "2026-12-02 15:00", "night and a nap", None),
    (TOKYO, "2026-12-01 21:00", "two that touch", "2026-12-01 21:00"),
    (TOKYO, "2026-12-02 05:59", "two that touch", "2026-12-01 21:00"),
    (TOKYO, "2026-12-02 06:00", "two that touch", None),
    (TOKYO, "2026-12-01 23:00", "two that overlap", "2026-12-01 22:00"),
    (TOKYO, "2026-12-05 23:59", "sundays", None),
    (TOKYO, "2026-12-06 00:00", "sundays", "2026-12-06 15:00"),
    (TOKYO, "2026-12-06 23:59", "sundays", "2026-12-06 15:00"),
    (TOKYO, "2026-12-07 00:00", "sundays", None),
    # A span belongs to the day on which it starts: Saturday's early hours are Friday's.
    (TOKYO, "2026-12-04 06:00", "weekend nights", None),
    (TOKYO, "2026-12-05 06:00", "weekend nights", "2026-12-04 22:00"),
    (TOKYO, "2026-12-06 06:59", "weekend nights", "2026-12-05 22:00"),
    (TOKYO, "2026-12-06 23:30", "weekend nights", None),
    (TOKYO, "2026-12-07 06:00", "weekend nights", None),
    (TOKYO, "2026-12-01 03:00", "always there", None),
    # The other zones.
    (NEW_YORK, "2026-12-01 22:00", "night", "2026-12-02 13:00"),
    (NEW_YORK, "2026-07-01 22:00", "night", "2026-07-02 12:00"),
    (KATHMANDU, "2026-12-01 23:00", "night", "2026-12-02 02:15"),
    (APIA, "2026-12-01 23:00", "night", "2026-12-01 19:00"),
    (APIA, "2026-12-01 08:00", "night", None),
    # Apia left out 2011-12-30 altogether: its night of the 29th ends on the 31st.
    (APIA, "2011-12-29 23:00", "night", "2011-12-30 18:00"),
    # New York, 2026-03-08: 02:00 becomes 03:00.
    (NEW_YORK, "2026-03-07 23:00", "night", "2026-03-08 12:00"),
    (NEW_YORK, "2026-03-08 01:59", "small hours", "2026-03-08 07:00"),
    (NEW_YORK, "2026-03-08 03:00", "small hours", None),
    (NEW_YORK, "2026-03-08 01:59", "until half past two", "2026-03-08 07:30"),
    (NEW_YORK, "2026-03-08 03:29", "until half past two", "2026-03-08 07:30"),
    (NEW_YORK, "2026-03-08 03:30", "until half past two", None),
    # New York, 2026-11-01: 02:00 becomes 01:00.
    (NEW_YORK, "2026-10-31 23:00", "night", "2026-11-01 13:00"),
    (NEW_YORK, "2026-11-01 01:15", "from half past one", None),
    (NEW_YORK, "2026-11-01 01:30", "from half past one", "2026-11-01 10:00"),
    (NEW_YORK, "2026-11-01 01:15+1", "from half past one", "2026-11-01 10:00"),
    (NEW_YORK, "2026-11-01 01:59+1", "small hours", "2026-11-01 08:00"),
    (NEW_YORK, "2026-11-01 03:00", "small hours", None),
]


def local(text, zone):
    clock, _, second = text.partition("+")
    at = datetime.strptime(clock, "%Y-%m-%d %H:%M")  # noqa: DTZ007
    return at.replace(tzinfo=ZoneInfo(zone), fold=int(second or 0))


def utc(text):
    return text and datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=UTC)


def days(text):
    return list(Weekday.values) if text == "all" else text.split()


def absences(name):
    return [
        StaffAbsence(
            days=days(on), time_start=time.fromisoformat(start), time_end=time.fromisoformat(end)
        )
        for start, end, on in ABSENCES[name]
    ]


@pytest.mark.parametrize(("zone", "at", "name", "back"), MORNINGS)
def test_when_somebody_is_back(zone, at, name, back):
    assert absence_end(absences(name), ZoneInfo(zone), local(at, zone)) == utc(back)


def test_an_inn_that_is_never_attended_puts_nobody_off_for_ever():
    at = local("2026-12-01 12:00", TOKYO)

    assert absence_end(absences("never there"), ZoneInfo(TOKYO), at) == utc("2026-12-01 15:00")


#: (days, from, until, languages, mode, threshold, channels)
LATE = ("all", "22:00", "02:00", [], "early", 0.85, [])
WEEKEND = ("sat sun", "09:00", "18:00", [], "normal", 0.6, ["line"])
FRENCH = ("all", "00:00", "00:00", ["fr"], "normal", 0.75, ["email"])
STRICT = ("all", "23:00", "23:30", [], "early", 0.95, ["slack", "line"])

RULES = [
    (TOKYO, "2026-12-01 21:59", "en", [LATE], ("normal", 0.7, ())),
    (TOKYO, "2026-12-01 22:00", "en", [LATE], ("early", 0.85, ())),
    (TOKYO, "2026-12-02 01:59", "en", [LATE], ("early", 0.85, ())),
    (TOKYO, "2026-12-02 02:00", "en", [LATE], ("normal", 0.7, ())),
    (TOKYO, "2026-12-04 12:00", "en", [WEEKEND], ("normal", 0.7, ())),
    (TOKYO, "2026-12-05 12:00", "en", [WEEKEND], ("normal", 0.6, ("line",))),
    (TOKYO, "2026-12-05 18:00", "en", [WEEKEND], ("normal", 0.7, ())),
    (TOKYO, "2026-12-01 12:00", "fr", [FRENCH], ("normal", 0.75, ("email",))),
    (TOKYO, "2026-12-01 12:00", "es", [FRENCH], ("normal", 0.7, ())),
    # One that names the language before one for all; then the strictest.
    (TOKYO, "2026-12-01 23:15", "fr", [LATE, FRENCH, STRICT], ("normal", 0.75, ("email",))),
    (TOKYO, "2026-12-01 23:15", "en", [LATE, FRENCH, STRICT], ("early", 0.95, ("slack", "line"))),
    (NEW_YORK, "2026-11-01 01:30", "en", [LATE], ("early", 0.85, ())),
    (NEW_YORK, "2026-11-01 01:30+1", "en", [LATE], ("early", 0.85, ())),
    (NEW_YORK, "2026-11-01 02:00", "en", [LATE], ("normal", 0.7, ())),
    (KATHMANDU, "2026-12-01 22:00", "ko", [LATE], ("early", 0.85, ())),
]


def schedule(number, row):
    on, start, end, languages, mode, threshold, channels = row
    return EscalationSchedule(
        pk=number,
        days=days(on),
        time_start=time.fromisoformat(start),
        time_end=time.fromisoformat(end),
        languages=languages,
        mode=mode,
        threshold=threshold,
        notify_channels=channels,
    )


@pytest.mark.parametrize(("zone", "at", "language", "rows", "expected"), RULES)
def test_which_rule_holds(zone, at, language, rows, expected):
    schedules = [schedule(number, row) for number, row in enumerate(rows)]

    rule = rule_at(schedules, ZoneInfo(zone), local(at, zone), language)

    assert (rule.mode, rule.threshold, rule.channels) == expected


def test_a_rule_that_is_switched_off_does_not_hold(sakura, maple):
    at = local("2026-12-01 12:00", TOKYO)
    hours = {"time_start": time(0), "time_end": time(0), "threshold": 0.9, "mode": "early"}
    EscalationSchedule.objects.create(facility=sakura, is_active=False, **hours)
    EscalationSchedule.objects.create(facility=maple, **hours)

    assert StaffHours(sakura, at, "en").rule.threshold == 0.7
    assert StaffHours(maple, at, "en").rule.mode == EscalationMode.EARLY


@pytest.mark.parametrize(
    ("at", "text"), [("2026-12-01 23:00", "08:00"), ("2026-12-05 07:30", "12/07 08:00")]
)
def test_guests_are_told_the_inns_clock_and_the_day_when_it_is_far(sakura, at, text):
    StaffAbsence.objects.create(facility=sakura, days=["sat"], time_start=time(7), time_end=time(7))
    StaffAbsence.objects.create(facility=sakura, days=["sun"], time_start=time(7), time_end=time(8))
    StaffAbsence.objects.create(
        facility=sakura, days=["sun"], time_start=time(8), time_end=time(22)
    )

    assert StaffHours(sakura, local(at, TOKYO), "en").back_at_text == text


def test_a_new_facility_sleeps_at_night(sakura):
    absence = StaffAbsence.objects.for_facility(sakura).get()

    with translation.override("en"):
        assert str(absence) == "every day 22:00-08:00"
