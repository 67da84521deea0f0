"""A log line says which request, which inn and how long; never what a guest wrote, nor a secret."""

import io
import json
import logging
from types import SimpleNamespace

import pytest

from chat import services
from nightqueue import outbox
from nightqueue.models import Delivery
from nightqueue.tasks import send_pending
from tests.yadopera.asgi import ask
from yadopera import logs
from yadopera.celery import hand_over, heartbeat, note_end, take_over

QUESTION = "my friend isn't waking up! quokka-marker hanami-1234"
KEY = "test-key"
SECRETS = ("quokka-marker", "hanami-1234", KEY, "open-sesame")


class Log(io.StringIO):
    @property
    def lines(self):
        return [json.loads(line) for line in self.getvalue().splitlines()]

    def of(self, logger):
        return [line for line in self.lines if line["logger"] == logger]


@pytest.fixture
def log():
    stream = Log()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.JsonFormatter())
    logging.getLogger().addHandler(handler)
    yield stream
    logging.getLogger().removeHandler(handler)


@pytest.fixture
def question(sakura):
    return {"facility_id": sakura.pk, "message": QUESTION, "language": "en"}


def fail(*_args, **_kwargs):
    raise ValueError(f"{QUESTION} {KEY}")


def test_a_request_has_one_line_with_all_that_an_operator_asks_for(log, question):
    answer = ask("POST", "/api/v1/chat", question, x_request_id="0123abcd-proxy")

    (line,) = log.of("yadopera.access")
    assert answer.headers["x-request-id"] == line["request_id"] == "0123abcd-proxy"
    assert (
        line.items()
        >= {"method": "POST", "route": "api/v1/chat", "status": 200, "facility": "sakura"}.items()
    )
    assert isinstance(line["ms"], float)


@pytest.mark.parametrize("offered", ["", "short", "has spaces in it", "x" * 65, 'quote"quote"'])
def test_a_request_is_named_by_us_when_its_name_is_not_well_formed(log, db, offered):
    answer = ask("GET", "/api/v1/health", x_request_id=offered)

    assert answer.headers["x-request-id"] == log.of("yadopera.access")[0]["request_id"]
    assert answer.headers["x-request-id"] != offered
    assert len(answer.headers["x-request-id"]) == 32


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/api/v1/chat/history/open-sesame-open-sesame", "api/v1/chat/history/<session_id>"),
        ("/admin/invitation/open-sesame/", "admin/invitation/<str:token>/"),
        ("/seen/open-sesame", "seen/<str:token>"),
        ("/open-sesame", "unknown"),
    ],
)
def test_addresses_are_told_without_what_opens_something(log, sakura, path, route):
    ask("GET", path, query=f"facility_id={sakura.pk}&k=open-sesame")

    (line,) = log.of("yadopera.access")
    assert line["route"] == route
    assert "open-sesame" not in log.getvalue()


def test_a_method_that_nobody_has_is_not_repeated(log, db):
    ask("OPEN-SESAME", "/api/v1/health")

    assert log.of("yadopera.access")[0]["method"] == "OTHER"
    assert "OPEN-SESAME" not in log.getvalue()


def test_no_log_of_a_question_and_its_notifications_holds_words_or_secrets(
    log, question, provider, settings, tmp_path
):
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = tmp_path
    provider.statuses = {"/embeddings": [500] * 9, "/chat/completions": [401] * 9}
    ask("POST", "/api/v1/chat", question | {"message": "quokka-marker hanami-1234 surfboard?"})
    ask("POST", "/api/v1/chat", question)
    send_pending.apply()

    assert Delivery.objects.filter(kind="danger", state="sent").exists()
    assert "quokka-marker" in "".join(path.read_text() for path in tmp_path.iterdir())
    assert len(log.lines) >= 4
    assert not [secret for secret in SECRETS if secret in log.getvalue()]


def test_faults_are_told_by_type_and_place_alone(log, question, monkeypatch):
    monkeypatch.setattr(services, "first_look", fail)
    answer = ask("POST", "/api/v1/chat", question)

    assert answer.status == 500
    (fault,) = log.of("yadopera.api")
    assert fault["message"] == "Fault in POST api/v1/chat"
    assert fault["error"].endswith("ValueError")
    assert "take_question" in fault["error"]
    assert fault["request_id"] == log.of("yadopera.access")[0]["request_id"]
    assert not [secret for secret in SECRETS if secret in log.getvalue()]


def test_faults_of_a_page_are_told_without_its_address(log, db, monkeypatch):
    monkeypatch.setattr("facilities.views.Invitation.dispatch", fail)
    # The test's own setting would raise it.
    answer = ask("GET", "/admin/invitation/open-sesame/")

    assert answer.status == 500
    (fault,) = log.of("django.request")
    assert fault["message"] == "Internal Server Error: admin/invitation/<str:token>/"
    assert not [secret for secret in SECRETS if secret in log.getvalue()]


def test_a_task_that_fails_is_told_by_type_and_place(log, db, monkeypatch):
    monkeypatch.setattr(outbox, "send_pending", fail)
    send_pending.apply()

    (line,) = log.of("celery.app.trace")
    assert line["message"].endswith("raised unexpected: ValueError")
    assert line["task"] == "nightqueue.tasks.send_pending"
    assert not [secret for secret in SECRETS if secret in log.getvalue()]


def test_a_task_carries_the_name_of_the_request_that_started_it(log):
    headers = {}
    logs.begin(logs.Work(request_id="0123abcd-proxy"))
    hand_over(headers=headers)
    logs.begin(None)

    take_over(task=SimpleNamespace(name="some.task", request=headers))
    logging.getLogger("x").info("at work")
    note_end(task=heartbeat, state="SUCCESS")

    (line,) = log.of("x")
    assert line.items() >= {"request_id": "0123abcd-proxy", "task": "some.task"}.items()
    assert logs.current() == logs.Work()


def test_people_read_the_same_and_the_words_only_where_they_debug():
    def told(formatter):
        try:
            raise KeyError from ValueError(QUESTION)
        except KeyError as error:
            info = (type(error), error, error.__traceback__)
            record = logging.LogRecord("x", logging.ERROR, "", 1, "failed: %s", (error,), info)
            return formatter.format(record)

    brief = told(logs.ConsoleFormatter())
    assert "failed: KeyError" in brief
    assert "ValueError" in brief
    assert "quokka-marker" not in brief
    assert "quokka-marker" in told(logs.ConsoleFormatter(with_words=True))
