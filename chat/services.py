"""What guests do: ask, vote, call staff. Each step commits on its own, so that nothing typed is
lost, whatever fails after it."""

import time
from dataclasses import dataclass
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from chat import answering
from chat.language import detect_language
from chat.models import Conversation, Escalation, GuestFeedback, Message
from chat.safety import find_emergency
from chat.sessions import open_conversation
from chat.texts import say
from facilities.models import Facility, SiteKey
from faq.understanding import load_reader
from yadopera.errors import NotFound


def warm_up() -> None:
    """Load what the first guest would otherwise wait three seconds for."""
    detect_language("warm up", otherwise="en")
    find_emergency("warm up")
    load_reader()


@dataclass(frozen=True)
class Turn:
    """A question with its answer."""

    conversation: Conversation
    reply: Message
    escalation: Escalation | None


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


def answer_guest(*, facility: Facility, message: GuestMessage) -> Turn:
    """Store the question, answer it and store the answer.

    A message sent twice (same `client_message_id`) gets the stored answer and stores nothing.
    """
    started = time.perf_counter()
    conversation, question = receive_question(facility=facility, message=message)
    # Only a message with an id of its own can have come, and been answered, before.
    reply = None
    if question.client_message_id:
        reply = Message.objects.filter(reply_to=question).first()
    if reply is None:
        answer = answering.answer(
            answering.Question(
                facility, question.content, question.language, conversation.is_on_site
            )
        )
        reply = store_answer(question, answer, started=started)
    return Turn(conversation, reply, Escalation.objects.filter(message=question).first())


@transaction.atomic
def receive_question(*, facility: Facility, message: GuestMessage) -> tuple[Conversation, Message]:
    """Store what the guest typed, in his conversation."""
    conversation = lock(
        open_conversation(
            facility=facility, session_id=message.session_id, language=message.browser_language
        )
    )
    note_arrival(conversation, message)
    fields = {
        "role": Message.Role.USER,
        "content": message.text,
        "language": conversation.language,
    }
    if message.client_message_id is None:
        return conversation, Message.objects.create(conversation=conversation, **fields)
    question, _created = Message.objects.get_or_create(
        conversation=conversation, client_message_id=message.client_message_id, defaults=fields
    )
    return conversation, question


def lock(conversation: Conversation) -> Conversation:
    """`conversation`, or the one it has just been joined to, held until the transaction ends.

    Otherwise a message could be stored on a device that is joined to another at that moment.
    """
    rows = Conversation.objects.select_for_update(of=("self",), no_key=True)
    held = rows.select_related("facility", "site_key").get(pk=conversation.pk)
    return lock(held.joined) if held.joined else held


def note_arrival(conversation: Conversation, message: GuestMessage) -> None:
    """Keep with the conversation where the guest is, what he speaks and that he is there."""
    conversation.language = message.language or detect_language(
        message.text, otherwise=conversation.language
    )
    conversation.last_activity_at = timezone.now()
    if message.location:
        conversation.location = message.location
    if message.site_key:
        keys = SiteKey.objects.for_facility(conversation.facility).valid()
        conversation.site_key = keys.filter(key=message.site_key).first() or conversation.site_key
    conversation.save(update_fields=["language", "last_activity_at", "location", "site_key"])


def store_answer(question: Message, answer: answering.Answer, *, started: float) -> Message:
    """Store `answer` and, with it or not at all, its escalation.

    When the same question was answered meanwhile (a message sent twice), that answer stands.
    """
    try:
        with transaction.atomic():
            # The conversation may be joined to another device's meanwhile; it is locked before
            # its messages, as joining does, so that neither waits for the other for ever.
            lock(question.conversation)
            question = Message.objects.select_for_update(of=("self",)).get(pk=question.pk)
            reply = Message.objects.create(
                conversation_id=question.conversation_id,
                role=Message.Role.ASSISTANT,
                content=answer.content,
                language=question.language,
                reply_to=question,
                source=answer.source,
                ai_confidence=round(answer.confidence, 4),
                matched_faq_ids=list(answer.matched_faq_ids),
                response_time_ms=round((time.perf_counter() - started) * 1000),
            )
            if answer.handover:
                Escalation.objects.create(
                    conversation_id=question.conversation_id,
                    message=question,
                    trigger_type=answer.handover.trigger,
                    mode=answer.handover.mode,
                    reason=answer.handover.reason,
                    ai_confidence=round(answer.confidence, 4),
                )
            return reply
    except IntegrityError:
        return Message.objects.get(reply_to=question)


def call_staff(conversation: Conversation) -> tuple[Escalation, str]:
    """'Contact staff': one open call a conversation, however often it is pressed.

    Returns the call and what to tell the guest.
    """
    text = say("staff_called", conversation.language)
    try:
        with transaction.atomic():
            call = Escalation.objects.create(
                conversation=conversation,
                trigger_type=Escalation.Trigger.STAFF_MODE,
                reason="The guest pressed 'contact staff'.",
            )
            Message.objects.create(
                conversation=conversation,
                role=Message.Role.SYSTEM,
                content=text,
                language=conversation.language,
            )
    except IntegrityError:
        call = conversation.escalations.unresolved().get(message=None)
    return call, text


def facility_of_message(message_id: int) -> Facility:
    """The facility at which this was said, to tell which of a device's sessions is meant; whether
    the message is in that session is for `vote` to decide. Raises NotFound."""
    message = Message.objects.select_related("conversation__facility").filter(pk=message_id).first()
    if message is None:
        raise NotFound("no such message")
    return message.conversation.facility


def vote(conversation: Conversation, *, message_id: int, feedback_type: str) -> GuestFeedback:
    """The guest's verdict on an answer in his own conversation; his last one counts.

    Raises NotFound for a message that is no answer or not his.
    """
    answer = conversation.messages.answers().filter(pk=message_id).first()
    if answer is None:
        raise NotFound("no such answer in this conversation")
    feedback, _created = GuestFeedback.objects.update_or_create(
        message=answer,
        defaults={"facility": conversation.facility, "feedback_type": feedback_type},
    )
    return feedback
