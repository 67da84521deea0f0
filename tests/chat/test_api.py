"""The guest API: what a guest's phone sends and gets."""

import asyncio
import gzip
import json
import uuid
from contextlib import aclosing
from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_redis import get_redis_connection

from chat.api import OPENING, message_events
from chat.live import TOPIC, Switchboard
from chat.models import Conversation, Escalation, GuestFeedback, Message
from chat.services import news_of
from facilities.qr import data_url, qr_svg, wifi_text
from faq.models import Faq, FaqTranslation
from tests.conftest import Guest
from yadopera.languages import LANGUAGES
from yadopera.rate_limit import parse_rate

QUESTIONS = {
    "ja": "チェックインは何時からできますか",
    "en": "what time can i check in",
    "zh-TW": "請問幾點可以辦理入住",
    "zh-CN": "请问几点可以办理入住",
    "ko": "체크인 몇 시부터 되나요",
    "fr": "à quelle heure peut-on faire le check-in",
    "es": "a qué hora se puede hacer el check-in",
}


@pytest.mark.parametrize(("language", "question"), QUESTIONS.items())
def test_a_question_is_answered_with_the_inns_own_text_in_the_language_it_was_asked_in(
    guest, language, question
):
    body = guest.ask(question)

    faq = Faq.objects.get(facility=guest.facility, intent_key="basic_check_in_time")
    assert body["message"]["matched_faq_ids"][0] == faq.pk
    assert body["message"]["language"] == language
    text = faq.translations.get(language=language).answer
    assert body["message"]["content"] == text.replace("{check_in_time}", "15:00")
    assert body["is_escalated"] is False
    assert body["escalation"] == {
        "needed": False,
        "mode": None,
        "trigger_type": None,
        "reason": None,
        "notified": False,
    }


def test_what_no_faq_answers_goes_to_staff(guest):
    body = guest.ask("Can you lend me a surfboard for my parrot?", language="en")

    assert body["is_escalated"] is True
    assert body["escalation"]["trigger_type"] == "low_confidence"
    escalation = Escalation.objects.get(pk=body["escalation_id"])
    assert escalation.message.content == "Can you lend me a surfboard for my parrot?"
    assert body["ai_confidence"] < 0.7
    assert "staff" in body["message"]["content"]


def test_an_emergency_is_answered_at_once_and_stored_as_one(guest):
    body = guest.ask("my friend isn't waking up")

    assert "119" in body["message"]["content"]
    assert guest.facility.phone in body["message"]["content"]
    assert body["escalation"]["trigger_type"] == "safety_category"


def test_the_guests_own_choice_of_language_is_not_second_guessed(guest):
    body = guest.ask("what time can i check in", language="fr")

    assert body["message"]["language"] == "fr"
    assert "15:00" in body["message"]["content"]
    assert guest.history()["language"] == "fr"


def test_a_text_that_does_not_tell_its_language_is_in_the_conversations(guest):
    guest.ask("체크인 몇 시부터 되나요")

    assert guest.ask("wifi?")["message"]["language"] == "ko"


def test_both_question_and_answer_are_in_the_history(guest):
    answer = guest.ask("what time can i check in", location="room-201")["message"]

    history = guest.history()
    assert [message["role"] for message in history["messages"]] == ["user", "assistant"]
    assert history["messages"][0]["content"] == "what time can i check in"
    assert history["messages"][1] == answer | {"client_message_id": None, "feedback": None}
    assert history["location"] == "room-201"
    assert guest.history(after=answer["id"])["messages"] == []


def test_an_answer_the_inn_wrote_in_another_language_is_marked(guest):
    faq = Faq.objects.get(facility=guest.facility, intent_key="basic_check_in_time")
    faq.translations.exclude(language="ja").delete()

    content = guest.ask("what time can i check in", language="en")["message"]["content"]

    note, japanese = content.split("\n", 1)
    assert "another language" in note
    assert "チェックイン" in japanese


def test_an_inactive_faq_is_never_answered(guest):
    Faq.objects.filter(facility=guest.facility).update(is_active=False)

    assert guest.ask("is there a washing machine")["message"]["matched_faq_ids"] == []


def test_the_inns_facts_are_answered_without_any_faq(guest):
    Faq.objects.filter(facility=guest.facility).delete()

    body = guest.ask("What time is check-out?")

    assert "10:00" in body["message"]["content"]
    assert body["message"]["source"] == "fact"
    assert body["is_escalated"] is False


