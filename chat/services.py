"""What guests do: ask, vote, call staff. Each step commits on its own, so that nothing typed is
lost, whatever fails after it."""

import logging
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.shortcuts import get_object_or_404
from django.utils import timezone

from chat import answering, generation
from chat.alarm import likeliest_danger
from chat.checks import CHECK_LIFE
from chat.feedback import count_votes, is_superseded
from chat.guests import guest_of, network_of
from chat.language import detect_language
from chat.live import announce
from chat.models import (
    LOCATION_LENGTH,
    Conversation,
    ConversationQuerySet,
    Escalation,
    GuestFeedback,
    Message,
)
from chat.safety import find_emergency
from chat.sessions import find_conversation, start_conversation
from chat.signals import escalated
from chat.texts import say, say_by_hours
from facilities.hours import StaffHours
from facilities.models import Facility, SiteKey
from faq.models import Faq
from faq.understanding import load_reader
from yadopera import metrics
from yadopera.ai import get_provider
from yadopera.errors import Forbidden, NotFound, RateLimited
from yadopera.logs import note_facility
from yadopera.rate_limit import enforce_each
from yadopera.steps import run_step

logger = logging.getLogger(__name__)

#: A question that is not answered after so long was forgotten; after a day nobody waits any more.
FORGOTTEN_AFTER: Final = timedelta(minutes=2)
FORGOTTEN_FOR_GOOD: Final = timedelta(days=1)
FORGOTTEN_AT_ONCE: Final = 50
#: How much of a conversation an answer takes into account.
PAST_TURNS: Final = 3


def warm_up() -> None:
    """Load what the first guest, or the first in danger, would otherwise wait seconds for."""
    detect_language("warm up", otherwise="en")
    find_emergency("warm up")
    likeliest_danger("warm up")
    load_reader()
    get_provider()  # its client's modules


@dataclass(frozen=True)
class Turn:
    """A question with its answer."""

    conversation: Conversation
    reply: Message
    escalation: Escalation | None
    #: How often the provider was called for it.
    embedding_calls: int = 0
    chat_calls: int = 0


@dataclass(frozen=True)
class GuestMessage:
    """What arrived from a guest's device."""

    text: str
    #: The guest's own choice; None when he made none.
    language: str | None = None
    #: What his browser prefers, for a text that does not tell its language.
    browser_language: str = "en"
    location: str | None = None
    session_id: str | None = None
    site_key: str | None = None
    client_message_id: UUID | None = None
    #: Whether an operator's check asks: see `chat.checks`.
    is_check: bool = False


@dataclass(frozen=True)
class Asked:
    """A stored question that waits for the model."""

    conversation: Conversation
    question: Message
    unsure: answering.Unsure
    #: Whether another device may be joined to the conversation meanwhile.
    joinable: bool
    #: `time.perf_counter()` when it arrived.
    started: float


async def finish_turn(asked: Turn | Asked, tell: generation.Tell | None = None) -> Turn:
    """What `take_question` began, with its answer; `tell` hears it as the model writes it. No
    database connection is held while the model thinks."""
    if isinstance(asked, Turn):
        return asked
    outcome = await answering.ask_model(asked.unsure, tell)
    return await run_step(store_outcome, asked, outcome)


def store_outcome(asked: Asked, outcome: answering.Outcome) -> Turn:
    answer = answering.conclude(outcome)
    return store_answer(
        asked.conversation,
        asked.question,
        answer,
        started=asked.started,
        joinable=asked.joinable,
    )


def take_question(*, facility_id: int, message: GuestMessage) -> Turn | Asked:
    """Store the question, and the answer where it needs no model. Raises NotFound.

    A message sent twice (same `client_message_id`) gets the stored answer and stores nothing.
    """
    started = time.perf_counter()
    conversation, question, is_first = receive_question(facility_id=facility_id, message=message)
    # Only a message with an id of its own can have come, and been answered, before.
    if message.client_message_id and not is_first and (turn := answered_turn(question)):
        return turn
    looked = first_look(conversation, question, is_first=is_first)
    if isinstance(looked, answering.Unsure) and not may_ask_model(conversation.facility):
        looked = answering.give_up(looked, "it was asked as often as RATE_LIMIT_MODEL allows")
    if isinstance(looked, answering.Unsure):
        return Asked(conversation, question, looked, not is_first, started)
    # Of a conversation that has only begun no other device knows yet.
    return store_answer(conversation, question, looked, started=started, joinable=not is_first)


def may_ask_model(facility: Facility) -> bool:
    """Whether the inn may put one more question to the provider. A rival who asks and asks costs it
    no more than this."""
    try:
        enforce_each("model", f"facility:{facility.pk}")
    except RateLimited:
        return False
    return True


