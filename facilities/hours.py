"""When somebody is awake at an inn, and how sure an answer must be then.

A span of hours is written in the inn's own time and belongs to the weekday on which it starts: one
of mon 22:00 to 08:00 covers Tuesday's early hours. It holds its first minute and not its last; a
span that ends when it starts lasts a day. On the night on which clocks are set back, an hour that
comes twice means its first coming; on the night on which they are set forward, an hour that never
comes means as long after midnight as it would have been (02:30 is what clocks then call 03:30).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from facilities.models import EscalationMode, EscalationSchedule, Facility, StaffAbsence, Weekday

#: So many absences may follow one another without a pause. An inn that is never attended would
#: otherwise put a question off for ever.
LONGEST_CHAIN: Final = 21


class WeeklyHours(Protocol):
    days: list[str]
    time_start: time
    time_end: time


@dataclass(frozen=True)
class Rule:
    """How questions are judged at some moment in some language."""

    mode: EscalationMode
    #: Below this chance of being right an answer goes to staff.
    threshold: float
    #: Kinds of channels that are used; empty for all.
    channels: tuple[str, ...] = ()


DEFAULT_RULE: Final = Rule(EscalationMode.NORMAL, EscalationMode.NORMAL.threshold)


def occurrences(
    hours: WeeklyHours, zone: ZoneInfo, at: datetime
) -> Iterator[tuple[datetime, datetime]]:
    """The spans of `hours` that can hold `at`, as moments in UTC."""
    today = at.astimezone(zone).date()
    for day in (today - timedelta(days=1), today):
        if Weekday.of(day) in hours.days:
            ends_on = day if hours.time_end > hours.time_start else day + timedelta(days=1)
            yield moment(day, hours.time_start, zone), moment(ends_on, hours.time_end, zone)


def moment(day: date, clock: time, zone: ZoneInfo) -> datetime:
    # In UTC, because Python compares two times of one zone by their clocks alone.
    return datetime.combine(day, clock, zone).astimezone(UTC)


def ends_of(hours: Iterable[WeeklyHours], zone: ZoneInfo, at: datetime) -> list[datetime]:
    """When those of the `hours` end that `at` falls into."""
    spans = (span for each in hours for span in occurrences(each, zone, at))
    return [ends for starts, ends in spans if starts <= at < ends]


def absence_end(absences: list[StaffAbsence], zone: ZoneInfo, at: datetime) -> datetime | None:
    """When somebody is back, where nobody is there at `at`; else None. Absences that follow one
    another without a pause count as one."""
    first = end = None
    for _absence in range(LONGEST_CHAIN):
        ends = ends_of(absences, zone, end or at)
        if not ends:
            return end
        end = max(ends)
        first = first or end
    return first


def rule_at(
    schedules: Iterable[EscalationSchedule], zone: ZoneInfo, at: datetime, language: str
) -> Rule:
    """The rule of the schedule that holds; of several, one that names the language before one for
    all languages, then the strictest. Without any, the default."""
    holding = [
        schedule
        for schedule in schedules
        if (not schedule.languages or language in schedule.languages)
        and ends_of([schedule], zone, at)
    ]
    if not holding:
        return DEFAULT_RULE
    chosen = max(holding, key=lambda each: (bool(each.languages), each.threshold, each.pk))
    return Rule(EscalationMode(chosen.mode), chosen.threshold, tuple(chosen.notify_channels))


class StaffHours:
    """What holds at an inn at one moment for one language; asks the database when it is asked."""

    def __init__(self, facility: Facility, at: datetime, language: str) -> None:
        self.facility = facility
        self.at = at
        self.language = language
        self.zone = ZoneInfo(facility.timezone)

    @cached_property
    def rule(self) -> Rule:
        schedules = EscalationSchedule.objects.for_facility(self.facility).filter(is_active=True)
        return rule_at(schedules, self.zone, self.at, self.language)

    @cached_property
    def back_at(self) -> datetime | None:
        """When staff are back; None while they are there."""
        absences = list(StaffAbsence.objects.for_facility(self.facility))
        return absence_end(absences, self.zone, self.at)

    def load(self) -> None:
        """Ask the database now, for what goes on where it is out of reach."""
        _ = self.rule, self.back_at

    @property
    def back_at_text(self) -> str:
        """The same on the inn's clock, for guests; with the day when it is not the next one."""
        if self.back_at is None:
            return ""
        local = self.back_at.astimezone(self.zone)
        is_near = self.back_at - self.at < timedelta(hours=20)
        return f"{local:%H:%M}" if is_near else f"{local:%m/%d %H:%M}"