def test_a_fact_that_the_inn_has_not_filled_in_goes_to_staff(guest):
    guest.facility.check_out_time = None
    guest.facility.save()

    body = guest.ask("What time is check-out?")

    assert body["is_escalated"] is True
    assert "{" not in body["message"]["content"]


def test_an_answer_follows_the_facts_of_the_moment(guest):
    guest.facility.check_in_time = "16:30"
    guest.facility.save()

    assert "16:30" in guest.ask("what time can i check in")["message"]["content"]


# The Wi-Fi password -----------------------------------------------------------------------------


def test_the_wifi_password_is_told_to_guests_at_the_inn_only(guest, site_key):
    outside = guest.ask("what is the wifi password")["message"]
    assert "hanami-1234" not in outside["content"]
    assert "QR" in outside["content"]

    inside = guest.ask("what is the wifi password", site_key=site_key)["message"]
    assert "hanami-1234" in inside["content"]


def test_a_renewed_key_locks_out_those_who_have_the_old_one(guest, sakura, site_key):
    guest.ask("hello", site_key=site_key)
    sakura.site_keys.update(revoked_at=timezone.now())

    assert "hanami-1234" not in guest.ask("what is the wifi password")["message"]["content"]


def test_a_key_of_another_inn_opens_nothing(neighbour, site_key):
    answer = neighbour.ask("what is the wifi password", site_key=site_key)["message"]

    assert "koyo-98765" not in answer["content"]


def test_a_password_written_into_an_ordinary_faq_is_still_kept_from_strangers(guest):
    faq = Faq.objects.get(facility=guest.facility, intent_key="basic_check_in_time")
    faq.translations.filter(language="en").update(answer="From 15:00. Wi-Fi: hanami-1234.")

    assert "hanami-1234" not in guest.ask("what time can i check in")["message"]["content"]
    page = guest.get("/facility/sakura", language="en")
    assert b"hanami-1234" not in page.content


def test_the_password_is_told_to_anyone_once_the_inn_says_so(guest, sakura):
    sakura.wifi_password_visibility = "anyone"
    sakura.save()
    Faq.objects.filter(facility=sakura, intent_key="facilities_wifi").update(visibility="anyone")

    assert "hanami-1234" in guest.ask("what is the wifi password")["message"]["content"]


def told(guest):
    """Of each message in the history, whether it is marked as telling the password."""
    return [message["has_wifi_password"] for message in guest.history()["messages"]]


def test_only_the_answer_that_tells_the_password_is_marked(guest, site_key):
    outside = guest.ask("what is the wifi password")
    inside = guest.ask("what is the wifi password", site_key=site_key)
    ordinary = guest.ask("what time can i check in")

    marks = [body["message"]["has_wifi_password"] for body in (outside, inside, ordinary)]
    assert marks == [False, True, False]
    assert told(guest) == [False, False, False, True, False, False]


def test_no_answer_of_an_inn_without_a_password_is_marked(guest, sakura):
    sakura.wifi_password = ""
    sakura.save()
    guest.ask("what time can i check in")

    assert told(guest) == [False, False]


def test_a_guessed_password_is_not_confirmed(guest):
    """Else anybody could try a dictionary, fifty words a message."""
    guest.ask("is it koyo-98765, sakura-1234 or hanami-1234?")

    assert told(guest) == [False, False]


def wifi(guest, slug="sakura", **proof):
    return guest.post(f"/facility/{slug}/wifi", **proof)


def refused(response):
    """Forbidden, in the one error shape, and nothing told."""
    body = response.json()
    assert response.status_code == 403
    assert set(body) == {"error", "detail"}
    assert body["error"] == {"code": "FORBIDDEN", "message": body["detail"], "details": {}}
    assert "hanami-1234" not in response.content.decode()
    return True


def test_the_key_of_a_code_opens_the_wifi(guest, site_key):
    assert wifi(guest, site_key=site_key).json() == {
        "ssid": "Sakura-Guest",
        "password": "hanami-1234",
        "qr_code_url": data_url(qr_svg(wifi_text("Sakura-Guest", "hanami-1234")), "image/svg+xml"),
    }


