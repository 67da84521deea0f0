"""Things that happen at the same time happen once."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.live.conftest import address_of_its_own

AT_ONCE = 8


def at_once(call: Callable[[int], httpx.Response]):
    with ThreadPoolExecutor(AT_ONCE) as pool:
        responses = list(pool.map(call, range(AT_ONCE)))
    assert [response.status_code for response in responses] == [200] * AT_ONCE
    return [response.json() for response in responses]


@pytest.fixture
def post(live):
    def post(path, **body):
        return httpx.post(
            f"{live.url}/api/v1{path}", json=body, timeout=60, headers=address_of_its_own()
        )

    return post


@pytest.fixture
def asked(post, demo_id):
    """A conversation with one answer."""
    return post("/chat", facility_id=demo_id, message="what time can i check in").json()


def test_eight_first_messages_of_one_session_open_one_conversation(post, http, demo_id):
    own_id = str(uuid.uuid4())

    answers = at_once(
        lambda n: post("/chat", facility_id=demo_id, message=f"hello {n}", session_id=own_id)
    )

    (session,) = {answer["session_id"] for answer in answers}
    messages = http.get(f"/api/v1/chat/history/{session}").json()["messages"]
    assert sorted(m["content"] for m in messages if m["role"] == "user") == [
        f"hello {n}" for n in range(AT_ONCE)
    ]
    assert len(messages) == 2 * AT_ONCE


def test_one_message_sent_eight_times_at_once_is_stored_and_answered_once(post, http, demo_id):
    sent = {"session_id": str(uuid.uuid4()), "client_message_id": str(uuid.uuid4())}

    answers = at_once(
        lambda n: post("/chat", facility_id=demo_id, message="may I bring a parrot", **sent)
    )

    assert len({answer["message"]["id"] for answer in answers}) == 1
    assert len({answer["escalation_id"] for answer in answers}) == 1
    session = answers[0]["session_id"]
    assert len(http.get(f"/api/v1/chat/history/{session}").json()["messages"]) == 2


def test_codes_asked_for_at_once_are_one(post, demo_id, asked):
    codes = at_once(
        lambda n: post("/session/generate", facility_id=demo_id, session_id=asked["session_id"])
    )

    assert len({code["token"] for code in codes}) == 1


def test_votes_at_once_are_one(post, asked):
    votes = at_once(
        lambda n: post(
            "/chat/feedback",
            message_id=asked["message"]["id"],
            feedback_type=("positive", "negative")[n % 2],
            session_id=asked["session_id"],
        )
    )

    assert len({vote["id"] for vote in votes}) == 1


def test_calls_for_staff_at_once_are_one(post, demo_id, asked):
    calls = at_once(
        lambda n: post("/chat/escalate", facility_id=demo_id, session_id=asked["session_id"])
    )

    assert len({call["escalation_id"] for call in calls}) == 1


def test_devices_that_join_at_once_all_see_one_history(post, http, demo_id, asked):
    code = post("/session/generate", facility_id=demo_id, session_id=asked["session_id"]).json()[
        "token"
    ]
    devices = [
        post("/chat", facility_id=demo_id, message=f"hello {n}").json()["session_id"]
        for n in range(AT_ONCE)
    ]

    at_once(
        lambda n: post(
            "/session/link", facility_id=demo_id, token=code, current_session_id=devices[n]
        )
    )

    histories = [http.get(f"/api/v1/chat/history/{device}").json() for device in devices]
    assert {h["session_id"] for h in histories} == {asked["session_id"]}
    told = [m["content"] for m in histories[0]["messages"] if m["source"] == "joined"]
    assert len(told) == AT_ONCE
    assert {len(h["messages"]) for h in histories} == {2 + 3 * AT_ONCE}


def test_two_devices_that_join_each_other_end_in_one_conversation(post, http, demo_id):
    sessions = [
        post("/chat", facility_id=demo_id, message="hello").json()["session_id"] for _ in range(2)
    ]
    codes = [
        post("/session/generate", facility_id=demo_id, session_id=session).json()["token"]
        for session in sessions
    ]

    def join(n):
        return post(
            "/session/link",
            facility_id=demo_id,
            token=codes[n % 2],
            current_session_id=sessions[1 - n % 2],
        )

    with ThreadPoolExecutor(2) as pool:
        states = [response.status_code for response in pool.map(join, range(2))]

    # The second finds the first's code gone with its conversation, or joins what is joined.
    assert 200 in states
    assert set(states) <= {200, 404}
    histories = [http.get(f"/api/v1/chat/history/{s}").json() for s in sessions]
    assert histories[0] == histories[1]
    said = [m for m in histories[0]["messages"] if m["source"] != "joined"]
    assert len(said) == 4
