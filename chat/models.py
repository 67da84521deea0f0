"""Conversations: who asked what, what was answered, and what went to staff."""

import secrets
from datetime import datetime, timedelta
from typing import Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from facilities.models import EscalationMode, Facility, OwnedQuerySet, SiteKey
from yadopera.languages import DEFAULT_LANGUAGE, LANGUAGE_CHOICES, LANGUAGES

#: A session, and a code that joins another device to it, live this long from their start.
SESSION_LIFE = timedelta(hours=24)
TOKEN_LIFE = timedelta(hours=24)
#: Capital letters and digits without I, O, 0 and 1, which people misread.
TOKEN_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # noqa: S105
TOKEN_LENGTH = 4
MESSAGE_LENGTH = 1000
REPLY_LENGTH = 4000
NOTE_LENGTH = 2000
LOCATION_LENGTH = 50
SESSION_ID_LENGTH = 100


def new_session_id() -> str:
    """192 random bits: who knows it is the guest."""
    return secrets.token_urlsafe(24)


def session_end() -> datetime:
    return timezone.now() + SESSION_LIFE


class ConversationQuerySet(OwnedQuerySet["Conversation"]):
    def alive(self, now: datetime | None = None) -> Self:
        return self.filter(expires_at__gt=now or timezone.now())

    def active_since(self, moment: datetime) -> Self:
        """Those in which the guest may have done something since then. A session's life is allowed
        for: neither a press of 'contact staff' nor a joined device moves `last_activity_at`."""
        return self.filter(last_activity_at__gte=moment - SESSION_LIFE)

    def for_inbox(self) -> Self:
        """Whole conversations with what staff see of them in a list: `last_text` (of the guest),
        `is_danger`, `is_waiting` (for a person, for any other reason) and `is_unread` (the guest
        wrote since staff last looked)."""
        written = Message.objects.filter(conversation=models.OuterRef("pk"), role=Message.Role.USER)
        danger = models.Q(trigger_type=Escalation.Trigger.SAFETY)
        open_ones = Escalation.objects.unresolved().filter(conversation=models.OuterRef("pk"))
        return self.filter(joined=None, is_check=False).annotate(
            last_text=models.Subquery(written.order_by("-pk").values("content")[:1]),
            is_danger=models.Exists(open_ones.filter(danger)),
            is_waiting=models.Exists(open_ones.exclude(danger)),
            is_unread=models.Exists(
                written.filter(pk__gt=models.OuterRef("staff_seen_message_id"))
            ),
        )

    def called(self, session_id: str) -> Self:
        """By our own id, or by the one that the guest's device made up (see `client_ref`)."""
        return self.filter(Q(session_id=session_id) | Q(client_ref=session_id))