@pytest.mark.parametrize(
    "proof",
    [
        {},
        {"site_key": None, "session_id": None},
        {"site_key": "made-up"},
        {"site_key": ""},
        {"session_id": str(uuid.UUID(int=7))},
        {"session_id": "1"},
    ],
)
def test_without_proof_of_being_there_the_wifi_is_refused(guest, site_key, proof):
    assert refused(wifi(guest, **proof))


def test_a_session_opened_with_a_key_opens_the_wifi(guest, site_key):
    own_id = str(uuid.uuid4())
    guest.ask("hello", site_key=site_key, session_id=own_id)

    for session in (guest.session_id, own_id):
        assert wifi(guest, session_id=session).json()["password"] == "hanami-1234"


def test_a_session_opened_without_a_key_does_not(guest, site_key):
    guest.ask("hello")

    assert refused(wifi(guest, session_id=guest.session_id))
    assert wifi(guest, session_id=guest.session_id, site_key=site_key).status_code == 200


def test_a_device_that_has_joined_by_code_is_at_the_inn_too(guest, sakura, site_key):
    guest.ask("hello", site_key=site_key)
    tablet, own_id = Guest(sakura), str(uuid.uuid4())
    link(tablet, code_of(guest)["token"], own_id)

    assert wifi(tablet, session_id=own_id).json()["password"] == "hanami-1234"


def test_a_revoked_key_opens_the_wifi_neither_itself_nor_by_its_sessions(guest, sakura, site_key):
    guest.ask("hello", site_key=site_key)
    sakura.site_keys.update(revoked_at=timezone.now())

    assert refused(wifi(guest, site_key=site_key))
    assert refused(wifi(guest, session_id=guest.session_id))


def test_an_ended_session_opens_no_wifi(guest, site_key):
    guest.ask("hello", site_key=site_key)
    Conversation.objects.update(expires_at=timezone.now())

    assert refused(wifi(guest, session_id=guest.session_id))


def test_an_inn_that_tells_its_password_to_anyone_asks_for_no_proof(guest, sakura):
    sakura.wifi_password_visibility = "anyone"
    sakura.save()

    assert wifi(guest).json()["password"] == "hanami-1234"


def test_a_network_without_a_password_has_an_empty_one(guest, sakura, site_key):
    sakura.wifi_password = ""
    sakura.save()
    body = wifi(guest, site_key=site_key).json()

    assert (body["ssid"], body["password"]) == ("Sakura-Guest", "")
    assert body["qr_code_url"] == data_url(
        qr_svg("WIFI:T:nopass;S:Sakura-Guest;P:;;"), "image/svg+xml"
    )


@pytest.mark.parametrize("change", [{"wifi_ssid": ""}, {"is_active": False}])
def test_an_inn_that_is_closed_or_has_no_wifi_gives_none(guest, sakura, site_key, change):
    for name, value in change.items():
        setattr(sakura, name, value)
    sakura.save()

    response = wifi(guest, site_key=site_key)

    assert response.status_code == 404
    assert response.json()["error"]["code"] == "NOT_FOUND"


@pytest.mark.parametrize("field", ["site_key", "session_id"])
@pytest.mark.parametrize("bad", ["a\x00b", "x" * 101, 1, ["a"]])
def test_a_bad_proof_is_refused_by_name(guest, field, bad):
    response = wifi(guest, **{field: bad})

    assert response.status_code == 422
    assert response.json()["error"]["details"]["fields"][0]["field"] == f"payload.{field}"


def test_trying_keys_is_limited(guest, settings):
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"chat": parse_rate("chat", "3/m")}

    assert [wifi(guest, site_key=f"{n}").status_code for n in range(4)] == [403] * 3 + [429]


# Sessions ---------------------------------------------------------------------------------------


def test_the_session_id_of_v03s_guest_app_is_its_name_for_our_session(guest):
    """That app makes up a UUID, keeps it in a cookie and asks for the history with it."""
    own_id = str(uuid.uuid4())
    first = guest.ask("what time can i check in", session_id=own_id)
    second = guest.ask("and check-out?", session_id=own_id)

    assert first["session_id"] == second["session_id"] != own_id
    history = guest.get(f"/chat/history/{own_id}", facility_id=guest.facility.pk).json()
    assert history["session_id"] == first["session_id"]
    assert len(history["messages"]) == 4


