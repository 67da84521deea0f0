"""The inbox: conversations, what is open in them, and staff's answers."""

from datetime import datetime
from typing import Any, cast
from uuid import uuid4
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import QuerySet
from django.forms.widgets import Script
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.text import Truncator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from chat import staff
from chat.feedback import ignore
from chat.language import detect_language
from chat.low_rated import LowRatedPages
from chat.models import (
    NOTE_LENGTH,
    REPLY_LENGTH,
    CannedReply,
    Conversation,
    Escalation,
    EscalationQuerySet,
    GuestFeedback,
    Message,
    StaffNote,
)
from chat.thread import Thread
from chat.translation import translate_for_staff
from chat.try_out import TryOut
from facilities.admin import OwnedAdmin, ReadOnly, StateFilter, as_id, signed_in
from facilities.models import SiteKey
from facilities.schemas import MAX_ID
from faq.forms import TextField
from faq.models import QUESTION_LENGTH, FaqSuggestion
from faq.prefilled import prefill
from yadopera.ai import get_provider
from yadopera.errors import InvalidRequest, NotFound
from yadopera.languages import LANGUAGES


class ReplyForm(forms.Form):
    #: The last message on the page: what came in since stays open.
    answers_up_to = forms.IntegerField(min_value=0, max_value=MAX_ID, required=False)
    #: The same when the form is sent again.
    client_message_id = forms.UUIDField(required=False)
    content = TextField(max_length=REPLY_LENGTH)


