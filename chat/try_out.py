"""What a guest would get: a question of staff's, answered as a guest's is. Stores nothing."""

import time
from dataclasses import dataclass
from typing import Any, Final

from asgiref.sync import async_to_sync
from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST

from chat import answering, generation
from chat.answering import Answer, Unsure
from chat.language import detect_language
from chat.models import MESSAGE_LENGTH, Escalation, Message
from facilities.admin import works_somewhere
from facilities.hours import StaffHours
from facilities.models import Facility
from faq.facts import MissingFact, fill_in
from faq.files_admin import OfFacility
from faq.models import QUESTION_LENGTH, Faq
from faq.prefilled import prefill
from faq.reasons import Reasons, reasons_of
from faq.search import Match, Ranking
from yadopera.ai import get_provider
from yadopera.languages import DEFAULT_LANGUAGE, LANGUAGE_CHOICES, LANGUAGES, nearest_languages

#: Where answers come from that no FAQ has a part in.
WITHOUT_FAQS: Final = (Message.Source.SAFETY, Message.Source.MANNERS)


class TryOutForm(OfFacility):
    question = forms.CharField(
        label=_("question of a guest"),
        max_length=MESSAGE_LENGTH,
        widget=forms.Textarea({"rows": 3}),
    )
    language = forms.ChoiceField(
        label=_("language"),
        choices=[("", _("as the question is written")), *LANGUAGE_CHOICES],
        required=False,
    )
    on_site = forms.BooleanField(label=_("The guest has scanned a code at the inn"), required=False)


@dataclass(frozen=True)
class Trial:
    """A question, what a guest would get for it, and what that came of."""

    question: answering.Question
    answer: Answer
    #: As the answer was chosen by; made again for the matches, where none was needed.
    ranking: Ranking
    #: Of the whole way to the answer, the model's time included.
    seconds: float
    #: What kept a surely right FAQ from being given: a fact that the inn has not filled in.
    missing_fact: str = ""


def try_question(
    facility: Facility, text: str, *, language: str = "", on_site: bool = False
) -> Trial:
    """Answer `text` as a first message. Without a language it is detected, as a guest's is.

    What the provider makes is kept for the next who asks the same, and how it fares is noted, as
    with a guest's question.
    """
    started = time.perf_counter()
    spoken = language or detect_language(text, otherwise=DEFAULT_LANGUAGE)
    hours = StaffHours(facility, timezone.now(), spoken)
    question = answering.Question(facility, text, spoken, on_site, hours)
    looked = answering.first_look(question)
    vector = None
    if isinstance(looked, Unsure):
        outcome = async_to_sync(answering.ask_model)(looked)
        looked, vector = answering.conclude(outcome), outcome.vector
    seconds = time.perf_counter() - started
    provider = get_provider()
    if provider and vector is None:
        vector = generation.recall_vector(provider, text)
    ranking = answering.search(question, vector)
    return Trial(question, looked, ranking, seconds, missing_fact(question, looked, ranking))


def missing_fact(question: answering.Question, answer: Answer, ranking: Ranking) -> str:
    is_unsure = answer.handover and answer.handover.trigger == Escalation.Trigger.LOW_CONFIDENCE
    if not is_unsure or not ranking.is_sure(question.hours.rule.threshold):
        return ""
    texts = ranking.matches[0].texts
    written_in = next(code for code in nearest_languages(question.language) if code in texts)
    try:
        fill_in(texts[written_in][1], question.facility, written_in)
    except MissingFact as missing:
        return str(missing)
    return ""


# The page ---------------------------------------------------------------------------------------


class TryOut:
    """The pages, for the admin of conversations."""

    def __init__(self, site: Any) -> None:
        self.site = site

    def page(self, request: HttpRequest) -> HttpResponse:
        require_staff(request)
        if request.method == "POST":
            form = TryOutForm(request, request.POST)
        else:
            form = TryOutForm(request, initial=request.GET.dict())
        context = {
            **self.site.each_context(request),
            "title": gettext("What would a guest get?"),
            "form": form,
        }
        if form.is_valid():
            facility, text, language, on_site = (
                form.cleaned_data[name] for name in ("facility", "question", "language", "on_site")
            )
            trial = try_question(facility, text, language=language, on_site=on_site)
            context |= shown(trial, is_detected=not language)
            # The same once more, hidden in the form that makes a FAQ of it.
            context["again"] = TryOutForm(request, request.POST, auto_id=False)
        return render(request, "chat/try_out.html", context)

    def make_faq(self, request: HttpRequest) -> HttpResponse:
        """Open a new FAQ with the question that was tried."""
        require_staff(request)
        form = TryOutForm(request, request.POST)
        if not form.is_valid():
            return redirect("admin:chat_conversation_try_out")
        tried = form.cleaned_data
        language = tried["language"] or detect_language(
            tried["question"], otherwise=DEFAULT_LANGUAGE
        )
        text = {"question": tried["question"][:QUESTION_LENGTH], "answer": ""}
        return redirect(prefill(request, tried["facility"], {language: text}))

    def urls(self) -> list[Any]:
        asked = require_http_methods(["GET", "HEAD", "POST"])(self.page)
        views = {
            "try_out": ("try/", asked),
            "try_out_faq": ("try/faq/", require_POST(self.make_faq)),
        }
        return [
            path(address, self.site.admin_view(view), name=f"chat_conversation_{name}")
            for name, (address, view) in views.items()
        ]