def test_a_guessable_session_id_is_nobodys(guest):
    first = guest.ask("hello", session_id="1")
    second = Guest(guest.facility).ask("hello", session_id="1")

    assert first["session_id"] != second["session_id"]
    assert guest.get("/chat/history/1").status_code == 404


def test_a_session_ends_24_hours_after_its_start(guest):
    first = guest.ask("what time can i check in")["session_id"]
    Conversation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    assert guest.get(f"/chat/history/{first}").status_code == 404
    second = guest.ask("what time can i check in", session_id=first)["session_id"]
    assert second != first
    assert len(guest.history()["messages"]) == 2


def test_activity_does_not_prolong_a_session(guest):
    guest.ask("what time can i check in")
    started = Conversation.objects.get()
    guest.ask("and check-out?")

    assert Conversation.objects.get().expires_at == started.expires_at
    assert started.expires_at - started.started_at == pytest.approx(
        timedelta(hours=24), abs=timedelta(seconds=1)
    )


def test_a_message_sent_twice_is_stored_once(guest):
    sent = {"client_message_id": str(uuid.uuid4()), "session_id": str(uuid.uuid4())}
    first = guest.ask("do you sell surfboards", **sent)
    second = guest.ask("do you sell surfboards", **sent)

    assert first == second
    assert Message.objects.count() == 2
    assert Escalation.objects.count() == 1


def test_a_question_whose_answering_failed_is_kept_and_answered_when_sent_again(guest, monkeypatch):
    sent = {"client_message_id": str(uuid.uuid4()), "session_id": str(uuid.uuid4())}
    with monkeypatch.context() as fault:
        fault.setattr("chat.answering.search_faqs", lambda *_, **__: 1 / 0)
        response = guest.post(
            "/chat", facility_id=guest.facility.pk, message="what time can i check in", **sent
        )
        assert response.status_code == 500
        assert b"division" not in response.content
    assert Message.objects.get().content == "what time can i check in"

    assert "15:00" in guest.ask("what time can i check in", **sent)["message"]["content"]
    assert Message.objects.count() == 2


def test_the_history_says_which_question_of_the_device_it_was(guest):
    sent = str(uuid.uuid4())
    guest.ask("what time can i check in", client_message_id=sent)
    guest.ask("and check-out?")

    ids = [message["client_message_id"] for message in guest.history()["messages"]]
    assert ids == [sent, None, None, None]


# How much work it is ----------------------------------------------------------------------------


def queries(call):
    with CaptureQueriesContext(connection) as taken:
        call()
    return len(taken)


def test_a_question_takes_as_many_queries_as_before_the_guest_page(guest, site_key):
    """Counted with this test in the commit before it, and one more: the first answer is not all but
    sure, so that what waits for a FAQ is looked at."""
    sent = {"client_message_id": str(uuid.uuid4())}
    first = queries(lambda: guest.ask("what time can i check in", **sent))
    second = queries(lambda: guest.ask("is there a washing machine"))
    repeated = queries(lambda: guest.ask("what time can i check in", **sent))

    assert (first, second, repeated) == (11, 13, 7)


def test_a_longer_history_takes_no_more_queries(guest):
    guest.ask("what time can i check in")
    guest.history()
    few = queries(guest.history)
    for question in ("is there a washing machine", "what time is check-out", "hello"):
        answer = guest.ask(question)["message"]["id"]
        vote(guest, answer, "positive")
    guest.history()

    assert queries(guest.history) == few


# Devices ----------------------------------------------------------------------------------------


def code_of(guest):
    response = guest.post(
        "/session/generate", facility_id=guest.facility.pk, session_id=guest.session_id
    )
    assert response.status_code == 200
    return response.json()


def link(guest, code, session_id):
    return guest.post(
        "/session/link", facility_id=guest.facility.pk, token=code, current_session_id=session_id
    )


def test_a_code_joins_two_devices_in_one_history(guest):
    guest.ask("what time can i check in")
    tablet = Guest(guest.facility)
    tablet.ask("is there a washing machine")
    token = code_of(guest)
    assert set(token["token"]) <= set("ABCDEFGHJKLMNPQRSTUVWXYZ23456789")

    linked = link(tablet, token["token"].lower(), tablet.session_id).json()

    assert linked["success"] is True
    assert linked["primary_session_id"] == guest.session_id
    assert linked["linked_session_ids"] == [tablet.session_id]
    guest.ask("and check-out?")
    assert tablet.get(f"/chat/history/{tablet.session_id}").json() == guest.history()
    roles = [message["role"] for message in guest.history()["messages"]]
    assert roles == ["user", "assistant"] * 2 + ["system"] + ["user", "assistant"]


