"""`smoke` finds what is wrong with a site, says which part it is, and leaves nothing behind."""

import json
import re
from io import StringIO

import httpx2
import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from chat.checks import HEADER
from chat.models import Conversation, Escalation, GuestFeedback
from nightqueue.models import Delivery
from yadopera import smoke
from yadopera.celery import heartbeat
from yadopera.smoke import Visit

STYLE = {
    "Content-Encoding": "gzip",
    "Cache-Control": "max-age=315360000, public, immutable",
    "Content-Type": "text/css",
}
#: What only a browser's address decides, and the rehearsal checks.
OF_HTTPS = {"certificate", "http leads to https"}


class Site(httpx2.BaseTransport):
    """The site under test, with `faults`: a pattern of addresses -> what is done to the answer.

    Static files, which the web process itself does not serve in a test, are as they should be.
    """

    def __init__(self, faults=None):
        self.faults = faults or {}
        self.client = Client()
        self.deaf = False

    def handle_request(self, request):
        answer = self.answer(request)
        for pattern, fault in self.faults.items():
            if re.fullmatch(pattern, f"{request.method} {request.url.path}"):
                answer = fault(answer)
        return answer

    def answer(self, request):
        if request.url.path.startswith("/static/"):
            return httpx2.Response(200, headers=STYLE, stream=httpx2.ByteStream(b""))
        headers = dict(request.headers)
        if self.deaf:
            headers.pop(HEADER.lower(), None)
        response = self.client.generic(
            request.method,
            request.url.raw_path.decode(),
            request.read(),
            content_type=headers.pop("content-type", "application/json"),
            headers={name: value for name, value in headers.items() if name != "host"},
        )
        return httpx2.Response(
            response.status_code, headers=dict(response.headers), content=response.content
        )


@pytest.fixture
def visit(sakura):
    heartbeat()

    def make(faults=None, slug="sakura", **state):
        site = Site(faults)
        vars(site).update(state)
        return {each.name: each for each in Visit("http://testserver", slug, site).outcomes()}

    return make


def failed(outcomes):
    return [name for name, outcome in outcomes.items() if outcome.ok is False]


def not_checked(outcomes):
    return {name for name, outcome in outcomes.items() if outcome.ok is None}


def left_behind():
    models = (Conversation, Escalation, GuestFeedback, Delivery)
    return [model.objects.count() for model in models]


def test_a_good_site_passes_and_nothing_of_the_visit_remains(visit):
    outcomes = visit()

    assert failed(outcomes) == []
    assert not_checked(outcomes) == OF_HTTPS
    assert outcomes["emergency"].detail == "119 named, nobody called"
    assert left_behind() == [0, 0, 0, 0]


def test_where_the_key_is_another_no_emergency_is_asked(visit):
    outcomes = visit(deaf=True)

    assert failed(outcomes) == []
    assert not_checked(outcomes) == OF_HTTPS | {"emergency", "feedback"}
    assert left_behind() == [0, 0, 0, 0]


def status(code):
    return lambda answer: httpx2.Response(code)


def without(header):
    def fault(answer):
        kept = {k: v for k, v in answer.headers.items() if k.lower() != header.lower()}
        return httpx2.Response(answer.status_code, headers=kept, content=answer.content)

    return fault


