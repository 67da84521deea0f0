"""`make run`: it comes up, ends, and comes back after anything."""

import signal
import socket

import httpx

from tests.live.conftest import Run


def test_it_answers_ends_without_leftovers_and_finds_its_data_again(tmp_path):
    first = Run(tmp_path / "home", with_static=False).wait_until_ready()
    assert "/f/demo?location=entrance&k=" in first.output()
    assert "password: " in first.output()
    ready = httpx.get(f"{first.url}/api/v1/ready")
    assert ready.status_code == 200
    parts = {"database", "pgvector", "migrations", "cache", "worker", "ai", "notifications"}
    assert set(ready.json()) == {"status", *parts}
    session = ask(first, "what time can i check in")
    assert first.stop(signal.SIGINT) == []

    second = Run(tmp_path / "home", port=first.port).wait_until_ready()
    assert "password: " in second.output()
    assert history(second, session)[0]["content"] == "what time can i check in"
    second.kill()

    third = Run(tmp_path / "home", port=first.port).wait_until_ready()
    assert len(history(third, session)) == 2
    # Only the supervisor is killed: its children live on and hold the port.
    third.process.kill()
    third.process.wait(10)
    assert third.family()

    fourth = Run(tmp_path / "home", port=first.port).wait_until_ready()
    assert len(history(fourth, session)) == 2
    twice = Run(tmp_path / "home")
    assert twice.process.wait(30) != 0
    assert "already running" in twice.output()
    assert "Traceback" not in twice.output()
    assert fourth.stop(signal.SIGTERM) == []
    assert "Traceback" not in fourth.output()


def test_a_taken_port_is_named(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        run = Run(tmp_path / "home", port=taken.getsockname()[1])
        assert run.process.wait(60) != 0

    assert f"Port {run.port} cannot be used" in run.output()
    assert "Traceback" not in run.output()
    assert run.family() == []


def ask(run, message):
    body = {"facility_id": 1, "message": message}
    return httpx.post(f"{run.url}/api/v1/chat", json=body).json()["session_id"]


def history(run, session):
    return httpx.get(f"{run.url}/api/v1/chat/history/{session}").json()["messages"]
