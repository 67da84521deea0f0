"""The web process: Django, its static files, and a limit on what is read from a caller."""

import os
from collections.abc import Callable
from typing import Any
from wsgiref.headers import Headers

from asgiref.wsgi import WsgiToAsgi
from django.core.asgi import get_asgi_application
from django.core.signals import request_started
from django.db import close_old_connections, reset_queries
from whitenoise import WhiteNoise

from yadopera.access import App, Receive, Scope, Send, recorded
from yadopera.door import Door
from yadopera.responses import own_headers, send_error, send_json

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "yadopera.settings")
# Tells the settings that many guests are answered at once, over a few connections kept open.
os.environ.setdefault("YADOPERA_PROCESS", "web")

HEALTH = "/api/v1/health"


class BodyTooLarge(Exception):
    pass


def add_own_headers(headers: Headers, path: str, url: str) -> None:
    for name, value in own_headers().items():
        headers[name] = value


def static_application(root: os.PathLike[str], prefix: str) -> Any:
    """WhiteNoise on its own: as a middleware it is synchronous and would hold a thread for every
    request to Django, an open event stream included."""

    def not_found(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        start_response("404 Not Found", [("Content-Type", "text/plain"), *own_headers().items()])
        return [b"Not found"]

    return WsgiToAsgi(
        WhiteNoise(
            not_found,
            root=str(root),
            prefix=prefix,
            immutable_file_test=r"\.[0-9a-f]{12}\.",
            add_headers_function=add_own_headers,
        )
    )


class Application:
    """Static files to WhiteNoise, everything else to Django."""

    def __init__(self) -> None:
        django = get_asgi_application()
        # Importable only once Django is set up.
        from django.conf import settings

        from chat.api import is_crowded
        from chat.services import warm_up
        from yadopera.steps import use_threads

        # They look after the database connection of a thread, and each request has a thread of its
        # own, which has none yet; what Django does when it has ended is what counts here.
        request_started.disconnect(close_old_connections)
        request_started.disconnect(reset_queries)
        warm_up()
        # As many as there are connections to borrow; more would only wait for one.
        use_threads(settings.STEP_THREADS)
        self.static_prefix = settings.STATIC_URL
        static = static_application(settings.STATIC_ROOT, settings.STATIC_URL)
        self.files = self.limited(static)
        self.pages = self.limited(Door(django, is_crowded))
        self.max_json_bytes = settings.MAX_JSON_BYTES
        self.max_body_bytes = settings.MAX_BODY_BYTES

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return  # no websockets and no lifespan hooks here
        if scope["path"] == HEALTH:
            await recorded(healthy, scope, receive, send, kind="health")
        elif scope["path"].startswith(self.static_prefix):
            await recorded(self.files, scope, receive, send, kind="static")
        else:
            await recorded(self.pages, scope, receive, send)

    def limited(self, app: App) -> App:
        """`app`, which refuses a body that is too large."""

        async def limited_app(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await app(scope, self.limit(scope, receive), send)
            except BodyTooLarge:
                # Django reads the whole body before it answers, so nothing has been sent yet.
                await send_too_large(send)

        return limited_app

    def limit(self, scope: Scope, receive: Receive) -> Receive:
        """`receive`, which raises BodyTooLarge once the body is larger than its kind may be.

        It counts what arrives: a chunked body announces no length.
        """
        content_type = dict(scope["headers"]).get(b"content-type", b"")
        is_upload = content_type.startswith((b"multipart/", b"application/x-www-form-urlencoded"))
        left = self.max_body_bytes if is_upload else self.max_json_bytes

        async def receive_limited() -> dict[str, Any]:
            nonlocal left
            message: dict[str, Any] = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise BodyTooLarge
            return message

        return receive_limited


async def healthy(scope: Scope, receive: Receive, send: Send) -> None:
    """A load balancer asks by address, not by one of the names in ALLOWED_HOSTS."""
    await send_json(send, 200, {"status": "ok"})


async def send_too_large(send: Send) -> None:
    await send_error(send, 413, "PAYLOAD_TOO_LARGE", "The request is too large.")


application = Application()
