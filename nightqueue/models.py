"""How staff are reached: channels, what waits for the morning, and every delivery as a row."""

import uuid
from datetime import datetime
from typing import Self

from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator, URLValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from encrypted_fields.fields import EncryptedTextField

from chat.models import Escalation, Message
from facilities.models import ChannelKind, Facility, Membership, OwnedQuerySet

ADDRESS_HELP = _(
    "Email: the address, or nothing for the facility's own. Slack and webhook: the https address. "
    "LINE: the id of the user or group that is written to."
)
SECRET_HELP = _(
    "LINE: the channel access token. Webhook: the key with which we sign. Kept encrypted and never "
    "shown again."
)


class ChannelQuerySet(OwnedQuerySet["Channel"]):
    def in_use(self) -> Self:
        return self.filter(is_active=True)


class Channel(models.Model):
    """A way to reach the staff of a facility."""

    facility = models.ForeignKey(
        Facility, models.CASCADE, verbose_name=_("facility"), related_name="channels"
    )
    kind = models.CharField(_("kind"), max_length=10, choices=ChannelKind)
    address = EncryptedTextField(
        _("address"),
        blank=True,
        null=True,
        help_text=ADDRESS_HELP,
    )
    secret = EncryptedTextField(
        _("key"),
        blank=True,
        null=True,
        help_text=SECRET_HELP,
    )
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects = ChannelQuerySet.as_manager()

    class Meta:
        verbose_name = _("channel")
        verbose_name_plural = _("channels")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["facility"],
                condition=Q(kind="email", address=None),
                name="channel_one_own_address",
            ),
            models.CheckConstraint(
                name="channel_kind_known",
                condition=Q(kind__in=["email", "slack", "line", "webhook"]),
            ),
        ]

    def __str__(self) -> str:
        return self.get_kind_display()

    def clean(self) -> None:
        address, secret = self.address or "", self.secret or ""
        if self.kind == ChannelKind.EMAIL:
            if address:
                EmailValidator()(address)
        elif self.kind == ChannelKind.LINE:
            if not (address and secret):
                raise ValidationError(_("LINE needs the id of a user or group, and a token."))
        else:
            URLValidator(schemes=["https", "http"])(address)
            if self.kind == ChannelKind.WEBHOOK and not secret:
                raise ValidationError(_("A webhook needs a key, with which we sign."))


class Digest(models.Model):
    """The one message of a morning about what waited for it."""

    facility = models.ForeignKey(Facility, models.CASCADE, verbose_name=_("facility"))
    #: When the absence ended.
    due_at = models.DateTimeField(_("due"))
    created_at = models.DateTimeField(_("made"), default=timezone.now)

    objects = OwnedQuerySet.as_manager()

    class Meta:
        verbose_name = _("morning digest")
        verbose_name_plural = _("morning digests")
        constraints = [
            models.UniqueConstraint(fields=["facility", "due_at"], name="digest_once_a_morning")
        ]

    def __str__(self) -> str:
        return f"{self.facility} {self.due_at:%Y-%m-%d %H:%M}"


class WeeklyLetter(models.Model):
    """That a week of an inn has been told to its owners, or had nothing to tell."""

    facility = models.ForeignKey(
        Facility, models.CASCADE, verbose_name=_("facility"), related_name="weekly_letters"
    )
    #: The Monday with which the week began that is told.
    week = models.DateField(_("week"))
    created_at = models.DateTimeField(_("made"), default=timezone.now)

    objects = OwnedQuerySet.as_manager()

    class Meta:
        verbose_name = _("weekly letter")
        verbose_name_plural = _("weekly letters")
        constraints = [
            models.UniqueConstraint(fields=["facility", "week"], name="letter_once_a_week")
        ]

    def __str__(self) -> str:
        return f"{self.facility} {self.week}"


class QueueEntryQuerySet(OwnedQuerySet["QueueEntry"]):
    def unresolved(self) -> Self:
        return self.filter(escalation__resolved_at=None)

    def due(self, at: datetime) -> Self:
        """Those whose morning has come and that no digest holds."""
        return self.unresolved().filter(digest=None, due_at__lte=at)


