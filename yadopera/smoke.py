"""A guest's way through a running site, from outside, as his phone and his browser go it."""

import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2

from chat.checks import ACCEPTED, HEADER, sign_check
from yadopera.checklist import Failed, NotChecked, Outcome, outcome_of

LANGUAGES: Final = ("ja", "en", "zh-TW")
EMERGENCY: Final = "my friend isn't waking up and isn't breathing"
TIMEOUT_SECONDS: Final = 15
#: Most certificates are renewed a month before their end.
CERTIFICATE_DAYS: Final = 7
HSTS_SECONDS: Final = 180 * 24 * 60 * 60
#: Parts of /api/v1/ready without which guests are answered all the same.
ADVISORY: Final = ("ai", "notifications")
NAMES: Final = {"worker": "worker and beat"}

Check = tuple[str, Callable[[], str]]


def outcome(check: Check) -> Outcome:
    name, look = check

    def look_carefully() -> str:
        try:
            return look()
        except (LookupError, TypeError, AttributeError):
            raise Failed("the answer is not of the shape that the API describes") from None

    return outcome_of(name, look_carefully)


class Visit:
    """One guest's visit; later checks use what earlier ones learned, and the last one deletes what
    was asked.

    It asks what the inn itself lists as its top questions, so that staff are not called. An
    emergency is asked, and a vote given, only where the server knows the visit for a check (see
    `chat.checks`): where SECRET_KEY is the server's.
    """

    def __init__(
        self, base_url: str, slug: str, transport: httpx2.BaseTransport | None = None
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.slug = slug
        self.client = httpx2.Client(
            base_url=self.base_url, timeout=TIMEOUT_SECONDS, transport=transport
        )
        self.is_reachable = True
        self.facility_id = 0
        self.top_faqs: dict[str, dict[str, Any]] = {}
        self.session_id: str | None = None
        self.answers: list[dict[str, Any]] = []
        #: Whether the server takes us for a check of its operator's.
        self.is_known = False

    def outcomes(self) -> Iterator[Outcome]:
        with self.client:
            yield from map(outcome, self.checks())
            yield from self.parts()
            try:
                yield from map(outcome, self.conversation())
            finally:
                # Also when whoever reads these has enough.
                cleaned = outcome(("clean-up", self.clean_up))
            yield cleaned

    def checks(self) -> list[Check]:
        return [
            ("front page", self.front_page),
            ("guests' page", self.guest_page),
            ("certificate", self.certificate),
            ("http leads to https", self.redirect),
            ("security headers", self.security_headers),
            ("static files", self.static_files),
            ("health", self.health),
            ("API docs", self.docs),
            ("API description", self.openapi),
            ("staff sign-in", self.staff),
        ]

    def conversation(self) -> list[Check]:
        def asking(language: str) -> Check:
            return f"question in {language}", lambda: self.ask(language)

        return [
            ("facility", self.facility),
            *map(asking, LANGUAGES),
            ("emergency", self.emergency),
            ("feedback", self.feedback),
            ("history", self.history),
        ]

    # The site ---------------------------------------------------------------------------------

    def front_page(self) -> str:
        self.expect(self.get("/").get("status") == "ok", "the greeting is missing")
        self.page("/")
        return "greets programs and people"

    def guest_page(self) -> str:
        self.page(f"/f/{self.slug}")
        return "answers"

    def certificate(self) -> str:
        address = self.secure_address()
        try:
            with (
                socket.create_connection(address, TIMEOUT_SECONDS) as plain,
                ssl.create_default_context().wrap_socket(
                    plain, server_hostname=address[0]
                ) as secure,
            ):
                certificate = secure.getpeercert() or {}
        except (OSError, ssl.SSLError) as error:
            raise Failed(str(error)) from None
        ends = ssl.cert_time_to_seconds(str(certificate["notAfter"]))
        days = int((ends - time.time()) // (24 * 60 * 60))
        self.expect(days >= CERTIFICATE_DAYS, f"it ends in {days} days")
        return f"valid for {days} days, {secure.version()}"

    def redirect(self) -> str:
        host, port = self.secure_address()
        if port != 443:
            raise NotChecked("the address names a port of its own")
        answer = self.request("GET", f"http://{host}/", allowed=range(200, 600))
        self.expect(
            answer.is_redirect and answer.headers["location"].startswith("https://"),
            f"http://{host}/ answered {answer.status_code}",
        )
        return str(answer.status_code)

    def secure_address(self) -> tuple[str, int]:
        parts = urlsplit(self.base_url)
        if parts.scheme != "https":
            raise NotChecked("the address is not https")
        return str(parts.hostname), parts.port or 443

    def security_headers(self) -> str:
        headers = self.page("/").headers
        policy = headers.get("content-security-policy", "")
        scripts = re.search(r"(?:script-src|default-src) [^;]*", policy)
        good = {
            "Content-Security-Policy": scripts is not None and "unsafe" not in scripts[0],
            "X-Content-Type-Options": headers.get("x-content-type-options") == "nosniff",
            "Referrer-Policy": "referrer-policy" in headers,
            "X-Frame-Options": headers.get("x-frame-options") == "DENY",
        }
        if self.base_url.startswith("https:"):
            good["Strict-Transport-Security"] = keeps_to_https(headers)
        bad = [name for name, is_good in good.items() if not is_good]
        self.expect(not bad, f"missing or weak: {', '.join(bad)}")
        return ", ".join(good)

    def static_files(self) -> str:
        address = re.search(r'"(/static/[^"]+\.css)"', self.page("/").text)
        if not address:
            raise Failed("the front page names no style sheet")
        headers = self.request("GET", address[1], headers={"Accept-Encoding": "br, gzip"}).headers
        encoding = headers.get("content-encoding", "")
        self.expect(encoding in {"br", "gzip"}, f"{address[1]} is not compressed")
        kept = headers.get("cache-control", "")
        self.expect("immutable" in kept, f"{address[1]} is not kept (Cache-Control: {kept})")
        return f"{encoding}, {kept}"

    def health(self) -> str:
        self.expect(self.get("/api/v1/health") == {"status": "ok"}, "not healthy")
        return "up"

    def docs(self) -> str:
        assets = re.findall(r'(?:src|href)="(/static/[^"]+)"', self.page("/docs").text)
        self.expect(bool(assets), "the page names no assets of this server")
        for address in assets:
            self.request("GET", address)
        return f"{len(assets)} assets, all from here"

    def openapi(self) -> str:
        paths = self.get("/openapi.json")["paths"]
        self.expect("/api/v1/chat" in paths, "POST /chat is not described")
        return f"{len(paths)} addresses"

    def staff(self) -> str:
        self.expect('name="password"' in self.page("/admin/login/").text, "it asks no password")
        return "answers"

    # What it is made of -----------------------------------------------------------------------

    def parts(self) -> Iterator[Outcome]:
        """A line for each part that /api/v1/ready knows."""
        states: dict[str, Any] = {}

        def ready() -> str:
            states.update(self.get("/api/v1/ready", allowed=(200, 503)))
            self.expect(states["status"] == "ok", "not ready")
            return "ready"

        yield outcome(("ready", ready))
        for name, state in states.items():
            if isinstance(state, dict):
                # The AI's and the notifications' troubles are told, but close no door.
                ok = True if state["ok"] else None if name in ADVISORY else False
                yield Outcome(f"ready: {NAMES.get(name, name)}", ok, 0, str(state["detail"]))

    # The guest --------------------------------------------------------------------------------

    def facility(self) -> str:
        for language in LANGUAGES:
            page = self.get(f"/api/v1/facility/{self.slug}?language={language}")
            if page["top_questions"]:
                self.top_faqs[language] = page["top_questions"][0]
        facility = page["facility"]
        self.facility_id = facility["id"]
        self.expect("wifi_password" not in facility, "the Wi-Fi password is public")
        return str(facility["name"])

    def ask(self, language: str) -> str:
        self.need_facility()
        faq = self.top_faqs.get(language)
        if faq is None:
            raise Failed("the inn has no public FAQ to ask for")
        turn = self.question(faq["question"], language)
        right = turn["message"]["matched_faq_ids"][:1] == [faq["id"]]
        self.expect(right and not turn["is_escalated"], "not answered with the FAQ's own text")
        return f"answered, confidence {turn['ai_confidence']:.2f}"

    def emergency(self) -> str:
        self.need_to_be_known()
        turn = self.question(EMERGENCY, "en")
        is_danger = turn["escalation"]["trigger_type"] == "safety_category"
        self.expect(is_danger and "119" in turn["message"]["content"], "not taken for one")
        self.expect(turn["escalation_id"] is None, "staff were called")
        return "119 named, nobody called"

    def feedback(self) -> str:
        self.need_to_be_known()
        vote = {"message_id": self.answers[0]["message"]["id"], "feedback_type": "positive"}
        stored = self.post("/api/v1/chat/feedback", vote | {"session_id": self.session_id})
        self.expect("id" in stored, "not stored")
        return "stored, not counted"

    def history(self) -> str:
        if not self.session_id:
            raise Failed("there is no conversation")
        messages = self.get(self.history_address())["messages"]
        expected = 2 * len(self.answers)
        self.expect(len(messages) == expected, f"{len(messages)} messages, not {expected}")
        return f"{len(messages)} messages"

    def clean_up(self) -> str:
        if not self.session_id:
            raise NotChecked("nothing was asked")
        self.request("DELETE", self.history_address())
        self.request("GET", self.history_address(), allowed=(404,))
        return "the conversation is deleted"

    def question(self, text: str, language: str) -> dict[str, Any]:
        body = {"facility_id": self.facility_id, "message": text, "language": language}
        if self.session_id:
            body["session_id"] = self.session_id
        signed = {HEADER: sign_check(self.facility_id)}
        response = self.request("POST", "/api/v1/chat", json=body, headers=signed)
        turn = decoded(response)
        self.session_id = turn["session_id"]
        self.is_known = response.headers.get(HEADER) == ACCEPTED
        self.answers.append(turn)
        return turn

    def history_address(self) -> str:
        return f"/api/v1/chat/history/{self.session_id}?facility_id={self.facility_id}"

    def need_facility(self) -> None:
        if not self.facility_id:
            raise Failed("there is no facility to ask")

    def need_to_be_known(self) -> None:
        if not self.answers:
            raise Failed("there is no conversation")
        if not self.is_known:
            raise NotChecked("SECRET_KEY is not the server's here, so staff would be disturbed")

    # The wire ---------------------------------------------------------------------------------

    def get(self, address: str, allowed: tuple[int, ...] = (200,)) -> dict[str, Any]:
        return decoded(self.request("GET", address, allowed=allowed))

    def post(self, address: str, body: dict[str, Any]) -> dict[str, Any]:
        return decoded(self.request("POST", address, json=body))

    def page(self, address: str) -> httpx2.Response:
        """As a browser asks for it."""
        response = self.request("GET", address, headers={"Accept": "text/html"})
        kind = response.headers.get("content-type", "")
        self.expect(kind.startswith("text/html"), f"{address} is no page")
        return response

    def request(
        self, method: str, address: str, *, allowed: Any = (200,), **parts: Any
    ) -> httpx2.Response:
        if not self.is_reachable:
            raise NotChecked("the site cannot be reached")
        try:
            response = self.client.request(method, address, **parts)
        except httpx2.ConnectError as error:
            self.is_reachable = not address.startswith("/")  # else another port than the site's
            raise Failed(f"{self.base_url} cannot be reached ({error})") from None
        except httpx2.HTTPError as error:
            raise Failed(f"{address}: {error or type(error).__name__}") from None
        if response.status_code not in allowed:
            raise Failed(f"{address.partition('?')[0]} answered {response.status_code}")
        return response

    def expect(self, truth: bool, otherwise: str) -> None:
        if not truth:
            raise Failed(otherwise)


def decoded(response: httpx2.Response) -> dict[str, Any]:
    try:
        return dict(response.json())
    except (ValueError, TypeError):
        raise Failed("the answer is not JSON") from None


def keeps_to_https(headers: httpx2.Headers) -> bool:
    found = re.search(r"max-age=(\d+)", headers.get("strict-transport-security", ""))
    return found is not None and int(found[1]) >= HSTS_SECONDS