class Conversation(models.Model):
    """One guest's session at one facility, possibly on several devices.

    A device that joins by code has a row of its own, whose `joined` points to the conversation
    that now holds its messages.
    """

    facility = models.ForeignKey(Facility, models.CASCADE, verbose_name=_("facility"))
    session_id = models.CharField(
        max_length=SESSION_ID_LENGTH, unique=True, default=new_session_id, editable=False
    )
    #: What the device called its session before it knew ours. The v0.3 guest app makes up a UUID
    #: and uses the same one at every inn, so it means something within a facility only.
    client_ref = models.CharField(max_length=SESSION_ID_LENGTH, null=True, editable=False)
    joined = models.ForeignKey(
        "self", models.CASCADE, null=True, blank=True, related_name="devices", editable=False
    )
    site_key = models.ForeignKey(
        SiteKey, models.SET_NULL, null=True, blank=True, verbose_name=_("site key")
    )
    language = models.CharField(
        _("language"), max_length=5, choices=LANGUAGE_CHOICES, default=DEFAULT_LANGUAGE
    )
    location = models.CharField(_("place"), max_length=LOCATION_LENGTH, blank=True)
    started_at = models.DateTimeField(_("started"), default=timezone.now)
    last_activity_at = models.DateTimeField(_("last message"), default=timezone.now)
    expires_at = models.DateTimeField(_("ends"), default=session_end)
    #: Staff are writing with the guest until then, and the AI holds its tongue.
    staff_until = models.DateTimeField(_("staff are answering until"), null=True, blank=True)
    #: The newest message that has reached the guest's device.
    seen_message_id = models.BigIntegerField(default=0, db_default=0, editable=False)
    #: The newest message that somebody of the staff has had before his eyes.
    staff_seen_message_id = models.BigIntegerField(default=0, db_default=0, editable=False)
    #: Held by an operator's check of the site; see `chat.checks`.
    is_check = models.BooleanField(default=False, db_default=False, editable=False)
    #: Where answers go that are not seen in the chat, and to what the guest agreed when.
    contact_email = models.EmailField(_("guest's email address"), blank=True, db_default="")
    contact_consent = models.TextField(_("what the guest agreed to"), blank=True, db_default="")
    contact_agreed_at = models.DateTimeField(_("agreed"), null=True, blank=True)

    objects = ConversationQuerySet.as_manager()

    class Meta:
        verbose_name = _("conversation")
        verbose_name_plural = _("conversations")
        ordering = ["-last_activity_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["facility", "client_ref"], name="conversation_client_ref_per_facility"
            ),
            models.CheckConstraint(
                name="conversation_language_known", condition=Q(language__in=list(LANGUAGES))
            ),
        ]
        indexes = [
            # With the id, so that an inn's messages are found without its conversations' rows.
            models.Index(
                fields=["facility", "-last_activity_at"], include=["id"], name="conversation_recent"
            ),
            models.Index(
                fields=["client_ref"], condition=~Q(client_ref=None), name="conversation_client"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_language_display()} #{self.pk}"

    @property
    def is_with_staff(self) -> bool:
        """Whether staff are writing with the guest, so that the AI holds its tongue."""
        return self.staff_until is not None and self.staff_until > timezone.now()

    @property
    def is_on_site(self) -> bool:
        """Whether the guest has stood before a code of the inn that still counts."""
        return self.site_key is not None and self.site_key.revoked_at is None


class MessageQuerySet(OwnedQuerySet["Message"]):
    facility_path = "conversation__facility"

    def answers(self) -> Self:
        return self.filter(role=Message.Role.ASSISTANT)

    def questions(self) -> Self:
        """What guests asked; `is_automatic` says whether it was answered without people.

        Everything that a guest writes is a question but for courtesies, which are answered in kind.
        Answered automatically is one whose reply came of a FAQ, the inn's facts or the model, and
        that went to nobody besides. One that waits for its reply is a question already; a press of
        'contact staff' is none.
        """
        asked = self.filter(role=Message.Role.USER).exclude(reply__source=Message.Source.MANNERS)
        return asked.annotate(
            is_automatic=Q(reply__source__in=Message.ANSWERED_AUTOMATICALLY, escalation=None)
        )


class Message(models.Model):
    class Role(models.TextChoices):
        USER = "user", _("guest")
        ASSISTANT = "assistant", _("answer")
        SYSTEM = "system", _("system")
        STAFF = "staff", _("staff")

    class Source(models.TextChoices):
        """Where an answer comes from."""

        FAQ = "faq", _("FAQ")
        GENERATED = "generated", _("written by the AI from the FAQs and facts")
        FACT = "fact", _("the inn's facts")
        SAFETY = "safety", _("emergency text")
        MANNERS = "manners", _("a courtesy")
        SCAN_CODE = "scan_code", _("asked to scan the code at the inn")
        HANDED_OVER = "handed_over", _("handed to staff")
        HELD = "held", _("left to staff, who are writing")
        JOINED = "joined", _("another device joined")

    conversation = models.ForeignKey(
        Conversation, models.CASCADE, verbose_name=_("conversation"), related_name="messages"
    )
    #: Sources of answers that come of a FAQ, the first of `matched_faq_ids`.
    ANSWERED_BY_FAQ = (Source.FAQ, Source.GENERATED, Source.SCAN_CODE)
    #: Sources of answers that tell the guest what he asked.
    ANSWERED_AUTOMATICALLY = (Source.FAQ, Source.GENERATED, Source.FACT)

    role = models.CharField(_("by"), max_length=10, choices=Role)
    content = models.TextField(_("text"), max_length=REPLY_LENGTH)
    language = models.CharField(_("language"), max_length=5, choices=LANGUAGE_CHOICES)
    #: The device's own id of a question, so that one sent twice is stored once.
    client_message_id = models.UUIDField(null=True, editable=False)
    #: On an answer: the question. One question has one answer, however often it was sent.
    reply_to = models.OneToOneField(
        "self", models.CASCADE, null=True, blank=True, related_name="reply", editable=False
    )
    source = models.CharField(_("source"), max_length=20, choices=Source, blank=True)
    ai_confidence = models.FloatField(_("confidence"), null=True, blank=True)
    #: Best first; the FAQs may have been deleted since.
    matched_faq_ids = ArrayField(models.BigIntegerField(), default=list, editable=False)
    #: On an answer that the model wrote: of which wording of the prompt (`chat.prompts`).
    prompt_version = models.PositiveSmallIntegerField(null=True, editable=False)
    response_time_ms = models.PositiveIntegerField(_("time taken (ms)"), null=True, blank=True)
    #: Of staff's replies: who wrote it.
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, verbose_name=_("author")
    )
    #: The same in the inn's own language, where `content` is in the guest's: the translation of a
    #: question, the original of a translated reply.
    staff_text = models.TextField(_("in the inn's language"), blank=True, db_default="")
    created_at = models.DateTimeField(_("written"), default=timezone.now)

    objects = MessageQuerySet.as_manager()

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["conversation", "client_message_id"], name="message_sent_once"
            ),
            models.CheckConstraint(
                name="message_role_known",
                condition=Q(role__in=["user", "assistant", "system", "staff"]),
            ),
            models.CheckConstraint(
                name="message_confidence_0_to_1",
                condition=Q(ai_confidence=None) | Q(ai_confidence__range=(0, 1)),
            ),
            models.CheckConstraint(
                name="message_answer_has_question",
                condition=~Q(role="assistant") | ~Q(reply_to=None),
            ),
        ]
        indexes = [
            models.Index(fields=["conversation", "id"], name="message_in_order"),
            models.Index(fields=["created_at"], condition=Q(role="staff"), name="message_of_staff"),
            models.Index(fields=["created_at"], condition=Q(role="user"), name="message_of_guest"),
            # For the statistics: an inn's rows lie scattered among those of all inns, so that what
            # is counted is read from the index alone.
            models.Index(
                fields=["conversation", "created_at"],
                include=["id", "language"],
                condition=Q(role="user"),
                name="message_counted",
            ),
            models.Index(
                fields=["reply_to"],
                include=["source", "ai_confidence", "response_time_ms"],
                condition=~Q(reply_to=None),
                name="message_reply_counted",
            ),
        ]

    def __str__(self) -> str:
        return self.content[:80]

    @property
    def answering_faq_id(self) -> int | None:
        """The FAQ whose answer this is; None when it is no FAQ's. It may be deleted since."""
        is_of_faq = self.source in self.ANSWERED_BY_FAQ and self.matched_faq_ids
        return self.matched_faq_ids[0] if is_of_faq else None


