"""FAQs in the admin, and the starter FAQs of a new facility."""

from typing import Any, Final
from zoneinfo import ZoneInfo

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.decorators import action

from facilities import audit
from facilities.admin import FacilityAdmin, as_id, signed_in
from facilities.models import Facility
from faq import services
from faq.files_admin import FilesAdmin
from faq.forms import FaqForm
from faq.history import differences, title_of
from faq.models import Faq, FaqQuerySet, FaqRevision, FaqTranslation, FaqWording
from faq.prefilled import prefilled
from faq.services import add_starter_faqs
from faq.translation import LIMITS, propose_texts
from faq.wordings_admin import WordingPages
from yadopera.ai import get_provider
from yadopera.errors import InvalidRequest
from yadopera.languages import LANGUAGE_CHOICES, LANGUAGES

#: Where in the session a page leaves another answer for a FAQ: `{"faq": id, "language", "answer"}`.
FAQ_PROPOSAL: Final = "faq_proposal"
#: Words of a search that count.
SEARCH_WORDS: Final = 5
REVISIONS_A_PAGE: Final = 20
PAGE: Final = FaqRevision.Origin.PAGE


class MissingLanguageFilter(admin.SimpleListFilter):
    title = _("missing language")
    parameter_name = "missing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return LANGUAGE_CHOICES

    def queryset(self, request: HttpRequest, faqs: Any) -> QuerySet[Any]:
        return faqs.without(self.value()) if self.value() in LANGUAGES else faqs


class VotesFilter(admin.SimpleListFilter):
    title = _("guests' votes")
    parameter_name = "votes"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("low", _("helped no more guests than not"))]

    def queryset(self, request: HttpRequest, faqs: Any) -> QuerySet[Any]:
        return faqs.low_rated() if self.value() == "low" else faqs


