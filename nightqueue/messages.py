"""What staff and guests are told in notifications, in the facility's own words: ja or en."""

from dataclasses import dataclass, field
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core import signing
from django.urls import reverse
from django.utils.text import Truncator

from chat.models import Conversation, Escalation, Message
from facilities.models import ChannelKind, Facility, Membership
from nightqueue import weekly
from nightqueue.models import Delivery, QueueEntry
from nightqueue.texts import say
from yadopera.languages import LANGUAGES

#: A digest says what fits into the receivers' messages (LINE's hold the least), and how many more
#: guests there are.
DIGEST_CHARACTERS: Final = 8000
QUOTED_CHARACTERS: Final = 300
#: A digest that is this late says so.
LATE_SECONDS: Final = 15 * 60
SALT: Final = "acknowledge"


@dataclass(frozen=True)
class Letter:
    """Everything that a sender needs."""

    kind: str
    address: str = field(repr=False)
    secret: str = field(repr=False)
    #: The same for every attempt.
    key: str
    event: str
    subject: str
    text: str = field(repr=False)
    #: Escalations of which staff then know.
    tells_of: tuple[int, ...] = ()
    #: For machines.
    data: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def full_text(self) -> str:
        return f"{self.subject}\n\n{self.text}"


def write(delivery: Delivery) -> Letter | None:
    """The message as it is now; None when there is nothing to tell any more, or no way to."""
    channel = delivery.channel
    is_fallback = channel and channel.kind == ChannelKind.EMAIL and not channel.address
    if channel and not (channel.is_active or is_fallback or delivery.kind == Delivery.Kind.TEST):
        return None  # switched off since
    return WRITERS[Delivery.Kind(delivery.kind)](delivery)


def letter(
    delivery: Delivery,
    subject: str,
    text: str,
    *,
    address: str | None = None,
    tells_of: tuple[int, ...] = (),
    **data: Any,
) -> Letter:
    channel, facility = delivery.channel, delivery.facility
    own = facility.email if channel and channel.kind == ChannelKind.EMAIL else ""
    return Letter(
        kind=channel.kind if channel else ChannelKind.EMAIL,
        address=address or (channel and channel.address) or own,
        secret=(channel and channel.secret) or "",
        key=str(delivery.key),
        event=delivery.kind,
        subject=subject,
        text=text,
        tells_of=tells_of,
        data={"facility": facility.slug, **data},
    )


def write_danger(delivery: Delivery) -> Letter | None:
    escalation, facility = delivery.escalation, delivery.facility
    if escalation is None or escalation.resolved_at or escalation.acknowledged_at:
        return None
    text = say(
        "danger",
        facility,
        question=question_of(escalation),
        language=LANGUAGES[escalation.conversation.language],
        place=place_of(escalation.conversation, facility),
        asked=clock(escalation.created_at, facility),
        acknowledge=acknowledge_url(escalation),
        link=conversation_url(escalation.conversation),
    )
    subject = say("danger_subject", facility, inn=facility.name)
    if delivery.repetition:
        subject = say("danger_again", facility, number=delivery.repetition, subject=subject)
    return letter(delivery, subject, text, tells_of=(escalation.pk,), **described(escalation))


def write_question(delivery: Delivery) -> Letter | None:
    escalation, facility = delivery.escalation, delivery.facility
    if escalation is None or escalation.resolved_at:
        return None
    text = say(
        "question",
        facility,
        question=question_of(escalation),
        language=LANGUAGES[escalation.conversation.language],
        place=place_of(escalation.conversation, facility),
        asked=clock(escalation.created_at, facility),
        link=conversation_url(escalation.conversation),
    )
    return letter(
        delivery,
        say("question_subject", facility, inn=facility.name),
        text,
        tells_of=(escalation.pk,),
        **described(escalation),
    )


def write_digest(delivery: Delivery) -> Letter | None:
    digest, facility = delivery.digest, delivery.facility
    if digest is None:
        return None
    entries = (
        QueueEntry.objects.for_facility(facility)
        .unresolved()
        .filter(digest=digest)
        .select_related("escalation__message__reply", "escalation__conversation")
        .order_by("pk")
    )
    guests: dict[Conversation, list[Escalation]] = {}
    for entry in entries:
        guests.setdefault(entry.escalation.conversation, []).append(entry.escalation)
    if not guests:
        return None
    parts: list[str] = []
    for number, guest in enumerate(guests.items(), 1):
        if sum(map(len, parts)) > DIGEST_CHARACTERS:
            left = len(guests) - number + 1
            parts.append(say("digest_more", facility, count=left, link=queue_url()))
            break
        parts.append(guest_part(facility, number, *guest))
    is_late = (digest.created_at - digest.due_at).total_seconds() > LATE_SECONDS
    if is_late:
        parts.insert(0, say("digest_late", facility, due=clock(digest.due_at, facility)))
    count = sum(map(len, guests.values()))
    subject = say("digest_subject", facility, inn=facility.name, count=count)
    told = tuple(escalation.pk for asked in guests.values() for escalation in asked)
    return letter(delivery, subject, "\n\n".join(parts), tells_of=told, escalations=told)


