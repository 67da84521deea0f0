"""Which conversation a guest's session id belongs to, and how devices join one.

A guest proves who he is by an unguessable session id. Ids of other facilities, expired ids and ids
that never were all look the same: there is no such conversation.
"""

import re
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.utils import timezone

from chat.live import announce
from chat.models import Conversation, Escalation, Message, SessionToken
from chat.texts import say
from facilities.models import Facility
from faq import suggestions, wordings
from yadopera.errors import NotFound, ServiceUnavailable
from yadopera.logs import note_facility

#: A session id that a device made up must be as hard to guess as one of ours: a UUID, or 22
#: characters of the URL-safe alphabet (128 bits).
_UNGUESSABLE: Final = re.compile(
    r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[A-Za-z0-9_-]{22,100}"
)
#: Even with a thousand living codes a free one of the 32**4 is found at once.
_CODE_ATTEMPTS: Final = 20


def find_conversation(session_id: str, *, facility: Facility | None = None) -> Conversation:
    """The living conversation that `session_id` opens. Raises NotFound.

    Without `facility` (calls of older clients that name none) the id alone decides; a device's
    own id, used at several inns, then means the conversation it last wrote in.
    """
    if "\x00" in session_id:  # from a cookie, which no schema has checked
        raise NotFound("no such session")
    found = Conversation.objects.alive().called(session_id)
    if facility is not None:
        found = found.for_facility(facility)
    row = (
        found.filter(facility__is_active=True)
        .select_related("facility", "site_key", "joined__facility", "joined__site_key")
        .order_by("-last_activity_at")
        .first()
    )
    if row is None:
        raise NotFound("no such session")
    note_facility(row.facility.slug)
    return row.joined or row


def open_conversation(*, facility: Facility, session_id: str) -> Conversation:
    """The conversation of `session_id`, or a new one."""
    try:
        return find_conversation(session_id, facility=facility)
    except NotFound:
        return start_conversation(facility=facility, session_id=session_id)


def start_conversation(
    *, facility: Facility, session_id: str | None, **fields: Any
) -> Conversation:
    """A new conversation, with a session id of its own.

    Simultaneous calls with one unknown id start one conversation: the constraint on `client_ref`
    lets a single one through and the others find it.
    """
    client_ref = session_id if session_id and _UNGUESSABLE.fullmatch(session_id) else None
    if client_ref is None:
        return Conversation.objects.create(facility=facility, **fields)
    try:
        with transaction.atomic():
            release_expired(facility, client_ref)
            return Conversation.objects.create(facility=facility, client_ref=client_ref, **fields)
    except IntegrityError:
        return find_conversation(client_ref, facility=facility)


def release_expired(facility: Facility, client_ref: str) -> None:
    """Let a device use its own id again once the conversation it stood for has ended."""
    expired = Conversation.objects.for_facility(facility).filter(
        client_ref=client_ref, expires_at__lte=timezone.now()
    )
    expired.update(client_ref=None)


def make_token(conversation: Conversation) -> SessionToken:
    """The code that joins another device to `conversation`; the same one while it lives."""
    for _attempt in range(_CODE_ATTEMPTS):
        alive = SessionToken.objects.alive().filter(conversation=conversation).first()
        if alive:
            return alive
        try:
            with transaction.atomic():
                SessionToken.objects.for_facility(conversation.facility).filter(
                    expires_at__lte=timezone.now()
                ).delete()
                return SessionToken.objects.create(
                    facility=conversation.facility,
                    conversation=conversation,
                    token=SessionToken.new_code(),
                )
        except IntegrityError:
            continue  # another call made one for this conversation, or this code is taken
    raise ServiceUnavailable("no free session code was found")


def has_token(conversation: Conversation) -> bool:
    return SessionToken.objects.alive().filter(conversation=conversation).exists()


def find_token(code: str, *, facility: Facility | None) -> SessionToken | None:
    """The living code, at `facility` or, for older clients that name none, anywhere."""
    tokens = SessionToken.objects.alive().filter(
        token=code.upper(), conversation__expires_at__gt=timezone.now()
    )
    if facility is not None:
        tokens = tokens.for_facility(facility)
    return tokens.select_related("conversation").first()


@transaction.atomic
def link_device(*, facility: Facility, code: str, session_id: str) -> Conversation:
    """Join the device of `session_id` to the conversation of `code`; both then see one history.

    Raises NotFound for a wrong or expired code and for a session id that nobody could have.
    """
    token = find_token(code, facility=facility)
    if token is None:
        raise NotFound("no such code")
    if not _UNGUESSABLE.fullmatch(session_id):
        raise NotFound("no such session")
    device = open_conversation(facility=facility, session_id=session_id)
    # Locked in one order, so that two devices joining each other wait instead of deadlocking.
    rows = Conversation.objects.select_for_update(of=("self",)).order_by("pk")
    locked = {row.pk: row for row in rows.filter(pk__in=[token.conversation_id, device.pk])}
    primary, device = locked[token.conversation_id], locked[device.pk]
    if primary.joined_id == device.pk or device.joined_id == primary.pk or primary == device:
        return primary.joined or primary
    if primary.joined_id or device.joined_id:
        raise NotFound("joined to a third device meanwhile")
    merge(device, into=primary)
    # Who reads along is told to all; and a device that listens learns that there is more to fetch.
    Message.objects.create(
        conversation=primary,
        role=Message.Role.SYSTEM,
        source=Message.Source.JOINED,
        content=say("device_joined", primary.language),
        language=primary.language,
    )
    announce(primary)
    announce(device)  # whose streams end: there is nothing in it any more
    return primary


def carry_over(device: Conversation, into: Conversation) -> None:
    """What was agreed with the guest and with staff on `device` holds in the whole conversation."""
    if device.contact_email and not into.contact_email:
        into.contact_email, into.contact_consent = device.contact_email, device.contact_consent
        into.contact_agreed_at = device.contact_agreed_at
    into.staff_until = max(filter(None, (into.staff_until, device.staff_until)), default=None)
    into.seen_message_id = min(into.seen_message_id, device.seen_message_id)
    into.save(
        update_fields=[
            "contact_email",
            "contact_consent",
            "contact_agreed_at",
            "staff_until",
            "seen_message_id",
        ]
    )


def merge(device: Conversation, *, into: Conversation) -> None:
    """Move everything that was said on `device` and leave it as a pointer. Rows are locked."""
    messages = Message.objects.filter(conversation=device)
    known = Message.objects.filter(conversation=into).exclude(client_message_id=None)
    messages.filter(client_message_id__in=known.values("client_message_id")).update(
        client_message_id=None
    )
    messages.update(conversation=into)
    escalations = Escalation.objects.filter(conversation=device)
    if into.escalations.unresolved().filter(message=None).exists():
        escalations.unresolved().filter(message=None).delete()  # staff are called once
    escalations.update(conversation=into)
    suggestions.join_guests(device.pk, into=into.pk)
    wordings.join_guests(device.pk, into=into.pk)
    SessionToken.objects.filter(conversation=device).delete()
    carry_over(device, into)
    device.devices.update(joined=into, expires_at=into.expires_at)
    if device.is_on_site and not into.is_on_site:
        into.site_key = device.site_key
        into.save(update_fields=["site_key"])
    device.joined, device.expires_at = into, into.expires_at
    device.save(update_fields=["joined", "expires_at"])