def require_staff(request: HttpRequest) -> None:
    if not works_somewhere(request):
        raise Http404


@dataclass(frozen=True)
class Shown:
    """A FAQ that came near, as the page shows it."""

    faq: Faq
    match: Match
    reasons: Reasons
    #: In the language that a guest would read, or the nearest.
    language: str
    question: str

    @property
    def percent(self) -> int:
        """How much better it fits than all other FAQs of the inn, which together make 100."""
        return round(self.match.share * 100)

    @property
    def language_name(self) -> str:
        return LANGUAGES[self.language]


def shown(trial: Trial, *, is_detected: bool) -> dict[str, Any]:
    """What the template tells."""
    question, answer, hours = trial.question, trial.answer, trial.question.hours
    back_at = hours.back_at
    return {
        "trial": trial,
        "answer": answer,
        "language": LANGUAGES[question.language],
        "language_code": question.language,
        "is_detected": is_detected,
        "source": Message.Source(answer.source).label,
        "without_faqs": is_without_faqs(answer),
        "is_danger": answer.source == Message.Source.SAFETY,
        "why": why_staff(trial),
        "back_at": back_at and back_at.astimezone(hours.zone),
        "now": hours.at.astimezone(hours.zone),
        "confidence": round(answer.confidence * 100),
        "threshold": round(hours.rule.threshold * 100),
        "milliseconds": round(trial.seconds * 1000),
        "has_provider": get_provider() is not None,
        "was_asked": bool(answer.chat_calls),
        "matches": near_faqs(trial),
    }


def is_without_faqs(answer: Answer) -> bool:
    """Whether no FAQ was looked for, so that the confidence judges nothing."""
    calls_person = answer.handover and answer.handover.trigger == Escalation.Trigger.STAFF_MODE
    return answer.source in WITHOUT_FAQS or bool(calls_person)


def near_faqs(trial: Trial) -> list[Shown]:
    faqs = Faq.objects.for_facility(trial.question.facility).in_bulk(
        [match.faq_id for match in trial.ranking.matches]
    )
    reasons = reasons_of(
        trial.question.text, trial.ranking, (get_language() or DEFAULT_LANGUAGE)[:2]
    )
    near = []
    for match in trial.ranking.matches:
        if match.faq_id in faqs:  # not deleted since
            order = nearest_languages(trial.question.language)
            written_in = next(code for code in order if code in match.texts)
            text = match.texts[written_in][0]
            near.append(Shown(faqs[match.faq_id], match, reasons[match.faq_id], written_in, text))
    return near


def why_staff(trial: Trial) -> str:
    """Why the question would go to staff, in their language; empty when it would not."""
    handover = trial.answer.handover
    if handover is None:
        return ""
    match handover.trigger:
        case Escalation.Trigger.SAFETY:
            return gettext("It sounds like danger. Staff are told at once, at any hour.")
        case Escalation.Trigger.STAFF_MODE:
            return gettext("The guest asks for a person.")
        case Escalation.Trigger.ERROR:
            text = gettext("No FAQ answers this surely, and the AI service does not help: %(why)s")
            return text % {"why": handover.reason}
    if trial.missing_fact:
        text = gettext("The nearest FAQ tells a fact that the inn has not filled in: %(fact)s.")
        fact: Any = Facility._meta.get_field(trial.missing_fact)
        return text % {"fact": fact.verbose_name}
    if rival := trial.ranking.rival:
        text = gettext(
            "It is near to what a guest has asked that waits for your decision: “%(question)s”"
        )
        return text % {"question": rival.text}
    if trial.answer.chat_calls:
        return gettext("No FAQ answers this surely enough, and the AI was not sure either.")
    return gettext("No FAQ answers this surely enough at this hour.")
