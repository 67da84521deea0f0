"""Servers that receive notifications, with the bad habits of real ones.

They keep what came in; their attributes may be changed while they run.
"""

import json
import threading
import time
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller


@dataclass(frozen=True)
class Received:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class WebReceiver:
    """Stands for Slack, LINE and webhooks: one server, told apart by path."""

    def __init__(self) -> None:
        self._ended = threading.Event()
        self.reset()

    def reset(self) -> None:
        self.requests: list[Received] = []
        #: Answers to the next requests as (status, headers); then 200.
        self.answers: list[tuple[int, dict[str, str]]] = []
        #: Paths that say nothing until `release`.
        self.hanging: set[str] = set()
        #: Paths that answer a byte at a time, without end.
        self.dripping: set[str] = set()
        self._released = threading.Event()
        #: Set with each request.
        self.reached = threading.Event()

    def at(self, path: str) -> list[Received]:
        return [request for request in self.requests if request.path == path]

    def answer(self, *statuses: int, **headers: str) -> None:
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers += [(status, fields) for status in statuses]

    def release(self) -> None:
        self._released.set()

    def start(self) -> "WebReceiver":
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.requests.append(Received(self.path, dict(self.headers.items()), body))
                receiver.reached.set()
                if self.path in receiver.hanging:
                    receiver._released.wait(30)
                if self.path in receiver.dripping:
                    self._drip()
                    return
                status, headers = receiver.answers.pop(0) if receiver.answers else (200, {})
                self.send_response(status)
                for name, value in {"Content-Length": "0", **headers}.items():
                    self.send_header(name, value)
                self.end_headers()

            def _drip(self) -> None:
                self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                while not receiver._ended.wait(0.05):
                    self.wfile.write(b"x")

            def log_message(self, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = 128

            def handle_error(self, *args: object) -> None:
                """Who asked has given up."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        return self

    def stop(self) -> None:
        self._ended.set()
        self.release()
        self._server.shutdown()
        self._server.server_close()


class MailReceiver:
    """A mail server."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        #: (recipients, message)
        self.mails: list[tuple[list[str], EmailMessage]] = []
        #: What it says to the next sender, recipient or message instead of 250.
        self.to_sender: list[str] = []
        self.to_recipient: list[str] = []
        self.to_message: list[str] = []
        #: Seconds before a message is taken.
        self.delay = 0.0

    @property
    def messages(self) -> list[EmailMessage]:
        return [message for _to, message in self.mails]

    def start(self) -> "MailReceiver":
        self._controller = Controller(_Handler(self), hostname="127.0.0.1", port=_free_port())
        self._controller.start()
        self.port = self._controller.port
        return self

    def stop(self) -> None:
        self._controller.stop()


class _Handler:
    """What aiosmtpd calls."""

    def __init__(self, receiver: MailReceiver) -> None:
        self.receiver = receiver

    async def handle_MAIL(self, server, session, envelope, address, options):  # noqa: N802
        if self.receiver.to_sender:
            return self.receiver.to_sender.pop(0)
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        if self.receiver.to_recipient:
            return self.receiver.to_recipient.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        time.sleep(self.receiver.delay)
        if self.receiver.to_message:
            return self.receiver.to_message.pop(0)
        message = message_from_bytes(envelope.content, policy=policy.default)
        self.receiver.mails.append((list(envelope.rcpt_tos), message))
        return "250 OK"


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