def first_look(
    conversation: Conversation, question: Message, *, is_first: bool = False
) -> answering.Answer | answering.Unsure:
    return answering.first_look(
        answering.Question(
            conversation.facility,
            question.content,
            question.language,
            conversation.is_on_site,
            hours_of(question, conversation),
            past=() if is_first else past_turns(conversation, question),
            staff_are_writing=conversation.is_with_staff,
        )
    )


def answer_forgotten(at: datetime | None = None) -> int:
    """Answer what was stored and never answered, because a process or the database died in between
    and the guest's phone has not asked again; returns how many. No model is asked."""
    at = at or timezone.now()
    forgotten = Message.objects.filter(
        role=Message.Role.USER,
        reply=None,
        created_at__gt=at - FORGOTTEN_FOR_GOOD,
        created_at__lte=at - FORGOTTEN_AFTER,
    ).select_related("conversation__facility", "conversation__site_key")
    count = 0
    for question in forgotten.order_by("pk")[:FORGOTTEN_AT_ONCE]:
        conversation = question.conversation
        try:
            looked = first_look(conversation, question)
            answer = looked.otherwise if isinstance(looked, answering.Unsure) else looked
            store_answer(conversation, question, answer, started=time.perf_counter())
            count += 1
        except Exception:  # the others are answered, and this one is tried again
            logger.exception("Question %s could not be answered.", question.pk)
    return count


def hours_of(question: Message, conversation: Conversation) -> StaffHours:
    """Who was awake when it was asked."""
    return StaffHours(conversation.facility, question.created_at, question.language)


def answered_turn(question: Message) -> Turn | None:
    replies = Message.objects.select_related("conversation__facility")
    reply = replies.filter(reply_to=question).first()
    if reply is None:
        return None
    escalation = Escalation.objects.filter(message=question).first()
    return Turn(reply.conversation, reply, escalation)


@transaction.atomic
def receive_question(
    *, facility_id: int, message: GuestMessage
) -> tuple[Conversation, Message, bool]:
    """Store what the guest typed, in his conversation, unless it has come before; the last value
    says whether the conversation begins with it."""
    held = held_conversation(facility_id, message) if message.session_id else None
    conversation = held or begin_conversation(facility_id, message)
    # One whose device made its id up may hold a message that came at the same moment.
    is_first = held is None and conversation.client_ref is None
    if not is_first:
        fresh = arrival(message, conversation.facility, language=conversation.language)
        for name, value in fresh.items():
            setattr(conversation, name, value)
        conversation.save(update_fields=fresh)
    fields: dict[str, Any] = {"conversation": conversation}
    if message.client_message_id:
        fields["client_message_id"] = message.client_message_id
        # The conversation is locked or nobody else's: nothing comes between look and leap.
        if not is_first and (sent_before := Message.objects.filter(**fields).first()):
            return conversation, sent_before, False
    question = Message.objects.create(
        role=Message.Role.USER,
        content=message.text,
        language=conversation.language,
        **fields,
    )
    return conversation, question, is_first


def begin_conversation(facility_id: int, message: GuestMessage) -> Conversation:
    facility = get_facility(facility_id)
    conversation = start_conversation(
        facility=facility,
        session_id=None if message.is_check else message.session_id,
        **(of_a_check() if message.is_check else {}),
        **arrival(message, facility, language=message.browser_language),
    )
    # Another message of the same device may have begun it at the same moment.
    return lock(conversation) if conversation.client_ref else conversation


def of_a_check() -> dict[str, Any]:
    return {"is_check": True, "expires_at": timezone.now() + CHECK_LIFE}


def get_facility(facility_id: int) -> Facility:
    """The open facility, by the id in the guest's link. Raises NotFound."""
    facility = Facility.objects.open().filter(pk=facility_id).first()
    if facility is None:
        raise NotFound("no such facility")
    note_facility(facility.slug)
    return facility


def open_facility(slug: str) -> Facility:
    """The open facility, by the name in its addresses. Raises Http404."""
    facility = get_object_or_404(Facility.objects.open(), slug=slug)
    note_facility(facility.slug)
    return facility


def held_conversation(facility_id: int, message: GuestMessage) -> Conversation | None:
    """The living conversation of a message's session, locked; None when there is none at this
    facility. Checks and guests have none in common."""
    rows = Conversation.objects.alive().called(message.session_id or "")
    rows = rows.filter(facility_id=facility_id, is_check=message.is_check)
    held = locked(rows.filter(facility__is_active=True)).order_by("-last_activity_at").first()
    if held:
        note_facility(held.facility.slug)
    return lock(held.joined) if held and held.joined else held


def lock(conversation: Conversation) -> Conversation:
    """`conversation`, or the one it has just been joined to, held until the transaction ends.

    Otherwise a message could be stored on a device that is joined to another at that moment.
    """
    held = locked(Conversation.objects.all()).get(pk=conversation.pk)
    return lock(held.joined) if held.joined else held


