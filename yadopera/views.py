"""The addresses that belong to no app: the front door, the API's description, health, errors."""

import json
from collections.abc import Callable
from typing import Any, Final

from django.conf import settings
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.crypto import constant_time_compare
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from facilities import account
from facilities.views import Forgotten, Invitation, SignIn, SignInCode, waiting_user
from yadopera.api import api, error_response
from yadopera.errors import DomainError, RateLimited
from yadopera.health import check_readiness
from yadopera.help import find_help
from yadopera.manual import CONTENTS, LANGUAGES, load_manual
from yadopera.metrics import exposition
from yadopera.rate_limit import enforce

GREETING = {"message": "やどぺら API v0.3", "status": "ok"}


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """The greeting that v0.3's clients look for; a small page for people."""
    if request.accepts("text/html") and "text/html" in request.headers.get("Accept", ""):
        return render(request, "yadopera/index.html")
    return JsonResponse(GREETING, json_dumps_params={"ensure_ascii": False})


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """Swagger UI, with ninja's own copy of its assets: nothing comes from a CDN."""
    swagger = json.dumps({"url": "/openapi.json", "layout": "BaseLayout", "deepLinking": True})
    return render(
        request, "ninja/swagger.html", {"api": api, "swagger_settings": swagger, "add_csrf": True}
    )


@require_safe
def openapi(request: HttpRequest) -> HttpResponse:
    schema = api.get_openapi_schema(path_prefix="/api/v1/")
    return JsonResponse(schema, json_dumps_params={"ensure_ascii": False})


@never_cache
@require_safe
def health(request: HttpRequest) -> HttpResponse:
    """The process is up. Touches nothing else; under ASGI `yadopera.asgi` answers already."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """Whether everything that a guest's question needs is there."""
    all_well, parts = check_readiness()
    body = {"status": "ok" if all_well else "unavailable", **parts}
    return JsonResponse(body, status=200 if all_well else 503)


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """What Prometheus asks for; without METRICS_TOKEN there is no such page."""
    if not settings.METRICS_TOKEN:
        raise Http404
    offered = request.headers.get("Authorization", "").encode()
    if not constant_time_compare(offered, f"Bearer {settings.METRICS_TOKEN}".encode()):
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    return HttpResponse(exposition(), content_type=CONTENT_TYPE_LATEST)


View = Callable[[HttpRequest], HttpResponseBase]


def limited(view: View, name: str, caller: Callable[[HttpRequest], str]) -> View:
    """`view`, whose form may be sent as often as the API's call of the limit `name` allows for this
    address, and for whom `caller` names."""

    @never_cache
    def limited_view(request: HttpRequest, **parts: Any) -> HttpResponseBase:
        if request.method != "POST":
            return view(request, **parts)
        try:
            enforce(request, name, session=caller(request).lower())
            return view(request, **parts)
        except DomainError as error:
            response = _page_or_body(request, error.status)
            if isinstance(error, RateLimited):
                response["Retry-After"] = str(error.retry_after_seconds)
            return response

    return limited_view


def typed_into(field: str) -> Callable[[HttpRequest], str]:
    return lambda request: request.POST.get(field, "")


def waiting_for_code(request: HttpRequest) -> str:
    user = waiting_user(request)
    return user.email if user else ""


def own_password(view: View) -> View:
    """A page of the admin that asks for one's password again. Whoever found a signed-in device
    would otherwise try as many as he likes."""
    page = admin.site.admin_view(view)
    return limited(page, "login", lambda request: getattr(request.user, "email", ""))


admin_login = limited(SignIn.as_view(), "login", typed_into("username"))
admin_code = limited(SignInCode.as_view(), "login", waiting_for_code)
admin_forgotten = limited(Forgotten.as_view(), "password_reset", typed_into("email"))
admin_invitation = limited(Invitation.as_view(), "login", lambda _request: "")
admin_password = own_password(account.ChangePassword.as_view())
admin_second_factor = own_password(account.set_up_second_factor)
admin_codes = own_password(account.renew_backup_codes)
admin_without_second_factor = own_password(account.switch_off_second_factor)


# The manual -------------------------------------------------------------------------------------

#: Characters of a question that are read; nobody asks a manual more.
QUESTION_LENGTH: Final = 300


@require_safe
def help_box(request: HttpRequest) -> HttpResponse:
    """The contents of the manual; with `?q=` the sections that say how that is done."""
    question = request.GET.get("q", "").strip()[:QUESTION_LENGTH]
    found = find_help(question, manual_language(request)) if question else None
    return show_manual(request, CONTENTS, question=question, found=found)


@require_safe
def help_page(request: HttpRequest, name: str) -> HttpResponse:
    return show_manual(request, name)


def show_manual(request: HttpRequest, name: str, **more: object) -> HttpResponse:
    language = manual_language(request)
    manual = load_manual(language)
    if name not in manual:
        raise Http404
    context = {
        **admin.site.each_context(request),
        "title": manual[name].title,
        "page": manual[name],
        "pages": [page for page in manual.values() if page.name != CONTENTS],
        "language": language,
        # Kept in links when it is not the reader's own.
        "chosen": "" if language == own_manual_language() else language,
        "other": next(code for code in LANGUAGES if code != language),
        **more,
    }
    return render(request, "yadopera/help.html", context)


def manual_language(request: HttpRequest) -> str:
    """That of the address, or the reader's own."""
    asked = request.GET.get("language", "")
    return asked if asked in LANGUAGES else own_manual_language()


def own_manual_language() -> str:
    return "ja" if get_language() == "ja" else "en"


# Errors outside the API's own routes ------------------------------------------------------------


#: status -> (title, text) of a page for staff.
STAFF_ERRORS: Final[dict[int, tuple[Any, Any]]] = {
    403: (
        _("This page is not open to you"),
        _("It is for the owner of the inn. Ask the owner if you need what is here."),
    ),
    404: (
        _("There is no such page"),
        _("What stood here was deleted or moved meanwhile, or it belongs to another inn."),
    ),
    429: (
        _("Too many attempts in a short time"),
        _("Wait a few minutes and try again."),
    ),
}
TOO_OLD: Final[tuple[Any, Any]] = (
    _("This was not saved"),
    _(
        "The page is too old: you have signed in again since it was opened, or signed out. Go back "
        "in your browser, where what you wrote is still there, and copy it. Then sign in if you "
        "are asked to, open the page again and send it once more."
    ),
)


def _page_or_body(
    request: HttpRequest, status: int, told: tuple[Any, Any] | None = None
) -> HttpResponse:
    """`told` is what staff read instead of what they usually do of this status."""
    if request.path.startswith("/api/"):
        return error_response(request, status)
    told = told or STAFF_ERRORS.get(status)
    # What fails before it is known who asks has no user.
    if told and request.path.startswith("/admin/") and hasattr(request, "user"):
        return staff_error(request, status, *told)
    return render(request, "yadopera/error.html", {"status": status}, status=status)


def staff_error(request: HttpRequest, status: int, title: str, text: str) -> HttpResponse:
    """In the admin's dress, with a way on: to the first page, or to the sign-in."""
    is_in = admin.site.has_permission(request)
    template = "yadopera/staff_error.html" if is_in else "facilities/signed_out.html"
    own = {"title": title, "intro": text, "is_nav_sidebar_enabled": is_in}
    return render(request, template, admin.site.each_context(request) | own, status=status)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _page_or_body(request, 400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page_or_body(request, 403)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return _page_or_body(request, 403, TOO_OLD)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page_or_body(request, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    return _page_or_body(request, 500)
