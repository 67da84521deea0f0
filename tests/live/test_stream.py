"""Answers over real connections: in pieces as they are written, kept when nobody listens."""

import json
import time

import httpx
import pytest

from tests.fake_provider import FakeProvider
from tests.live.conftest import Run, address_of_its_own

UNSURE = "would the attic suit a saxophone quartet"
ANSWER = "Of course, as long as the quartet is quiet after ten in the evening, please."


@pytest.fixture(scope="module")
def provider():
    server = FakeProvider().start()
    server.reply = lambda messages: {"can_answer": True, "used": ["local_info"], "answer": ANSWER}
    server.pause = 0.05
    yield server
    server.stop()


@pytest.fixture(scope="module")
def with_model(tmp_path_factory, provider):
    run = Run(
        tmp_path_factory.mktemp("model") / "home",
        OPENAI_API_KEY="test-key",
        OPENAI_BASE_URL=provider.url,
    ).wait_until_ready()
    yield run
    run.stop()


@pytest.fixture
def ask(with_model):
    page = httpx.get(f"{with_model.url}/api/v1/facility/demo").json()

    def stream(message):
        return httpx.stream(
            "POST",
            f"{with_model.url}/api/v1/chat/stream",
            json={"facility_id": page["facility"]["id"], "message": message, "language": "en"},
            headers=address_of_its_own(),
            timeout=30,
        )

    return stream


def test_pieces_arrive_while_the_model_still_writes(ask):
    arrived, text = [], ""
    with ask(f"{UNSURE} tonight") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["x-accel-buffering"] == "no"
        assert "no-transform" in response.headers["cache-control"]
        for line in response.iter_lines():
            if line.startswith("data: ") and "text" in (data := json.loads(line[6:])):
                arrived.append(time.monotonic())
                text += data["text"]

    assert text == ANSWER
    assert len(arrived) > 4
    assert arrived[-1] - arrived[0] > 0.2


def test_a_guest_who_goes_away_finds_his_answer_in_the_history(ask, with_model):
    with ask(f"{UNSURE} tomorrow") as response:
        next(response.iter_lines())
        (cookie,) = (c for c in response.cookies.jar if c.name.startswith("yadopera_session_"))

    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        history = httpx.get(f"{with_model.url}/api/v1/chat/history/{cookie.value}").json()
        if len(history["messages"]) == 2:
            break
        time.sleep(0.1)
    assert history["messages"][1]["content"] == ANSWER


def test_a_hanging_model_keeps_nobody_elses_answer_back(ask, provider, with_model):
    provider.fault = {"/chat/completions": "hang"}
    try:
        with ask(f"{UNSURE} and hang") as hanging:
            started = time.monotonic()
            with ask("what time can i check in") as sure:
                assert "15:00" in sure.read().decode()
            assert time.monotonic() - started < 2
            events = hanging.read().decode()
    finally:
        provider.fault = {}

    assert '"trigger_type": "error"' in events
    assert time.monotonic() - started < 12
