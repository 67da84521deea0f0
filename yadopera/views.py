"""The addresses that belong to no app: the front door, the API's description, health, errors."""

import json

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from yadopera.api import api, error_response
from yadopera.errors import RateLimited
from yadopera.health import check_readiness
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
def admin_login(request: HttpRequest) -> HttpResponseBase:
    """The admin's own sign-in, as often as the API's."""
    if request.method == "POST":
        try:
            enforce(request, "login", session=request.POST.get("username", "").lower())
        except RateLimited as limit:
            response = _page_or_body(request, 429)
            response["Retry-After"] = str(limit.retry_after_seconds)
            return response
    return admin.site.login(request)


# Errors outside the API's own routes ------------------------------------------------------------


def _page_or_body(request: HttpRequest, status: int) -> HttpResponse:
    if request.path.startswith("/api/"):
        return error_response(request, status)
    return render(request, "yadopera/error.html", {"status": status}, status=status)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _page_or_body(request, 400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page_or_body(request, 403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page_or_body(request, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    return _page_or_body(request, 500)