class GuestFeedbackQuerySet(OwnedQuerySet["GuestFeedback"]):
    facility_path = "facility"

    def negative(self) -> Self:
        return self.filter(feedback_type=GuestFeedback.Type.NEGATIVE)

    def standing(self) -> Self:
        """Those on answers that guests are still given."""
        return self.filter(superseded_at=None)

    def about_the_same(self, vote: "GuestFeedback") -> Self:
        """The votes on the answers of one FAQ; on an answer that is of none, only its own."""
        if vote.faq_id is None:
            return self.filter(pk=vote.pk)
        return self.filter(facility=vote.facility_id, faq_id=vote.faq_id)


class GuestFeedback(models.Model):
    """A guest's vote on one answer; his last one counts."""

    class Type(models.TextChoices):
        POSITIVE = "positive", _("helpful")
        NEGATIVE = "negative", _("not helpful")

    facility = models.ForeignKey(Facility, models.CASCADE, verbose_name=_("facility"))
    #: None once the conversation is deleted; what remains tells nothing of what was said.
    message = models.OneToOneField(
        Message, models.SET_NULL, null=True, verbose_name=_("answer"), related_name="feedback"
    )
    #: The FAQ that answered, and a number that tells one guest from another.
    faq_id = models.BigIntegerField(null=True, editable=False)
    guest = models.BigIntegerField(null=True, editable=False)
    #: The wording of that FAQ that brought the answer; 0: none did, None: not looked for yet.
    wording_id = models.BigIntegerField(null=True, editable=False)
    #: Of the answer.
    language = models.CharField(max_length=5, blank=True, db_default="", editable=False)
    #: A number for the guest's network in that week, from which neither can be told; None where it
    #: is not known.
    network = models.BigIntegerField(null=True, editable=False)
    feedback_type = models.CharField(_("vote"), max_length=10, choices=Type)
    #: When staff said that there is nothing to mend; a new vote makes it None again.
    ignored_at = models.DateTimeField(null=True, editable=False)
    #: When staff wrote another answer; the vote counts no more.
    superseded_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(_("given"), auto_now_add=True)

    objects = GuestFeedbackQuerySet.as_manager()

    class Meta:
        verbose_name = _("vote")
        verbose_name_plural = _("votes")
        constraints = [
            models.CheckConstraint(
                name="feedback_type_known",
                condition=Q(feedback_type__in=["positive", "negative"]),
            )
        ]
        indexes = [models.Index(fields=["facility", "faq_id"], name="feedback_of_faq")]

    def __str__(self) -> str:
        return self.get_feedback_type_display()

    @property
    def is_negative(self) -> bool:
        return self.feedback_type == self.Type.NEGATIVE