def hold(conversation: Conversation) -> Conversation:
    """`conversation` itself, held until the transaction ends, unless it has been joined to another
    device's meanwhile, its messages moved with it: then that one."""
    rows = Conversation.objects.filter(pk=conversation.pk).select_for_update(no_key=True)
    joined_to, conversation.staff_until = rows.values_list("joined_id", "staff_until").get()
    return lock(conversation) if joined_to else conversation


def locked(rows: ConversationQuerySet) -> ConversationQuerySet:
    held = rows.select_for_update(of=("self",), no_key=True)
    return held.select_related("facility", "site_key", "joined")


def arrival(message: GuestMessage, facility: Facility, *, language: str) -> dict[str, Any]:
    """What a message tells of its conversation: that the guest is there, where, and what he speaks;
    `language` is of a text that does not tell."""
    fields: dict[str, Any] = {
        "language": message.language or detect_language(message.text, otherwise=language),
        "last_activity_at": timezone.now(),
    }
    if message.location:
        fields["location"] = message.location
    if message.site_key:
        keys = SiteKey.objects.for_facility(facility).valid()
        if key := keys.filter(key=message.site_key).first():
            fields["site_key"] = key
            # An address may say only what kind of place it is; the code knows which.
            if not message.location or message.location == key.location:
                fields["location"] = key.place[:LOCATION_LENGTH]
    return fields


def past_turns(conversation: Conversation, question: Message) -> tuple[answering.PastTurn, ...]:
    """What was asked and answered before `question`, the latest first."""
    replies = list(
        Message.objects.answers()
        .filter(conversation=conversation, pk__lt=question.pk)
        .select_related("reply_to", "feedback")
        .order_by("-pk")[:PAST_TURNS]
    )
    faq_ids = {faq_id for reply in replies if (faq_id := reply.answering_faq_id) is not None}
    on_site_only: set[int] = set()
    if faq_ids:
        faqs = Faq.objects.for_facility(conversation.facility).filter(pk__in=faq_ids)
        told_on_site = faqs.filter(visibility=Facility.Visibility.ON_SITE)
        on_site_only = set(told_on_site.values_list("pk", flat=True))
    return tuple(_past_turn(reply, on_site_only) for reply in replies)


def _past_turn(reply: Message, on_site_only: set[int]) -> answering.PastTurn:
    feedback = getattr(reply, "feedback", None)
    return answering.PastTurn(
        question=reply.reply_to.content if reply.reply_to else "",
        answer=reply.content,
        language=reply.language,
        source=reply.source,
        faq_id=reply.answering_faq_id,
        on_site_only=reply.answering_faq_id in on_site_only,
        voted_down=feedback is not None and feedback.is_negative,
    )


def store_answer(
    conversation: Conversation,
    question: Message,
    answer: answering.Answer,
    *,
    started: float,
    joinable: bool = True,
) -> Turn:
    """Store `answer` and, with it or not at all, its escalation. `joinable` says whether another
    device may have been joined to the conversation meanwhile.

    When the same question was answered meanwhile (a message sent twice), that answer stands.
    Raises NotFound when the guest has deleted the conversation meanwhile.
    """
    try:
        with transaction.atomic():
            if joinable:
                conversation = hold(conversation)
                # Staff may have begun to write while it was made. Danger is never held back.
                if conversation.is_with_staff and answer.source != Message.Source.SAFETY:
                    answer = answering.hold_tongue(hours_of(question, conversation))
            reply = Message.objects.create(
                conversation=conversation,
                role=Message.Role.ASSISTANT,
                content=answer.content,
                language=question.language,
                reply_to=question,
                source=answer.source,
                ai_confidence=round(answer.confidence, 4),
                matched_faq_ids=list(answer.matched_faq_ids),
                prompt_version=answer.prompt_version,
                response_time_ms=round((time.perf_counter() - started) * 1000),
            )
            escalation = None
            handover = answer.handover
            if answer.source == Message.Source.HELD and has_open_question(conversation):
                handover = None  # staff know that the guest waits
            if handover:
                escalation = Escalation(
                    conversation=conversation,
                    message=question,
                    trigger_type=handover.trigger,
                    mode=handover.hours.rule.mode,
                    reason=handover.reason,
                    ai_confidence=round(answer.confidence, 4),
                )
                # A check is told what would have come of it.
                if not conversation.is_check:
                    escalation.save()
                    escalated.send(Escalation, escalation=escalation, hours=handover.hours)
            if joinable:
                announce(conversation)  # to the guest's other devices
    except (IntegrityError, Conversation.DoesNotExist):
        if answered := answered_turn(question):
            return answered
        if not Message.objects.filter(pk=question.pk).exists():
            raise NotFound("the guest has deleted the conversation meanwhile") from None
        raise
    metrics.count("answers", answer.source, handover.trigger if handover else "none")
    return Turn(conversation, reply, escalation, answer.embedding_calls, answer.chat_calls)


