"""The guest API: what a guest's phone sends and gets."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from chat.models import Conversation, Escalation, GuestFeedback, Message
from faq.models import Faq
from tests.conftest import Guest

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
    assert history["messages"][1] == answer
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
    assert len(guest.history()["messages"]) == 6


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


def test_moving_a_device_keeps_one_open_call_for_staff(guest):
    guest.ask("hello")
    tablet = Guest(guest.facility)
    tablet.ask("hello")
    for device in (guest, tablet):
        device.post("/chat/escalate", facility_id=guest.facility.pk, session_id=device.session_id)

    assert link(tablet, code_of(guest)["token"], tablet.session_id).status_code == 200
    assert Escalation.objects.filter(message=None).count() == 1


# Votes and calls --------------------------------------------------------------------------------


def test_a_guest_who_changes_his_mind_replaces_his_vote(guest):
    answer = guest.ask("what time can i check in")["message"]["id"]
    for verdict in ("positive", "negative"):
        body = guest.post(
            "/chat/feedback",
            message_id=answer,
            feedback_type=verdict,
            session_id=guest.session_id,
        ).json()
        assert (body["message_id"], body["feedback_type"]) == (answer, verdict)

    assert GuestFeedback.objects.get().feedback_type == "negative"


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

    response = guest.post(
        "/chat/feedback",
        message_id=own_question,
        feedback_type="positive",
        session_id=guest.session_id,
    )
    assert response.status_code == 404


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


def test_a_closed_facility_is_not_there(guest):
    guest.facility.is_active = False
    guest.facility.save()

    assert guest.get("/facility/sakura").status_code == 404
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
