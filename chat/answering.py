"""One question in, one answer or an escalation out. Writes nothing.

In this order: danger, then manners and the wish for a person, then the inn's FAQs, then the inn's
own facts, then staff.
"""

from dataclasses import dataclass
from typing import Final

from chat.manners import find_manner, manner_reply, wants_person
from chat.models import Escalation, Message
from chat.safety import emergency_reply, find_emergency
from chat.texts import say
from facilities.models import Facility
from faq.facts import MissingFact, fill_in
from faq.search import Ranking, search_facts, search_faqs
from yadopera.languages import nearest_languages

#: Below this chance of being right an answer goes to staff: mode 'normal' and mode 'early'.
THRESHOLDS: Final = {Escalation.Mode.NORMAL: 0.70, Escalation.Mode.EARLY: 0.85}


@dataclass(frozen=True)
class Handover:
    """Why people must see this question."""

    trigger: Escalation.Trigger
    mode: Escalation.Mode
    #: For staff, in plain words.
    reason: str


@dataclass(frozen=True)
class Answer:
    content: str
    source: Message.Source
    #: The chance that the answer is right, 0 to 1.
    confidence: float
    #: The FAQs that came nearest, best first.
    matched_faq_ids: tuple[int, ...] = ()
    handover: Handover | None = None


@dataclass(frozen=True)
class Question:
    facility: Facility
    text: str
    language: str
    #: Whether the guest has scanned a code at the inn.
    on_site: bool


def answer(question: Question) -> Answer:
    danger = find_emergency(question.text)
    if danger:
        return Answer(
            emergency_reply(danger, question.language, question.facility.emergency_line),
            Message.Source.SAFETY,
            confidence=1.0,
            handover=Handover(
                Escalation.Trigger.SAFETY, Escalation.Mode.NORMAL, f"Danger: {danger.value}."
            ),
        )
    if manner := find_manner(question.text):
        reply = manner_reply(manner, question.language)
        return Answer(reply, Message.Source.MANNERS, confidence=1.0)
    if wants_person(question.text):
        return call_person(question)
    ranking = search_faqs(question.facility, question.text)
    return (
        answer_from_faq(question, ranking)
        or answer_from_facts(question, ranking)
        or hand_over(question, ranking)
    )


def answer_from_faq(question: Question, ranking: Ranking) -> Answer | None:
    """The best FAQ's own text, when it is surely the right one; else None."""
    if ranking.confidence < threshold():
        return None
    best = ranking.matches[0]
    written_in = next(code for code in nearest_languages(question.language) if code in best.answers)
    return give(
        question,
        best.answers[written_in],
        written_in=written_in,
        on_site_only=best.visibility == Facility.Visibility.ON_SITE,
        source=Message.Source.FAQ,
        matched_faq_ids=ids_of(ranking),
        confidence=ranking.confidence,
    )


def answer_from_facts(question: Question, ranking: Ranking) -> Answer | None:
    """What the inn's settings say, when they surely answer the question; else None."""
    fact = search_facts(ranking)
    if fact is None or fact.confidence < max(threshold(), ranking.confidence):
        return None
    return give(
        question,
        fact.preset.texts[question.language].answer,
        written_in=question.language,
        # Who may read the password is the facility's choice, not the preset's; see `give`.
        on_site_only=False,
        source=Message.Source.FACT,
        matched_faq_ids=(),
        confidence=fact.confidence,
    )


def give(
    question: Question,
    template: str,
    *,
    written_in: str,
    on_site_only: bool,
    source: Message.Source,
    matched_faq_ids: tuple[int, ...],
    confidence: float,
) -> Answer | None:
    """`template` as the answer; None when it needs a fact that the inn has not filled in."""
    facility = question.facility
    try:
        content = fill_in(template, facility, written_in)
    except MissingFact:
        return None
    if (on_site_only or facility.keeps_secret(content)) and not question.on_site:
        content, source = say("scan_code", question.language), Message.Source.SCAN_CODE
    elif written_in != question.language:
        content = f"{say('as_written', question.language)}\n{content}"
    return Answer(content, source, confidence, matched_faq_ids=matched_faq_ids)


def call_person(question: Question) -> Answer:
    return Answer(
        say("staff_called", question.language),
        Message.Source.HANDED_OVER,
        confidence=1.0,
        handover=Handover(
            Escalation.Trigger.STAFF_MODE,
            Escalation.Mode.NORMAL,
            "The guest asked for a person.",
        ),
    )


def hand_over(question: Question, ranking: Ranking) -> Answer:
    return Answer(
        say("handed_over", question.language),
        Message.Source.HANDED_OVER,
        ranking.confidence,
        matched_faq_ids=ids_of(ranking),
        handover=Handover(
            Escalation.Trigger.LOW_CONFIDENCE,
            Escalation.Mode.NORMAL,
            f"No FAQ answers this surely: confidence {ranking.confidence:.2f}, "
            f"needed {threshold():.2f}.",
        ),
    )


def threshold() -> float:
    return THRESHOLDS[Escalation.Mode.NORMAL]


def ids_of(ranking: Ranking) -> tuple[int, ...]:
    return tuple(match.faq_id for match in ranking.matches)
