"""One question in, one answer or an escalation out. Stores nothing.

In this order: danger, then manners and the wish for a person, then the inn's FAQs, then the inn's
own facts; what none of them surely answers, the model with the nearest FAQs and the facts before
it, where there is one; then staff. `first_look` is what needs no model.
"""

from dataclasses import dataclass, field, replace
from typing import Final

from chat import generation
from chat.generation import Calls, Reply, Tell, Watch
from chat.manners import find_manner, manner_reply, wants_person
from chat.models import Escalation, Message
from chat.prompts import PROMPT_VERSION, Earlier, answer_prompt, faq_id
from chat.safety import emergency_reply, find_emergency
from chat.texts import say, say_by_hours
from facilities.hours import StaffHours
from facilities.models import Facility
from faq.confidence import after_declaration
from faq.facts import MissingFact, fill_in
from faq.open_questions import heed_open_questions
from faq.search import Match, Ranking, search_facts, search_faqs
from faq.understanding import Meaning
from yadopera.ai import Prompt, Provider, ProviderError, get_provider, outage
from yadopera.languages import nearest_languages
from yadopera.steps import run_step

#: So many turns in a row that helped nothing bring a person.
UNRESOLVED_TURNS: Final = 3
#: The chance that the facts answer what no FAQ surely does, before the model has said anything.
#: Assumed: no search ranks the facts, most of which are free text.
FACTS_ANSWER: Final = 0.25
#: FAQs before the model: the nearest to the question, then those of the follow-up.
CANDIDATES: Final = 8


@dataclass(frozen=True)
class Handover:
    """Why people must see this question."""

    trigger: Escalation.Trigger
    #: For staff, in plain words.
    reason: str
    #: Who was awake when it was asked, and what held then.
    hours: StaffHours


@dataclass(frozen=True)
class Answer:
    content: str
    source: Message.Source
    #: The chance that the answer is right, 0 to 1.
    confidence: float
    #: The FAQs that came nearest, best first.
    matched_faq_ids: tuple[int, ...] = ()
    handover: Handover | None = None
    #: Of the prompt, when the model wrote it.
    prompt_version: int | None = None
    #: How often the provider was called for it.
    embedding_calls: int = 0
    chat_calls: int = 0


@dataclass(frozen=True)
class PastTurn:
    """A question of this conversation, and what came of it."""

    question: str
    answer: str
    language: str
    source: str
    #: The FAQ that answered; None when none did.
    faq_id: int | None
    on_site_only: bool
    voted_down: bool


@dataclass(frozen=True)
class Question:
    facility: Facility
    text: str
    language: str
    #: Whether the guest has scanned a code at the inn.
    on_site: bool
    #: Who is awake at the inn, and how sure an answer must be now.
    hours: StaffHours
    #: What was said before in this conversation, the latest first.
    past: tuple[PastTurn, ...] = ()
    #: Whether staff are in the conversation, so that the AI holds its tongue, but for danger.
    staff_are_writing: bool = False


@dataclass(frozen=True)
class Unsure:
    """What the search alone does not surely answer, or not in the guest's language."""

    question: Question
    ranking: Ranking
    #: The answer if the model fails.
    otherwise: Answer
    embedded: bool


@dataclass
class Plan:
    """What the model is asked."""

    unsure: Unsure
    matches: tuple[Match, ...]
    #: The chance that one of `matches` answers the question, before the model has said anything.
    answerable: float
    prompt: Prompt
    #: What it replied when it was asked the same before.
    kept_reply: str | None = field(repr=False)


# What needs no model ----------------------------------------------------------------------------


