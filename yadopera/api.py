"""The API: who may call, the routers, and the one shape of every error.

Everything needs a signed-in member of staff unless a route says `auth=None`; the guests' do.
"""

import logging
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.core.exceptions import ValidationError as Refused
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.utils.translation import gettext_lazy as _
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.parser import Parser
from ninja.renderers import JSONRenderer
from ninja.security import HttpBearer, SessionAuth
from pydantic_core import from_json

from chat.texts import say
from facilities.models import AccessToken, User
from yadopera import logs
from yadopera.errors import DomainError, InvalidRequest
from yadopera.languages import negotiate_language
from yadopera.middleware import is_guest_api
from yadopera.rate_limit import enforce

logger = logging.getLogger(__name__)

CODES = {
    400: "INVALID_REQUEST",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    413: "PAYLOAD_TOO_LARGE",
    422: "VALIDATION_ERROR",
    429: "RATE_LIMIT_EXCEEDED",
}
#: Where the text of a code speaks of what only guests do.
STAFF_TEXTS = {
    "NOT_FOUND": _("This was not found; somebody may have deleted it."),
    "VALIDATION_ERROR": _("Please check what was entered."),
}
#: How long a caller should wait when the database is away.
RETRY_SECONDS = 5


class BearerToken(HttpBearer):
    """The token from `/auth/login`."""

    def authenticate(self, request: HttpRequest, token: str) -> User | None:
        found = AccessToken.objects.alive().matching(token).select_related("user").first()
        if found is None:
            return None
        request.user = found.user
        enforce(request, "staff", session=str(found.user_id))
        return found.user


class SignedInStaff(SessionAuth):
    """The session of the admin; unsafe methods need the CSRF token."""

    def authenticate(self, request: HttpRequest, key: str | None) -> User | None:
        user = super().authenticate(request, key)
        if user is not None:
            enforce(request, "staff", session=str(user.pk))
        return user


class StrictJson(Parser):
    """Reads JSON and nothing else: no NaN, no lone surrogates, no endless nesting."""

    def parse_body(self, request: HttpRequest) -> Any:
        if request.content_type != "application/json":
            raise InvalidRequest("the body must be application/json")
        return from_json(request.body, allow_inf_nan=False)


class ReadableJson(JSONRenderer):
    """UTF-8 as it is: Japanese escaped is three times as long, and nobody can read it in a log."""

    json_dumps_params = {"ensure_ascii": False}


api = NinjaAPI(
    title="やどぺら API",
    version="0.3",
    description="Guests ask an inn in their own language; staff answer what the inn's FAQs do not.",
    auth=[BearerToken(), SignedInStaff()],
    parser=StrictJson(),
    renderer=ReadableJson(),
    docs_url=None,
    openapi_url=None,
    urls_namespace="api",
)
api.add_router("", "chat.api.router")
api.add_router("/auth", "facilities.api.router")
api.add_router("/admin", "faq.api.router")
api.add_router("/admin", "facilities.staff_api.router")
api.add_router("/admin", "facilities.qr_api.router")
api.add_router("/admin", "chat.staff_api.router")
api.add_router("/admin", "nightqueue.api.router")
api.add_router("/admin", "nightqueue.dashboard_api.router")


def error_response(
    request: HttpRequest,
    status: int,
    *,
    code: str | None = None,
    text: str = "",
    details: dict[str, Any] | None = None,
    retry_after: int | None = None,
) -> HttpResponse:
    """The one error body, in the caller's language; it repeats nothing that the caller sent."""
    code = code or CODES.get(status, "SERVICE_UNAVAILABLE")
    if not text and code in STAFF_TEXTS and not is_guest_api(request):
        text = str(STAFF_TEXTS[code])
    message = text or say(code, negotiate_language(request.headers.get("Accept-Language", "")))
    body = {"error": {"code": code, "message": message, "details": details or {}}}
    response = JsonResponse(
        {**body, "detail": message},
        status=status,
        json_dumps_params=ReadableJson.json_dumps_params,
    )
    if retry_after is not None:
        response["Retry-After"] = str(retry_after)
    return response


@api.exception_handler(DomainError)
def on_domain_error(request: HttpRequest, error: DomainError) -> HttpResponse:
    return error_response(
        request,
        error.status,
        code=error.code,
        text=error.text,
        details=error.details,
        retry_after=getattr(error, "retry_after_seconds", None),
    )


@api.exception_handler(ValidationError)
def on_validation_error(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """Names the fields and what each should be. A field the caller made up is not repeated."""
    fields = [
        {"field": ".".join(str(part) for part in problem["loc"][1:3]), "problem": problem["type"]}
        for problem in error.errors[:20]
        if problem["type"] != "extra_forbidden"
    ]
    return error_response(request, 422, details={"fields": fields})


@api.exception_handler(Refused)
def on_refused(request: HttpRequest, error: Refused) -> HttpResponse:
    """What Django's validators say of a weak password."""
    return error_response(request, 422, text=" ".join(error.messages))


@api.exception_handler(MultiPartParserError)
@api.exception_handler(SuspiciousOperation)
@api.exception_handler(UnreadablePostError)
def on_bad_upload(request: HttpRequest, error: Exception) -> HttpResponse:
    """No form, a form of thousands of fields, or one that breaks off."""
    return error_response(request, 400)


@api.exception_handler(HttpError)
def on_http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    return error_response(request, error.status_code)


@api.exception_handler(Http404)
def on_missing(request: HttpRequest, error: Http404) -> HttpResponse:
    return error_response(request, 404)


@api.exception_handler(PermissionDenied)
def on_denied(request: HttpRequest, error: PermissionDenied) -> HttpResponse:
    return error_response(request, 403)


@api.exception_handler(OperationalError)
@api.exception_handler(InterfaceError)
def on_database_away(request: HttpRequest, error: Exception) -> HttpResponse:
    logger.error("The database does not answer (%s): check DATABASE_URL.", type(error).__name__)
    return error_response(request, 503, retry_after=RETRY_SECONDS)


@api.exception_handler(Exception)
def on_fault(request: HttpRequest, error: Exception) -> HttpResponse:
    """A fault of ours: the whole of it to the log, nothing of it to the caller."""
    if settings.DEBUG:
        raise error
    logger.error("Fault in %s %s", request.method, logs.current().route, exc_info=error)
    return error_response(request, 500, code="SERVICE_UNAVAILABLE")
