"""What staff do in a conversation: reply, hand back to the AI, resolve."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Max, Q
from django.utils import timezone
from django.utils.translation import gettext

from chat.live import announce
from chat.models import Conversation, Escalation, Message
from chat.services import lock
from chat.tasks import queue_learning
from chat.translation import translate
from facilities import audit
from facilities.models import User
from yadopera import shared_memory
from yadopera.errors import InvalidRequest, NotFound

#: After the last reply of staff the AI is silent for so long, unless they hand back before.
STAFF_KEEP_TALKING: Final = timedelta(hours=1)
#: The page tells every few seconds that it is open.
PRESENCE_SECONDS: Final = 15


def find_conversation(user: User, session_id: str) -> Conversation:
    """A conversation at the user's facilities, ended or not. Raises NotFound."""
    rows = Conversation.objects.for_user(user).called(session_id)
    found = rows.select_related("facility", "joined").order_by("-last_activity_at").first()
    if found is None:
        raise NotFound("no such conversation")
    return found.joined or found


def reply(
    conversation: Conversation,
    user: User,
    content: str,
    *,
    answers_up_to: int | None = None,
    client_message_id: UUID | None = None,
) -> Message:
    """Answer the guest, in his language where a provider translates; both texts are kept.

    It resolves what was open up to the message `answers_up_to`, the last that the author has seen
    (now, when he does not say), and silences the AI for a while. The translation
    is made before anything is locked: it may take seconds. One sent twice (same
    `client_message_id`) is stored once. Raises NotFound when the guest has deleted the
    conversation meanwhile.
    """
    if before := sent_before(conversation, client_message_id):
        return before
    facility = conversation.facility
    if answers_up_to is None:
        newest = conversation.messages.order_by("-pk").values_list("pk", flat=True).first()
        answers_up_to = newest or 0
    translated = translate(content, from_language=facility.language, to=conversation.language)
    with transaction.atomic():
        try:
            conversation = lock(conversation)
        except Conversation.DoesNotExist:
            raise NotFound("the guest has deleted the conversation") from None
        if before := sent_before(conversation, client_message_id):
            return before  # while this one was translated
        message = Message.objects.create(
            conversation=conversation,
            role=Message.Role.STAFF,
            content=translated or content,
            staff_text=content if translated else "",
            language=conversation.language if translated else facility.language,
            author=user,
            client_message_id=client_message_id,
        )
        conversation.staff_until = timezone.now() + STAFF_KEEP_TALKING
        conversation.save(update_fields=["staff_until"])
        resolve_up_to(conversation, answers_up_to, user)
        audit.record(audit.Action.REPLIED, facility=facility, actor=user, target=conversation)
        queue_learning(facility.pk)
        announce(conversation)
    return message


def sent_before(conversation: Conversation, client_message_id: UUID | None) -> Message | None:
    """The reply of staff with this id. Raises InvalidRequest for the id of a guest's message."""
    if client_message_id is None:
        return None
    found = conversation.messages.filter(client_message_id=client_message_id).first()
    if found and found.role != Message.Role.STAFF:
        raise InvalidRequest(text=gettext("Another message has this id: make up a new one."))
    return found


def take_over(conversation: Conversation) -> None:
    """Keep the AI silent while staff look into it; a reply does the same."""
    until = timezone.now() + STAFF_KEEP_TALKING
    Conversation.objects.filter(pk=conversation.pk).update(staff_until=until)


def hand_back(conversation: Conversation) -> None:
    """Let the AI answer again."""
    whole = conversation.joined or conversation
    Conversation.objects.filter(pk=whole.pk).update(staff_until=None)


def resolve(escalation: Escalation, user: User, notes: str | None = None) -> Escalation:
    """Settle a question; who does so first is remembered, whoever comes later may add notes.
    Raises NotFound when the guest has deleted the conversation meanwhile."""
    row = Escalation.objects.filter(pk=escalation.pk)
    row.filter(resolved_at=None).update(resolved_at=timezone.now(), resolved_by=user)
    if notes is not None:
        row.update(resolution_notes=notes)
    settled = row.select_related("conversation", "message").first()
    if settled is None:
        raise NotFound("the guest has deleted the conversation")
    return settled


def resolve_all(conversation: Conversation, user: User) -> None:
    """Settle everything that is open: it was answered at the desk, or needs no answer."""
    conversation.escalations.unresolved().update(resolved_at=timezone.now(), resolved_by=user)


def note_seen(conversation: Conversation, message_id: int) -> None:
    """Somebody of the staff has had this message before his eyes. Danger is not repeated then."""
    Conversation.objects.filter(pk=conversation.pk, staff_seen_message_id__lt=message_id).update(
        staff_seen_message_id=message_id
    )
    conversation.escalations.filter(message__pk__lte=message_id).acknowledge()


# Who else is looking ----------------------------------------------------------------------------


def note_presence(conversation: Conversation, user: User) -> None:
    shared_memory.remember(_presence(conversation, user), True, seconds=PRESENCE_SECONDS)


def colleagues_at(conversation: Conversation, user: User) -> list[str]:
    """Names of others who have this conversation open now; none while Redis is away."""
    others = User.objects.filter(facilities=conversation.facility_id).exclude(pk=user.pk)
    by_key = {_presence(conversation, other): str(other) for other in others}
    here = shared_memory.recall_all(by_key)
    return [name for key, name in by_key.items() if key in here]


def _presence(conversation: Conversation, user: User) -> str:
    return f"at-conversation:{conversation.pk}:{user.pk}"


def resolve_up_to(conversation: Conversation, message_id: int, user: User) -> None:
    """Settle what staff had before them. What the guest wrote while they were typing is open."""
    known = Message.objects.filter(conversation=conversation, pk__lte=message_id)
    newest = known.aggregate(at=Max("created_at"))["at"]
    before = Q(message__in=known) | Q(message=None, created_at__lte=newest or timezone.now())
    open_ones = conversation.escalations.unresolved().filter(before)
    open_ones.update(resolved_at=timezone.now(), resolved_by=user)