def first_look(question: Question) -> Answer | Unsure:
    danger = find_emergency(question.text)
    if danger:
        return Answer(
            emergency_reply(danger, question.language, question.facility.emergency_line),
            Message.Source.SAFETY,
            confidence=1.0,
            handover=Handover(
                Escalation.Trigger.SAFETY, f"Danger: {danger.value}.", question.hours
            ),
        )
    if question.staff_are_writing:
        return hold_tongue(question.hours)
    if manner := find_manner(question.text):
        reply = manner_reply(manner, question.language)
        return Answer(reply, Message.Source.MANNERS, confidence=1.0)
    if wants_person(question.text):
        return call_person(question)
    provider = get_provider()
    vector = generation.recall_vector(provider, question.text) if provider else None
    ranking = search(question, vector)
    looked = look_at(question, ranking, embedded=vector is not None)
    if isinstance(looked, Answer) or provider is None:
        return looked if isinstance(looked, Answer) else looked.otherwise
    if not outage.may_call():
        return give_up(looked, str(outage.current_outage()))
    return looked


def search(
    question: Question, vector: list[float] | None = None, meaning: Meaning | None = None
) -> Ranking:
    ranking = search_faqs(
        question.facility,
        question.text,
        language=question.language,
        embedding=vector,
        meaning=meaning,
    )
    return heed_open_questions(question.facility, ranking, embedding=vector)


def look_at(question: Question, ranking: Ranking, *, embedded: bool) -> Answer | Unsure:
    """The answer, when the inn's own text surely is it and is in the guest's language."""
    sure = answer_from_faq(question, ranking) or answer_from_facts(question, ranking)
    answer = mind_repetition(question, sure or hand_over(question, ranking))
    if sure and (answer.handover or is_in_language(question, ranking, sure)):
        return answer
    question.hours.load()
    return Unsure(question, ranking, answer, embedded)


def is_in_language(question: Question, ranking: Ranking, sure: Answer) -> bool:
    return sure.source != Message.Source.FAQ or question.language in ranking.matches[0].texts


def answer_from_faq(question: Question, ranking: Ranking) -> Answer | None:
    """The best FAQ's own text, when it is surely the right one; else None."""
    if not ranking.is_sure(question.hours.rule.threshold):
        return None
    return give_faq(question, ranking.matches[0], ids_of(ranking.matches), ranking.confidence)


def give_faq(
    question: Question, match: Match, matched_faq_ids: tuple[int, ...], confidence: float
) -> Answer | None:
    written_in = next(code for code in nearest_languages(question.language) if code in match.texts)
    return give(
        question,
        match.texts[written_in][1],
        written_in=written_in,
        on_site_only=match.visibility == Facility.Visibility.ON_SITE,
        source=Message.Source.FAQ,
        matched_faq_ids=matched_faq_ids,
        confidence=confidence,
    )


def answer_from_facts(question: Question, ranking: Ranking) -> Answer | None:
    """What the inn's settings say, when they surely answer the question; else None."""
    fact = search_facts(ranking)
    if fact is None or fact.confidence < max(question.hours.rule.threshold, ranking.confidence):
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
        say_by_hours("staff_called", question.hours),
        Message.Source.HANDED_OVER,
        confidence=1.0,
        handover=Handover(
            Escalation.Trigger.STAFF_MODE, "The guest asked for a person.", question.hours
        ),
    )


def hold_tongue(hours: StaffHours) -> Answer:
    """Staff are writing with this guest."""
    return Answer(
        say_by_hours("held", hours),
        Message.Source.HELD,
        confidence=1.0,
        handover=Handover(
            Escalation.Trigger.STAFF_MODE, "The guest wrote on while staff were answering.", hours
        ),
    )


def hand_over(question: Question, ranking: Ranking) -> Answer:
    return to_staff(
        question,
        ranking,
        Escalation.Trigger.LOW_CONFIDENCE,
        f"No FAQ answers this surely: confidence {ranking.confidence:.2f}, "
        f"needed {question.hours.rule.threshold:.2f}.",
    )


