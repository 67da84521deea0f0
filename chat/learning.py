"""Which guests' questions want a FAQ: those handed to staff for want of an answer, those whose
answer did not help, those that staff have answered. Found in the conversations as they stand, so
that it may run at any time, twice at once, or be killed: what is known is not noted again."""

import logging
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from django.db import transaction
from django.db.models import Count, F, IntegerField, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce

from chat.language import detect_language
from chat.manners import find_manner, wants_person
from chat.models import Conversation, Escalation, GuestFeedback, Message, MessageQuerySet
from chat.services import lock
from facilities.models import Facility
from facilities.schemas import MAX_ID
from faq import suggestions
from faq.drafts import write_drafts
from faq.models import FaqSuggestion, SuggestedQuestion
from faq.reviews import translate_approved
from faq.suggestions import Asked
from yadopera.errors import InvalidRequest, NotFound

logger = logging.getLogger(__name__)

Why = SuggestedQuestion.Why

#: Questions of one conversation that are learned from: nobody fills the list alone.
OF_ONE_GUEST: Final = 20
#: Questions that one run notes at most; the next goes on.
AT_ONCE: Final = 200
#: Questions that are held ready, and sent to the provider for vectors, together.
BATCH: Final = 50

#: What a question went to staff for, if it is to be learned from before they have answered.
UNANSWERED: Final = (
    Escalation.Trigger.LOW_CONFIDENCE,
    Escalation.Trigger.MULTIPLE_TURNS,
    Escalation.Trigger.KEYWORD,
)


def learn_everywhere() -> None:
    for facility in Facility.objects.open().order_by("pk"):
        try:
            learn(facility)
        except Exception:  # the other inns are looked at, and this one is again in some minutes
            logger.exception("Nothing was learned at %s.", facility.slug)


def learn(facility: Facility) -> int:
    """Note what guests of `facility` asked since it was last looked at, and what staff replied;
    bring drafts and translations up to date. Returns how many questions were noted."""
    withdraw(facility)
    found = list(islice(filter(is_question, unlearned(facility)), AT_ONCE))
    count = 0
    for start in range(0, len(found), BATCH):
        batch = found[start : start + BATCH]
        vectors = suggestions.make_vectors(facility, [question.content for question in batch])
        for question, vector in zip(batch, vectors, strict=True):
            count += note(question, why_of(question), vector) is not None
    write_drafts(facility)
    translate_approved(facility)
    return count


def unlearned(facility: Facility) -> Iterator[Any]:
    """The questions that want a FAQ and are not noted yet, or to which staff have replied since;
    the oldest first. Each with `newest_reply`, the number of staff's last reply to it, 0 without,
    and `is_voted_down`."""
    known = SuggestedQuestion.objects.filter(message_id=OuterRef("pk"))
    of_guest = SuggestedQuestion.objects.filter(guest=OuterRef("conversation_id")).order_by()
    noted = of_guest.values("guest").annotate(count=Count("pk")).values("count")
    rows = (
        wanting(with_replies(Message.objects.for_facility(facility)))
        .annotate(
            replied_until=Subquery(known.values("replied_until")),
            noted_of_guest=Coalesce(Subquery(noted, output_field=IntegerField()), 0),
        )
        .filter(
            Q(replied_until=None, noted_of_guest__lt=OF_ONE_GUEST)
            | Q(replied_until__lt=F("newest_reply"))
        )
        .order_by("pk")
    )
    noted_now: Counter[int] = Counter()
    for question in rows.iterator(chunk_size=AT_ONCE):
        noted_now[question.conversation_id] += question.replied_until is None
        left = OF_ONE_GUEST - question.noted_of_guest
        if question.replied_until is not None or noted_now[question.conversation_id] <= left:
            yield question


def with_replies(messages: MessageQuerySet) -> Any:
    """Questions with `next_asked` and `newest_reply`: what staff wrote before the guest asked the
    next thing answers this one."""
    later = Message.objects.filter(conversation=OuterRef("conversation"), pk__gt=OuterRef("pk"))
    asked = later.questions().order_by("pk").values("pk")[:1]
    questions = messages.questions().annotate(next_asked=Coalesce(Subquery(asked), MAX_ID))
    replies = later.filter(role=Message.Role.STAFF, pk__lt=OuterRef("next_asked"))
    newest = replies.order_by("-pk").values("pk")[:1]
    return questions.annotate(newest_reply=Coalesce(Subquery(newest), 0))


