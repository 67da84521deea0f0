"""Every kind of response, as it leaves the server, tells browsers what not to do with it."""

import re

import pytest

PAGE = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "x-frame-options": "DENY",
}
#: What is no page and was made without Django.
BARE = {"x-content-type-options": "nosniff"}
NO_STORE = {"cache-control": "no-store"}
ADMIN = PAGE | {"cache-control": "max-age=0, no-cache, no-store, must-revalidate, private"}
HTML = {"Accept": "text/html"}
TABLE = [
    ("landing page", "GET", "/", {"headers": HTML}, 200, PAGE),
    ("guest page", "GET", "/f/demo", {}, 200, PAGE | {"cache-control": "private, no-cache"}),
    ("description", "GET", "/docs", {}, 200, PAGE),
    ("page that is not there", "GET", "/nowhere", {}, 404, PAGE),
    ("name that is not ours", "GET", "/", {"headers": {"Host": "evil.example.org"}}, 400, PAGE),
    ("sign-in", "GET", "/admin/login/", {}, 200, ADMIN),
    ("way to the sign-in", "GET", "/admin/", {}, 302, ADMIN),
    ("form of another site", "POST", "/admin/login/", {"data": {"a": "b"}}, 403, PAGE),
    ("link that is none", "GET", "/seen/made-up", {}, 404, PAGE),
    ("facts", "GET", "/api/v1/facility/demo", {}, 200, PAGE | NO_STORE),
    ("history that is not there", "GET", "/api/v1/chat/history/none", {}, 404, PAGE | NO_STORE),
    ("route that is not there", "GET", "/api/v1/nowhere", {}, 404, PAGE | NO_STORE),
    ("method not offered", "PATCH", "/api/v1/chat", {}, 405, PAGE | NO_STORE),
    ("what is no question", "POST", "/api/v1/chat", {"json": {}}, 422, PAGE | NO_STORE),
    ("staff's, to nobody", "GET", "/api/v1/admin/faqs", {}, 401, PAGE | NO_STORE),
    ("too large a question", "POST", "/api/v1/chat", {"content": b"A" * 300_000}, 413, BARE),
    ("health", "GET", "/api/v1/health", {}, 200, BARE | NO_STORE),
    ("file that is not there", "GET", "/static/nowhere.js", {}, 404, BARE),
]


@pytest.mark.parametrize(
    ("method", "address", "request_", "status", "headers"),
    [pytest.param(*row[1:], id=row[0]) for row in TABLE],
)
def test_a_response_has_the_headers_of_its_kind(http, method, address, request_, status, headers):
    response = http.request(method, address, **request_)

    assert response.status_code == status
    assert {name: response.headers.get(name) for name in headers} == headers
    if headers.keys() >= PAGE.keys():
        policy = response.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy


def test_a_static_file_is_what_it_says_it_is(http):
    found = re.search(r"/static/[^\"]+\.js", http.get("/f/demo").text)
    response = http.get(found[0])

    assert response.status_code == 200
    assert response.headers["x-content-type-options"] == "nosniff"


def test_an_answer_and_a_stream_are_kept_by_nobody(http, demo_id):
    body = {"facility_id": demo_id, "message": "hello"}
    answer = http.post("/api/v1/chat", json=body)
    stream = http.post("/api/v1/chat/stream", json=body)

    assert answer.headers["cache-control"] == "no-store"
    assert "no-" in stream.headers["cache-control"]
    for response in (answer, stream):
        assert response.headers["x-content-type-options"] == "nosniff"
