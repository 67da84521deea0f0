"""Suggestions in the admin: what guests ask and no FAQ answers, and the click that answers it."""

from typing import Any, Final
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.decorators import display

from facilities.admin import OwnedAdmin, ReadOnly, StateFilter, as_id, signed_in
from facilities.models import Facility
from faq import reviews
from faq.forms import QuestionField, TextField
from faq.models import (
    ANSWER_LENGTH,
    QUESTION_LENGTH,
    Faq,
    FaqRevision,
    FaqSuggestion,
    SuggestedQuestion,
)
from faq.reviews import Decision, is_impersonal
from faq.search import search_faqs
from yadopera.ai import get_provider
from yadopera.errors import InvalidRequest, NotFound
from yadopera.languages import LANGUAGES

#: Guests' own words that a page shows; suggestions, and FAQs, that it offers to choose from.
EXAMPLES: Final = 30
OTHERS: Final = 50
NEAR: Final = 3

Status = FaqSuggestion.Status


class StatusFilter(StateFilter):
    title = _("status")
    parameter_name = "status"
    usual = Status.PENDING

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [*Status.choices, ("all", _("all of them"))]

    def queryset(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.filter(status=self.value()) if self.value() in Status.values else rows


class SuggestionForm(forms.Form):
    """The draft as staff may change it: in the inn's own language, and in those in which staff have
    replied to guests."""

    question = QuestionField(
        label=_("question"), max_length=QUESTION_LENGTH, widget=forms.Textarea({"rows": 2})
    )
    answer = TextField(
        label=_("answer"), max_length=ANSWER_LENGTH, widget=forms.Textarea({"rows": 5})
    )
    category = forms.ChoiceField(label=_("category"), choices=Faq.Category.choices)
    visibility = forms.ChoiceField(
        label=_("who is told"),
        required=False,
        choices=[("", _("as fits the answer")), *Facility.Visibility.choices],
    )
    wordings = forms.TypedMultipleChoiceField(
        label=_("Guests' words by which it is found, too"),
        coerce=int,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, suggestion: FaqSuggestion, *args: Any, **kwargs: Any) -> None:
        self.suggestion = suggestion
        examples = distinct(suggestion.questions.all())
        kwargs["initial"] = {
            "question": suggestion.question,
            "answer": suggestion.answer,
            "category": suggestion.category,
            "wordings": [each.pk for each in examples if is_impersonal(each.text)],
        }
        super().__init__(*args, **kwargs)
        wordings: Any = self.fields["wordings"]
        wordings.choices = [(each.pk, each.text) for each in examples]
        self.others = [code for code in LANGUAGES if code in suggestion.other_texts]
        for code in self.others:
            self.add_language(code, suggestion.other_texts[code])
        for field in ("question", "answer"):
            language = getattr(suggestion, f"{field}_language") or suggestion.language
            self.fields[field].widget.attrs["lang"] = language

    def add_language(self, code: str, text: dict[str, str]) -> None:
        name = LANGUAGES[code]
        self.fields[f"question_{code}"] = QuestionField(
            label=gettext("%(language)s: question") % {"language": name},
            required=False,
            initial=text["question"],
            max_length=QUESTION_LENGTH,
            widget=forms.Textarea({"rows": 2, "lang": code}),
        )
        self.fields[f"answer_{code}"] = TextField(
            label=gettext("%(language)s: answer") % {"language": name},
            required=False,
            initial=text["answer"],
            max_length=ANSWER_LENGTH,
            widget=forms.Textarea({"rows": 4, "lang": code}),
        )

    def other_fields(self) -> list[forms.BoundField]:
        return [self[f"{part}_{code}"] for code in self.others for part in ("question", "answer")]

    def decision(self) -> Decision:
        data = self.cleaned_data
        pairs = {code: (data[f"question_{code}"], data[f"answer_{code}"]) for code in self.others}
        return Decision(
            question=data["question"],
            answer=data["answer"],
            category=data["category"],
            visibility=data["visibility"],
            other_texts={code: pair for code, pair in pairs.items() if all(pair)},
            wordings=data["wordings"],
        )


def distinct(questions: Any) -> list[SuggestedQuestion]:
    """One of each wording, the newest."""
    by_text: dict[str, SuggestedQuestion] = {}
    for question in questions:
        by_text.setdefault(question.text.casefold(), question)
    return [each for each in by_text.values() if len(each.text) <= QUESTION_LENGTH][:EXAMPLES]


@admin.register(FaqSuggestion)
class SuggestionAdmin(ReadOnly, OwnedAdmin):
    list_display = ["asked", "guests", "last_asked", "languages", "has_answer"]
    list_display_links = ["asked"]
    list_select_related = ["facility"]
    list_filter = [StatusFilter, "category"]
    list_per_page = 50
    show_full_result_count = False
    list_before_template = "faq/suggestions_intro.html"

    # The list -----------------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: Any = super().get_queryset(request)
        return rows.ranked().with_questions()

    def get_list_display(self, request: HttpRequest) -> list[str]:
        columns = list(super().get_list_display(request))
        works_at_several = Facility.objects.for_user(signed_in(request))[1:2].exists()
        return [*columns, "facility"] if works_at_several else columns

    @admin.display(description=_("question"))
    def asked(self, suggestion: FaqSuggestion) -> str:
        # The other columns are short; this one is read.
        return format_html(
            '<span style="display: block; min-width: 10rem" lang="{}">{}</span>',
            suggestion.question_language,
            suggestion.question,
        )

    @admin.display(description=_("guests"))
    def guests(self, suggestion: Any) -> int:
        return int(suggestion.guests)

    @admin.display(description=_("asked last"))
    def last_asked(self, suggestion: Any) -> str:
        """By the inn's clock."""
        if suggestion.last_asked_at is None:
            return ""
        zone = ZoneInfo(suggestion.facility.timezone)
        return f"{suggestion.last_asked_at.astimezone(zone):%m/%d %H:%M}"

    @admin.display(description=_("languages"))
    def languages(self, suggestion: FaqSuggestion) -> str:
        asked_in = {each.language for each in suggestion.questions.all()}
        return ", ".join(name for code, name in LANGUAGES.items() if code in asked_in)

    @display(description=_("answer"), label={"drafted": "success", "": "warning"})
    def has_answer(self, suggestion: FaqSuggestion) -> tuple[str, str]:
        if suggestion.status != Status.PENDING:
            return "drafted", suggestion.get_status_display()
        return ("drafted", gettext("drafted")) if suggestion.answer else ("", gettext("missing"))

    # The page of one ----------------------------------------------------------------------------

    def get_urls(self) -> list[Any]:
        act = self.admin_site.admin_view(require_POST(self.act))
        return [
            path("<int:number>/act/", act, name="faq_faqsuggestion_act"),
            *super().get_urls(),
        ]

    def find(self, request: HttpRequest, number: int) -> FaqSuggestion:
        rows: Any = FaqSuggestion.objects.for_user(request.user).ranked().with_questions()
        related = rows.select_related("facility", "similar_faq", "created_faq", "reviewed_by")
        found: FaqSuggestion = get_object_or_404(related, pk=number)
        return found

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        suggestion = self.find(request, as_id(object_id))
        return self.page_of(request, suggestion, SuggestionForm(suggestion))

    def page_of(
        self, request: HttpRequest, suggestion: FaqSuggestion, form: SuggestionForm
    ) -> HttpResponse:
        pending = FaqSuggestion.objects.for_facility(suggestion.facility).pending()
        context = {
            **self.admin_site.each_context(request),
            "title": suggestion.question,
            "opts": self.opts,
            "suggestion": suggestion,
            "form": form,
            "examples": suggestion.questions.all()[:EXAMPLES],
            "near": near_faqs(suggestion),
            "others": pending.ranked().exclude(pk=suggestion.pk)[:OTHERS],
            "is_open": suggestion.status != Status.APPROVED,
            "is_pending": suggestion.status == Status.PENDING,
            "is_foreign": suggestion.question_language != suggestion.language,
            "own_language": LANGUAGES[suggestion.language],
            "has_provider": get_provider() is not None,
        }
        return render(request, "faq/suggestion.html", context)

    def act(self, request: HttpRequest, number: int) -> HttpResponse:
        """One of the buttons of the page; its name says which."""
        suggestion = self.find(request, number)
        try:
            match request.POST.get("action"):
                case "approve":
                    return self.approve(request, suggestion)
                case "keep":
                    return self.keep(request, suggestion)
                case "add_wording":
                    return self.add_wording(request, suggestion)
                case "merge":
                    return self.merge(request, suggestion)
                case "reject":
                    reviews.reject(suggestion=suggestion, actor=signed_in(request))
                    text = gettext("Rejected. It comes back when three more guests ask.")
                    messages.success(request, text)
        except InvalidRequest as problem:
            messages.error(request, problem.text)
            return redirect("admin:faq_faqsuggestion_change", number)
        except NotFound:
            raise Http404 from None
        return redirect("admin:faq_faqsuggestion_changelist")

    def approve(self, request: HttpRequest, suggestion: FaqSuggestion) -> HttpResponse:
        form = SuggestionForm(suggestion, request.POST)
        if not form.is_valid():
            return self.page_of(request, suggestion, form)
        made = reviews.approve(
            suggestion=suggestion,
            actor=signed_in(request),
            decision=form.decision(),
            origin=FaqRevision.Origin.PAGE,
        )
        text = gettext("It is a FAQ now: the next guest who asks gets this answer.")
        if made.awaits_translation:
            text += " " + gettext("Its other languages follow within minutes.")
        messages.success(request, text)
        return redirect("admin:faq_faqsuggestion_changelist")

    def keep(self, request: HttpRequest, suggestion: FaqSuggestion) -> HttpResponse:
        form = SuggestionForm(suggestion, request.POST)
        form.fields["answer"].required = False
        if not form.is_valid():
            return self.page_of(request, suggestion, form)
        reviews.keep_draft(
            suggestion=suggestion,
            **{name: form.cleaned_data[name] for name in ("question", "answer", "category")},
        )
        messages.success(request, gettext("Kept. No guest sees it before you approve it."))
        return redirect("admin:faq_faqsuggestion_change", suggestion.pk)

    def add_wording(self, request: HttpRequest, suggestion: FaqSuggestion) -> HttpResponse:
        faqs = Faq.objects.for_facility(suggestion.facility)
        faq = get_object_or_404(faqs, pk=as_id(request.POST.get("faq", "")))
        reviews.approve_as_wording(
            suggestion=suggestion,
            faq=faq,
            actor=signed_in(request),
            wordings=[as_id(each) for each in request.POST.getlist("wordings")],
        )
        text = gettext("The FAQ is found by these words, too. See whether its answer fits them.")
        messages.success(request, text)
        return redirect("admin:faq_faq_change", faq.pk)

    def merge(self, request: HttpRequest, suggestion: FaqSuggestion) -> HttpResponse:
        others = FaqSuggestion.objects.for_facility(suggestion.facility)
        target = get_object_or_404(others, pk=as_id(request.POST.get("into", "")))
        reviews.merge(suggestion=suggestion, into=target, actor=signed_in(request))
        messages.success(request, gettext("The two are one now."))
        return redirect("admin:faq_faqsuggestion_change", target.pk)


def near_faqs(suggestion: FaqSuggestion) -> list[dict[str, Any]]:
    """`{faq, question, answer}` of the FAQs of which it may be another wording, the likeliest
    first."""
    facility, language = suggestion.facility, suggestion.language
    ranking = search_faqs(
        facility, suggestion.question, language=suggestion.question_language, limit=NEAR
    )
    numbers = [match.faq_id for match in ranking.matches]
    if suggestion.similar_faq_id:
        numbers.insert(0, suggestion.similar_faq_id)
    faqs = Faq.objects.for_facility(facility).with_texts().in_bulk(numbers)
    texts = {number: faqs[number].translation_for(language) for number in numbers if number in faqs}
    return [
        {"faq": faqs[number], "question": text.question, "answer": text.answer}
        for number, text in texts.items()
        if text
    ]