def test_a_device_that_has_not_asked_yet_can_join(guest):
    guest.ask("what time can i check in")
    own_id = str(uuid.uuid4())

    assert link(guest, code_of(guest)["token"], own_id).status_code == 200
    history = guest.get(f"/chat/history/{own_id}", facility_id=guest.facility.pk).json()
    assert history["session_id"] == guest.session_id


def test_joining_twice_changes_nothing(guest):
    guest.ask("what time can i check in")
    own_id, code = str(uuid.uuid4()), code_of(guest)["token"]

    assert link(guest, code, own_id).json() == link(guest, code, own_id).json()


def test_a_session_keeps_its_code_while_it_lives(guest):
    guest.ask("hello")
    path = f"/session/session/{guest.session_id}/token"
    assert guest.get(path).status_code == 404

    assert code_of(guest) == code_of(guest) == guest.get(path).json()


def test_looking_a_code_up_reveals_no_session(guest):
    guest.ask("hello")
    code = code_of(guest)["token"]

    found = guest.get(f"/session/token/{code}", facility_id=guest.facility.pk)
    assert found.json()["valid"] is True
    assert guest.session_id.encode() not in found.content
    wrong = guest.get("/session/token/ZZZZ", facility_id=guest.facility.pk).json()
    assert (wrong["valid"], wrong["expires_at"]) == (False, None)


def test_an_expired_code_is_worth_nothing_and_can_be_given_again(guest):
    guest.ask("hello")
    old = code_of(guest)["token"]
    guest.facility.sessiontoken_set.update(expires_at=timezone.now())

    assert link(guest, old, str(uuid.uuid4())).status_code == 404
    assert code_of(guest)["expires_at"] > timezone.now().isoformat()
    assert guest.facility.sessiontoken_set.count() == 1


def test_guessing_codes_is_limited(guest):
    answers = [guest.get("/session/token/ZZZZ").status_code for _ in range(11)]

    assert answers == [200] * 10 + [429]


@pytest.fixture
def announced(django_capture_on_commit_callbacks):
    """Does something and returns of which conversations open streams are then woken."""
    with get_redis_connection().pubsub(ignore_subscribe_messages=True) as heard:
        heard.psubscribe(f"{TOPIC}*")
        heard.get_message(timeout=1)

        def after(step):
            with django_capture_on_commit_callbacks(execute=True):
                step()
            messages = iter(lambda: heard.get_message(timeout=0.2), None)
            return [int(m["channel"].decode().removeprefix(TOPIC)) for m in messages]

        yield after


def test_an_answer_appears_on_the_guests_other_devices(guest, announced):
    # Of a conversation that only begins no other device knows.
    assert announced(lambda: guest.ask("what time can i check in")) == []
    conversation = Conversation.objects.get().pk

    assert announced(lambda: guest.ask("and check-out?")) == [conversation]


def test_so_does_the_first_answer_to_a_device_that_named_its_session(guest, announced):
    woken = announced(lambda: guest.ask("hello", session_id=str(uuid.uuid4())))

    assert woken == [Conversation.objects.get().pk]


def test_a_joined_device_wakes_the_conversation_it_has_joined(guest, sakura, announced):
    guest.ask("what time can i check in")
    tablet, own_id = Guest(sakura), str(uuid.uuid4())
    link(tablet, code_of(guest)["token"], own_id)

    woken = announced(lambda: tablet.ask("and check-out?", session_id=own_id))

    assert woken == [Conversation.objects.get(session_id=guest.session_id).pk]


def test_a_call_for_staff_appears_on_the_guests_other_devices(guest, announced):
    guest.ask("hello")
    call = {"facility_id": guest.facility.pk, "session_id": guest.session_id}

    woken = announced(lambda: guest.post("/chat/escalate", **call))

    assert woken == [Conversation.objects.get().pk]


