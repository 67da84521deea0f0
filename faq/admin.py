"""FAQs in the admin, and the starter FAQs of a new facility."""

from typing import Any, Final

from django.contrib import admin
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import StackedInline, TabularInline

from facilities.admin import FacilityAdmin, signed_in, works_somewhere
from facilities.models import Facility
from faq.files_admin import FilesAdmin
from faq.models import Faq, FaqTranslation, FaqWording
from faq.services import add_starter_faqs
from yadopera.ai import get_provider

#: Where in the session a page leaves the texts of a FAQ that it proposes:
#: `{"facility": id, "texts": {language: {"question", "answer"}}}`.
FAQ_DRAFT: Final = "faq_draft"


class OwnedInline:
    """Parts of an object that is the user's own to change."""

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return works_somewhere(request)

    has_add_permission = has_change_permission = has_delete_permission = has_view_permission


class FaqTranslationInline(OwnedInline, StackedInline):
    model = FaqTranslation

    def get_extra(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> int:
        return 0 if obj else len(request.session.get(FAQ_DRAFT, {}).get("texts", {})) or 1


class FaqWordingInline(OwnedInline, TabularInline):
    model = FaqWording
    extra = 0


@admin.register(Faq)
class FaqAdmin(FilesAdmin):
    list_display = [
        "intent_key",
        "facility",
        "category",
        "priority",
        "is_active",
        "visibility",
        "ai_search",
    ]
    list_select_related = ["facility"]
    list_filter = ["category", "is_active"]
    search_fields = ["intent_key", "translations__question"]
    inlines = [FaqTranslationInline, FaqWordingInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        provider = get_provider()
        rows: Any = super().get_queryset(request)
        return rows.with_vector_state(provider.embedding_model) if provider else rows

    @admin.display(description=_("AI search"))
    def ai_search(self, faq: Any) -> str:
        """Whether the provider's vectors of this FAQ are there, and if not, why."""
        if get_provider() is None:
            return gettext("no AI key")
        if faq.vectors == faq.texts:
            return gettext("ready")
        waiting = gettext("%(missing)d of %(texts)d waiting") % {
            "missing": faq.texts - faq.vectors,
            "texts": faq.texts,
        }
        return f"{waiting}: {faq.vector_problem}" if faq.vector_problem else waiting

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """A new FAQ begins with what a conversation proposes, where staff come from one."""
        draft = request.session.get(FAQ_DRAFT, {})
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        return initial | {"facility": draft["facility"]} if draft else initial

    def get_formset_kwargs(
        self, request: HttpRequest, obj: Faq, inline: Any, prefix: str
    ) -> dict[str, Any]:
        kwargs: dict[str, Any] = super().get_formset_kwargs(request, obj, inline, prefix)
        draft = request.session.get(FAQ_DRAFT)
        if draft and not obj.pk and inline.model is FaqTranslation and request.method == "GET":
            kwargs["initial"] = [
                {"language": language, **text} for language, text in draft["texts"].items()
            ]
            del request.session[FAQ_DRAFT]
        return kwargs

    def save_model(self, request: HttpRequest, obj: Faq, form: ModelForm, change: bool) -> None:
        if not change:
            obj.created_by = signed_in(request)
        super().save_model(request, obj, form, change)


@admin.register(Facility)
class FacilityWithStartersAdmin(FacilityAdmin):
    def save_model(
        self, request: HttpRequest, obj: Facility, form: ModelForm, change: bool
    ) -> None:
        super().save_model(request, obj, form, change)
        if not change:
            add_starter_faqs(obj)