def to_staff(
    question: Question, ranking: Ranking, trigger: Escalation.Trigger, reason: str
) -> Answer:
    return Answer(
        say_by_hours("handed_over", question.hours),
        Message.Source.HANDED_OVER,
        ranking.confidence,
        matched_faq_ids=ids_of(ranking.matches),
        handover=Handover(trigger, reason, question.hours),
    )


def mind_repetition(question: Question, answer: Answer) -> Answer:
    """`answer`, or a person when it would be one more turn in a row that does not help.

    A turn does not help when it goes to staff, when the guest asks for the same FAQ again in the
    same language, and when he votes its answer down. A sure answer is given all the same.
    """
    faq_id = answer.matched_faq_ids[0] if answer.matched_faq_ids else None
    same = [
        turn.faq_id is not None and turn.faq_id == faq_id and turn.language == question.language
        for turn in question.past
    ]
    failed = [
        answer.handover is not None or any(same[:1]),
        *(
            turn.source == Message.Source.HANDED_OVER or turn.voted_down or asked_again
            for turn, asked_again in zip(question.past, same, strict=True)
        ),
    ]
    unresolved = failed.index(False) if False in failed else len(failed)
    if unresolved < UNRESOLVED_TURNS:
        return answer
    content = answer.content
    if answer.handover is None:
        content = f"{content}\n\n{say_by_hours('staff_called', question.hours)}"
    return replace(
        answer,
        content=content,
        handover=Handover(
            Escalation.Trigger.MULTIPLE_TURNS,
            f"{unresolved} turns in a row brought the guest no answer that helped.",
            question.hours,
        ),
    )


# The model --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """What came of asking the model; `conclude` makes the answer of it."""

    question: str
    planned: Answer | Plan
    answer: Answer
    calls: Calls | None = None
    #: What the provider made, to be remembered: the question's vector and the reply as it came.
    vector: list[float] | None = field(default=None, repr=False)
    text: str = field(default="", repr=False)


async def ask_model(unsure: Unsure, tell: Tell | None = None) -> Outcome:
    """What the model makes of it. `tell` hears the answer as it grows."""
    provider, asked = get_provider(), unsure.question.text
    if provider is None:
        return Outcome(asked, unsure.otherwise, unsure.otherwise)
    calls = Calls(provider)
    vector = None
    if unsure.ranking.has_vectors and not unsure.embedded:
        vector = await calls.embed(asked)
    planned = await run_step(plan, provider, unsure, vector)
    if isinstance(planned, Answer):
        return Outcome(asked, planned, planned, calls, vector)
    kept = generation.read_reply(planned.kept_reply) if planned.kept_reply else None
    if kept:
        return Outcome(asked, planned, judge(planned, kept), calls, vector)
    watch = Watch(tell, lambda so_far: publishable(planned, so_far)) if tell else None
    try:
        reply, text = await calls.reply(planned.prompt, watch)
    except ProviderError as error:
        return Outcome(asked, planned, give_up(planned.unsure, str(error)), calls, vector)
    return Outcome(asked, planned, judge(planned, reply), calls, vector, text)


def conclude(outcome: Outcome) -> Answer:
    """The answer; remembers the reply, notes how the provider did and, when it failed, tells staff
    since when."""
    planned, answer, calls = outcome.planned, outcome.answer, outcome.calls
    if calls is None:
        return answer
    answer = replace(answer, embedding_calls=calls.embeddings, chat_calls=calls.chats)
    if calls.problem:
        failing = outage.note_failure(calls.problem)
        trigger = answer.handover and answer.handover.trigger
        if isinstance(planned, Plan) and trigger == Escalation.Trigger.ERROR:
            return give_up(planned.unsure, str(failing))
    elif calls.chats or calls.embeddings:
        outage.note_success()
    prompt = planned.prompt if isinstance(planned, Plan) else None
    generation.remember(calls.provider, outcome.question, outcome.vector, prompt, outcome.text)
    return answer


