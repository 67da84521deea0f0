"""Responses that Django has no part in; its middleware gives its own these headers and more."""

import json
from typing import Any

from yadopera.access import Send


def own_headers() -> dict[str, str]:
    from django.conf import settings  # importable only once Django is set up

    headers = {"X-Content-Type-Options": "nosniff"}
    if settings.SECURE_HSTS_SECONDS:
        headers["Strict-Transport-Security"] = f"max-age={settings.SECURE_HSTS_SECONDS}"
    return headers


async def send_error(
    send: Send, status: int, code: str, message: str, *headers: tuple[bytes, bytes]
) -> None:
    """The one error body, and no more on this connection."""
    body = {"error": {"code": code, "message": message, "details": {}}, "detail": message}
    await send_json(send, status, body, (b"connection", b"close"), *headers)


async def send_json(send: Send, status: int, body: Any, *headers: tuple[bytes, bytes]) -> None:
    data = json.dumps(body).encode()
    shared = [
        (b"content-type", b"application/json; charset=utf-8"),
        (b"content-length", str(len(data)).encode()),
        (b"cache-control", b"no-store"),
        *((name.lower().encode(), value.encode()) for name, value in own_headers().items()),
    ]
    start = {"type": "http.response.start", "status": status}
    await send({**start, "headers": [*shared, *headers]})
    await send({"type": "http.response.body", "body": data})
