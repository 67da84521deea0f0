"""The guest's page, which the QR code opens, and what a phone needs to keep it."""

from typing import Final

from csp import constants as csp
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse
from django.views.decorators.cache import cache_control
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from chat.models import MESSAGE_LENGTH
from chat.services import open_facility
from chat.texts import page_words, say
from facilities.models import Facility
from facilities.services import count_scan
from faq.services import top_questions
from yadopera.languages import LANGUAGES, match_language, negotiate_language

#: Remembers the language that a guest has chosen, at every inn.
LANGUAGE_COOKIE: Final = "yadopera_language"
LANGUAGE_KEPT_SECONDS: Final = 365 * 24 * 3600
#: Of the system, that the page says where the words of the page do not.
SAID_BY_THE_SYSTEM: Final = ("scan_code", "mail_consent")
#: Named in the page, so that a phone asks for all of them at once instead of one after the other.
MODULES: Final = [
    f"chat/guest/{path.name}"
    for path in sorted((settings.BASE_DIR / "static" / "chat" / "guest").glob("*.js"))
]


@require_safe
@gzip_page
@cache_control(private=True, no_cache=True)
@vary_on_headers("Accept-Language", "Cookie")
def guest_page(request: HttpRequest, slug: str) -> HttpResponse:
    """The inn's facts, what is asked most, whom to call, and a field to ask in."""
    facility = open_facility(slug)
    chosen = chosen_language(request)
    language = page_language(request)
    words = page_words()[language] | {key: say(key, language) for key in SAID_BY_THE_SYSTEM}
    offered = [code for code in LANGUAGES if code in facility.languages or code == language]
    context = {
        "facility": facility,
        "facts": facility.facts(language),
        "language": language,
        "language_name": LANGUAGES[language],
        "modules": MODULES,
        "languages": [
            (code, LANGUAGES[code], query_with(request, language=code)) for code in offered
        ],
        "top_questions": top_questions(facility, language),
        "words": words,
        # What the scripts need to know; the page's own parts are in the template.
        "settings": {
            "facility": facility.pk,
            "slug": facility.slug,
            "language": language,
            # Answers follow a language that was chosen; else they follow the question.
            "chosenLanguage": chosen,
            "messageLength": MESSAGE_LENGTH,
            "serviceWorker": reverse("chat:service_worker"),
            "words": words,
        },
    }
    response = render(request, "chat/guest_page.html", context)
    response["Content-Language"] = language
    if "language" in request.GET and chosen:
        response.set_cookie(
            LANGUAGE_COOKIE,
            chosen,
            max_age=LANGUAGE_KEPT_SECONDS,
            path="/f/",
            httponly=True,
            samesite="Lax",
            secure=settings.GUEST_COOKIE_SECURE,
        )
    if is_scan(request):
        count_scan(facility, key=request.GET["k"])
    return framed_by(facility, response)


def is_scan(request: HttpRequest) -> bool:
    """Whether somebody has opened the address of a code: no browser that looks ahead, and no guest
    who has the page in another language now."""
    headers = (request.headers.get(name, "") for name in ("Sec-Purpose", "Purpose", "X-Moz"))
    looks_ahead = any("prefetch" in header for header in headers)
    holds_key = "k" in request.GET and "language" not in request.GET
    return request.method == "GET" and holds_key and not looks_ahead


def chosen_language(request: HttpRequest) -> str | None:
    """What the guest has chosen, now or before; None when he has not."""
    asked_for = match_language(request.GET.get("language", ""))
    return asked_for or match_language(request.COOKIES.get(LANGUAGE_COOKIE, ""))


def page_language(request: HttpRequest) -> str:
    """The chosen language, else the phone's."""
    accepted = request.headers.get("Accept-Language", "")
    return chosen_language(request) or negotiate_language(accepted)


def query_with(request: HttpRequest, **changes: str) -> str:
    """This page's query with `changes`: the key of the QR code stays in it."""
    query = request.GET.copy()
    for name, value in changes.items():
        query[name] = value
    return query.urlencode()


def framed_by(facility: Facility, response: HttpResponse) -> HttpResponse:
    """`response`, which the inn's own sites may show in a frame."""
    if facility.frame_origins:
        # X-Frame-Options can name no site. The other is what `csp.decorators.csp_replace` sets, for
        # a value that differs from inn to inn.
        response.xframe_options_exempt = True
        response._csp_replace = {  # type: ignore[attr-defined]
            "frame-ancestors": [csp.SELF, *facility.frame_origins]
        }
    return response


@require_safe
@cache_control(private=True, no_cache=True)
@vary_on_headers("Accept-Language", "Cookie")
def manifest(request: HttpRequest, slug: str) -> JsonResponse:
    """What a phone shows of the page when it is put on the home screen."""
    facility = open_facility(slug)
    language = page_language(request)
    name = facility.name_for(language)
    address = reverse("chat:guest_page", args=[slug])
    icons = [
        ("chat/icon-192.png", "192x192", "any"),
        ("chat/icon-512.png", "512x512", "any"),
        ("chat/icon-maskable.png", "512x512", "maskable"),
    ]
    return JsonResponse(
        {
            "id": address,
            "name": name,
            "short_name": name,
            "description": page_words()[language]["install_description"].format(inn=name),
            "lang": language,
            "start_url": address,
            "scope": address,
            "display": "standalone",
            "background_color": "#fbfaf7",
            "theme_color": "#1f5f5b",
            "icons": [
                {"src": static(path), "sizes": sizes, "type": "image/png", "purpose": purpose}
                for path, sizes, purpose in icons
            ],
        },
        content_type="application/manifest+json",
    )


@require_safe
@gzip_page
@cache_control(no_cache=True)
def service_worker(request: HttpRequest) -> HttpResponse:
    """Served from here and not with the static files, for it may act only below its own address."""
    return render(request, "chat/service_worker.js", content_type="text/javascript")