def plan(provider: Provider, unsure: Unsure, vector: list[float] | None) -> Answer | Plan:
    """Look again with the question's vector; still unsure, write the prompt."""
    question = unsure.question
    if vector is not None:
        ranking = search(question, vector, unsure.ranking.meaning)
        looked = look_at(question, ranking, embedded=True)
        if isinstance(looked, Answer):
            return looked
        unsure = looked
    matches, answerable = with_follow_up(question, unsure.ranking)
    prompt = answer_prompt(
        facility=question.facility,
        question=question.text,
        language=question.language,
        matches=matches,
        earlier=[
            Earlier(turn.question, None if turn.on_site_only else turn.answer)
            for turn in reversed(question.past)
        ],
    )
    kept = generation.recall_reply(provider, prompt)
    return Plan(unsure, matches, answerable, prompt, kept)


def with_follow_up(question: Question, ranking: Ranking) -> tuple[tuple[Match, ...], float]:
    """The FAQs for the model, and the chance that one of them answers: the nearest, and what
    'and on Sunday?' is near to when it is read with the question before it."""
    if not question.past:
        return ranking.matches, ranking.answerable
    both = search(replace(question, text=f"{question.past[0].question}\n{question.text}"))
    matches = {match.faq_id: match for match in (*ranking.matches, *both.matches)}
    answerable = max(ranking.answerable, both.answerable)
    return tuple(matches.values())[:CANDIDATES], answerable


def give_up(unsure: Unsure, problem: str) -> Answer:
    """The answer without the model, when it is sure enough; else staff, told what failed."""
    otherwise = unsure.otherwise
    if not otherwise.handover or otherwise.handover.trigger != Escalation.Trigger.LOW_CONFIDENCE:
        return otherwise
    return to_staff(
        unsure.question,
        unsure.ranking,
        Escalation.Trigger.ERROR,
        f"The AI service does not help: {problem}."[:500],
    )


def judge(planned: Plan, reply: Reply) -> Answer:
    """The model's reply as an answer, when it is one and likely enough right."""
    unsure = planned.unsure
    answer = answer_of(planned, reply)
    if answer is None or answer.confidence < unsure.question.hours.rule.threshold:
        return unsure.otherwise
    if answer.source == Message.Source.GENERATED:
        answer = replace(answer, prompt_version=PROMPT_VERSION)
    return mind_repetition(unsure.question, answer)


def answer_of(planned: Plan, reply: Reply) -> Answer | None:
    """None when the model declares that it cannot answer, or names nothing that it was given."""
    unsure, question = planned.unsure, planned.unsure.question
    by_id = {faq_id(number): match for number, match in enumerate(planned.matches)}
    used = [by_id[name] for name in reply.used if name in by_id]
    facts = [name for name in reply.used if name in question.facility.facts(question.language)]
    if not reply.can_answer or not (used or facts):
        return None
    ids = tuple(dict.fromkeys(ids_of(used) + ids_of(unsure.ranking.matches))) if used else ()
    confidence = after_declaration(planned.answerable if used else FACTS_ANSWER)
    if used and (not reply.answer or used[0].visibility == Facility.Visibility.ON_SITE):
        return give_faq(question, used[0], ids, confidence)
    if not reply.answer:
        return None
    return give(
        question,
        reply.answer,
        written_in=question.language,
        on_site_only=any(match.visibility == Facility.Visibility.ON_SITE for match in used),
        source=Message.Source.GENERATED,
        matched_faq_ids=ids,
        confidence=confidence,
    )


def publishable(planned: Plan, so_far: Reply) -> str | None:
    """What a guest may read of a reply that is still being written."""
    answer = answer_of(planned, so_far)
    if answer is None or answer.confidence < planned.unsure.question.hours.rule.threshold:
        return None
    return answer.content if answer.source == Message.Source.GENERATED else None


def ids_of(matches: tuple[Match, ...] | list[Match]) -> tuple[int, ...]:
    return tuple(match.faq_id for match in matches)
