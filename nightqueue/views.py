"""The link in a message about danger, and the guided first run."""

from typing import Final

from django.contrib import admin, messages
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_http_methods, require_safe

from chat.models import Escalation
from facilities.admin import signed_in
from facilities.models import Facility
from faq.services import settle_starters
from nightqueue.messages import SALT
from nightqueue.setup import Setup
from nightqueue.texts import say

#: Inns of the same owner to which the page of one leads.
OTHER_INNS: Final = 20
#: Of a field that names a FAQ; the database knows no longer id.
FIELD_LENGTH: Final = 22


@require_http_methods(["GET", "HEAD", "POST"])
def acknowledge(request: HttpRequest, token: str) -> HttpResponse:
    """'Seen', for whoever holds the link, without signing in: it is three in the morning.

    Only POST counts, for mail programs open links to look for viruses.
    """
    try:
        number = signing.loads(token, salt=SALT)
    except signing.BadSignature:
        raise Http404 from None
    rows = Escalation.objects.select_related("conversation__facility")
    escalation = rows.filter(pk=number).first()
    if escalation is None:
        raise Http404
    if request.method == "POST":
        rows.filter(pk=number).acknowledge()
        escalation.refresh_from_db()
    facility = escalation.conversation.facility
    words = {name: say(f"seen_{name}", facility) for name in ("title", "button", "done")}
    context = {
        "facility": facility,
        "words": words,
        "is_seen": escalation.acknowledged_at is not None,
        "language": "ja" if facility.language == "ja" else "en",
    }
    return render(request, "nightqueue/acknowledge.html", context)


@require_safe
def setup(request: HttpRequest) -> HttpResponse:
    """The guided first run of the user's inn, or of the first of several."""
    mine = Facility.objects.owned_by(request.user).first()
    if mine is None:
        messages.info(request, gettext("Only owners set up an inn."))
        return redirect("admin:index")
    return redirect("setup_of", mine.slug)


@require_http_methods(["GET", "HEAD", "POST"])
def setup_of(request: HttpRequest, slug: str) -> HttpResponse:
    """What is left to do at one inn; a POST is the inn's word on its starter FAQs."""
    mine = Facility.objects.owned_by(request.user)
    facility = get_object_or_404(mine, slug=slug)
    if request.method == "POST":
        shown = settle_starters(
            facility,
            true=answered(request.POST, "yes"),
            untrue=answered(request.POST, "no"),
            actor=signed_in(request),
        )
        text = ngettext(
            "Saved: %d more answer is shown to guests.",
            "Saved: %d more answers are shown to guests.",
            shown,
        )
        messages.success(request, text % shown)
        return redirect("setup_of", slug)
    context = {
        **admin.site.each_context(request),
        "title": gettext("Setting up"),
        "setup": Setup(facility),
        "others": mine.exclude(pk=facility.pk)[:OTHER_INNS],
    }
    return render(request, "nightqueue/setup.html", context)


def answered(form: QueryDict, answer: str) -> set[int]:
    """The FAQs about which the form says `answer`; its fields are called faq-1 and the like."""
    return {
        int(name.removeprefix("faq-"))
        for name, value in form.items()
        if value == answer and name.removeprefix("faq-").isdecimal() and len(name) < FIELD_LENGTH
    }
