"""A conversation as staff read it: what was said, where each answer came from, and their notes."""

from functools import cached_property
from typing import Any

from chat.models import Conversation, Message, StaffNote
from facilities.models import User
from faq.models import Faq


class Thread:
    """The messages of `conversation` after the message `after` and the notes after the note
    `after_note`, as `user` may see them."""

    def __init__(
        self, conversation: Conversation, user: User, *, after: int = 0, after_note: int = 0
    ) -> None:
        self.conversation = conversation
        self.user = user
        self.after = after
        self.after_note = after_note

    @cached_property
    def messages(self) -> list[Message]:
        rows = self.conversation.messages.filter(pk__gt=self.after)
        return list(rows.select_related("author", "feedback", "escalation"))

    @property
    def newest_id(self) -> int:
        return self.messages[-1].pk if self.messages else self.after

    @cached_property
    def entries(self) -> list[Any]:
        """Messages and notes in the order of their writing. An answer has with it its `faq` and
        what that asks, `faq_title`, unless it is deleted since."""
        own = self.conversation.facility.language
        for message in self.messages:
            if faq := self.faqs.get(message.answering_faq_id):
                message.faq, message.faq_title = faq, faq.title(own)  # type: ignore[attr-defined]
        return sorted([*self.messages, *self.notes], key=lambda entry: entry.created_at)

    @cached_property
    def notes(self) -> list[StaffNote]:
        rows = self.conversation.notes.filter(pk__gt=self.after_note)
        return list(rows.select_related("author"))

    @property
    def newest_note_id(self) -> int:
        return self.notes[-1].pk if self.notes else self.after_note

    @cached_property
    def faqs(self) -> dict[int | None, Faq]:
        """Those that answers came of."""
        ids = {m.answering_faq_id for m in self.messages if m.answering_faq_id is not None}
        return dict(Faq.objects.for_user(self.user).with_texts().in_bulk(ids)) if ids else {}