def test_a_conversation_that_is_deleted_wakes_its_streams_which_end(guest, announced):
    guest.ask("hello")
    conversation = Conversation.objects.get().pk
    url = f"/api/v1/chat/history/{guest.session_id}"

    assert announced(lambda: guest.client.delete(url)) == [conversation]
    assert news_of(conversation, after=0) is None


def test_so_does_one_that_has_joined_another(guest, sakura, announced):
    guest.ask("hello")
    tablet = Guest(sakura)
    tablet.ask("hello")
    code = code_of(guest)["token"]

    woken = announced(lambda: link(tablet, code, tablet.session_id))

    assert {*woken} == {*Conversation.objects.values_list("pk", flat=True)}


def streamed(guest, after, count):
    """The first `count` messages of the stream of events."""
    conversation = Conversation.objects.get(session_id=guest.session_id)

    async def read():
        async with aclosing(message_events(conversation.pk, after)) as events:
            assert await anext(events) == OPENING
            heard = [(await anext(events)).data for _number in range(count)]
            await asyncio.sleep(0.2)  # what becomes of one that ends sooner is the next test's
        return heard

    return async_to_sync(read)()


def to_the_millisecond(messages):
    return [message | {"created_at": message["created_at"][:23]} for message in messages]


def test_the_stream_tells_of_a_message_what_the_history_tells(guest, site_key):
    sent = str(uuid.uuid4())
    guest.ask("hello", site_key=site_key)
    begun = guest.history()["messages"][-1]["id"]
    answer = guest.ask("what is the wifi password", client_message_id=sent)["message"]
    vote(guest, answer["id"], "positive")

    messages = streamed(guest, begun, 2)

    history = guest.history(after=begun)["messages"]
    assert to_the_millisecond(messages) == to_the_millisecond(history)
    assert messages[0]["client_message_id"] == sent
    assert messages[1]["feedback"] == "positive"
    assert messages[1]["has_wifi_password"] is True


def test_a_stream_that_ends_at_once_leaves_no_listener_behind():
    """As when a phone reloads its page; a listener that stays keeps its connection to Redis."""

    async def ends(milliseconds):
        streams = Switchboard()
        async with streams.listen(1):
            listening = streams._listening
            await asyncio.sleep(milliseconds / 1000)
        _done, left = await asyncio.wait([listening], timeout=5)
        listening.cancel()
        return not left

    assert [ms for ms in range(8) if not asyncio.run(ends(ms))] == []


def test_moving_a_device_keeps_one_open_call_for_staff(guest):
    guest.ask("hello")
    tablet = Guest(guest.facility)
    tablet.ask("hello")
    for device in (guest, tablet):
        device.post("/chat/escalate", facility_id=guest.facility.pk, session_id=device.session_id)

    assert link(tablet, code_of(guest)["token"], tablet.session_id).status_code == 200
    assert Escalation.objects.filter(message=None).count() == 1


# Votes and calls --------------------------------------------------------------------------------


def vote(guest, message_id, verdict):
    return guest.post(
        "/chat/feedback",
        message_id=message_id,
        feedback_type=verdict,
        session_id=guest.session_id,
    )


def test_a_guest_who_changes_his_mind_replaces_his_vote(guest):
    answer = guest.ask("what time can i check in")["message"]["id"]
    for verdict in ("positive", "negative"):
        body = vote(guest, answer, verdict).json()
        assert (body["message_id"], body["feedback_type"]) == (answer, verdict)

    assert GuestFeedback.objects.get().feedback_type == "negative"


def test_the_history_shows_his_last_vote_on_the_answer_it_is_about(guest):
    answer = guest.ask("what time can i check in")["message"]["id"]
    guest.ask("and check-out?")
    for verdict in ("positive", "negative"):
        vote(guest, answer, verdict)
        votes = [message["feedback"] for message in guest.history()["messages"]]
        assert votes == [None, verdict, None, None]


def test_without_a_session_id_the_cookie_decides_whose_vote_it_is(guest):
    answer = guest.ask("what time can i check in")["message"]["id"]
    vote = {"message_id": answer, "feedback_type": "positive"}

    assert guest.post("/chat/feedback", **vote).status_code == 200
    assert Guest(guest.facility).post("/chat/feedback", **vote).status_code == 404


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(guest):
    guest.ask("hello")

    (cookie,) = guest.client.cookies.values()
    assert cookie["httponly"] is True
    assert cookie["samesite"] == "Lax"