def has_open_question(conversation: Conversation) -> bool:
    return conversation.escalations.unresolved().exists()


def call_staff(conversation: Conversation) -> tuple[Escalation, str]:
    """'Contact staff': one open call a conversation, however often it is pressed.

    Returns the call and what to tell the guest.
    """
    hours = StaffHours(conversation.facility, timezone.now(), conversation.language)
    text = say_by_hours("staff_called", hours)
    try:
        with transaction.atomic():
            call = Escalation.objects.create(
                conversation=conversation,
                trigger_type=Escalation.Trigger.STAFF_MODE,
                mode=hours.rule.mode,
                reason="The guest pressed 'contact staff'.",
            )
            Message.objects.create(
                conversation=conversation,
                role=Message.Role.SYSTEM,
                content=text,
                language=conversation.language,
            )
            escalated.send(Escalation, escalation=call, hours=hours)
            announce(conversation)
    except IntegrityError:
        open_call = conversation.escalations.filter(message=None).order_by("-pk").first()
        if open_call is None:
            raise NotFound("the guest has deleted the conversation meanwhile") from None
        call = open_call
    return call, text


def facility_of_message(message_id: int) -> Facility:
    """The facility at which this was said, to tell which of a device's sessions is meant; whether
    the message is in that session is for `vote` to decide. Raises NotFound."""
    message = Message.objects.select_related("conversation__facility").filter(pk=message_id).first()
    if message is None:
        raise NotFound("no such message")
    return message.conversation.facility


@transaction.atomic
def vote(
    conversation: Conversation, *, message_id: int, feedback_type: str, address: str = ""
) -> GuestFeedback:
    """The guest's verdict on an answer in his own conversation; his last one counts. `address` is
    the network address that it came from, where there is one.

    Raises NotFound for a message that is no answer or not his.
    """
    answer = conversation.messages.answers().filter(pk=message_id).first()
    if answer is None:
        raise NotFound("no such answer in this conversation")
    counts = not (conversation.is_check or is_superseded(answer))
    feedback, _created = GuestFeedback.objects.update_or_create(
        message=answer,
        defaults={
            "facility": conversation.facility,
            "feedback_type": feedback_type,
            "faq_id": answer.answering_faq_id,
            "guest": guest_of(conversation),
            "language": answer.language,
            "network": network_of(address, conversation.facility) if address else None,
            "ignored_at": None,
            "superseded_at": None if counts else timezone.now(),
        },
    )
    if answer.answering_faq_id is not None:
        count_votes(conversation.facility, answer.answering_faq_id)
    return feedback


def require_on_site(facility: Facility, *, session_id: str | None, site_key: str | None) -> None:
    """Raises Forbidden unless the guest may know the Wi-Fi password: because the inn tells it to
    anyone, or by the key of one of its codes, in his hand or in his conversation."""
    if not may_know_wifi(facility, session_id=session_id, site_key=site_key):
        raise Forbidden("only for guests who scanned a code at the inn")


def may_know_wifi(facility: Facility, *, session_id: str | None, site_key: str | None) -> bool:
    if facility.wifi_password_visibility == Facility.Visibility.ANYONE:
        return True
    keys = SiteKey.objects.for_facility(facility).valid()
    if site_key and keys.filter(key=site_key).exists():
        return True
    if not session_id:
        return False
    try:
        return find_conversation(session_id, facility=facility).is_on_site
    except NotFound:
        return False


# What reaches a device --------------------------------------------------------------------------


def news_of(conversation_id: int, after: int) -> list[Message] | None:
    """What was said after this message; None once the conversation has ended, is deleted or has
    been joined to another device's, whose messages the caller then has to ask for anew."""
    alive = Conversation.objects.alive().filter(pk=conversation_id, joined=None)
    rows = Message.objects.filter(conversation=conversation_id, pk__gt=after)
    messages = list(rows.select_related("conversation__facility", "feedback"))
    return messages if messages or alive.exists() else None


def note_seen(conversation_id: int, message_id: int) -> None:
    """The guest's device has said that it has this message. That something was handed to the
    network says nothing: the phone may lie locked in a pocket."""
    Conversation.objects.filter(pk=conversation_id, seen_message_id__lt=message_id).update(
        seen_message_id=message_id
    )


def agree_to_mail(conversation: Conversation, email: str) -> str:
    """Remember where to mail answers that are not seen, and to what the guest agreed; returns the
    text of that."""
    consent = say("mail_consent", conversation.language)
    Conversation.objects.filter(pk=conversation.pk).update(
        contact_email=email, contact_consent=consent, contact_agreed_at=timezone.now()
    )
    return consent
