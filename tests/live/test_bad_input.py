"""No input gives a 500, and no error repeats the input. v0.3 failed 24 of 97 of these."""

import json
import socket
import uuid

import pytest

CODES = {
    400: "INVALID_REQUEST",
    401: "UNAUTHORIZED",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    413: "PAYLOAD_TOO_LARGE",
    422: "VALIDATION_ERROR",
}
NUL = "a\x00b"
LONG = "x" * 300
UUID = str(uuid.uuid4())
BODIES = {
    "/chat": {"facility_id": 1, "message": "hello"},
    "/chat/feedback": {"message_id": 1, "feedback_type": "positive", "session_id": UUID},
    "/chat/escalate": {"facility_id": 1, "session_id": UUID},
    "/chat/email": {
        "facility_id": 1,
        "session_id": UUID,
        "email": "a@example.com",
        "consent": True,
    },
    "/session/generate": {"facility_id": 1, "session_id": UUID},
    "/session/link": {"facility_id": 1, "token": "ABCD", "current_session_id": UUID},
    "/auth/login": {"email": "a@example.com", "password": "x"},
    "/auth/password-reset": {"email": "a@example.com"},
    "/auth/password-reset/confirm": {"token": "a/b", "new_password": "another-long-one-2026"},
}
BAD_IDS = [2**31, 2**63, 10**30, -1, 0, "1", True, None, 1.5, [1], {"a": 1}]
BAD_TEXTS = [NUL, "", " \n ", LONG * 4, None, 1, True, ["a"], {"a": "b"}]
BAD_FIELDS = [
    *(("/chat", "facility_id", value) for value in BAD_IDS),
    *(("/chat", "message", value) for value in BAD_TEXTS),
    *(("/chat", "language", value) for value in ["xx", "EN", "zh", "", NUL, 1, "ja\n"]),
    *(("/chat", "location", value) for value in ["x" * 60, NUL, 1]),
    *(("/chat", "session_id", value) for value in ["x" * 101, LONG, NUL, "", 1]),
    *(("/chat", "site_key", value) for value in [NUL, LONG, 1]),
    *(("/chat", "client_message_id", value) for value in ["1", NUL, LONG, 1]),
    *(("/chat/feedback", "message_id", value) for value in BAD_IDS),
    *(("/chat/feedback", "feedback_type", value) for value in ["great", "", NUL, None, 1]),
    *(("/chat/feedback", "session_id", value) for value in ["x" * 101, NUL, UUID]),
    *(("/chat/escalate", "facility_id", value) for value in BAD_IDS),
    *(("/chat/escalate", "session_id", value) for value in [NUL, LONG, "", UUID, "x", None]),
    *(("/chat/email", "email", value) for value in [NUL, LONG, "", "a@", "a@b.c\r\nBcc: d@e.f", 1]),
    *(("/chat/email", "consent", value) for value in [False, None, "yes", 1]),
    *(("/session/generate", "session_id", value) for value in [NUL, LONG, UUID, "x"]),
    *(("/session/link", "token", value) for value in [NUL, LONG, "ZZZZ", "", None, "Ａ１Ｂ２"]),
    *(("/session/link", "current_session_id", value) for value in [NUL, LONG, "x"]),
    *(("/auth/login", "email", value) for value in [NUL, LONG, "", None, 1]),
    *(("/auth/login", "password", value) for value in [NUL, LONG, None, 1]),
    *(("/auth/password-reset", "email", value) for value in [NUL, LONG, "", "a@", None, 1]),
    *(("/auth/password-reset/confirm", "token", value) for value in [NUL, LONG, "", None, 1, "/"]),
    *(("/auth/password-reset/confirm", "new_password", value) for value in [NUL, LONG, None, 1]),
]


def refused(response, sent=""):
    """A 4xx of the one shape that does not repeat what was sent."""
    assert 400 <= response.status_code < 500, (response.status_code, response.text[:300])
    body = response.json()
    assert set(body) == {"error", "detail"}
    assert set(body["error"]) == {"code", "message", "details"}
    assert body["error"]["code"] == CODES[response.status_code]
    assert body["detail"] == body["error"]["message"]
    for word in ("SELECT", "INSERT", "Traceback", "psycopg", "django", "pydantic"):
        assert word not in response.text
    if isinstance(sent, str) and len(sent) > 3:
        assert sent not in response.text
    return True


@pytest.mark.parametrize(("path", "field", "value"), BAD_FIELDS)
def test_a_bad_field_is_refused(http, path, field, value):
    response = http.post(f"/api/v1{path}", json=BODIES[path] | {field: value})

    optional = {"language", "location", "session_id", "site_key", "client_message_id"}
    if not (value is None and field in optional):
        refused(response, value)


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"1",
        b"{}",
        b'{"facility_id": NaN, "message": "hello"}',
        b'{"facility_id": Infinity, "message": "hello"}',
        b'{"facility_id": 1, "message": "\\ud800"}',
        b'{"facility_id": 1, "message": "\xff\xfe"}',
        b'{"facility_id": 1, "message": "a\x00b"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b"\x00",
        b'{"facility_id": 1e400, "message": "hello"}',
    ],
    ids=lambda body: str(body[:24]),
)
def test_a_bad_body_is_refused(http, path, body):
    response = http.post(
        f"/api/v1{path}", content=body, headers={"Content-Type": "application/json"}
    )
    refused(response)


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_body_that_is_not_json_is_refused(http, content_type):
    content = json.dumps(BODIES["/chat"])
    refused(http.post("/api/v1/chat", content=content, headers={"Content-Type": content_type}))


