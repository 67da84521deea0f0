"""What staff do in a conversation: reply, hand back to the AI, resolve."""

from datetime import timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone

from chat.live import announce
from chat.models import Conversation, Escalation, Message
from chat.services import lock
from chat.translation import translate
from facilities.models import User
from yadopera.errors import NotFound

#: After the last reply of staff the AI is silent for so long, unless they hand back before.
STAFF_KEEP_TALKING: Final = timedelta(hours=1)


def find_conversation(user: User, session_id: str) -> Conversation:
    """A conversation at the user's facilities, ended or not. Raises NotFound."""
    rows = Conversation.objects.for_user(user).called(session_id)
    found = rows.select_related("facility", "joined").order_by("-last_activity_at").first()
    if found is None:
        raise NotFound("no such conversation")
    return found.joined or found


def reply(conversation: Conversation, user: User, content: str) -> Message:
    """Answer the guest, in his language where a provider translates; both texts are kept.

    It resolves what was open in the conversation, and silences the AI for a while. The translation
    is made before anything is locked: it may take seconds. Raises NotFound when the guest has
    deleted the conversation meanwhile.
    """
    facility = conversation.facility
    translated = translate(content, from_language=facility.language, to=conversation.language)
    with transaction.atomic():
        try:
            conversation = lock(conversation)
        except Conversation.DoesNotExist:
            raise NotFound("the guest has deleted the conversation") from None
        message = Message.objects.create(
            conversation=conversation,
            role=Message.Role.STAFF,
            content=translated or content,
            staff_text=content if translated else "",
            language=conversation.language if translated else facility.language,
            author=user,
        )
        conversation.staff_until = timezone.now() + STAFF_KEEP_TALKING
        conversation.save(update_fields=["staff_until"])
        resolve_all(conversation, user)
        announce(conversation)
    return message


def hand_back(conversation: Conversation) -> None:
    """Let the AI answer again."""
    Conversation.objects.filter(pk=conversation.pk).update(staff_until=None)


def resolve(escalation: Escalation, user: User, notes: str | None = None) -> Escalation:
    """Settle a question; who does so first is remembered, whoever comes later may add notes."""
    row = Escalation.objects.filter(pk=escalation.pk)
    row.filter(resolved_at=None).update(resolved_at=timezone.now(), resolved_by=user)
    if notes is not None:
        row.update(resolution_notes=notes)
    escalation.refresh_from_db()
    return escalation


def resolve_all(conversation: Conversation, user: User) -> None:
    conversation.escalations.unresolved().update(resolved_at=timezone.now(), resolved_by=user)
