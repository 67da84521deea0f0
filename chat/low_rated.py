"""The pages of FAQs whose answers did not help: what was asked and answered, and what to do."""

from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from chat.feedback import (
    Disliked,
    disliked_answers,
    ignore_faq,
    low_rated_answers,
    raised,
)
from chat.models import GuestFeedback
from facilities.models import Facility
from facilities.schemas import Page
from faq.admin import FAQ_PROPOSAL
from faq.improvement import NoProposal, propose_answer
from faq.models import Faq, FaqTranslation
from yadopera.ai import get_provider

#: FAQs, and answers of no FAQ.
LISTED: Final = 100


class LowRatedPages:
    """For the admin of conversations."""

    def __init__(self, site: Any) -> None:
        self.site = site

    def urls(self) -> list[Any]:
        views = {
            "low_rated": ("low-rated/", require_safe(self.list)),
            "low_rated_faq": ("low-rated/<int:number>/", require_safe(self.page)),
            "low_rated_act": ("low-rated/<int:number>/act/", require_POST(self.act)),
        }
        return [
            path(address, self.site.admin_view(view), name=f"chat_conversation_{name}")
            for name, (address, view) in views.items()
        ]

    def list(self, request: HttpRequest) -> HttpResponse:
        """Of all inns at which the user works."""
        votes = GuestFeedback.objects.for_user(request.user)
        found = low_rated_answers(votes, Page(limit=LISTED))
        foremost = raised(found)
        others = [each for each in found if each not in foremost]
        context = {"raised": foremost, "others": others}
        return self.render(request, "chat/low_rated.html", context)

    def faq_of(self, request: HttpRequest, number: int) -> Faq:
        faqs = Faq.objects.for_user(request.user).with_texts().select_related("facility")
        return get_object_or_404(faqs, pk=number)

    def page(self, request: HttpRequest, number: int) -> HttpResponse:
        faq = self.faq_of(request, number)
        context = {
            "faq": faq,
            "text": faq.translation_for(faq.facility.language),
            "disliked": disliked_answers(faq),
            "has_provider": may_ask(faq),
        }
        return self.render(request, "chat/low_rated_faq.html", context)

    def act(self, request: HttpRequest, number: int) -> HttpResponse:
        """One of the ways out; the button's name says which."""
        faq = self.faq_of(request, number)
        match request.POST.get("action"):
            case "ignore":
                ignore_faq(faq)
                messages.success(request, gettext("It is no longer listed."))
                return redirect("admin:index")
            case "replace":
                self.propose(request, faq)
                return redirect("admin:faq_faq_change", faq.pk)
        return redirect("admin:chat_conversation_low_rated_faq", number)

    def propose(self, request: HttpRequest, faq: Faq) -> None:
        """Leave another answer for the FAQ's form, where somebody reads, changes and saves it."""
        text = faq.translation_for(faq.facility.language)
        if text is None:
            return
        disliked = disliked_answers(faq)
        answer = ""
        if may_ask(faq):
            try:
                answer = ask_for_answer(faq, text, disliked)
                said = gettext("Proposed by the AI: read it, change what is wrong, then save.")
            except NoProposal as problem:
                said = str(problem)
        else:
            said = gettext("Write the new answer here, then save.")
        if not answer and (replies := replies_to(disliked)):
            answer = faq.facility.without_secrets(replies[0])
            said = gettext("This is what staff wrote to a guest: make an answer of it, then save.")
        messages.info(request, said)
        request.session[FAQ_PROPOSAL] = {
            "faq": faq.pk,
            "language": text.language,
            "answer": answer,
        }

    def render(self, request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
        shared = {
            **self.site.each_context(request),
            "title": gettext("Answers that did not help"),
        }
        return render(request, template, shared | context)


def may_ask(faq: Faq) -> bool:
    """Whether the AI provider may read its answer: not one for guests at the inn alone."""
    return faq.visibility == Facility.Visibility.ANYONE and get_provider() is not None


def ask_for_answer(faq: Faq, text: FaqTranslation, disliked: list[Disliked]) -> str:
    return propose_answer(
        faq.facility,
        text.language,
        question=text.question,
        answer=text.answer,
        asked=[each.answer.reply_to.content for each in disliked if each.answer.reply_to],
        replies=replies_to(disliked),
    )


def replies_to(disliked: list[Disliked]) -> list[str]:
    return [each.reply for each in disliked if each.reply]