def test_only_answers_can_be_voted_on(guest):
    guest.ask("what time can i check in")
    own_question = guest.history()["messages"][0]["id"]

    assert vote(guest, own_question, "positive").status_code == 404


def test_calling_staff_twice_calls_them_once(guest):
    guest.ask("bonjour, à quelle heure est le check-in ?")
    call = {"facility_id": guest.facility.pk, "session_id": guest.session_id}

    first = guest.post("/chat/escalate", **call).json()
    assert first["success"] is True
    assert "équipe" in first["message"]
    assert guest.post("/chat/escalate", **call).json() == first
    assert Escalation.objects.get().trigger_type == "staff_mode"
    assert guest.history()["messages"][-1]["role"] == "system"


# The inn's page ---------------------------------------------------------------------------------


def test_the_facility_shows_its_facts_and_three_questions_in_the_asked_language(guest):
    body = guest.get("/facility/sakura", language="ko", location="room-1").json()

    facility = body["facility"]
    assert facility["name"] == "Sakura-ya"
    assert (facility["check_in_time"], facility["check_out_time"]) == ("15:00", "10:00")
    assert facility["plan_type"] == "Premium"
    assert facility["emergency_contact"] == "075-000-0000"
    assert facility["available_languages"] == ["ja", "en", "zh-TW", "zh-CN", "ko", "fr", "es"]
    assert len(body["top_questions"]) == 3
    assert all("{" not in faq["answer"] for faq in body["top_questions"])
    assert "체크인" in body["top_questions"][0]["question"]
    assert "password" not in str(body).lower()
    assert "hanami-1234" not in str(body)


def test_the_nearest_hospital_is_among_the_facts(guest, sakura):
    sakura.nearest_hospital = "桜病院 075-751-3111"
    sakura.save()

    facility = guest.get("/facility/sakura").json()["facility"]
    assert facility["nearest_hospital"] == "桜病院 075-751-3111"


def test_a_closed_facility_is_not_there(guest):
    guest.facility.is_active = False
    guest.facility.save()

    assert guest.get("/facility/sakura").status_code == 404
    assert guest.get("/facility/sakura/faqs").status_code == 404
    response = guest.post("/chat", facility_id=guest.facility.pk, message="hello")
    assert response.status_code == 404


def test_a_valid_key_survives_joining_a_device_whose_key_was_revoked(guest, sakura, site_key):
    guest.ask("hello", site_key=site_key)
    sakura.site_keys.update(revoked_at=timezone.now())
    tablet = Guest(sakura)
    tablet.ask("hello", site_key=sakura.site_keys.create().key)

    assert link(tablet, code_of(guest)["token"], tablet.session_id).status_code == 200

    assert "hanami-1234" in guest.ask("what is the wifi password")["message"]["content"]


def test_the_language_links_of_the_page_keep_the_key_of_the_code(client, sakura):
    page = client.get("/f/sakura?location=entrance&k=abc").content.decode()

    assert 'href="?location=entrance&amp;k=abc&amp;language=fr"' in page


def test_a_nul_in_a_cookie_or_a_query_is_refused(guest):
    guest.client.cookies["yadopera_session_1"] = "a\x00b"
    response = guest.post("/chat/feedback", message_id=1, feedback_type="positive")

    assert response.status_code == 400
    assert guest.get("/facility/sakura?location=%00").status_code == 400


def test_answers_and_errors_are_readable_utf_8(guest):
    answer = guest.post(
        "/chat", facility_id=guest.facility.pk, message="チェックインは何時からできますか"
    )
    assert "15:00" in answer.content.decode()
    assert "チェックイン" in answer.content.decode()
    guest.client.defaults["HTTP_ACCEPT_LANGUAGE"] = "ja"
    assert "見つかりません" in guest.get("/facility/none").content.decode()


# The guide --------------------------------------------------------------------------------------


def guide(guest, **query):
    response = guest.get("/facility/sakura/faqs", **query)
    assert response.status_code == 200
    return response.json()


def shown_ids(guest, **query):
    return [faq["id"] for faq in guide(guest, **query)["faqs"]]


