"""Checks a deployed Yadopera from outside, as a guest's phone would reach it."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

LANGUAGES = ("ja", "en", "zh-TW")
TIMEOUT_SECONDS = 15


class Failed(Exception):
    """`args[0]` says what was wrong."""


class Command(BaseCommand):
    help = "Checks the Yadopera at BASE_URL from outside, a line per check; 1 when one fails."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("base_url", metavar="BASE_URL")
        parser.add_argument("--slug", default="demo", help="the facility to ask (default: demo)")

    def handle(self, **options: Any) -> None:
        if not options["base_url"].startswith(("http://", "https://")):
            raise CommandError("BASE_URL must start with http:// or https://.")
        visit = Visit(options["base_url"].rstrip("/"), options["slug"])
        failed = sum(not self.report(name, check) for name, check in visit.checks())
        if failed:
            raise CommandError(f"{failed} checks failed.")

    def report(self, name: str, check: Callable[[], str]) -> bool:
        started = time.perf_counter()
        try:
            state, detail = "ok", check()
        except Failed as problem:
            state, detail = "FAILED", str(problem)
        milliseconds = (time.perf_counter() - started) * 1000
        self.stdout.write(f"{state:6}  {milliseconds:6.0f} ms  {name}: {detail}")
        return state == "ok"


class Visit:
    """One guest's way through the site; later checks use what earlier ones learned.

    It asks what the inn itself lists as its top questions, so staff are not called.
    """

    def __init__(self, base_url: str, slug: str) -> None:
        self.base_url = base_url
        self.slug = slug
        self.facility_id = 0
        self.turn: dict[str, Any] = {}

    def checks(self) -> list[tuple[str, Callable[[], str]]]:
        asking = [(f"question in {code}", lambda code=code: self.ask(code)) for code in LANGUAGES]
        return [
            ("front door", self.front_door),
            ("health", self.health),
            ("ready", self.ready),
            ("API description", self.docs),
            ("facility", self.facility),
            *asking,
            ("feedback", self.feedback),
            ("history", self.history),
            ("staff sign-in", self.staff),
        ]

    def front_door(self) -> str:
        self.expect(self.get("/").get("status") == "ok", "the greeting is missing")
        return "greets"

    def health(self) -> str:
        self.expect(self.get("/api/v1/health") == {"status": "ok"}, "not healthy")
        return "up"

    def ready(self) -> str:
        parts = self.get("/api/v1/ready", allowed=(200, 503))
        bad = [
            f"{k}: {v['detail']}" for k, v in parts.items() if isinstance(v, dict) and not v["ok"]
        ]
        # The AI's and the notifications' troubles are told, but close no door.
        self.expect(parts["status"] == "ok", "; ".join(bad))
        return f"{parts['database']['detail']}, pgvector {parts['pgvector']['detail']}"

    def docs(self) -> str:
        paths = self.get("/openapi.json")["paths"]
        self.expect("/api/v1/chat" in paths, "POST /chat is not described")
        return f"{len(paths)} addresses"

    def facility(self) -> str:
        facility = self.get(f"/api/v1/facility/{self.slug}")["facility"]
        self.facility_id = facility["id"]
        self.expect("wifi_password" not in facility, "the Wi-Fi password is public")
        return str(facility["name"])

    def ask(self, language: str) -> str:
        page = self.get(f"/api/v1/facility/{self.slug}?language={language}")
        self.expect(bool(page["top_questions"]), "the inn has no public FAQ to ask for")
        faq = page["top_questions"][0]
        question = {"facility_id": self.facility_id, "message": faq["question"]}
        if self.turn:
            question["session_id"] = self.turn["session_id"]
        self.turn = self.post("/api/v1/chat", {**question, "language": language})
        right = self.turn["message"]["matched_faq_ids"][:1] == [faq["id"]]
        self.expect(right and not self.turn["is_escalated"], "not answered with the FAQ's own text")
        return f"answered, confidence {self.turn['ai_confidence']:.2f}"

    def feedback(self) -> str:
        self.expect(bool(self.turn), "there is no answer to vote on")
        vote = {"message_id": self.turn["message"]["id"], "feedback_type": "positive"}
        session = {"session_id": self.turn["session_id"]}
        self.expect("id" in self.post("/api/v1/chat/feedback", vote | session), "not stored")
        return "stored"

    def history(self) -> str:
        self.expect(bool(self.turn), "there is no conversation")
        address = f"/api/v1/chat/history/{self.turn['session_id']}?facility_id={self.facility_id}"
        messages = self.get(address)["messages"]
        self.expect(len(messages) == 2 * len(LANGUAGES), f"{len(messages)} messages")
        return f"{len(messages)} messages"

    def staff(self) -> str:
        self.fetch("/admin/login/")
        return "answers"

    # The wire ---------------------------------------------------------------------------------

    def get(self, address: str, allowed: tuple[int, ...] = (200,)) -> dict[str, Any]:
        return self.decode(self.fetch(address, allowed=allowed))

    def post(self, address: str, body: dict[str, Any]) -> dict[str, Any]:
        return self.decode(self.fetch(address, json.dumps(body).encode()))

    def fetch(
        self, address: str, body: bytes | None = None, allowed: tuple[int, ...] = (200,)
    ) -> bytes:
        headers = {"Accept": "application/json, */*", "Content-Type": "application/json"}
        request = urllib.request.Request(self.base_url + address, body, headers)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
                return bytes(response.read())
        except urllib.error.HTTPError as error:
            if error.code in allowed:
                return bytes(error.read())
            raise Failed(f"{address} answered {error.code}") from None
        except OSError as error:
            raise Failed(f"{self.base_url} cannot be reached ({error})") from None

    def decode(self, raw: bytes) -> dict[str, Any]:
        try:
            return dict(json.loads(raw))
        except (ValueError, TypeError):
            raise Failed("the answer is not JSON") from None

    def expect(self, truth: bool, otherwise: str) -> None:
        if not truth:
            raise Failed(otherwise)
