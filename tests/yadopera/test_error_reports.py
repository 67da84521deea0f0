"""A fault is reported with its place and not with a guest's words."""

import gzip

import pytest
import sentry_sdk

from chat import services
from nightqueue import outbox
from nightqueue.tasks import send_pending
from tests.receivers import WebReceiver
from tests.yadopera.asgi import ask
from yadopera import error_reports

WORDS = "quokka-marker wants to know hanami-1234"


@pytest.fixture(scope="module")
def _running_sentry():
    server = WebReceiver().start()
    yield server
    server.stop()


@pytest.fixture
def reports(_running_sentry):
    """What Sentry was told, as text; asking waits until all is told."""
    _running_sentry.reset()
    before = sentry_sdk.get_global_scope().client
    dsn = _running_sentry.url.replace("http://", "http://key@") + "/1"
    error_reports.begin(dsn, environment="test", release="0123abc")

    def told():
        sentry_sdk.flush(timeout=10)
        bodies = [request.body for request in _running_sentry.requests]
        return [gzip.decompress(body).decode() for body in bodies]

    yield told
    sentry_sdk.get_client().close()
    sentry_sdk.get_global_scope().set_client(before)


def fail(*_args, **_kwargs):
    words = WORDS  # a local variable that holds them
    raise ValueError(words)


def test_a_fault_of_a_question_arrives_without_the_question(reports, sakura, monkeypatch):
    monkeypatch.setattr(services, "first_look", fail)
    body = {"facility_id": sakura.pk, "message": WORDS}
    answer = ask("POST", "/api/v1/chat", body, query="k=open-sesame", cookie="c=open-sesame")

    assert answer.status == 500
    (report,) = reports()
    for known in ("ValueError", "take_question", "api/v1/chat", "0123abc", '"sakura"'):
        assert known in report
    assert answer.headers["x-request-id"] in report
    for secret in ("quokka-marker", "hanami-1234", "open-sesame"):
        assert secret not in report


def test_a_fault_of_a_task_arrives_without_what_it_was_about(reports, db, monkeypatch):
    monkeypatch.setattr(outbox, "send_pending", fail)
    send_pending.apply()

    (report,) = reports()
    assert "nightqueue.tasks.send_pending" in report
    assert "ValueError" in report
    assert "quokka-marker" not in report


def test_an_unexpected_part_of_an_event_is_left_out():
    event = {
        "event_id": "1",
        "request": {"data": WORDS},
        "extra": {"argv": ["--owner-password", WORDS]},
        "exception": {
            "values": [
                {
                    "type": "E",
                    "value": WORDS,
                    "stacktrace": {"frames": [{"function": "f", "vars": {"words": WORDS}}]},
                }
            ]
        },
    }

    told = error_reports.without_words(event, {})

    assert "quokka-marker" not in str(told)
    assert told["exception"]["values"][0]["stacktrace"]["frames"] == [{"function": "f"}]
