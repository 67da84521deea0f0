"""What those are told who come when a web process is full."""

import asyncio
import json
import resource

import pytest
from asgiref.sync import async_to_sync

from yadopera import door
from yadopera.door import Door, given_back, read_body, tells_of_danger


@pytest.fixture
def house(monkeypatch):
    """A door to a place for two, whose guests stay until `leave` is set."""
    monkeypatch.setattr(door, "MOST_OPEN", 2)

    async def stay(scope, receive, send):
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})

    return Door(stay)


async def come(house, leave, language=b"en"):
    """The messages that one caller is sent."""
    sent = []

    async def send(message):
        sent.append(message)

    await house({"type": "http", "headers": [(b"accept-language", language)]}, leave.wait, send)
    return sent


async def three_come(house):
    leave = asyncio.Event()
    inside = [asyncio.ensure_future(come(house, leave)) for _ in range(2)]
    await asyncio.sleep(0)
    refused = await come(house, leave, b"fr")
    leave.set()
    return [*(await asyncio.gather(*inside)), refused, await come(house, leave)]


def test_whoever_finds_it_full_is_told_so_in_his_language_and_when_to_come_back(house):
    first, second, (start, body), after = async_to_sync(three_come)(house)

    assert first[0]["status"] == second[0]["status"] == after[0]["status"] == 200
    headers = dict(start["headers"])
    assert start["status"] == 503
    assert headers[b"retry-after"] == b"30"
    assert headers[b"connection"] == b"close"
    assert int(headers[b"content-length"]) == len(body["body"])
    told = json.loads(body["body"])
    assert told["error"]["code"] == "SERVICE_UNAVAILABLE"
    assert told["detail"].startswith("Le service")


def test_a_caller_who_breaks_off_makes_room(house):
    async def break_off():
        leave = asyncio.Event()
        gone = [asyncio.ensure_future(come(house, leave)) for _ in range(2)]
        await asyncio.sleep(0)
        for each in gone:
            each.cancel()
        await asyncio.gather(*gone, return_exceptions=True)
        leave.set()
        return await come(house, leave)

    assert async_to_sync(break_off)()[0]["status"] == 200


@pytest.mark.parametrize(
    ("body", "heard"),
    [
        (b'{"message": "there is a fire in my room"}', True),
        ('{"message": "火事です"}'.encode(), True),
        (b'{"message": "what time can i check in"}', False),
        (b'{"message": "fire' + b"!" * 5000 + b'"}', False),
        (b'{"message": 119}', False),
        (b'["fire"]', False),
        (b"[" * 100_000, False),
        (b"\xff fire", False),
    ],
)
def test_who_tells_of_danger_is_heard_however_much_is_asked(body, heard):
    assert tells_of_danger(body) is heard


def test_a_body_that_was_looked_at_is_read_again_by_whoever_answers():
    parts = [
        {"type": "http.request", "body": b"to", "more_body": True},
        {"type": "http.request", "body": b"tal"},
        {"type": "http.disconnect"},
    ]

    async def receive():
        return parts.pop(0)

    async def twice():
        body = await read_body(receive)
        again = given_back(body, receive)
        return [body, await read_body(again), (await again())["type"]]

    assert async_to_sync(twice)() == [b"total", b"total", "http.disconnect"]


@pytest.mark.parametrize(
    ("files", "most"), [(1024, 824), (20_000, 5000), (resource.RLIM_INFINITY, 5000), (100, 1)]
)
def test_files_are_left_for_everything_else(monkeypatch, files, most):
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (files, files))

    assert door.most_open() == most
