"""When more is asked than can be answered in time."""

import asyncio
import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from asgiref.sync import async_to_sync
from django.test import Client

from chat.api import MOST_AT_ONCE
from chat.models import Escalation, Message
from yadopera import steps


@pytest.fixture(params=["steps wait", "answers are under way"])
def crowded(monkeypatch, request):
    if request.param == "steps wait":
        monkeypatch.setattr("chat.api.waited_seconds", lambda: 2.0)
    else:
        monkeypatch.setattr("chat.api.under_way", lambda: MOST_AT_ONCE)


def ask(facility, text, route="chat"):
    body = {"facility_id": facility.pk, "message": text, "language": "en"}
    return Client(headers={"accept-language": "en"}).post(
        f"/api/v1/{route}", json.dumps(body), content_type="application/json"
    )


@pytest.mark.parametrize("route", ["chat", "chat/stream"])
def test_a_question_is_refused_at_once_and_not_stored(sakura, crowded, route):
    refused = ask(sakura, "what time can i check in", route)

    assert refused.status_code == 503
    assert 20 <= int(refused["Retry-After"]) <= 40
    assert refused.json()["error"]["code"] == "SERVICE_UNAVAILABLE"
    assert not Message.objects.exists()


def test_danger_is_always_heard(sakura, crowded):
    answered = ask(sakura, "there is a fire in my room")

    assert answered.status_code == 200
    assert Escalation.objects.get().trigger_type == Escalation.Trigger.SAFETY


def test_how_long_a_step_waits_for_a_thread(monkeypatch):
    goes_on, begun = threading.Event(), threading.Event()

    def hold():
        begun.set()
        goes_on.wait(10)

    with ThreadPoolExecutor(1) as one_thread, ThreadPoolExecutor(2) as guests:
        monkeypatch.setattr(steps, "_threads", one_thread)
        holding = guests.submit(async_to_sync(steps.run_step), hold)
        begun.wait(10)
        assert steps.waited_seconds() == 0

        waiting = guests.submit(async_to_sync(steps.run_step), time.monotonic)
        while not steps.waited_seconds():
            time.sleep(0.001)
        first = steps.waited_seconds()
        time.sleep(0.01)
        assert steps.waited_seconds() >= first + 0.01

        goes_on.set()
        waiting.result(10)
        holding.result(10)
        assert steps.waited_seconds() == 0


def test_a_guest_who_goes_away_before_his_step_begins_leaves_nobody_waiting(monkeypatch):
    goes_on = threading.Event()

    async def go_away():
        holding = asyncio.ensure_future(steps.run_step(goes_on.wait, 10))
        waiting = asyncio.ensure_future(steps.run_step(time.monotonic))
        await asyncio.sleep(0.05)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        left = steps.waited_seconds()
        goes_on.set()
        await holding
        return left

    with ThreadPoolExecutor(1) as one_thread:
        monkeypatch.setattr(steps, "_threads", one_thread)
        assert async_to_sync(go_away)() == 0


def test_steps_leave_the_interpreter_to_the_event_loop_sooner_than_python_would(monkeypatch):
    monkeypatch.setattr(steps, "_threads", None)
    before = sys.getswitchinterval()
    try:
        steps.use_threads(1)
        assert sys.getswitchinterval() <= before / 5
    finally:
        sys.setswitchinterval(before)