def with_header(**headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    def fault(answer):
        old = {k: v for k, v in answer.headers.items() if k not in named}
        return httpx2.Response(answer.status_code, headers=old | named, stream=answer.stream)

    return fault


def body(change):
    def fault(answer):
        changed = answer.json()
        change(changed)
        return httpx2.Response(answer.status_code, json=changed)

    return fault


def worker_is_silent(answer):
    parts = answer.json() | {"status": "unavailable"}
    parts["worker"] = {"ok": False, "detail": "No heartbeat for 60 s"}
    return httpx2.Response(503, json=parts)


FAULTS = {
    "front page": ("GET /", status(502)),
    "guests' page": (r"GET /f/\w+", status(500)),
    "health": ("GET /api/v1/health", body(lambda b: b.update(status="dying"))),
    "API docs": ("GET /static/ninja/.+", status(404)),
    "API description": ("GET /openapi.json", body(lambda b: b.pop("paths"))),
    "staff sign-in": ("GET /admin/login/", status(500)),
    "facility": (
        r"GET /api/v1/facility/\w+",
        body(lambda b: b["facility"].update(wifi_password="x")),
    ),
    "history": (
        "GET /api/v1/chat/history/.+",
        lambda a: body(lambda b: b["messages"].pop())(a) if a.status_code == 200 else a,
    ),
    "feedback": ("POST /api/v1/chat/feedback", status(503)),
    "clean-up": ("DELETE .+", status(503)),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named_and_no_other(visit, name):
    pattern, fault = FAULTS[name]

    outcomes = visit({pattern: fault})

    # What is read from the front page fails with it.
    beside = {"front page": ["security headers", "static files"]}.get(name, [])
    assert failed(outcomes) == [name, *beside]


@pytest.mark.parametrize(
    ("name", "pattern", "fault"),
    [
        ("security headers", "GET /", without("content-security-policy")),
        ("security headers", "GET /", without("x-content-type-options")),
        (
            "security headers",
            "GET /",
            with_header(content_security_policy="script-src 'self' 'unsafe-inline'"),
        ),
        ("static files", r"GET /static/.+\.css", with_header(content_encoding="identity")),
        ("static files", r"GET /static/.+\.css", with_header(cache_control="no-cache")),
    ],
)
def test_a_weak_header_is_a_fault(visit, name, pattern, fault):
    assert failed(visit({pattern: fault})) == [name]


def test_each_part_that_is_not_ready_is_named(visit):
    outcomes = visit({"GET /api/v1/ready": worker_is_silent})

    assert failed(outcomes) == ["ready", "ready: worker and beat"]
    assert outcomes["ready: worker and beat"].detail == "No heartbeat for 60 s"


def test_a_question_that_is_not_answered_is_a_fault(visit):
    fault = body(lambda b: b["message"].update(matched_faq_ids=[]))

    outcomes = visit({"POST /api/v1/chat": fault})

    # Nor is an answer without our header taken for one that disturbs nobody.
    assert failed(outcomes) == ["question in ja", "question in en", "question in zh-TW"]
    assert {"emergency", "feedback"} <= not_checked(outcomes)
    assert left_behind() == [0, 0, 0, 0]


def test_a_danger_that_is_not_seen_is_a_fault(visit, monkeypatch):
    monkeypatch.setattr(smoke, "EMERGENCY", "what time can i check in")

    outcomes = visit()

    assert failed(outcomes) == ["emergency"]
    assert left_behind() == [0, 0, 0, 0]


def test_an_unknown_inn_is_a_fault_of_its_own(visit):
    outcomes = visit(slug="no-such-inn")

    assert "facility/no-such-inn answered 404" in outcomes["facility"].detail
    assert {"health", "ready", "security headers"}.isdisjoint(failed(outcomes))


def test_a_dead_site_is_one_fault():
    outcomes = {each.name: each for each in Visit("http://127.0.0.1:9", "demo").outcomes()}

    assert failed(outcomes)[0] == "front page"
    assert "cannot be reached" in outcomes["front page"].detail
    assert outcomes["health"].ok is None


def test_as_json(visit, monkeypatch):
    visited = list(visit({"GET /admin/login/": status(500)}).values())
    monkeypatch.setattr(Visit, "outcomes", lambda self: iter(visited))
    out = StringIO()

    with pytest.raises(CommandError, match=r"1 checks failed: staff sign-in\."):
        call_command("smoke", "http://testserver", "--json", stdout=out)

    told = json.loads(out.getvalue())
    assert told["ok"] is False
    assert len(told["checks"]) == len(visited)
    bad = next(each for each in told["checks"] if each["ok"] is False)
    assert bad.keys() == {"name", "ok", "milliseconds", "detail"}
    assert (bad["name"], bad["detail"]) == ("staff sign-in", "/admin/login/ answered 500")


@pytest.mark.parametrize("address", ["inn.example.com", "ftp://inn.example.com"])
def test_an_address_that_is_none_is_refused(address):
    with pytest.raises(CommandError, match="BASE_URL"):
        call_command("smoke", address)