@admin.register(Faq)
class FaqAdmin(FilesAdmin):
    form = FaqForm
    change_form_template = "faq/faq_form.html"
    warn_unsaved_form = True
    list_display = [
        "question",
        "category",
        "languages",
        "priority",
        "is_active",
        "told",
        "votes",
        "ai_search",
    ]
    list_select_related = ["facility"]
    list_filter = ["category", "is_active", MissingLanguageFilter, VotesFilter]
    list_per_page = 50
    show_full_result_count = False
    # Only switches the search on: see get_search_results.
    search_fields = ["intent_key"]
    search_help_text = _("Words of a question, in any language")
    actions = ["show", "hide"]
    actions_list = (*FilesAdmin.actions_list, "deleted")

    class Media:
        css = {"all": ["faq/faq.css"]}

    # The list -----------------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        faqs: Any = super().get_queryset(request)
        return faqs.with_texts()

    def get_list_display(self, request: HttpRequest) -> list[str]:
        columns = list(super().get_list_display(request))
        works_at_several = Facility.objects.for_user(signed_in(request))[1:2].exists()
        return [*columns, "facility"] if works_at_several else columns

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Those with each word in a question, a wording or the key. Looked up once, for the list
        counts its rows before it reads them."""
        user = signed_in(request)
        for word in search_term.split()[:SEARCH_WORDS]:
            texts = FaqTranslation.objects.for_user(user).filter(question__icontains=word)
            wordings = FaqWording.objects.for_user(user).filter(text__icontains=word)
            keys = Faq.objects.for_user(user).filter(intent_key__icontains=word)
            found = texts.values_list("faq_id", flat=True).union(
                wordings.values_list("faq_id", flat=True), keys.order_by().values_list("pk")
            )
            queryset = queryset.filter(pk__in=list(found))
        return queryset, False

    @admin.display(description=_("question"))
    def question(self, faq: Faq) -> str:
        # The other columns are short; this one is read.
        return format_html(
            '<span style="display: block; min-width: 10rem">{}</span>',
            faq.title(faq.facility.language),
        )

    @admin.display(description=_("who is told"), ordering="visibility")
    def told(self, faq: Faq) -> str:
        is_for_all = faq.visibility == Facility.Visibility.ANYONE
        return gettext("anyone") if is_for_all else gettext("guests at the inn")

    @admin.display(description=_("languages"))
    def languages(self, faq: Faq) -> str:
        written = {text.language for text in faq.translations.all()}
        count = f"{len(written)}/{len(LANGUAGES)}"
        missing = [name for code, name in LANGUAGES.items() if code not in written]
        if not missing:
            return count
        names = {"count": count, "languages": ", ".join(missing)}
        return gettext("%(count)s, missing: %(languages)s") % names

    @admin.display(description=_("guests' votes"), ordering="-disputed_by")
    def votes(self, faq: Faq) -> str:
        if not faq.confirmed_by and not faq.disputed_by:
            return "–"
        numbers = {"helped": faq.confirmed_by, "not": faq.disputed_by}
        return gettext("%(helped)d helped, %(not)d not") % numbers

    @admin.display(description=_("AI search"))
    def ai_search(self, faq: Faq) -> str:
        """Whether the provider's vectors of this FAQ are there, and if not, why."""
        provider = get_provider()
        if provider is None:
            return gettext("no AI key")
        texts = list(faq.translations.all())
        waiting = [text for text in texts if text.embedding_model != provider.embedding_model]
        if not waiting:
            return gettext("ready")
        numbers = {"missing": len(waiting), "texts": len(texts)}
        said = gettext("%(missing)d of %(texts)d waiting") % numbers
        problem = max(text.embedding_problem for text in texts)
        return f"{said}: {problem}" if problem else said

    @admin.action(description=_("Show to guests"))
    def show(self, request: HttpRequest, faqs: FaqQuerySet) -> None:
        count = services.show_faqs(faqs, shown=True, actor=signed_in(request), origin=PAGE)
        text = ngettext("%d FAQ is now shown to guests.", "%d FAQs are now shown to guests.", count)
        messages.success(request, text % count)

    @admin.action(description=_("Hide from guests"))
    def hide(self, request: HttpRequest, faqs: FaqQuerySet) -> None:
        count = services.show_faqs(faqs, shown=False, actor=signed_in(request), origin=PAGE)
        text = ngettext(
            "%d FAQ is now hidden from guests.", "%d FAQs are now hidden from guests.", count
        )
        messages.success(request, text % count)

    # The page of one ----------------------------------------------------------------------------

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Faq | None:
        """Held while it is being saved: what its form compares is what it changes."""
        faqs = self.get_queryset(request).select_related("facility")
        if request.method == "POST":
            faqs = faqs.select_for_update(of=("self",))
        found: Faq | None = faqs.filter(pk=as_id(object_id)).first()
        return found

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if request.method == "POST" and object_id and self.is_deleted(request, object_id):
            object_id = None  # its form becomes that of a new FAQ, so that nothing written is lost
        if object_id is None and not Facility.objects.for_user(signed_in(request)).exists():
            raise PermissionDenied  # an operator before the first inn
        context = {"has_provider": get_provider() is not None, **(extra_context or {})}
        return super().changeform_view(request, object_id, form_url, context)

    def is_deleted(self, request: HttpRequest, object_id: str) -> bool:
        revisions = FaqRevision.objects.for_user(signed_in(request)).of_deleted()
        return revisions.filter(faq_id=as_id(object_id)).exists()

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """A new FAQ begins with what a conversation proposes, where staff come from one."""
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        return initial | prefilled(request)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **more: Any
    ) -> HttpResponse:
        """Shows another answer where a page has proposed one for this FAQ."""
        proposal = request.session.get(FAQ_PROPOSAL)
        form = context["adminform"].form
        if proposal and request.method == "GET" and proposal["faq"] == form.instance.pk:
            del request.session[FAQ_PROPOSAL]
            form.propose(proposal["language"], proposal["answer"])
        return super().render_change_form(request, context, *args, **more)

    def save_model(self, request: HttpRequest, obj: Faq, form: Any, change: bool) -> None:
        fields = {
            "actor": signed_in(request),
            "origin": PAGE,
            "wordings": form.wordings(),
            "texts": form.texts(),
            **{name: form.cleaned_data[name] for name in ("category", "priority", "is_active")},
            "visibility": form.cleaned_data["visibility"],
            "intent_key": form.cleaned_data["intent_key"],
        }
        if change:
            self.change(obj, form, fields)
        else:
            self.create(request, obj, form, fields)

    def change(self, faq: Faq, form: FaqForm, fields: dict[str, Any]) -> None:
        services.change_faq(faq=faq, **fields | {"intent_key": fields["intent_key"] or None})
        services.note_still_right(faq, form.still_right())

    def create(self, request: HttpRequest, faq: Faq, form: FaqForm, fields: dict[str, Any]) -> None:
        fields |= {"facility": form.facility, "texts": {k: v for k, v in form.texts().items() if v}}
        try:
            made = services.create_faq(**fields)
        except InvalidRequest:  # somebody has taken the key since the form was checked
            made = services.create_faq(**fields | {"intent_key": ""})
            messages.warning(request, gettext("Its key was taken meanwhile: it has another."))
        faq.pk, faq.intent_key = made.pk, made.intent_key

    # Deleting -----------------------------------------------------------------------------------

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[str], dict[Any, int], set[str], list[str]]:
        """The questions alone: what hangs on them would be read with all its vectors."""
        faqs = [str(faq) for faq in objs]
        return faqs, {self.opts.verbose_name_plural: len(faqs)}, set(), []

    def delete_model(self, request: HttpRequest, obj: Faq) -> None:
        services.delete_faq(faq=obj, actor=signed_in(request), origin=PAGE)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        services.delete_faqs(queryset, actor=signed_in(request), origin=PAGE)

    # History ------------------------------------------------------------------------------------

    def get_urls(self) -> list[Any]:
        def view(address: str, handler: Any, name: str) -> Any:
            page = self.admin_site.admin_view(handler)
            return path(address, page, name=f"faq_faq_{name}")

        return [
            view("translate/", require_POST(self.translate), "translate"),
            view("changes/<int:number>/restore/", require_POST(self.restore), "restore"),
            *WordingPages(self.admin_site).urls(),
            *super().get_urls(),
        ]

    def history_view(
        self,
        request: HttpRequest,
        object_id: str,
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Also of a FAQ that is deleted."""
        number = as_id(object_id)
        revisions = FaqRevision.objects.for_user(signed_in(request)).filter(faq_id=number)
        faq = self.get_queryset(request).select_related("facility").filter(pk=number).first()
        newest = revisions.select_related("facility").first()
        if faq is not None:
            title = str(faq)
        elif newest is not None:
            title = title_of(newest, newest.facility.language)
        else:
            raise Http404
        context = {"title": title, "faq": faq}
        return self.page_of_revisions(request, revisions, "faq/history.html", context)

    @action(description=_("Deleted FAQs"), url_path="deleted", icon="restore_from_trash")
    def deleted(self, request: HttpRequest) -> HttpResponse:
        revisions = FaqRevision.objects.for_user(signed_in(request)).of_deleted()
        context = {"title": gettext("Deleted FAQs")}
        return self.page_of_revisions(request, revisions, "faq/deleted.html", context)

    def page_of_revisions(
        self,
        request: HttpRequest,
        revisions: QuerySet[FaqRevision],
        template: str,
        context: dict[str, Any],
    ) -> HttpResponse:
        rows = revisions.select_related("author", "facility")
        page = Paginator(rows, REVISIONS_A_PAGE).get_page(request.GET.get("page"))
        entries = [
            {
                "revision": revision,
                "zone": ZoneInfo(revision.facility.timezone),
                "title": title_of(revision, revision.facility.language),
                "differences": differences(revision),
            }
            for revision in page
        ]
        shared = {**self.admin_site.each_context(request), "opts": self.opts}
        return render(request, template, shared | context | {"page": page, "entries": entries})

    def restore(self, request: HttpRequest, number: int) -> HttpResponse:
        """Make the FAQ what it was before a change."""
        revisions = FaqRevision.objects.for_user(signed_in(request))
        revision = get_object_or_404(revisions, pk=number, before__isnull=False)
        with transaction.atomic():
            faq = services.restore(revision=revision, actor=signed_in(request))
            self.record(request, audit.Action.RESTORED, faq)
        messages.success(request, gettext("The FAQ is again as it was before that change."))
        return redirect("admin:faq_faq_change", revision.faq_id)

    # Translating --------------------------------------------------------------------------------

    def translate(self, request: HttpRequest) -> JsonResponse:
        """What the AI proposes for the languages that the form, as it was sent, leaves empty:
        `{texts: {language: {question, answer}}, problems: [sentence]}`."""
        facilities = Facility.objects.for_user(signed_in(request))
        facility = get_object_or_404(facilities, pk=as_id(request.POST.get("facility", "")))
        texts = {
            code: {part: request.POST.get(f"{part}_{code}", "").strip() for part in LIMITS}
            for code in dict.fromkeys([facility.language, *LANGUAGES])
        }
        source = next((code for code, text in texts.items() if all(text.values())), None)
        targets = [code for code, text in texts.items() if not any(text.values())]
        if source is None:
            problem = gettext("Write the question and the answer in one language first.")
            return JsonResponse({"texts": {}, "problems": [problem]})
        proposal = propose_texts(facility, source, texts[source], targets)
        return JsonResponse({"texts": proposal.texts, "problems": proposal.problems})


@admin.register(Facility)
class FacilityWithStartersAdmin(FacilityAdmin):
    def save_model(
        self, request: HttpRequest, obj: Facility, form: ModelForm, change: bool
    ) -> None:
        super().save_model(request, obj, form, change)
        if not change:
            add_starter_faqs(obj)
