"""A month at a small inn: guests ask, staff reply and decide upon what is suggested.

A question goes the way of the API, the admin and the tasks, by a clock that is moved. Made up is
only who asks what and when, and what people do about it. Needs Django and an empty database.
"""

import random
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import time_machine
from asgiref.sync import async_to_sync
from django.utils import timezone

from chat import learning, staff
from chat.feedback import ignore_faq, low_rated_answers, raised
from chat.language import detect_language
from chat.models import Escalation, GuestFeedback, Message
from chat.patterns import count_endings
from chat.services import GuestMessage, Turn, call_staff, finish_turn, take_question, vote
from chat.try_out import try_question
from chat.wordings import learn_wordings
from facilities.models import SiteKey
from facilities.schemas import Page
from facilities.services import add_owner
from faq import reviews, wordings
from faq.models import Faq, FaqSuggestion, FaqWording, OfferedWording
from faq.search import search_facts, search_faqs
from faq.transfer import import_folder
from yadopera.languages import LANGUAGES

FOLDER: Final = Path(__file__).parent / "kotori-so"
FIRST_DAY: Final = datetime(2027, 4, 1, tzinfo=ZoneInfo("Asia/Tokyo"))
DAYS: Final = 30
QUESTIONS: Final = 600
#: So many of them repeat another guest's short question in his very words.
REPEATED: Final = 40
SHORT: Final = 16
#: How many questions a guest has.
A_VISIT: Final = (1, 1, 1, 1, 1, 1, 2, 2, 2, 3)
#: The hours at which guests ask.
HOURS: Final = (7, 8, 9, 10, 12, 14, 15, 15, 16, 16, 17, 17, 18, 18, 19, 20, 21, 22, 22, 23)
#: The parts of the guests whom an answer helped who say so, and of the others who do, or who call
#: staff then.
THANK, OBJECT, CALL = 0.12, 0.35, 0.3
#: Staff have time for so many suggestions a morning.
A_MORNING: Final = 3
#: What they reply to what nobody knows.
UNKNOWN: Final = "申し訳ございませんが、こちらではわかりかねます。"

#: Sources of answers that no person had a part in.
AUTOMATIC: Final = {
    *Message.ANSWERED_AUTOMATICALLY,
    *Message.ANSWERED_BY_FAQ,
    Message.Source.MANNERS,
}


@dataclass(frozen=True)
class Question:
    intent: str
    language: str
    text: str


@dataclass(frozen=True)
class Intent:
    """What guests want to know. Of one that staff answer, what they reply and how the FAQ is
    headed."""

    answered: str
    question: str = ""
    reply: str = ""


@dataclass
class Tally:
    """Questions, those answered without a person, and those of them that were not answered rightly:
    with the answer to something else, or with any where the inn has none."""

    questions: int = 0
    automatic: int = 0
    wrong: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    def count(self, intent: str, answered: str | None) -> None:
        self.questions += 1
        self.automatic += answered is not None
        self.wrong += answered is not None and answered != intent


@dataclass(frozen=True)
class Day:
    tally: Tally
    #: At its end: suggestions to be decided, FAQs, and wordings of theirs.
    suggestions: int
    faqs: int
    wordings: int


def read_guests() -> tuple[dict[str, Intent], list[Question], list[Question]]:
    """The intents, what is asked in the month, and what is held out."""
    data = tomllib.loads((FOLDER / "guests.toml").read_text(encoding="utf-8"))
    intents = {}
    asked: list[Question] = []
    held_out: list[Question] = []
    for key, about in data.items():
        texts = [(code, text) for code in LANGUAGES for text in about.pop(code, ())]
        for number, (language, text) in enumerate(texts):
            (held_out if number % 4 == 2 else asked).append(Question(key, language, text))
        intents[key] = Intent(**about)
    return intents, asked, held_out


