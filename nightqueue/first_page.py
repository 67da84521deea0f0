"""The staff's first page: the dashboard's numbers, put into words and shapes for its template."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Final

from django.http import Http404, HttpRequest
from django.utils.dates import WEEKDAYS, WEEKDAYS_ABBR
from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from chat.models import Escalation
from chat.statistics import Figures, share
from facilities.admin import Right, may
from facilities.models import Facility
from faq.models import Faq, FaqSuggestion
from faq.wordings import count_open
from nightqueue.dashboard import Dashboard
from nightqueue.setup import Setup
from yadopera.languages import LANGUAGES

#: Rows of each list of what is open; the rest is one link away.
SHOWN: Final = 4


def add_dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Adds `page`, the first page of the inn that the address names, to the context of the admin's
    index; nothing for who works nowhere. Raises Http404 for another's inn."""
    facilities = list(Facility.objects.for_user(request.user))
    if not facilities:
        return context
    facility = chosen(facilities, request.GET.get("facility"))
    page = FirstPage(Dashboard(facility))
    title = gettext("Today")
    return context | {
        "page": page,
        "setup": Setup(facility) if may(request, Right.OWN, facility) else None,
        "facilities": facilities,
        # The tab says how much there is to do.
        "title": f"({page.to_do}) {title}" if page.to_do else title,
    }


def chosen(facilities: list[Facility], number: str | None) -> Facility:
    if number is None:
        return facilities[0]
    for facility in facilities:
        if number == str(facility.pk):
            return facility
    raise Http404


# Numbers in words -------------------------------------------------------------------------------


def as_count(value: float) -> str:
    return number_format(round(value), force_grouping=True)


def as_percent(value: float) -> str:
    return gettext("%(number)s %%") % {"number": as_count(value * 100)}


def as_hours(value: float) -> str:
    return gettext("%(number)s h") % {"number": number_format(value, decimal_pos=1)}


def as_seconds(milliseconds: float) -> str:
    return gettext("%(number)s s") % {"number": number_format(milliseconds / 1000, decimal_pos=1)}


def in_percent(now: float, before: float) -> tuple[int, str]:
    """How much more or less, of what it was."""
    percent = round((now - before) / before * 100)
    return percent, f"{percent:+d} %"


def in_points(now: float, before: float) -> tuple[int, str]:
    """How many percentage points more or less."""
    points = round((now - before) * 100)
    text = ngettext("%(points)+d point", "%(points)+d points", abs(points))
    return points, text % {"points": points}


@dataclass(frozen=True)
class Measure:
    """One of the figures, and how it is written."""

    label: str | Promise
    name: str
    written: Callable[[float], str]
    compared: Callable[[float, float], tuple[int, str]] = in_percent
    #: Whether more of it is better (1), worse (-1) or neither (0).
    good: int = 1
    help: str | Promise = ""


MEASURES: Final = (
    Measure(_("Questions"), "questions", as_count, good=0),
    Measure(
        _("Answered without staff"),
        "automatic_rate",
        as_percent,
        in_points,
    ),
    Measure(
        _("Hours saved"), "hours_saved", as_hours, help=_("3 minutes for each answered question")
    ),
    Measure(_("Satisfied"), "satisfaction", as_percent, in_points, help=_("of those who voted")),
    Measure(_("How sure the answers were"), "average_confidence", as_percent, in_points),
    Measure(_("Time to the answer"), "average_response_time_ms", as_seconds, good=-1),
)


@dataclass(frozen=True)
class Value:
    text: str
    #: Against the period before; empty where there is nothing to compare.
    change: str
    #: 1 for the better, -1 for the worse.
    trend: int


def value_of(measure: Measure, now: Figures, before: Figures) -> Value:
    current, previous = getattr(now, measure.name), getattr(before, measure.name)
    if current is None:
        return Value("–", "", 0)
    text = measure.written(current)
    if not previous:
        return Value(text, "", 0)
    rise, change = measure.compared(current, previous)
    if rise == 0:
        return Value(text, "±0", 0)
    return Value(text, change, measure.good if rise > 0 else -measure.good)


