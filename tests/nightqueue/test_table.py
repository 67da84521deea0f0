"""Zone × local time × weekday × schedule × trigger → mode, threshold, told now or queued, when."""

from datetime import datetime, time
from zoneinfo import ZoneInfo

import pytest

from chat.models import Conversation, Escalation, Message
from chat.signals import escalated
from facilities.hours import StaffHours
from facilities.models import EscalationSchedule
from nightqueue.models import Delivery, QueueEntry

TOKYO, NEW_YORK = "Asia/Tokyo", "America/New_York"
KATHMANDU, APIA = "Asia/Kathmandu", "Pacific/Apia"

#: Name -> (days, from, until, languages, mode, threshold); staff are away from 22:00 to 08:00.
SCHEDULES = {
    "none": None,
    "evenings early": (["all"], "18:00", "23:00", [], "early", 0.85),
    "over midnight": (["all"], "23:00", "09:00", [], "early", 0.9),
    "saturday nights": (["sat"], "21:00", "03:00", [], "early", 0.8),
    "korean": (["all"], "00:00", "00:00", ["ko"], "early", 0.95),
}
NOW = "now"

# zone, local time, schedule, language, trigger -> mode, threshold, when (UTC, or now)
ROWS = [
    (TOKYO, "2026-12-01 12:00", "none", "en", "low_confidence", "normal", 0.7, NOW),
    (TOKYO, "2026-12-01 12:00", "none", "en", "safety_category", "normal", 0.7, NOW),
    (TOKYO, "2026-12-01 21:59", "none", "en", "staff_mode", "normal", 0.7, NOW),
    (TOKYO, "2026-12-01 22:00", "none", "en", "staff_mode", "normal", 0.7, "2026-12-01 23:00"),
    (TOKYO, "2026-12-01 22:00", "none", "en", "safety_category", "normal", 0.7, NOW),
    (TOKYO, "2026-12-02 03:00", "none", "en", "error", "normal", 0.7, "2026-12-01 23:00"),
    (TOKYO, "2026-12-02 03:00", "none", "ja", "multiple_turns", "normal", 0.7, "2026-12-01 23:00"),
    (TOKYO, "2026-12-02 08:00", "none", "en", "low_confidence", "normal", 0.7, NOW),
    (TOKYO, "2026-12-01 17:59", "evenings early", "fr", "low_confidence", "normal", 0.7, NOW),
    (TOKYO, "2026-12-01 18:00", "evenings early", "fr", "low_confidence", "early", 0.85, NOW),
    (TOKYO, "2026-12-01 22:30", "evenings early", "fr", "error", "early", 0.85, "2026-12-01 23:00"),
    (TOKYO, "2026-12-01 23:00", "evenings early", "fr", "error", "normal", 0.7, "2026-12-01 23:00"),
    (TOKYO, "2026-12-02 08:30", "over midnight", "es", "low_confidence", "early", 0.9, NOW),
    (TOKYO, "2026-12-02 09:00", "over midnight", "es", "low_confidence", "normal", 0.7, NOW),
    (TOKYO, "2026-12-05 21:00", "saturday nights", "en", "low_confidence", "early", 0.8, NOW),
    (TOKYO, "2026-12-06 02:00", "saturday nights", "en", "error", "early", 0.8, "2026-12-05 23:00"),
    (TOKYO, "2026-12-06 21:00", "saturday nights", "en", "low_confidence", "normal", 0.7, NOW),
    (TOKYO, "2026-12-01 12:00", "korean", "ko", "low_confidence", "early", 0.95, NOW),
    (TOKYO, "2026-12-01 12:00", "korean", "ja", "low_confidence", "normal", 0.7, NOW),
    (NEW_YORK, "2026-12-01 23:00", "none", "en", "error", "normal", 0.7, "2026-12-02 13:00"),
    (NEW_YORK, "2026-12-01 08:00", "none", "en", "error", "normal", 0.7, NOW),
    # Clocks are set forward in this night, and back in the next but one.
    (NEW_YORK, "2026-03-07 23:00", "none", "en", "error", "normal", 0.7, "2026-03-08 12:00"),
    (
        NEW_YORK,
        "2026-03-08 03:00",
        "over midnight",
        "en",
        "error",
        "early",
        0.9,
        "2026-03-08 12:00",
    ),
    (NEW_YORK, "2026-03-08 03:00", "none", "en", "safety_category", "normal", 0.7, NOW),
    (NEW_YORK, "2026-10-31 23:00", "none", "en", "error", "normal", 0.7, "2026-11-01 13:00"),
    (
        NEW_YORK,
        "2026-11-01 01:30",
        "over midnight",
        "en",
        "error",
        "early",
        0.9,
        "2026-11-01 13:00",
    ),
    (NEW_YORK, "2026-11-01 01:30", "none", "en", "safety_category", "normal", 0.7, NOW),
    (KATHMANDU, "2026-12-01 21:59", "none", "ko", "low_confidence", "normal", 0.7, NOW),
    (KATHMANDU, "2026-12-01 22:00", "none", "ko", "error", "normal", 0.7, "2026-12-02 02:15"),
    (KATHMANDU, "2026-12-01 23:00", "korean", "ko", "error", "early", 0.95, "2026-12-02 02:15"),
    (APIA, "2026-12-01 22:00", "none", "zh-TW", "error", "normal", 0.7, "2026-12-01 19:00"),
    (APIA, "2026-12-01 07:59", "none", "zh-TW", "error", "normal", 0.7, "2026-11-30 19:00"),
    (APIA, "2026-12-01 12:00", "evenings early", "zh-CN", "error", "normal", 0.7, NOW),
    (APIA, "2026-12-01 18:00", "evenings early", "zh-CN", "error", "early", 0.85, NOW),
    # The night before the day that Apia left out.
    (APIA, "2011-12-29 23:00", "none", "en", "error", "normal", 0.7, "2011-12-30 18:00"),
    (APIA, "2011-12-29 23:00", "none", "en", "safety_category", "normal", 0.7, NOW),
    (TOKYO, "2026-12-01 23:30", "over midnight", "ja", "keyword", "early", 0.9, "2026-12-01 23:00"),
    (TOKYO, "2026-12-06 23:59", "none", "ko", "staff_mode", "normal", 0.7, "2026-12-06 23:00"),
    (TOKYO, "2027-01-01 00:00", "none", "fr", "error", "normal", 0.7, "2026-12-31 23:00"),
    (TOKYO, "2028-02-29 22:00", "none", "es", "error", "normal", 0.7, "2028-02-29 23:00"),
]


