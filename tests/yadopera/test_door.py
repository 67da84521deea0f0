"""What those are told who come when a web process is full."""

import asyncio
import json
import resource

import pytest
from asgiref.sync import async_to_sync

from yadopera import door
from yadopera.door import Door, given_back, read_body, tells_of_danger


async def stay(scope, receive, send):
    """A guest inside, until he leaves."""
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})


@pytest.fixture
def house(monkeypatch):
    """A door to a place for two, whose guests stay until `leave` is set."""
    monkeypatch.setattr(door, "MOST_OPEN", 2)
    return Door(stay, is_crowded=lambda: False)


async def come(house, leave, language=b"en"):
    """The messages that one caller is sent."""
    return await knock(house, leave.wait, "/f/demo", language)


async def knock(house, receive, path, language=b"en"):
    sent = []

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "path": path, "headers": [(b"accept-language", language)]}
    await house(scope, receive, send)
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
    assert 20 <= int(headers[b"retry-after"]) <= 40
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


@pytest.mark.parametrize("full_of", ["requests", "questions"])
@pytest.mark.parametrize(
    ("path", "message", "status"),
    [
        ("/api/v1/chat", "what time can i check in", 503),
        ("/api/v1/chat/stream", "what time can i check in", 503),
        ("/api/v1/chat", "there is a fire in my room", 200),
        ("/api/v1/chat/stream", "there is a fire in my room", 200),
    ],
)
def test_of_the_questions_to_a_full_house_only_danger_is_let_in(full_of, path, message, status):
    house = Door(stay, is_crowded=lambda: full_of == "questions")
    if full_of == "requests":
        house.most = 0

    async def receive():
        return {"type": "http.request", "body": json.dumps({"message": message}).encode()}

    assert async_to_sync(knock)(house, receive, path)[0]["status"] == status


def test_too_many_questions_keep_nobody_from_the_page():
    async def come_in():
        leave = asyncio.Event()
        leave.set()
        return await come(Door(stay, is_crowded=lambda: True), leave)

    assert async_to_sync(come_in)()[0]["status"] == 200


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