def test_a_megabyte_is_refused_and_not_repeated(http):
    message = "A" * 1_000_000
    response = http.post("/api/v1/chat", json={"facility_id": 1, "message": message})

    assert response.status_code == 413
    refused(response, "AAAA")


def test_a_megabyte_that_announces_no_length_is_refused(http):
    def chunks():
        yield b'{"facility_id": 1, "message": "'
        for _ in range(100):
            yield b"A" * 10_000

    response = http.post(
        "/api/v1/chat", content=chunks(), headers={"Content-Type": "application/json"}
    )
    assert response.status_code == 413
    refused(response)


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/chat/history/%00",
        "/api/v1/chat/history/a%00b",
        "/api/v1/chat/history/" + "x" * 101,
        "/api/v1/chat/history/" + "x" * 300,
        "/api/v1/chat/history/%ed%a0%80",
        "/api/v1/chat/history/%ff",
        f"/api/v1/chat/history/{UUID}",
        f"/api/v1/chat/history/{UUID}?facility_id=1",
        f"/api/v1/chat/history/{UUID}?facility_id=true",
        f"/api/v1/chat/history/{UUID}?facility_id=-1",
        f"/api/v1/chat/history/{UUID}?facility_id={10**30}",
        f"/api/v1/chat/history/{UUID}?after={10**30}",
        f"/api/v1/chat/history/{UUID}?after=x",
        f"/api/v1/chat/history/{UUID}?facility_id=%00",
        "/api/v1/session/session/%00/token",
        f"/api/v1/session/session/{UUID}/token",
        "/api/v1/session/session/" + "x" * 300 + "/token",
        "/api/v1/session/token/" + "x" * 300,
        "/api/v1/session/token/%00",
        "/api/v1/facility/%00",
        "/api/v1/facility/no-such-inn",
        "/api/v1/facility/demo%00",
        "/api/v1/facility/demo?language=xx",
        "/api/v1/facility/demo?language=%00",
        "/api/v1/facility/demo?location=" + "x" * 60,
        "/api/v1/facility/demo?location=%00",
        "/api/v1/facility/" + "x" * 3000,
        "/api/v1/no/such/address",
        "/api/v1/chat",
        "/api/v1/admin/faqs",
        "/api/v1/auth/me",
        "/api/v1/%2e%2e/%2e%2e/etc/passwd",
    ],
)
def test_a_bad_address_is_refused(http, path):
    refused(http.get(path))


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE"])
def test_a_method_that_is_not_offered_is_refused(http, method):
    assert 400 <= http.request(method, "/api/v1/chat", json={}).status_code < 500


@pytest.mark.parametrize(
    "raw",
    [
        b"GET /api/v1/facility/\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /api/v1/facility/\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: evil.example.com\r\n\r\n",
        b"GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\nCookie: \xff\xfe=\x01\r\n\r\n",
        b"POST /api/v1/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n",
        b"nonsense\r\n\r\n",
    ],
)
def test_raw_nonsense_is_refused(live, raw):
    with socket.create_connection(("127.0.0.1", live.port), timeout=10) as connection:
        connection.sendall(raw)
        answer = connection.recv(65536)

    assert not answer.startswith(b"HTTP/1.1 5"), answer[:200]


@pytest.mark.parametrize(
    "header", ["Accept-Language", "Cookie", "X-Forwarded-For", "Authorization", "Origin"]
)
@pytest.mark.parametrize("value", ["x" * 4000, ";;;,,,=", "zh;q=x,*;q=9e9", "Bearer \xe9"])
def test_odd_headers_do_no_harm(http, header, value):
    headers = {header: value.encode("latin-1")}
    for path in ("/api/v1/facility/demo", "/api/v1/auth/me", "/"):
        assert http.get(path, headers=headers).status_code < 500


def test_static_files_take_no_body(http):
    response = http.post("/static/x", content=b"A" * 1_000_000)

    assert response.status_code == 413


@pytest.mark.parametrize("host", ["10.1.2.3:8000", "healthcheck.example.com"])
def test_health_answers_whatever_the_host_is_called(http, host):
    assert http.get("/api/v1/health", headers={"Host": host}).json() == {"status": "ok"}
    assert http.get("/api/v1/ready", headers={"Host": host}).status_code == 400


def test_the_log_of_the_server_shows_no_fault(live):
    """Last in this file: none of the above was a 500 behind the scenes."""
    assert "Fault in" not in live.output()
    assert "Traceback" not in live.output()
