"""The weekly letter to an inn's owners: what guests asked, was learned, and would help most."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Final

from django.conf import settings
from django.urls import reverse
from django.utils.text import Truncator

from chat import statistics
from chat.models import Message
from chat.statistics import MINUTES_SAVED, Figures, Gap, Period
from facilities.hours import DEFAULT_RULE
from facilities.models import Facility, Membership
from faq.history import title_of
from faq.models import FaqRevision, FaqSuggestion, FaqWording
from faq.search import search_faqs
from nightqueue.texts import is_japanese, say

#: Gaps told, and FAQs of each kind that are named.
GAPS: Final = 3
NAMED: Final = 5
QUOTED_CHARACTERS: Final = 120
#: What may name a guest: an address, and a number as long as a telephone's.
_PERSONAL: Final = re.compile(r"\S+@\S+|\+?\d(?:[\s().-]?\d){8,}")


@dataclass(frozen=True)
class Learned:
    """What became of FAQs in a week, by their titles in the inn's language."""

    added: list[str]
    changed: list[str]
    #: Guests' own ways to ask that were added to FAQs.
    wordings: int


@dataclass(frozen=True)
class ToFill:
    """A question that no FAQ answers yet."""

    gap: Gap
    #: As the guest wrote it, and in the inn's language where that is another and it was translated.
    text: str
    translation: str


class Week:
    """The seven days from `monday`, by the inn's own calendar."""

    def __init__(self, facility: Facility, monday: date) -> None:
        self.facility = facility
        self.period = Period.up_to(monday + timedelta(days=6), days=7)

    @cached_property
    def hours(self) -> list[statistics.Hour]:
        return statistics.asked_by_hour(self.facility, since=self.period.before.first)

    @property
    def figures(self) -> Figures:
        return statistics.figures(self.hours, [], self.period)

    @property
    def before(self) -> Figures:
        return statistics.figures(self.hours, [], self.period.before)

    @cached_property
    def learned(self) -> Learned:
        in_week = {
            "created_at__gte": self.period.starts_at(self.facility),
            "created_at__lt": self.period.ends_at(self.facility),
        }
        revisions = FaqRevision.objects.for_facility(self.facility).filter(**in_week)
        wordings = FaqWording.objects.for_facility(self.facility).filter(
            origin=FaqWording.Origin.GUEST, **in_week
        )
        is_new: dict[int, bool] = {}
        latest: dict[int, FaqRevision] = {}
        for revision in revisions.order_by("pk"):
            is_new.setdefault(revision.faq_id, revision.before is None)
            latest[revision.faq_id] = revision
        titles: dict[bool, list[str]] = {True: [], False: []}
        for faq_id, revision in latest.items():
            if revision.after is not None:  # not deleted again
                title = title_of(revision, self.facility.language)
                titles[is_new[faq_id]].append(self.quoted(title))
        return Learned(titles[True], titles[False], wordings.count())

    @cached_property
    def gaps(self) -> list[ToFill]:
        """Of the questions that went to staff, those of most guests that no FAQ answers since."""
        found = []
        asked = statistics.unanswered(self.facility, self.period)
        messages = Message.objects.in_bulk([gap.message_id for gap in asked])
        for gap in asked:
            message = messages.get(gap.message_id)
            if message and not self.is_answered_now(message):
                text, translation = self.quoted(message.content), self.quoted(message.staff_text)
                found.append(ToFill(gap, text, translation))
            if len(found) == GAPS:
                break
        return found

    def is_answered_now(self, question: Message) -> bool:
        ranking = search_faqs(self.facility, question.content, language=question.language)
        return ranking.is_sure(DEFAULT_RULE.threshold)

    def quoted(self, text: str) -> str:
        """In one line, without the inn's secret and without what may name a guest."""
        if self.facility.wifi_password:
            text = text.replace(self.facility.wifi_password, "…")
        return Truncator(_PERSONAL.sub("…", " ".join(text.split()))).chars(QUOTED_CHARACTERS)

    # In words -----------------------------------------------------------------------------------

    def say(self, key: str, **values: object) -> str:
        return say(f"letter_{key}", self.facility, **values)

    def day(self, day: date) -> str:
        return f"{day.month}月{day.day}日" if is_japanese(self.facility) else f"{day.day} {day:%B}"

    def subject(self) -> str:
        return self.say("subject", inn=self.facility.name, count=self.figures.questions)

    def text(self, reader: Membership) -> str:
        head = self.say(
            "head",
            inn=self.facility.name,
            first=self.day(self.period.first),
            last=self.day(self.period.last),
        )
        sections = [section(self) for section in SECTIONS]
        foot = self.say(
            "foot",
            dashboard=f"{url('admin:index')}?facility={self.facility.pk}",
            settings=url("admin:facilities_membership_change", reader.pk),
        )
        return "\n\n".join([head, *filter(None, sections), foot])


def asked_section(week: Week) -> str:
    now = week.figures
    return week.say(
        "asked",
        count=now.questions,
        before=week.before.questions,
        automatic=now.automatic,
        rate=round((now.automatic_rate or 0) * 100),
        hours=f"{now.hours_saved:.1f}",
        minutes=MINUTES_SAVED,
    )


def learned_section(week: Week) -> str:
    learned = week.learned
    lines = [
        *listed(week, "added", learned.added),
        *listed(week, "changed", learned.changed),
    ]
    if learned.wordings:
        lines.append(week.say("wordings", count=learned.wordings))
    return "\n".join([week.say("learned"), *(lines or [week.say("learned_nothing")])])


def listed(week: Week, key: str, titles: list[str]) -> list[str]:
    lines = [week.say(key, title=title) for title in titles[:NAMED]]
    left = len(titles) - NAMED
    return [*lines, week.say(f"{key}_more", count=left)] if left > 0 else lines


def gaps_section(week: Week) -> str:
    if not week.gaps:
        return week.say("no_gaps")
    lines = [week.say("gaps")]
    for number, each in enumerate(week.gaps, 1):
        lines.append(week.say("gap", number=number, text=each.text, guests=each.gap.guests))
        if each.translation:
            lines.append(week.say("gap_translation", text=each.translation))
        lines.append(f"   {url('admin:chat_conversation_close_gap', each.gap.message_id)}")
    return "\n".join(lines)


def suggestions_section(week: Week) -> str:
    count = FaqSuggestion.objects.for_facility(week.facility).pending().count()
    address = url("admin:faq_faqsuggestion_changelist")
    return week.say("suggestions", count=count, url=address) if count else ""


#: The parts of the letter, in their order; one with nothing to say is left out.
SECTIONS: Final[tuple[Callable[[Week], str], ...]] = (
    asked_section,
    learned_section,
    gaps_section,
    suggestions_section,
)


def url(name: str, *args: object) -> str:
    return f"{settings.PUBLIC_BASE_URL}{reverse(name, args=args)}"
