"""Django behind the recorder, as a web process asks it; the test's own database connection is
used, which `yadopera.asgi` with its threads would not do."""

import asyncio
import json

from asgiref.sync import async_to_sync
from django.core.handlers.asgi import ASGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections

from yadopera.access import recorded


class Answer:
    status = 0
    body = b""

    def __init__(self):
        self.headers = {}

    @property
    def json(self):
        return json.loads(self.body)

    async def send(self, message):
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            self.body += message.get("body", b"")


def ask(method, path, body=None, *, query="", **headers):
    """`body` is sent as JSON; names of headers have underscores here."""
    sent = [{"type": "http.request", "body": json.dumps(body).encode() if body else b""}]
    named = {"host": "localhost", "content-type": "application/json", "accept-language": "en"}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in named.items()],
    }

    async def run():
        answer = Answer()
        done = asyncio.Event()

        async def receive():
            if sent:
                return sent.pop()
            await done.wait()  # the guest stays
            return {"type": "http.disconnect"}

        # `handle`: the handler itself would give each request a thread, and so a connection.
        await recorded(ASGIHandler().handle, scope, receive, answer.send)
        return answer

    # As Django's own test client does: the connection is the test's, and stays open.
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    try:
        return async_to_sync(run)()
    finally:
        for signal in (request_started, request_finished):
            signal.connect(close_old_connections)
