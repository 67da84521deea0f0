"""Whom a web process lets in, and what it says to the others, at a tenth of an answer's cost."""

import json
import random
import resource
from collections.abc import Callable
from typing import Any, Final

from yadopera.access import App, Receive, Scope, Send
from yadopera.responses import send_error

#: Event streams are among them. gunicorn's own limit does not hold for its ASGI workers.
MOST_OPEN: Final = 5000
#: Left for the database, the provider, the log and those who are being refused.
SPARE_FILES: Final = 200
#: They come back spread over this time, not all together.
COME_BACK_SECONDS: Final = (20, 40)
QUESTIONS: Final = {"/api/v1/chat", "/api/v1/chat/stream"}


def most_open() -> int:
    """How many this process can hold: each is a file, and a process that is short of files could
    not even say that it is full."""
    files, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return MOST_OPEN
    return max(1, min(MOST_OPEN, files - SPARE_FILES))


def come_back_seconds() -> int:
    return random.randint(*COME_BACK_SECONDS)  # noqa: S311  # nosec B311  # no secret


class Door:
    """Lets in as many as there is room for, questions only if they can be answered in time, and
    whoever tells of danger."""

    def __init__(self, application: App, is_crowded: Callable[[], bool]) -> None:
        self.application = application
        self.is_crowded = is_crowded
        self.most = most_open()
        self.inside = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_question = scope["path"] in QUESTIONS
        if self.inside >= self.most or (is_question and self.is_crowded()):
            body = await read_body(receive) if is_question else b""
            if not tells_of_danger(body):
                await send_full(scope, send)
                return
            receive = given_back(body, receive)
        self.inside += 1
        try:
            await self.application(scope, receive, send)
        finally:
            self.inside -= 1


async def read_body(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


def given_back(body: bytes, receive: Receive) -> Receive:
    """`receive` for whoever reads the body for the second time."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Any:
        return messages.pop() if messages else await receive()

    return receive_again


def tells_of_danger(body: bytes) -> bool:
    """Whether this question must be heard, whatever else is asked. What is no question need not."""
    from chat.models import MESSAGE_LENGTH  # importable only once Django is set up
    from chat.safety import find_emergency

    try:
        message = json.loads(body)["message"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return False
    is_text = isinstance(message, str) and len(message) <= MESSAGE_LENGTH
    return is_text and find_emergency(message) is not None


async def send_full(scope: Scope, send: Send) -> None:
    from chat.texts import say  # importable only once Django is set up
    from yadopera.languages import negotiate_language

    code = "SERVICE_UNAVAILABLE"
    wanted = dict(scope["headers"]).get(b"accept-language", b"").decode("latin-1")
    retry_after = (b"retry-after", str(come_back_seconds()).encode())
    await send_error(send, 503, code, say(code, negotiate_language(wanted)), retry_after)