class EscalationQuerySet(OwnedQuerySet["Escalation"]):
    facility_path = "conversation__facility"

    def unresolved(self) -> Self:
        return self.filter(resolved_at=None)

    def acknowledge(self) -> None:
        """Somebody has seen them: they are not repeated any more. The first time counts."""
        self.filter(acknowledged_at=None).update(acknowledged_at=timezone.now())


class Escalation(models.Model):
    """A question that people must answer. Whoever notifies staff reads these rows."""

    class Trigger(models.TextChoices):
        LOW_CONFIDENCE = "low_confidence", _("no sure answer")
        SAFETY = "safety_category", _("danger")
        KEYWORD = "keyword", _("keyword")
        MULTIPLE_TURNS = "multiple_turns", _("asked several times")
        STAFF_MODE = "staff_mode", _("the guest asked for a person")
        ERROR = "error", _("a fault")

    Mode = EscalationMode

    conversation = models.ForeignKey(
        Conversation, models.CASCADE, verbose_name=_("conversation"), related_name="escalations"
    )
    #: The question; none when the guest pressed 'contact staff'.
    message = models.OneToOneField(
        Message,
        models.CASCADE,
        null=True,
        blank=True,
        verbose_name=_("question"),
        related_name="escalation",
    )
    trigger_type = models.CharField(_("reason"), max_length=20, choices=Trigger)
    mode = models.CharField(_("mode"), max_length=10, choices=Mode, default=Mode.NORMAL)
    #: For staff, in plain words: which danger, how unsure, what failed.
    reason = models.CharField(_("details"), max_length=500, blank=True)
    ai_confidence = models.FloatField(_("confidence"), null=True, blank=True)
    notified_at = models.DateTimeField(_("staff notified"), null=True, blank=True)
    notification_channels = ArrayField(
        models.CharField(max_length=20), verbose_name=_("channels"), default=list, blank=True
    )
    resolved_at = models.DateTimeField(_("resolved"), null=True, blank=True)
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        verbose_name=_("resolved by"),
    )
    #: Danger is told again and again until somebody says that he has seen it.
    acknowledged_at = models.DateTimeField(_("seen by staff"), null=True, blank=True)
    resolution_notes = models.TextField(_("notes"), max_length=2000, blank=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now)

    objects = EscalationQuerySet.as_manager()

    class Meta:
        verbose_name = _("escalation")
        verbose_name_plural = _("escalations")
        ordering = ["-pk"]
        constraints = [
            # Pressing 'contact staff' ten times calls them once.
            models.UniqueConstraint(
                fields=["conversation"],
                condition=Q(message=None, resolved_at=None),
                name="escalation_one_open_call",
            ),
            models.CheckConstraint(
                name="escalation_trigger_known",
                condition=Q(
                    trigger_type__in=[
                        "low_confidence",
                        "safety_category",
                        "keyword",
                        "multiple_turns",
                        "staff_mode",
                        "error",
                    ]
                ),
            ),
            models.CheckConstraint(
                name="escalation_mode_known", condition=Q(mode__in=["normal", "early"])
            ),
        ]
        indexes = [
            # Few of all that there ever were, the latest at its end.
            models.Index(
                fields=["id"],
                include=["conversation", "trigger_type"],
                condition=Q(resolved_at=None),
                name="escalation_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_trigger_type_display()} #{self.conversation_id}"


class StaffNoteQuerySet(OwnedQuerySet["StaffNote"]):
    facility_path = "conversation__facility"


class StaffNote(models.Model):
    """What staff tell each other beside a conversation. No guest and no AI ever reads it."""

    conversation = models.ForeignKey(
        Conversation, models.CASCADE, verbose_name=_("conversation"), related_name="notes"
    )
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, verbose_name=_("author")
    )
    text = models.TextField(_("note"), max_length=NOTE_LENGTH)
    created_at = models.DateTimeField(_("written"), default=timezone.now)

    objects = StaffNoteQuerySet.as_manager()

    class Meta:
        verbose_name = _("note")
        verbose_name_plural = _("notes")
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.text[:80]


class CannedReplyQuerySet(OwnedQuerySet["CannedReply"]):
    pass


class CannedReply(models.Model):
    """A reply that staff send often, in every language that they have written it in."""

    facility = models.ForeignKey(Facility, models.CASCADE, verbose_name=_("facility"))
    title = models.CharField(_("title"), max_length=100)
    #: language -> text
    texts = models.JSONField(_("texts"), default=dict)

    objects = CannedReplyQuerySet.as_manager()

    class Meta:
        verbose_name = _("canned reply")
        verbose_name_plural = _("canned replies")
        ordering = ["title", "pk"]

    def __str__(self) -> str:
        return self.title


class SessionTokenQuerySet(OwnedQuerySet["SessionToken"]):
    def alive(self, now: datetime | None = None) -> Self:
        return self.filter(expires_at__gt=now or timezone.now())


def token_end() -> datetime:
    return timezone.now() + TOKEN_LIFE


class SessionToken(models.Model):
    """The four characters that join another device to a conversation."""

    facility = models.ForeignKey(Facility, models.CASCADE, verbose_name=_("facility"))
    conversation = models.OneToOneField(
        Conversation, models.CASCADE, verbose_name=_("conversation"), related_name="token"
    )
    token = models.CharField(_("code"), max_length=TOKEN_LENGTH)
    created_at = models.DateTimeField(_("made"), default=timezone.now)
    expires_at = models.DateTimeField(_("ends"), default=token_end)

    objects = SessionTokenQuerySet.as_manager()

    class Meta:
        verbose_name = _("session code")
        verbose_name_plural = _("session codes")
        constraints = [
            # Expired codes are deleted when a new one is made, so 'unique' means 'while it lives'.
            models.UniqueConstraint(
                fields=["facility", "token"], name="session_token_once_per_facility"
            ),
            models.CheckConstraint(
                name="session_token_format",
                condition=Q(token__regex=r"^[A-Z2-9]{4}$"),  # noqa: S106
            ),
        ]

    def __str__(self) -> str:
        return self.token

    @staticmethod
    def new_code() -> str:
        return "".join(secrets.choice(TOKEN_ALPHABET) for _ in range(TOKEN_LENGTH))
