"""Conversations, to read, and escalations, to resolve."""

from typing import Any

from django.contrib import admin
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


@admin.register(Escalation)
class EscalationAdmin(OwnedAdmin):
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
        obj.resolved_by = signed_in(request) if obj.resolved_at else None
        super().save_model(request, obj, form, change)
