"""Conversations, to read, and escalations, to resolve."""

from datetime import datetime
from typing import Any, cast

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Max, QuerySet
from django.forms import CharField, Form, HiddenInput, IntegerField, ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.admin import TabularInline
from unfold.widgets import UnfoldAdminTextareaWidget

from chat import staff
from chat.models import REPLY_LENGTH, Conversation, Escalation, EscalationQuerySet, Message
from facilities.admin import OwnedAdmin, ReadOnly, signed_in, works_somewhere
from facilities.schemas import MAX_ID
from yadopera.errors import NotFound


class MessageInline(ReadOnly, TabularInline):
    model = Message
    fields = readonly_fields = (
        "created_at",
        "role",
        "content",
        "staff_text",
        "source",
        "ai_confidence",
    )
    verbose_name_plural = _("messages")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return works_somewhere(request)


class ReplyForm(Form):
    #: The last message on the page: what came in since stays open.
    answers_up_to = IntegerField(
        widget=HiddenInput({"form": "reply"}), min_value=0, max_value=MAX_ID, required=False
    )
    content = CharField(
        label=_("Reply"),
        max_length=REPLY_LENGTH,
        widget=UnfoldAdminTextareaWidget({"rows": 4, "form": "reply"}),
    )


@admin.register(Conversation)
class ConversationAdmin(ReadOnly, OwnedAdmin):
    change_form_template = "chat/admin_conversation.html"
    list_display = ["facility", "language", "location", "started_at", "last_activity_at"]
    list_select_related = ["facility"]
    list_filter = ["language"]
    fields = ["facility", "language", "location", "started_at", "expires_at", "staff_until"]
    inlines = [MessageInline]

    def get_urls(self) -> list[Any]:
        reply = self.admin_site.admin_view(require_POST(self.reply))
        name = "chat_conversation_reply"
        return [path("<int:number>/reply/", reply, name=name), *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        conversation = self.get_object(request, object_id)
        newest = conversation and conversation.messages.aggregate(pk=Max("pk"))["pk"]
        form = ReplyForm(initial={"answers_up_to": newest})
        context = {"reply_form": form} | (extra_context or {})
        return super().change_view(request, object_id, form_url, context)

    def reply(self, request: HttpRequest, number: int) -> HttpResponse:
        """Answer the guest, or hand the conversation back to the AI."""
        conversation = get_object_or_404(self.get_queryset(request), pk=number)
        form = ReplyForm(request.POST)
        if "hand_back" in request.POST:
            staff.hand_back(conversation)
            messages.success(request, gettext("The AI answers this guest again."))
        elif form.is_valid():
            self.send(request, conversation, form)
        else:
            messages.error(request, gettext("Nothing was sent: write up to 4,000 characters."))
        return redirect("admin:chat_conversation_change", number)

    def send(self, request: HttpRequest, conversation: Conversation, form: ReplyForm) -> None:
        try:
            staff.reply(
                conversation,
                signed_in(request),
                form.cleaned_data["content"],
                answers_up_to=form.cleaned_data["answers_up_to"],
            )
        except NotFound:
            messages.error(request, gettext("Nothing was sent: the conversation is deleted."))
            return
        messages.success(request, gettext("Your reply is in the guest's chat."))
        if conversation.expires_at <= timezone.now() and not conversation.contact_email:
            ended = gettext("But his session has ended: he may not see it any more.")
            messages.warning(request, ended)


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
    fields = [
        "trigger_type",
        "question",
        "reason",
        "created_at",
        "notified_at",
        "acknowledged_at",
        "resolved_at",
        "resolution_notes",
    ]
    readonly_fields = [
        "trigger_type",
        "question",
        "reason",
        "created_at",
        "notified_at",
        "acknowledged_at",
    ]
    actions = ["acknowledge"]

    @admin.display(description=_("question"))
    def question(self, escalation: Escalation) -> str:
        return escalation.message.content if escalation.message else ""

    @admin.action(description=_("Seen: do not repeat"))
    def acknowledge(self, request: HttpRequest, escalations: QuerySet[Escalation]) -> None:
        cast(EscalationQuerySet, escalations).acknowledge()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def save_model(
        self, request: HttpRequest, obj: Escalation, form: ModelForm, change: bool
    ) -> None:
        if "resolved_at" in form.changed_data:
            obj.resolved_by = signed_in(request) if obj.resolved_at else None
        super().save_model(request, obj, form, change)