@pytest.mark.parametrize(
    ("zone", "local", "schedule", "language", "trigger", "mode", "threshold", "when"), ROWS
)
def test_who_is_told_when(sakura, zone, local, schedule, language, trigger, mode, threshold, when):
    sakura.timezone = zone
    sakura.save()
    add_schedule(sakura, SCHEDULES[schedule])
    at = datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(zone))
    hours = StaffHours(sakura, at, language)
    escalation = store(sakura, language, trigger, hours)

    escalated.send(Escalation, escalation=escalation, hours=hours)

    assert (hours.rule.mode, hours.rule.threshold) == (mode, threshold)
    queued = [entry.due_at for entry in QueueEntry.objects.all()]
    assert queued == ([] if when == NOW else [datetime.fromisoformat(f"{when}+00:00")])
    assert Delivery.objects.count() == (when == NOW)


def add_schedule(facility, row):
    if row is None:
        return
    days, start, end, languages, mode, threshold = row
    week = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    EscalationSchedule.objects.create(
        facility=facility,
        days=week if days == ["all"] else days,
        time_start=time.fromisoformat(start),
        time_end=time.fromisoformat(end),
        languages=languages,
        mode=mode,
        threshold=threshold,
    )


def store(facility, language, trigger, hours):
    conversation = Conversation.objects.create(facility=facility, language=language)
    question = Message.objects.create(
        conversation=conversation, role="user", content="?", language=language
    )
    return Escalation.objects.create(
        conversation=conversation, message=question, trigger_type=trigger, mode=hours.rule.mode
    )