class InboxFilter(admin.SimpleListFilter):
    title = _("what is open")
    parameter_name = "open"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("danger", _("danger")),
            ("waiting", _("waiting for a person")),
            ("unread", _("unread")),
        ]

    def queryset(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        known = self.value() in dict(self.lookup_choices)
        return rows.filter(**{f"is_{self.value()}": True}) if known else rows


@admin.register(Conversation)
class ConversationAdmin(ReadOnly, OwnedAdmin):
    list_display = ["guest", "state", "last_words", "place", "last_at"]
    list_select_related = ["facility"]
    list_filter = [InboxFilter, "language"]
    list_per_page = 50
    show_full_result_count = False

    class Media:
        js = (Script("chat/inbox_list.js", type="module"),)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: Any = super().get_queryset(request)
        return rows.for_inbox()

    @admin.display(description=_("guest"), ordering="language")
    def guest(self, conversation: Conversation) -> str:
        return f"{conversation.get_language_display()} #{conversation.pk}"

    @display(
        description=_("state"),
        label={"danger": "danger", "waiting": "warning", "unread": "info", "": "success"},
    )
    def state(self, conversation: Any) -> tuple[str, str]:
        if conversation.is_danger:
            return "danger", gettext("danger")
        if conversation.is_waiting:
            return "waiting", gettext("waiting")
        return (
            ("unread", gettext("unread")) if conversation.is_unread else ("", gettext("answered"))
        )

    @admin.display(description=_("the guest's last words"))
    def last_words(self, conversation: Any) -> str:
        return Truncator(conversation.last_text or "").chars(60)

    @admin.display(description=_("place"), ordering="location")
    def place(self, conversation: Conversation) -> str:
        return place_label(conversation.location)

    @admin.display(description=_("last activity"), ordering="-last_activity_at")
    def last_at(self, conversation: Conversation) -> str:
        """By the inn's clock, with the day unless it is today's."""
        zone = ZoneInfo(conversation.facility.timezone)
        at = conversation.last_activity_at.astimezone(zone)
        is_today = at.date() == timezone.now().astimezone(zone).date()
        return f"{at:%H:%M}" if is_today else f"{at:%m/%d %H:%M}"

    def get_urls(self) -> list[Any]:
        def view(address: str, handler: Any) -> Any:
            page = self.admin_site.admin_view(handler)
            return path(f"<int:number>/{address}/", page, name=f"chat_conversation_{address}")

        return [
            view("reply", self.posted(self.reply)),
            view("act", self.posted(self.act)),
            view("live", require_safe(self.live)),
            path(
                "gap/<int:number>/",
                self.admin_site.admin_view(require_safe(self.close_gap)),
                name="chat_conversation_close_gap",
            ),
            *TryOut(self.admin_site).urls(),
            *LowRatedPages(self.admin_site).urls(),
            *super().get_urls(),
        ]

    def posted(self, handler: Any) -> Any:
        """`handler` for a form. Whoever had to sign in first comes back by a link: to the page."""

        def checked(request: HttpRequest, number: int) -> HttpResponse:
            if request.method != "POST":
                return redirect("admin:chat_conversation_change", number)
            response: HttpResponse = handler(request, number)
            return response

        return checked

    def conversation_of(self, request: HttpRequest, number: int) -> Conversation:
        """Also one that was joined to another device's: its page is that of the whole."""
        rows = Conversation.objects.for_user(request.user).select_related(
            "facility", "joined__facility"
        )
        found = get_object_or_404(rows, pk=number)
        return found.joined or found

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        conversation = self.conversation_of(request, as_id(object_id))
        thread = Thread(conversation, signed_in(request))
        staff.note_seen(conversation, thread.newest_id)
        context = {
            **self.admin_site.each_context(request),
            "title": f"{conversation.get_language_display()} #{conversation.pk}",
            "place": place_label(conversation.location),
            "thread": thread,
            "colleagues": staff.colleagues_at(conversation, signed_in(request)),
            "canned_replies": canned_replies(conversation),
            "has_ended": conversation.expires_at <= timezone.now(),
            **self.state_of(conversation),
            "client_message_id": uuid4(),
            "reply_length": REPLY_LENGTH,
            "note_length": NOTE_LENGTH,
        }
        return render(request, "chat/conversation.html", context)

    def live(self, request: HttpRequest, number: int) -> JsonResponse:
        """What came after the message `after` and the note `note`, for a page that is open; `seen`
        is the newest message that somebody had before his eyes."""
        conversation = self.conversation_of(request, number)
        user = signed_in(request)
        after, note, seen = (as_id(request.GET.get(name, "")) for name in ("after", "note", "seen"))
        thread = Thread(conversation, user, after=after, after_note=note)
        staff.note_presence(conversation, user)
        if seen:
            staff.note_seen(conversation, seen)
        return JsonResponse(
            {
                "html": render_to_string("chat/messages.html", {"thread": thread}, request),
                "acts": render_to_string("chat/acts.html", self.state_of(conversation), request),
                "newest": thread.newest_id,
                "newest_note": thread.newest_note_id,
                "colleagues": staff.colleagues_at(conversation, user),
            }
        )

    def state_of(self, conversation: Conversation) -> dict[str, Any]:
        """What the buttons beside a conversation depend on."""
        open_ones = conversation.escalations.unresolved()
        return {
            "conversation": conversation,
            "has_provider": get_provider() is not None,
            "is_open": open_ones.exists(),
            "is_danger": open_ones.filter(trigger_type=Escalation.Trigger.SAFETY).exists(),
        }

    def reply(self, request: HttpRequest, number: int) -> HttpResponse:
        conversation = self.conversation_of(request, number)
        form = ReplyForm(request.POST)
        address = reverse("admin:chat_conversation_change", args=[number])
        if not form.is_valid():
            messages.error(request, gettext("Nothing was sent: write up to 4,000 characters."))
        elif self.send(request, conversation, form):
            address += "?sent"  # the page may forget what it has kept of the text
        return redirect(address)

    def send(self, request: HttpRequest, conversation: Conversation, form: ReplyForm) -> bool:
        """Whether the reply is stored."""
        try:
            staff.reply(
                conversation,
                signed_in(request),
                form.cleaned_data["content"],
                answers_up_to=form.cleaned_data["answers_up_to"],
                client_message_id=form.cleaned_data["client_message_id"],
            )
        except (NotFound, InvalidRequest) as error:
            messages.error(
                request, error.text or gettext("Nothing was sent: the conversation is deleted.")
            )
            return False
        messages.success(request, gettext("Your reply is in the guest's chat."))
        if conversation.expires_at <= timezone.now() and not conversation.contact_email:
            ended = gettext("But his session has ended: he may not see it any more.")
            messages.warning(request, ended)
        return True

    def act(self, request: HttpRequest, number: int) -> HttpResponse:
        """One of the buttons beside the conversation; its name says which."""
        conversation = self.conversation_of(request, number)
        user = signed_in(request)
        match request.POST.get("action"):
            case "take_over":
                staff.take_over(conversation)
                messages.success(request, gettext("The AI leaves this guest to you for an hour."))
            case "hand_back":
                staff.hand_back(conversation)
                messages.success(request, gettext("The AI answers this guest again."))
            case "resolve":
                staff.resolve_all(conversation, user)
                messages.success(request, gettext("Resolved."))
            case "note":
                text = request.POST.get("text", "").strip()[:NOTE_LENGTH]
                if text:
                    StaffNote.objects.create(conversation=conversation, author=user, text=text)
            case "translate":
                self.translate(request, conversation)
            case "make_faq":
                return self.make_faq(request, self.message_of(request, conversation))
            case "ignore_votes":
                ignore(
                    get_object_or_404(GuestFeedback, message=self.message_of(request, conversation))
                )
                messages.success(request, gettext("It is no longer listed."))
                return redirect("admin:index")
        return redirect("admin:chat_conversation_change", number)

    def message_of(self, request: HttpRequest, conversation: Conversation) -> Message:
        """The message that a button beside it names. Raises Http404."""
        number = as_id(request.POST.get("message", ""))
        return get_object_or_404(conversation.messages, pk=number)

    def translate(self, request: HttpRequest, conversation: Conversation) -> None:
        asked = conversation.messages.filter(role=Message.Role.USER, staff_text="")
        foreign = asked.exclude(language=conversation.facility.language)
        made = [translate_for_staff(message) for message in foreign.order_by("-pk")[:5]]
        if made and not any(made):
            messages.error(request, gettext("The AI provider could not translate it just now."))

    def close_gap(self, request: HttpRequest, number: int) -> HttpResponse:
        """`make_faq`, from a link: of a list, or of the weekly letter."""
        asked = Message.objects.for_user(request.user).filter(role=Message.Role.USER)
        return self.make_faq(
            request, get_object_or_404(asked.select_related("conversation__facility"), pk=number)
        )

    def make_faq(self, request: HttpRequest, question: Message) -> HttpResponse:
        """Open what has become of a guest's question, or else a new FAQ with it and, where there is
        one, staff's answer."""
        conversation = question.conversation
        noted = FaqSuggestion.objects.for_facility(conversation.facility).of_message(question.pk)
        if noted and noted.status != FaqSuggestion.Status.REJECTED:
            return redirect("admin:faq_faqsuggestion_change", noted.pk)
        later = conversation.messages.filter(role=Message.Role.STAFF, pk__gt=question.pk)
        answer = later.order_by("pk").first()
        own = conversation.facility.language
        texts: dict[str, dict[str, str]] = {}

        def put(part: str, language: str, text: str) -> None:
            if text:
                texts.setdefault(language, {"question": "", "answer": ""})[part] = text

        put("question", own, question.staff_text[:QUESTION_LENGTH])
        put("question", question.language, question.content[:QUESTION_LENGTH])
        if answer and answer.staff_text:
            put("answer", own, answer.staff_text)
            put("answer", answer.language, answer.content)
        elif answer:  # nobody translated it: staff may well have written the guest's language
            put("answer", detect_language(answer.content, otherwise=own), answer.content)
        return redirect(prefill(request, conversation.facility, texts))


def place_label(location: str) -> str:
    """The place of a QR code, as conversations name it, in the reader's language."""
    kind, _dash, name = location.partition("-")
    if kind not in SiteKey.Place.values:
        return location
    return f"{SiteKey.Place(kind).label} {name}".strip()


def canned_replies(conversation: Conversation) -> list[dict[str, str]]:
    """The inn's ready replies, in the guest's language or else the inn's: `{title, text}`."""
    replies = []
    for reply in CannedReply.objects.for_facility(conversation.facility):
        texts = reply.texts
        text = texts.get(conversation.language) or texts.get(conversation.facility.language)
        if text:
            replies.append({"title": reply.title, "text": text})
    return replies


class CannedReplyForm(forms.ModelForm):
    """One field a language."""

    class Meta:
        model = CannedReply
        fields = ["facility", "title"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for code in LANGUAGES:
            self.fields[f"text_{code}"].initial = self.instance.texts.get(code, "")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        texts = {code: cleaned.get(f"text_{code}", "").strip() for code in LANGUAGES}
        self.instance.texts = {code: text for code, text in texts.items() if text}
        if not self.instance.texts:
            raise ValidationError(_("Write it in one language at least."))
        return cleaned


for _code, _name in LANGUAGES.items():
    CannedReplyForm.declared_fields[f"text_{_code}"] = forms.CharField(
        label=_name,
        required=False,
        max_length=REPLY_LENGTH,
        widget=UnfoldAdminTextareaWidget({"rows": 3, "lang": _code}),
    )


@admin.register(CannedReply)
class CannedReplyAdmin(OwnedAdmin):
    form = CannedReplyForm
    list_display = ["title", "facility", "written_in"]
    list_select_related = ["facility"]
    fields = ["facility", "title", *(f"text_{code}" for code in LANGUAGES)]

    @admin.display(description=_("languages"))
    def written_in(self, reply: CannedReply) -> str:
        return " ".join(code for code in LANGUAGES if code in reply.texts)


class EscalationForm(forms.ModelForm):
    def clean_resolved_at(self) -> datetime | None:
        resolved_at: datetime | None = self.cleaned_data["resolved_at"]
        calls = Escalation.objects.unresolved().filter(
            conversation=self.instance.conversation, message=None
        )
        is_call = self.instance.message is None
        if resolved_at is None and is_call and calls.exclude(pk=self.instance.pk).exists():
            raise ValidationError(_("The guest has called again since; that call is open."))
        return resolved_at


class OpenFilter(StateFilter):
    """What is settled is out of the way until somebody wants to see it."""

    title = _("state")
    parameter_name = "state"
    usual = "open"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("open", _("open")), ("resolved", _("resolved")), ("all", _("all of them"))]

    def queryset(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        match self.value():
            case "open":
                return rows.filter(resolved_at=None)
            case "resolved":
                return rows.exclude(resolved_at=None)
        return rows


def conversation_link(escalation: Escalation, text: str) -> str:
    address = reverse("admin:chat_conversation_change", args=[escalation.conversation_id])
    return format_html('<a href="{}">{}</a>', address, text)


@admin.register(Escalation)
class EscalationAdmin(OwnedAdmin):
    form = EscalationForm
    list_display = ["question", "trigger_type", "created_at", "resolved_at", "details"]
    list_display_links = ["details"]
    list_select_related = ["message", "conversation__facility"]
    list_filter = [OpenFilter, "trigger_type"]
    fields = [
        "question",
        "trigger_type",
        "how_sure",
        "created_at",
        "notified_at",
        "acknowledged_at",
        "resolved_at",
        "resolution_notes",
    ]
    readonly_fields = [
        "question",
        "trigger_type",
        "how_sure",
        "created_at",
        "notified_at",
        "acknowledged_at",
    ]
    actions = ["resolve", "acknowledge"]

    @admin.display(description=_("question"))
    def question(self, escalation: Escalation) -> str:
        """It leads to the conversation, where it is answered."""
        words = escalation.message.content if escalation.message else gettext("calls a person")
        return conversation_link(escalation, words)

    @admin.display(description=_("how sure the answer was"))
    def how_sure(self, escalation: Escalation) -> str:
        sure = escalation.ai_confidence
        return "" if sure is None else gettext("%(number)d %%") % {"number": round(sure * 100)}

    @admin.display(description=_("more"))
    def details(self, escalation: Escalation) -> str:
        return gettext("Details")

    @admin.action(description=_("Mark as resolved"))
    def resolve(self, request: HttpRequest, escalations: QuerySet[Escalation]) -> None:
        for escalation in escalations:
            staff.resolve(escalation, signed_in(request))

    @admin.action(description=_("Seen: do not repeat"))
    def acknowledge(self, request: HttpRequest, escalations: QuerySet[Escalation]) -> None:
        cast(EscalationQuerySet, escalations).acknowledge()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """It goes with its conversation."""
        return False

    def save_model(
        self, request: HttpRequest, obj: Escalation, form: forms.ModelForm, change: bool
    ) -> None:
        if "resolved_at" in form.changed_data:
            obj.resolved_by = signed_in(request) if obj.resolved_at else None
        super().save_model(request, obj, form, change)
