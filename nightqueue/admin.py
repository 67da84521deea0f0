"""Channels, what waits for the morning, and what was sent."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from chat.admin import conversation_link
from chat.staff import resolve
from facilities.admin import OwnedAdmin, OwnersAdmin, ReadOnly, signed_in
from nightqueue.models import ADDRESS_HELP, SECRET_HELP, Channel, Delivery, QueueEntry
from nightqueue.services import send_test
from nightqueue.tasks import queue_sending


class ChannelForm(forms.ModelForm):
    """Never shows a key that it has."""

    address = forms.CharField(
        label=_("address"),
        required=False,
        max_length=500,
        widget=UnfoldAdminTextInputWidget,
        help_text=ADDRESS_HELP,
    )
    secret = forms.CharField(
        label=_("key"),
        required=False,
        max_length=500,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "off"}),
        help_text=SECRET_HELP,
    )

    def clean_address(self) -> str | None:
        return self.cleaned_data["address"].strip() or None

    def clean_secret(self) -> str | None:
        """Left empty, the key that is there stays."""
        return self.cleaned_data["secret"].strip() or self.instance.secret


@admin.register(Channel)
class ChannelAdmin(OwnersAdmin):
    """Owners' alone: an address of Slack's is a key, and staff's pages would show it."""

    form = ChannelForm
    list_display = ["kind", "facility", "is_active", "last_delivery"]
    list_select_related = ["facility"]
    fields = ["facility", "kind", "address", "secret", "is_active"]
    actions = ["send_test"]

    @admin.display(description=_("last delivery"))
    def last_delivery(self, channel: Channel) -> str:
        last = channel.delivery_set.first()
        if last is None:
            return ""
        return f"{last.get_state_display()} {last.last_error}".strip()

    @admin.action(description=_("Send a test"))
    def send_test(self, request: HttpRequest, channels: QuerySet[Channel]) -> None:
        for channel in channels:
            send_test(channel)
        text = gettext("Sent on its way. How it went is under 'What was sent' in a moment.")
        self.message_user(request, text, messages.SUCCESS)


@admin.register(QueueEntry)
class QueueEntryAdmin(ReadOnly, OwnedAdmin):
    list_display = ("question", "created_at", "due_at", "told_at", "resolved_at")
    list_display_links = ("created_at",)
    list_select_related = ["escalation__message", "digest"]
    fields = readonly_fields = ("created_at", "question", "due_at", "told_at", "resolved_at")
    actions = ["resolve"]

    @admin.display(description=_("question"))
    def question(self, entry: QueueEntry) -> str:
        """It leads to the conversation, where it is answered."""
        return conversation_link(entry.escalation, entry.guest_message or gettext("calls a person"))

    @admin.display(description=_("told"))
    def told_at(self, entry: QueueEntry) -> Any:
        return entry.escalation.notified_at

    @admin.display(description=_("resolved"))
    def resolved_at(self, entry: QueueEntry) -> Any:
        return entry.escalation.resolved_at

    @admin.action(description=_("Mark as resolved"))
    def resolve(self, request: HttpRequest, entries: QuerySet[QueueEntry]) -> None:
        for entry in entries.select_related("escalation"):
            resolve(entry.escalation, signed_in(request))


@admin.register(Delivery)
class DeliveryAdmin(ReadOnly, OwnedAdmin):
    list_display = ["created_at", "kind", "channel", "state", "attempts", "last_error", "sent_at"]
    list_select_related = ["channel"]
    list_filter = ["state", "kind"]
    fields = readonly_fields = (
        "facility",
        "created_at",
        "kind",
        "channel",
        "state",
        "attempts",
        "repetition",
        "last_error",
        "next_attempt_at",
        "sent_at",
    )
    actions = ["send_again"]

    @admin.action(description=_("Try those given up again"))
    def send_again(self, request: HttpRequest, deliveries: QuerySet[Delivery]) -> None:
        deliveries.filter(state=Delivery.State.FAILED).update(
            state=Delivery.State.PENDING, attempts=0, next_attempt_at=timezone.now()
        )
        queue_sending()