def wanting(questions: Any) -> Any:
    """Not those of guests in danger, not wishes for a person, and faults only once staff have
    answered."""
    handed_over = Q(reply__source=Message.Source.HANDED_OVER)
    held = Q(reply__source=Message.Source.HELD)
    fault = Q(escalation__trigger_type=Escalation.Trigger.ERROR)
    voted_down = Q(
        reply__source__in=Message.ANSWERED_AUTOMATICALLY,
        reply__feedback__feedback_type=GuestFeedback.Type.NEGATIVE,
    )
    return questions.annotate(is_voted_down=voted_down).filter(
        (handed_over & Q(escalation__trigger_type__in=UNANSWERED))
        | (Q(newest_reply__gt=0) & (held | (handed_over & fault)))
        | voted_down
    )


def is_question(message: Message) -> bool:
    """While staff write, nothing has told courtesies and wishes for a person from questions."""
    return not find_manner(message.content) and not wants_person(message.content)


def why_of(question: Any) -> str:
    if question.is_voted_down:
        return Why.VOTED_DOWN
    return Why.ANSWERED if question.newest_reply else Why.HANDED_OVER


@transaction.atomic
def note(question: Message, why: str, vector: list[float] | None = None) -> FaqSuggestion | None:
    """Hand the question to the FAQs, in its own words; None when the guest has deleted his
    conversation meanwhile. That waits for this, or the other way round."""
    try:
        conversation = lock(question.conversation)
    except Conversation.DoesNotExist:
        return None
    asked_here = Message.objects.filter(pk=question.pk, conversation=conversation)
    row = with_replies(asked_here.select_related("reply")).first()
    if row is None:
        return None
    replies = Message.objects.filter(
        conversation=conversation, role=Message.Role.STAFF, pk__gt=row.pk, pk__lt=row.next_asked
    )
    asked = Asked(
        message_id=row.pk,
        guest=conversation.pk,
        language=row.language,
        text=row.content,
        asked_at=row.created_at,
        why=why,
        replies=replied(list(replies.order_by("pk"))),
        replied_until=row.newest_reply,
        confidence=0.0 if why == Why.CHOSEN else row.reply.ai_confidence,
        vector=vector,
    )
    return suggestions.note_question(conversation.facility_id, asked)


def replied(messages: list[Message]) -> dict[str, str]:
    """language -> what staff wrote, one message a line. Of a translated one both texts are there;
    what is not translated may be in any language, whatever the inn's is."""
    texts: dict[str, list[str]] = {}
    for message in messages:
        if message.staff_text:
            own = message.conversation.facility.language
            texts.setdefault(own, []).append(message.staff_text)
            texts.setdefault(message.language, []).append(message.content)
        else:
            language = detect_language(message.content, otherwise=message.language)
            texts.setdefault(language, []).append(message.content)
    whole = max(map(len, texts.values()), default=0)
    # One that holds only a part of the replies is none.
    return {language: "\n".join(lines) for language, lines in texts.items() if len(lines) == whole}


def suggest(message: Message) -> FaqSuggestion:
    """What staff choose themselves: a guest's message, or the one that an answer answers. Raises
    InvalidRequest for any other, NotFound when it is deleted meanwhile."""
    question = message.reply_to or message
    if question.role != Message.Role.USER:
        raise InvalidRequest("only what guests write can be suggested")
    facility = question.conversation.facility
    [vector] = suggestions.make_vectors(facility, [question.content])
    suggestion = note(question, Why.CHOSEN, vector)
    if suggestion is None:
        raise NotFound("the guest has deleted the conversation")
    return suggestion


def withdraw(facility: Facility) -> None:
    """A guest who first voted an answer down, and then up, has no question."""
    down = SuggestedQuestion.objects.for_facility(facility).filter(why=Why.VOTED_DOWN)
    up = GuestFeedback.objects.for_facility(facility).filter(
        feedback_type=GuestFeedback.Type.POSITIVE, message__reply_to__in=down.values("message_id")
    )
    votes = up.select_related("message")
    suggestions.forget_messages(
        [vote.message.reply_to_id for vote in votes if vote.message and vote.message.reply_to_id]
    )