class Month:
    """One run; `seed` decides who asks what and when, and who says something about the answer."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.intents, self.asked, self.held_out = read_guests()
        self.inn = import_folder(FOLDER).facility
        self.owner = add_owner(self.inn, email=self.inn.email, password="kotori-no-su-2027")
        self.code = SiteKey.objects.create(facility=self.inn, location="entrance").key
        #: Number of a guest's message, or of a FAQ -> the intent.
        self.meant: dict[int, str] = {}
        self.about = dict(Faq.objects.for_facility(self.inn).values_list("pk", "intent_key"))
        #: What staff did with suggestions.
        self.done: Counter[str] = Counter()

    def days(self, count: int = DAYS) -> Iterator[Day]:
        """Each of the first `count` days, when it is over; the clock stands at its end then."""
        plan = self.plan()
        with time_machine.travel(FIRST_DAY, tick=False) as self.clock:
            for number in range(count):
                midnight = FIRST_DAY + timedelta(days=number)
                self.tally = Tally()
                events: list[tuple[timedelta, Callable[[], object]]] = [
                    (timedelta(hours=3, minutes=40), self.count_at_night),
                    (timedelta(hours=8, minutes=30), self.work_in_the_morning),
                    (timedelta(hours=21), self.reply_to_all),
                    *((when, partial(self.visit, questions)) for when, questions in plan[number]),
                ]
                for when, happens in sorted(events, key=lambda event: event[0]):
                    self.clock.move_to(max(midnight + when, timezone.now()))
                    happens()
                    learning.learn(self.inn)
                self.clock.move_to(midnight + timedelta(days=1))
                yield self.day()

    def count_at_night(self) -> None:
        count_endings(self.inn)
        learn_wordings(self.inn)

    def day(self) -> Day:
        return Day(
            self.tally,
            FaqSuggestion.objects.for_facility(self.inn).pending().count(),
            Faq.objects.for_facility(self.inn).count(),
            FaqWording.objects.for_facility(self.inn).count(),
        )

    # Guests -------------------------------------------------------------------------------------

    def plan(self) -> list[list[tuple[timedelta, list[Question]]]]:
        """Of each day the visits: since midnight, and what that guest asks."""
        short = [question for question in self.asked if len(question.text) <= SHORT]
        once = self.chance.sample(self.asked, QUESTIONS - REPEATED)
        asked = [*once, *self.chance.sample(short, REPEATED)]
        self.chance.shuffle(asked)
        days: list[list[tuple[timedelta, list[Question]]]] = [[] for _ in range(DAYS)]
        for language in LANGUAGES:  # which a guest keeps
            left = [question for question in asked if question.language == language]
            while left:
                count = self.chance.choice(A_VISIT)
                visit, left = left[:count], left[count:]
                when = timedelta(hours=self.chance.choice(HOURS), minutes=self.chance.randrange(60))
                self.chance.choice(days).append((when, visit))
        return days

    def visit(self, questions: list[Question]) -> None:
        """One guest asks, after a code at the inn was scanned."""
        session = None
        for question in questions:
            turn = self.ask(question, session)
            session = turn.conversation.session_id
            asked = turn.reply.reply_to
            assert asked is not None
            self.meant[asked.pk] = question.intent
            answered = self.intent_of(turn)
            self.tally.count(question.intent, answered)
            if answered is not None:
                self.react(turn, is_right=answered == question.intent)
            self.clock.shift(timedelta(minutes=self.chance.randint(1, 4)))

    def ask(self, question: Question, session: str | None) -> Turn:
        message = GuestMessage(
            text=question.text,
            browser_language=question.language,
            site_key=self.code,
            session_id=session,
        )
        return async_to_sync(finish_turn)(take_question(facility_id=self.inn.pk, message=message))

    def react(self, turn: Turn, *, is_right: bool) -> None:
        if self.chance.random() < (THANK if is_right else OBJECT):
            kind = GuestFeedback.Type.POSITIVE if is_right else GuestFeedback.Type.NEGATIVE
            vote(turn.conversation, message_id=turn.reply.pk, feedback_type=kind)
        if not is_right and self.chance.random() < CALL:
            call_staff(turn.conversation)

    def intent_of(self, turn: Turn) -> str | None:
        question, reply = turn.reply.reply_to, turn.reply
        assert question is not None
        return self.intent_told(
            reply.source, reply.matched_faq_ids, question.content, question.language
        )

    def intent_told(
        self, source: str, faq_ids: Sequence[int], text: str, language: str
    ) -> str | None:
        """What an answer to `text` is about; None where a person is to answer."""
        if source not in AUTOMATIC:
            return None
        if source == Message.Source.MANNERS:
            return "a courtesy"
        if source != Message.Source.FACT:
            return self.about[faq_ids[0]]
        fact = search_facts(search_faqs(self.inn, text, language=language))
        # The library names its intents by their category first.
        return fact.preset.intent_key.partition("_")[2] if fact else None

    def measure(self) -> Tally:
        """What guests would get for the questions that are held out; nothing is stored."""
        tally = Tally()
        for question in self.held_out:
            language = detect_language(question.text, otherwise=question.language)
            trial = try_question(self.inn, question.text, language=language, on_site=True)
            told = self.intent_told(
                trial.answer.source, trial.answer.matched_faq_ids, question.text, language
            )
            tally.count(question.intent, told)
        return tally

    # Staff --------------------------------------------------------------------------------------

    def work_in_the_morning(self) -> None:
        self.reply_to_all()
        learning.learn(self.inn)
        self.review()
        self.decide_wordings()
        self.look_at_low_rated()

    def reply_to_all(self) -> None:
        """To each question that waits for a person, in the order in which they came."""
        waiting = Escalation.objects.for_facility(self.inn).unresolved().order_by("pk")
        for escalation in waiting.select_related("conversation", "message"):
            conversation = escalation.conversation
            asked = conversation.messages.questions().order_by("-pk")
            question = escalation.message or asked[0]
            staff.reply(
                conversation,
                self.owner,
                self.known(self.meant[question.pk]) or UNKNOWN,
                answers_up_to=question.pk,
            )
            self.clock.shift(timedelta(minutes=1))

    def known(self, intent: str) -> str:
        """What staff know of it, in Japanese: the FAQ's words, where there is one."""
        if self.intents[intent].reply:
            return self.intents[intent].reply
        faq = self.faq_about(intent)
        text = faq.translation_for(self.inn.language) if faq else None
        return text.answer if text else ""

    def faq_about(self, intent: str) -> Faq | None:
        ids = [pk for pk, about in self.about.items() if about == intent]
        return Faq.objects.for_facility(self.inn).filter(pk__in=ids).first()

    def review(self) -> None:
        """The suggestions that most guests want, one after the other; of one intent, as one."""
        pending = FaqSuggestion.objects.for_facility(self.inn).pending().ranked()
        read: dict[str, FaqSuggestion] = {}
        for suggestion in list(pending[:A_MORNING]):
            intent = self.intent_asked(suggestion)
            if intent in read:
                self.done["merged"] += 1
                reviews.merge(suggestion=suggestion, into=read[intent], actor=self.owner)
            else:
                read[intent] = suggestion
        for intent, suggestion in read.items():
            suggestion.refresh_from_db()
            self.decide(suggestion, intent)

    def intent_asked(self, suggestion: FaqSuggestion) -> str:
        """What most of its questions ask."""
        intents = Counter(self.meant[q.message_id] for q in suggestion.questions.order_by("pk"))
        return intents.most_common(1)[0][0]

    def decide(self, suggestion: FaqSuggestion, intent: str) -> None:
        answer, faq = self.known(intent), self.faq_about(intent)
        ticked = [q.pk for q in suggestion.questions.all() if self.meant[q.message_id] == intent]
        if not answer:
            self.done["rejected"] += 1
            reviews.reject(suggestion=suggestion, actor=self.owner)
        elif faq:
            self.done["added as a wording"] += 1
            reviews.approve_as_wording(
                suggestion=suggestion, faq=faq, actor=self.owner, wordings=ticked
            )
        else:
            is_ours = suggestion.question_language == self.inn.language
            is_drafted = is_ours and suggestion.answer == answer
            self.done["made a FAQ as drafted" if is_drafted else "made a FAQ, edited"] += 1
            decision = reviews.Decision(
                question=None if is_ours else self.intents[intent].question,
                answer=answer,
                wordings=ticked,
            )
            made = reviews.approve(suggestion=suggestion, actor=self.owner, decision=decision)
            assert made.created_faq is not None
            self.about[made.created_faq.pk] = intent

    def decide_wordings(self) -> None:
        """Those offered that ask for what their FAQ answers, and those doubted: none is accepted
        that does not."""
        offers = wordings.offered(self.inn)
        asked = dict(OfferedWording.objects.values_list("pk", "message_id"))
        right = [o.number for o in offers if self.meant[asked[o.number]] == self.about[o.faq.pk]]
        wrong = [offer.number for offer in offers if offer.number not in right]
        self.done["wordings accepted"] += wordings.accept(self.inn, right, self.owner)
        self.done["wordings declined"] += wordings.decline(self.inn, wrong, self.owner)
        for wording in wordings.doubted(self.inn):
            self.done["wordings doubted and kept"] += 1
            wordings.keep(wording)

    def look_at_low_rated(self) -> None:
        """Their answers are right; what was wrong is that they were given to that question."""
        votes = GuestFeedback.objects.for_facility(self.inn)
        for row in raised(low_rated_answers(votes, Page(limit=100))):
            self.done["low-rated FAQs ignored"] += 1
            ignore_faq(Faq.objects.for_facility(self.inn).get(pk=row["faq_id"]))
