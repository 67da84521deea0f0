"""The page of the wordings that guests taught: what is to be added to FAQs, and what does harm."""

from itertools import groupby
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_POST, require_safe

from facilities.admin import as_id, signed_in
from facilities.models import Facility, User
from faq import wordings
from faq.models import FaqWording


class WordingPages:
    """For the admin of FAQs."""

    def __init__(self, site: Any) -> None:
        self.site = site

    def urls(self) -> list[Any]:
        page, act = require_safe(self.page), require_POST(self.act)
        return [
            path("wordings/", self.site.admin_view(page), name="faq_faq_wordings"),
            path("wordings/act/", self.site.admin_view(act), name="faq_faq_wordings_act"),
        ]

    def page(self, request: HttpRequest) -> HttpResponse:
        """Of all inns at which the user works."""
        facilities = list(Facility.objects.for_user(request.user))
        context = {
            **self.site.each_context(request),
            "title": gettext("New wordings"),
            "inns": [
                {
                    "facility": facility,
                    "offered": by_faq(facility),
                    "doubted": wordings.doubted(facility),
                }
                for facility in facilities
            ],
            "names_inns": len(facilities) > 1,
        }
        return render(request, "faq/wordings.html", context)

    def act(self, request: HttpRequest) -> HttpResponse:
        """One of the buttons of the page; what others have decided meanwhile is passed over."""
        user = signed_in(request)
        numbers = {as_id(each) for each in request.POST.getlist("wordings")}
        match request.POST.get("action", "").partition("-"):
            case ("accept", _, _):
                self.accept(request, numbers, user)
            case ("decline", _, _):
                self.decline(request, numbers, user)
            case ("remove", _, number):
                for wording in found(user, number):
                    wordings.remove(wording, user)
                    messages.success(request, gettext("Removed. The FAQ itself stays."))
            case ("keep", _, number):
                for wording in found(user, number):
                    wordings.keep(wording)
                    text = gettext("It stays. It comes back when more guests vote against it.")
                    messages.success(request, text)
        return redirect("admin:faq_faq_wordings")

    def accept(self, request: HttpRequest, numbers: set[int], user: User) -> None:
        inns = Facility.objects.for_user(user)
        added = sum(wordings.accept(facility, numbers, user) for facility in inns)
        text = ngettext("%(count)d wording added.", "%(count)d wordings added.", added)
        self.tell(request, text, added)

    def decline(self, request: HttpRequest, numbers: set[int], user: User) -> None:
        inns = Facility.objects.for_user(user)
        declined = sum(wordings.decline(facility, numbers, user) for facility in inns)
        text = ngettext(
            "%(count)d wording is not offered again.",
            "%(count)d wordings are not offered again.",
            declined,
        )
        self.tell(request, text, declined)

    def tell(self, request: HttpRequest, text: str, count: int) -> None:
        if count:
            messages.success(request, text % {"count": count})
        else:
            messages.info(request, gettext("Nothing was ticked that is still to be decided."))


def by_faq(facility: Facility) -> list[dict[str, Any]]:
    """`{faq, text, offers}`; the text in the inn's language, or the nearest that it has."""
    groups = groupby(wordings.offered(facility), key=lambda offer: offer.faq)
    return [
        {"faq": faq, "text": faq.translation_for(facility.language), "offers": list(offers)}
        for faq, offers in groups
    ]


def found(user: User, number: str) -> list[FaqWording]:
    """The user's own wording of that number; none when somebody has removed it meanwhile."""
    own = FaqWording.objects.for_user(user).filter(pk=as_id(number))
    return list(own.select_related("faq__facility"))