def guest_part(
    facility: Facility, number: int, conversation: Conversation, escalations: list[Escalation]
) -> str:
    """What one guest asked in the night."""
    head = say(
        "digest_guest",
        facility,
        number=number,
        language=LANGUAGES[conversation.language],
        place=place_of(conversation, facility),
    )
    lines = [head]
    for escalation in escalations:
        asked = clock(escalation.created_at, facility)
        lines.append(
            say("digest_question", facility, asked=asked, question=short(question_of(escalation)))
        )
        if translation := translation_of(escalation.message):
            lines.append(say("digest_translation", facility, text=short(translation)))
        if answer := answer_to(escalation.message):
            lines.append(say("digest_answer", facility, answer=short(answer)))
    return "\n".join([*lines, conversation_url(conversation)])


def write_answer(delivery: Delivery) -> Letter | None:
    """To a guest who has left, in his language."""
    from chat.texts import say as say_to_guest

    message, facility = delivery.message, delivery.facility
    if message is None:
        return None
    conversation = message.conversation
    if not conversation.contact_email or conversation.seen_message_id >= message.pk:
        return None
    language = conversation.language
    inn = facility.name_for(language)
    text = f"{message.content}\n\n{say_to_guest('mail_footer', language).format(inn=inn)}"
    subject = say_to_guest("mail_subject", language).format(inn=inn)
    return letter(delivery, subject, text, address=conversation.contact_email)


def write_weekly(delivery: Delivery) -> Letter | None:
    """To an owner, about a week of his inn."""
    told, member = delivery.weekly_letter, delivery.member
    if told is None or member is None:
        return None
    facility = delivery.facility
    readers = Membership.objects.for_facility(facility).letter_readers()
    if not readers.filter(pk=member.pk).exists():
        return None  # he is no owner any more, or has switched it off
    week = weekly.Week(facility, told.week)
    if not week.figures.questions:
        return None  # all of its guests have deleted their conversations
    return letter(delivery, week.subject(), week.text(member), address=member.user.email)


def write_test(delivery: Delivery) -> Letter | None:
    facility = delivery.facility
    subject = say("test_subject", facility, inn=facility.name)
    return letter(delivery, subject, say("test", facility))


WRITERS: Final = {
    Delivery.Kind.DANGER: write_danger,
    Delivery.Kind.QUESTION: write_question,
    Delivery.Kind.DIGEST: write_digest,
    Delivery.Kind.ANSWER: write_answer,
    Delivery.Kind.LETTER: write_weekly,
    Delivery.Kind.TEST: write_test,
}


# Parts ------------------------------------------------------------------------------------------


def question_of(escalation: Escalation) -> str:
    if escalation.message is None:
        return say("called", escalation.conversation.facility)
    return escalation.message.content


def answer_to(question: Message | None) -> str:
    reply = getattr(question, "reply", None)
    return reply.content if reply else ""


def translation_of(question: Message | None) -> str:
    return question.staff_text if question else ""


def place_of(conversation: Conversation, facility: Facility) -> str:
    return conversation.location or say("somewhere", facility)


def clock(at: Any, facility: Facility) -> str:
    return f"{at.astimezone(ZoneInfo(facility.timezone)):%m/%d %H:%M}"


def described(escalation: Escalation) -> dict[str, Any]:
    return {
        "escalation": escalation.pk,
        "trigger_type": escalation.trigger_type,
        "conversation": conversation_url(escalation.conversation),
        "language": escalation.conversation.language,
        "question": question_of(escalation),
    }


def short(text: str) -> str:
    return Truncator(text).chars(QUOTED_CHARACTERS)


def queue_url() -> str:
    return f"{settings.PUBLIC_BASE_URL}{reverse('admin:nightqueue_queueentry_changelist')}"


def conversation_url(conversation: Conversation) -> str:
    path = reverse("admin:chat_conversation_change", args=[conversation.pk])
    return f"{settings.PUBLIC_BASE_URL}{path}"


def acknowledge_url(escalation: Escalation) -> str:
    token = signing.dumps(escalation.pk, salt=SALT)
    return f"{settings.PUBLIC_BASE_URL}{reverse('acknowledge', args=[token])}"
