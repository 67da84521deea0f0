"""Things that happen at the same time happen once."""

import time
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


# Staff ------------------------------------------------------------------------------------------


def test_a_key_that_eight_take_at_once_belongs_to_one(owner):
    texts = [{"language": "en", "question": "Q?", "answer": "A."}]
    faq = {"category": "basic", "intent_key": "raced", "translations": texts}

    with ThreadPoolExecutor(AT_ONCE) as pool:
        made = list(pool.map(lambda n: owner.post("/admin/faqs", json=faq), range(AT_ONCE)))

    assert sorted(each.status_code for each in made) == [201] + [400] * (AT_ONCE - 1)
    keys = [each["intent_key"] for each in owner.get("/admin/faqs").json()["faqs"]]
    assert keys.count("raced") == 1


def test_eight_faqs_without_a_key_made_at_once_have_eight(owner):
    texts = [{"language": "en", "question": "Which?", "answer": "This."}]
    faq = {"category": "trouble", "translations": texts}

    with ThreadPoolExecutor(AT_ONCE) as pool:
        made = list(pool.map(lambda n: owner.post("/admin/faqs", json=faq), range(AT_ONCE)))

    assert {each.status_code for each in made} == {201}
    assert len({each.json()["intent_key"] for each in made}) == AT_ONCE


def test_a_file_sent_eight_times_at_once_is_stored_once_and_then_found(owner, post):
    """It is too long to be indexed at once; the worker does so."""
    rows = [f"location,file_{n},Number {n}?,{n}." for n in range(599)]
    rows.append("facilities,kite,May I fly a kite on the roof?,Only on Sundays.")
    header = "category,intent_key,language_en_question,language_en_answer"
    files = {"file": ("faqs.csv", "\n".join([header, *rows]))}

    with ThreadPoolExecutor(AT_ONCE) as pool:
        sent = list(
            pool.map(lambda n: owner.post("/admin/faqs/bulk-upload", files=files), range(AT_ONCE))
        )

    assert {each.status_code for each in sent} == {201}
    reports = [each.json() for each in sent]
    assert sorted(each["success_count"] for each in reports) == [0] * (AT_ONCE - 1) + [600]
    assert {each["success_count"] + each["skipped_count"] for each in reports} == {600}
    question = {"facility_id": owner.facility_id, "message": "may i fly a kite", "language": "en"}
    deadline = time.monotonic() + 60
    while post("/chat", **question).json()["message"]["content"] != "Only on Sundays.":
        assert time.monotonic() < deadline
        time.sleep(1)


def test_a_reply_sent_eight_times_at_once_is_one_message(owner, post, http):
    asked = post("/chat", facility_id=owner.facility_id, message="may I bring a parrot").json()
    reply = {"content": "Yes.", "client_message_id": str(uuid.uuid4())}
    path = f"/admin/conversations/{asked['session_id']}/reply"

    with ThreadPoolExecutor(AT_ONCE) as pool:
        sent = list(pool.map(lambda n: owner.post(path, json=reply), range(AT_ONCE)))

    assert len({each.json()["message"]["id"] for each in sent}) == 1
    messages = http.get(f"/api/v1/chat/history/{asked['session_id']}").json()["messages"]
    assert [each["role"] for each in messages].count("staff") == 1


def test_absences_replaced_at_once_are_those_of_one(owner):
    def replace(n):
        periods = [
            {"start_time": f"{n:02}:{minute}", "end_time": "08:00", "days_of_week": ["mon"]}
            for minute in (10, 20, 30)
        ]
        return owner.put("/admin/facility/settings", json={"staff_absence_periods": periods})

    at_once(replace)

    periods = owner.get("/admin/facility/settings").json()["staff_absence_periods"]
    assert len(periods) == 3
    assert len({each["start_time"][:2] for each in periods}) == 1
    owner.put("/admin/facility/settings", json={"staff_absence_periods": []})


def test_eight_guests_whose_question_is_suggested_at_once_are_in_one_suggestion(
    owner, post, http, suggestions_of
):
    """Each message is also sent twice."""
    text = "where may I park my elephant"
    numbers = []
    for _ in range(AT_ONCE // 2):
        session = post("/chat", facility_id=owner.facility_id, message=text).json()["session_id"]
        history = http.get(f"/api/v1/chat/history/{session}").json()
        numbers.append(history["messages"][0]["id"])

    def suggest(number):
        return owner.post(f"/admin/faq-suggestions/generate/{number}")

    with ThreadPoolExecutor(AT_ONCE) as pool:
        made = list(pool.map(suggest, numbers * 2))

    assert {each.status_code for each in made} == {201}
    [suggestion] = suggestions_of(text)
    assert suggestion["guests"] == AT_ONCE // 2
    assert sorted(each["message_id"] for each in suggestion["examples"]) == sorted(numbers)


def test_two_that_learn_at_once_learn_the_same_once(live, owner, post, suggestions_of):
    text = "who painted the dragon on the ceiling"
    for _ in range(3):
        post("/chat", facility_id=owner.facility_id, message=text, language="en")
    learn = "from chat.learning import learn_everywhere; learn_everywhere()"

    with ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(lambda n: live.manage("shell", "-c", learn), range(2)))

    assert [run.returncode for run in runs] == [0, 0], runs[0].stderr
    [suggestion] = suggestions_of(text)
    assert suggestion["guests"] == len(suggestion["examples"]) == 3


def test_two_that_offer_wordings_at_once_offer_each_once(live, post, demo_id):
    text = "somewhere to stash luggage"
    for _ in range(2):
        answer = post("/chat", facility_id=demo_id, message=text, language="en").json()
        post(
            "/chat/feedback",
            message_id=answer["message"]["id"],
            feedback_type="positive",
            session_id=answer["session_id"],
        )
    learn = (
        "from chat.wordings import learn_wordings; from faq.models import Facility, OfferedWording;"
        f"learn_wordings(Facility.objects.get(pk={demo_id}));"
        f"print('offered', OfferedWording.objects.filter(text='{text}').count())"
    )

    with ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(lambda n: live.manage("shell", "-c", learn), range(2)))

    assert [run.returncode for run in runs] == [0, 0], runs[0].stderr
    assert [run.stdout.strip().splitlines()[-1] for run in runs] == ["offered 2"] * 2


def test_a_suggestion_that_eight_approve_at_once_is_one_faq(owner, post, http, suggestions_of):
    text = "may I feed the koi"
    session = post("/chat", facility_id=owner.facility_id, message=text).json()["session_id"]
    number = http.get(f"/api/v1/chat/history/{session}").json()["messages"][0]["id"]
    suggestion = owner.post(f"/admin/faq-suggestions/generate/{number}").json()
    path = f"/admin/faq-suggestions/{suggestion['id']}/approve"
    before = owner.get("/admin/faqs").json()["total"]

    with ThreadPoolExecutor(AT_ONCE) as pool:
        made = list(pool.map(lambda n: owner.post(path, json={"answer": f"{n}."}), range(AT_ONCE)))

    assert {each.status_code for each in made} == {200}
    assert len({each.json()["created_faq_id"] for each in made}) == 1
    assert owner.get("/admin/faqs").json()["total"] == before + 1
    answer = post("/chat", facility_id=owner.facility_id, message=text, language="en").json()
    assert answer["message"]["matched_faq_ids"][0] == made[0].json()["created_faq_id"]


@pytest.fixture
def suggestions_of(owner):
    def find(text):
        listed = owner.get("/admin/faq-suggestions").json()["suggestions"]
        return [each for each in listed if each["suggested_question"] == text]

    return find