# Shapes -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bar:
    label: str
    count: int
    #: Of the longest bar, 0 to 1.
    length: float
    #: The dark part of it, 0 to 1.
    part: float = 1


def bars(counts: dict[str, int], labels: Callable[[str], str]) -> list[Bar]:
    longest = max(counts.values(), default=0)
    return [Bar(labels(name), n, share(n, longest) or 0) for name, n in counts.items()]


class FirstPage:
    def __init__(self, dashboard: Dashboard) -> None:
        self.dashboard = dashboard
        self.facility = dashboard.facility
        self.at = dashboard.at

    # What needs somebody now.

    @property
    def to_do(self) -> int:
        """Each guest once: who waits in the night queue is among those who wait."""
        counts = self.dashboard.attention
        return sum(counts.values()) - counts["night_queue"] + self.suggestions + self.wordings

    @cached_property
    def suggestions(self) -> int:
        return FaqSuggestion.objects.for_facility(self.facility).pending().count()

    @cached_property
    def wordings(self) -> int:
        return count_open([self.facility])

    @property
    def escalations(self) -> list[Escalation]:
        """Dangers first, then the latest, without those of the night, which have their own list."""
        night = {entry.escalation_id for entry in self.dashboard.overnight_queue}
        open_ones = self.dashboard.unresolved_escalations
        waiting = [each for each in open_ones if each.pk not in night]
        waiting.sort(key=lambda each: each.trigger_type != Escalation.Trigger.SAFETY)
        return waiting[:SHOWN]

    @property
    def queue(self) -> list[Any]:
        return self.dashboard.overnight_queue[:SHOWN]

    @property
    def low_rated(self) -> list[dict[str, Any]]:
        return self.dashboard.raised[:SHOWN]

    # How it goes.

    @property
    def tiles(self) -> Iterator[dict[str, Any]]:
        """Each measure with the `Value` of the week and of the month."""
        periods = self.dashboard.periods
        for measure in MEASURES:
            value = partial(value_of, measure)
            yield {
                "measure": measure,
                "week": value(periods["week"]["current"], periods["week"]["before"]),
                "month": value(periods["month"]["current"], periods["month"]["before"]),
            }

    @property
    def days(self) -> list[Bar]:
        """The month, a bar a day; the dark part was answered without staff."""
        days = self.dashboard.by_day
        most = max(day.questions for day in days)
        return [
            Bar(
                f"{day.day:%-m/%-d}",
                day.questions,
                share(day.questions, most) or 0,
                share(day.automatic, day.questions) or 0,
            )
            for day in days
        ]

    @property
    def hours(self) -> list[dict[str, Any]]:
        """A row for each weekday: its `name` and 24 `Bar`s."""
        rows = self.dashboard.heat_map
        most = max(map(max, rows))
        return [
            {
                "name": WEEKDAYS_ABBR[number],
                "hours": [
                    Bar(f"{WEEKDAYS[number]} {hour}:00", count, share(count, most) or 0)
                    for hour, count in enumerate(row)
                ],
            }
            for number, row in enumerate(rows)
        ]

    #: The hours that the table of `hours` names.
    ticks = range(0, 24, 3)

    @property
    def languages(self) -> list[Bar]:
        return bars(self.dashboard.summary["language_breakdown"], LANGUAGES.__getitem__)  # type: ignore[arg-type]

    @property
    def categories(self) -> list[Bar]:
        counts = self.dashboard.summary["category_breakdown"]
        return bars(counts, lambda name: str(Faq.Category(name).label))  # type: ignore[arg-type]

    @property
    def top_questions(self) -> object:
        return self.dashboard.summary["top_questions"]

    @property
    def unanswered_questions(self) -> object:
        return self.dashboard.summary["unanswered_questions"]
