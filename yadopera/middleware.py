"""Django's middleware, kept off the event loop's back.

Django runs each hook of a synchronous middleware in a thread: the usual nine cost a bare async
view 1.5 ms of processor time, twice the view itself (measured; docs/architecture.md, "Async").
So hooks that touch neither database nor network run where they are, and those that may do so are
left out for guests, who have no login, form or flash message.
"""

from collections.abc import Awaitable, Callable
from typing import Any, cast
from zoneinfo import ZoneInfo

from asgiref.sync import sync_to_async
from csp import middleware as csp
from csp.constants import UNSAFE_EVAL, UNSAFE_INLINE
from django.contrib.auth import middleware as auth
from django.contrib.messages import middleware as messages
from django.contrib.sessions import middleware as sessions
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware import clickjacking, common, csrf, locale, security
from django.utils import timezone
from django.utils.deprecation import MiddlewareMixin

from yadopera import logs

#: Staff sign in to these parts of the API; everything else under /api/ is the guests'.
STAFF_API = ("/api/v1/admin/", "/api/v1/auth/")


def is_guest_api(request: HttpRequest) -> bool:
    return request.path.startswith("/api/") and not request.path.startswith(STAFF_API)


class Inline(MiddlewareMixin):
    """For hooks that only compute: called directly, without a hop to a thread."""

    async def __acall__(self, request: HttpRequest) -> Any:
        response = self.process_request(request) if hasattr(self, "process_request") else None
        response = response or await cast(Any, self.get_response(request))
        if hasattr(self, "process_response"):
            response = self.process_response(request, response)
        return response


class StaffOnly(MiddlewareMixin):
    """For hooks that may reach the database: skipped for guests."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if is_guest_api(request):
            return self.get_response(request)
        return super().__call__(request)


class SecurityMiddleware(Inline, security.SecurityMiddleware):
    """Also has nobody keep what the API tells, which is conversations for the most part."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        if request.path.startswith("/api/"):
            response.headers.setdefault("Cache-Control", "no-store")
        return super().process_response(request, response)


class CommonMiddleware(Inline, common.CommonMiddleware):
    pass


class LocaleMiddleware(Inline, locale.LocaleMiddleware):
    pass


class XFrameOptionsMiddleware(Inline, clickjacking.XFrameOptionsMiddleware):
    pass


class CSPMiddleware(Inline, csp.CSPMiddleware):
    """The strict policy of the settings; the admin's theme needs more (docs/architecture.md)."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> csp.PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        if request.path.startswith("/admin/") and parts.update is None:
            # It computes the expressions in its own templates (Alpine), and sizes elements inline.
            parts.update = {"script-src": [UNSAFE_EVAL], "style-src": [UNSAFE_INLINE]}
        return parts


class RouteMiddleware(Inline):
    """Tells the log which route it was, as soon as that is known."""

    async def process_view(self, request: HttpRequest, *_view: Any) -> None:
        if request.resolver_match:
            logs.current().route = request.resolver_match.route


class ErrorShapeMiddleware(Inline):
    """Gives the one error body that ninja makes without its handlers: a method not offered."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> Any:
        if response.status_code != 405 or not request.path.startswith("/api/"):
            return response
        from yadopera.api import error_response  # its models exist only once Django is set up

        shaped = error_response(request, 405)
        shaped["Allow"] = response["Allow"]
        return shaped


class NoNulMiddleware(Inline):
    """PostgreSQL refuses NUL in any text; nobody honest sends one in an address or a cookie."""

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        in_query = "%00" in request.META.get("QUERY_STRING", "")
        if not in_query and not any("\x00" in value for value in request.COOKIES.values()):
            return None
        from yadopera.views import bad_request  # as above

        return bad_request(request)


class SessionMiddleware(StaffOnly, sessions.SessionMiddleware):
    pass


class AuthenticationMiddleware(StaffOnly, auth.AuthenticationMiddleware):
    pass


class MessageMiddleware(StaffOnly, messages.MessageMiddleware):
    pass


class TimezoneMiddleware(StaffOnly):
    """Times in the admin are those of the inn's clock; for who works at several, of the first's."""

    def process_request(self, request: HttpRequest) -> None:
        if request.path.startswith("/admin/") and request.user.is_authenticated:
            from facilities.models import Facility  # as above

            inns = Facility.objects.for_user(request.user)
            found = list(inns.values_list("slug", "timezone")[:2])
            if found:
                timezone.activate(ZoneInfo(found[0][1]))
            if len(found) == 1:
                logs.note_facility(found[0][0])

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> Any:
        timezone.deactivate()
        return response


class CsrfViewMiddleware(StaffOnly, csrf.CsrfViewMiddleware):
    async def process_view(  # type: ignore[override]  # Django adapts either kind
        self,
        request: HttpRequest,
        callback: Callable[..., Any],
        callback_args: tuple[Any, ...],
        callback_kwargs: dict[str, Any],
    ) -> HttpResponse | None:
        if is_guest_api(request):
            return None
        check = sync_to_async(super().process_view)
        return await check(request, callback, callback_args, callback_kwargs)
