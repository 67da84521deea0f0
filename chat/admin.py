"""Conversations, to read, and escalations, to resolve."""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from chat.models import Conversation, Escalation, Message
from facilities.admin import OwnedAdmin, ReadOnly, signed_in, works_somewhere


class MessageInline(ReadOnly, admin.TabularInline):
    model = Message
    fields = readonly_fields = ("created_at", "role", "content", "source", "ai_confidence")
    verbose_name_plural = _("messages")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return works_somewhere(request)


@admin.register(Conversation)
class ConversationAdmin(ReadOnly, OwnedAdmin):
    list_display = ["facility", "language", "location", "started_at", "last_activity_at"]
    list_select_related = ["facility"]
    list_filter = ["language"]
    inlines = [MessageInline]


class EscalationForm(ModelForm):
    def clean_resolved_at(self) -> datetime | None:
        resolved_at: datetime | None = self.cleaned_data["resolved_at"]
        calls = Escalation.objects.unresolved().filter(
            conversation=self.instance.conversation, message=None
        )
        is_call = self.instance.message is None
        if resolved_at is None and is_call and calls.exclude(pk=self.instance.pk).exists():
            raise ValidationError(_("The guest has called again since; that call is open."))
        return resolved_at


@admin.register(Escalation)
class EscalationAdmin(OwnedAdmin):
    form = EscalationForm
    list_display = ["created_at", "trigger_type", "question", "resolved_at"]
    list_select_related = ["message"]
    list_filter = ["trigger_type"]
    fields = ["trigger_type", "question", "reason", "created_at", "resolved_at", "resolution_notes"]
    readonly_fields = ["trigger_type", "question", "reason", "created_at"]

    @admin.display(description=_("question"))
    def question(self, escalation: Escalation) -> str:
        return escalation.message.content if escalation.message else ""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def save_model(
        self, request: HttpRequest, obj: Escalation, form: ModelForm, change: bool
    ) -> None:
        if "resolved_at" in form.changed_data:
            obj.resolved_by = signed_in(request) if obj.resolved_at else None
        super().save_model(request, obj, form, change)
