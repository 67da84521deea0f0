"""The guest's page, which the QR code opens."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from chat.texts import page_words
from facilities.models import Facility
from faq.services import top_questions
from yadopera.languages import LANGUAGES, match_language, negotiate_language


@require_safe
def guest_page(request: HttpRequest, slug: str) -> HttpResponse:
    """The inn's facts, what is asked most, whom to call, and a field to ask in."""
    facility = Facility.objects.open().filter(slug=slug).first()
    if facility is None:
        raise Http404
    language = match_language(request.GET.get("language", "")) or negotiate_language(
        request.headers.get("Accept-Language", "")
    )
    context = {
        "facility": facility,
        "facts": facility.facts(language),
        "language": language,
        "languages": [
            (code, LANGUAGES[code], query_with(request, language=code))
            for code in facility.languages
        ],
        "top_questions": top_questions(facility, language),
        "words": page_words()[language],
    }
    return render(request, "chat/guest_page.html", context)


def query_with(request: HttpRequest, **changes: str) -> str:
    """This page's query with `changes`: the key of the QR code stays in it."""
    query = request.GET.copy()
    for name, value in changes.items():
        query[name] = value
    return query.urlencode()