def check_in_faq(facility):
    return Faq.objects.get(facility=facility, intent_key="basic_check_in_time")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_guide_is_what_the_inn_tells_everybody_the_foremost_first(guest, sakura, language):
    Faq.objects.filter(facility=sakura, intent_key="facilities_laundry").update(is_active=False)
    check_in = check_in_faq(sakura)
    Faq.objects.filter(pk=check_in.pk).update(visibility="on_site")
    shared = Faq.objects.filter(facility=sakura, is_active=True, visibility="anyone")

    faqs = guide(guest, language=language)["faqs"]

    foremost_first = sorted(shared, key=lambda faq: (-faq.priority, faq.pk))
    assert len(foremost_first) > 20
    assert [faq["id"] for faq in faqs] == [faq.pk for faq in foremost_first]
    assert {tuple(faq) for faq in faqs} == {("id", "question", "answer", "category")}


def test_the_guides_answers_are_filled_with_the_facts_of_the_moment(guest, sakura):
    sakura.check_in_time = "16:30"
    sakura.save()

    answers = {faq["id"]: faq["answer"] for faq in guide(guest, language="en")["faqs"]}

    assert "16:30" in answers[check_in_faq(sakura).pk]
    assert [answer for answer in answers.values() if "{" in answer] == []


def test_a_faq_that_lacks_a_fact_is_not_in_the_guide(guest, sakura):
    check_in = check_in_faq(sakura).pk
    assert check_in in shown_ids(guest)
    sakura.check_in_time = None
    sakura.save()

    assert check_in not in shown_ids(guest)


@pytest.mark.parametrize(
    ("asked", "there", "shown"),
    [("zh-TW", ["ja", "en", "zh-CN"], "zh-CN"), ("fr", ["ja", "es"], "es"), ("ko", ["ja"], "ja")],
)
def test_a_text_that_is_not_there_is_shown_in_the_nearest_language(
    guest, sakura, asked, there, shown
):
    faq = check_in_faq(sakura)
    faq.translations.exclude(language__in=there).delete()

    body = guide(guest, language=asked)

    (entry,) = [entry for entry in body["faqs"] if entry["id"] == faq.pk]
    assert entry["question"] == faq.translations.get(language=shown).question
    assert body["language"] == asked


def test_without_a_language_the_guide_is_in_the_phones(sakura):
    body = guide(Guest(sakura, "ko"))

    assert body["language"] == "ko"
    assert "체크인" in str(body["faqs"])


def test_the_guide_of_no_inn_or_in_no_language_is_refused(guest):
    assert guest.get("/facility/none/faqs").status_code == 404
    assert guest.get("/facility/sakura/faqs", language="xx").status_code == 422


@pytest.mark.parametrize("part", ["question", "answer"])
@pytest.mark.parametrize("text", ["Wi-Fi: hanami-1234.", "Wi-Fi: {wifi_password}."])
def test_the_guide_never_tells_the_password_even_where_a_text_does(guest, sakura, part, text):
    check_in_faq(sakura).translations.filter(language="en").update(**{part: text})

    response = guest.get("/facility/sakura/faqs", language="en")

    assert b"check-out" in response.content
    assert b"hanami-1234" not in response.content


def test_the_guide_tells_the_password_once_the_inn_tells_it_to_anyone(guest, sakura):
    sakura.wifi_password_visibility = "anyone"
    sakura.save()
    Faq.objects.filter(facility=sakura, intent_key="facilities_wifi").update(visibility="anyone")

    assert "hanami-1234" in str(guide(guest, language="en"))


def test_a_guide_of_300_faqs_takes_no_more_queries(guest, sakura):
    few = queries(lambda: guide(guest))
    faqs = Faq.objects.bulk_create(
        Faq(facility=sakura, intent_key=f"more-{number}", category="basic") for number in range(300)
    )
    FaqTranslation.objects.bulk_create(
        FaqTranslation(faq=faq, language=language, question="q", answer="a")
        for faq in faqs
        for language in ("ja", "en")
    )

    assert queries(lambda: guide(guest)) == few
    assert len(shown_ids(guest)) > 300


def test_the_guide_is_compressed(guest, sakura):
    response = guest.client.get("/api/v1/facility/sakura/faqs", headers={"accept-encoding": "gzip"})

    assert response["Content-Encoding"] == "gzip"
    assert {"Accept-Encoding", "Accept-Language"} <= set(response["Vary"].split(", "))
    assert json.loads(gzip.decompress(response.content)) == guide(guest)