class QueueEntry(models.Model):
    """An escalation that waits until somebody is awake."""

    facility = models.ForeignKey(Facility, models.CASCADE, verbose_name=_("facility"))
    escalation = models.OneToOneField(
        Escalation, models.CASCADE, verbose_name=_("escalation"), related_name="queue_entry"
    )
    #: When the absence ends.
    due_at = models.DateTimeField(_("due"))
    digest = models.ForeignKey(
        Digest,
        models.SET_NULL,
        null=True,
        blank=True,
        verbose_name=_("digest"),
        related_name="entries",
    )
    created_at = models.DateTimeField(_("created"), default=timezone.now)

    objects = QueueEntryQuerySet.as_manager()

    class Meta:
        verbose_name = _("question in the night queue")
        verbose_name_plural = _("night queue")
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(digest=None), name="queue_waiting"),
        ]

    def __str__(self) -> str:
        return str(self.escalation)

    @property
    def guest_message(self) -> str:
        """What the guest asked; empty when he only called for staff."""
        return self.escalation.message.content if self.escalation.message else ""


class DeliveryQuerySet(OwnedQuerySet["Delivery"]):
    def claimable(self, now: datetime) -> Self:
        """Those to be sent now: their time has come, and nobody is at it, or nobody any more."""
        return self.filter(
            Q(state=Delivery.State.PENDING, next_attempt_at__lte=now)
            | Q(state=Delivery.State.SENDING, claimed_until__lte=now)
        )


class Delivery(models.Model):
    """One message to one recipient: written with what it tells of, sent later (an outbox)."""

    class Kind(models.TextChoices):
        DANGER = "danger", _("danger")
        QUESTION = "question", _("question")
        DIGEST = "digest", _("morning digest")
        ANSWER = "answer", _("answer to a guest")
        LETTER = "letter", _("weekly letter")
        TEST = "test", _("test")

    class State(models.TextChoices):
        PENDING = "pending", _("waiting")
        SENDING = "sending", _("being sent")
        SENT = "sent", _("sent")
        FAILED = "failed", _("given up")
        NEEDLESS = "needless", _("no longer needed")

    facility = models.ForeignKey(Facility, models.CASCADE, verbose_name=_("facility"))
    kind = models.CharField(_("about"), max_length=10, choices=Kind)
    #: To staff; none for what is mailed to a guest or to an owner.
    channel = models.ForeignKey(
        Channel, models.CASCADE, null=True, blank=True, verbose_name=_("channel")
    )
    escalation = models.ForeignKey(
        Escalation, models.CASCADE, null=True, blank=True, verbose_name=_("escalation")
    )
    digest = models.ForeignKey(
        Digest, models.CASCADE, null=True, blank=True, verbose_name=_("digest")
    )
    message = models.ForeignKey(
        Message, models.CASCADE, null=True, blank=True, verbose_name=_("answer")
    )
    weekly_letter = models.ForeignKey(
        WeeklyLetter, models.CASCADE, null=True, blank=True, verbose_name=_("weekly letter")
    )
    #: The owner whom it is mailed to.
    member = models.ForeignKey(
        Membership, models.SET_NULL, null=True, blank=True, verbose_name=_("member")
    )
    #: 0, and for a danger that nobody has acknowledged 1 to 3.
    repetition = models.PositiveSmallIntegerField(_("repetition"), default=0)
    #: Goes with the message, so that a receiver can tell a repeated one from a new one.
    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    next_attempt_at = models.DateTimeField(_("next attempt"), default=timezone.now)
    claimed_until = models.DateTimeField(null=True, blank=True, editable=False)
    last_error = models.CharField(_("last error"), max_length=500, blank=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        ordering = ["-pk"]
        constraints = [
            # Whatever runs twice, or at once, writes nothing twice.
            models.UniqueConstraint(
                fields=["escalation", "channel", "repetition"], name="delivery_once_an_escalation"
            ),
            models.UniqueConstraint(fields=["digest", "channel"], name="delivery_once_a_digest"),
            models.UniqueConstraint(fields=["message"], name="delivery_once_an_answer"),
            models.UniqueConstraint(
                fields=["weekly_letter", "member"], name="delivery_once_a_week"
            ),
            models.CheckConstraint(
                name="delivery_state_known",
                condition=Q(state__in=["pending", "sending", "sent", "failed", "needless"]),
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                condition=Q(state__in=["pending", "sending"]),
                name="delivery_waiting",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.created_at:%Y-%m-%d %H:%M}"
