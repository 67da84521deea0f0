"""The staff API of escalations and replies."""

import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from chat.models import Conversation, Escalation, Message
from facilities.models import Membership, StaffAbsence
from tests.conftest import Guest, StaffApp

ADMIN = "/api/v1/admin"
UNANSWERED = "can my parrot surf"
REPLY = "申し訳ありません、サーフィンはできません。"
NUL = "a\x00b"
MADE_UP = str(uuid.uuid4())
BAD_IDS = ["0", "-1", "x", "1.5", str(2**63), "9" * 40, "%00"]


class Desk(StaffApp):
    """Calls the staff API as the staff app does."""

    def list(self, **query):
        return self.client.get(f"{ADMIN}/escalations", query)

    def questions(self, **query):
        return self.client.get(f"{ADMIN}/escalations/unresolved-questions", query)

    def resolve(self, number, **body):
        path = f"{ADMIN}/escalations/{number}"
        return self.client.put(path, body, content_type="application/json")

    def reply(self, session_id, content=REPLY, **fields):
        path = f"{ADMIN}/conversations/{session_id}/reply"
        body = {"content": content} | fields
        return self.client.post(path, body, content_type="application/json")


@pytest.fixture
def waiting(guest):
    """A guest whose question went to staff, by day."""
    StaffAbsence.objects.all().delete()
    guest.escalation_id = guest.ask(UNANSWERED, language="en")["escalation_id"]
    return guest


def call_staff(guest):
    response = guest.post(
        "/chat/escalate", facility_id=guest.facility.pk, session_id=guest.session_id
    )
    return response.json()["escalation_id"]


# Escalations ------------------------------------------------------------------------------------


def test_an_escalation_has_the_shape_of_the_contract(desk, waiting, sakura):
    body = desk.list().json()

    assert (body["total"], body["unresolved"]) == (1, 1)
    stored = Escalation.objects.get()
    (listed,) = body["escalations"]
    assert listed["ai_confidence"] == pytest.approx(stored.ai_confidence)
    assert listed | {"ai_confidence": None, "created_at": ""} == {
        "id": waiting.escalation_id,
        "facility_id": sakura.pk,
        "conversation_id": stored.conversation_id,
        "session_id": waiting.session_id,
        "message_id": stored.message_id,
        "trigger_type": "low_confidence",
        "reason": stored.reason,
        "ai_confidence": None,
        "escalation_mode": "normal",
        "notified_at": None,
        "notification_channels": [],
        "acknowledged_at": None,
        "resolved_at": None,
        "resolved_by": None,
        "resolution_notes": None,
        "created_at": "",
    }


def test_escalations_are_listed_by_whether_they_are_resolved(desk, waiting):
    call = call_staff(waiting)
    desk.resolve(waiting.escalation_id)

    def listed(**query):
        body = desk.list(**query).json()
        assert (body["total"], body["unresolved"]) == (len(body["escalations"]), 1)
        return [each["id"] for each in body["escalations"]]

    assert listed() == [call, waiting.escalation_id]
    assert listed(resolved="true") == [waiting.escalation_id]
    assert listed(resolved="false") == [call]


def test_a_part_of_a_list_is_asked_for_and_the_total_is_true(desk, sakura):
    for _guest in range(3):
        Guest(sakura).ask(UNANSWERED, language="en")
    whole, questions = desk.list().json(), desk.questions().json()

    part = desk.list(limit=1, offset=1).json()

    assert part == whole | {"escalations": whole["escalations"][1:2]}
    assert (part["total"], part["unresolved"]) == (3, 3)
    assert desk.questions(limit=2, offset=1).json() == questions[1:]


@pytest.mark.parametrize("bad", [{"limit": 0}, {"limit": 1001}, {"offset": -1}, {"offset": "x"}])
def test_what_is_no_part_of_a_list_is_refused(desk, bad):
    assert desk.list(**bad).status_code == desk.questions(**bad).status_code == 422


@pytest.mark.parametrize("bad", ["maybe", "", "2", "9" * 40])
def test_resolved_is_yes_or_no(desk, bad):
    assert desk.list(resolved=bad).status_code == 422


def test_a_longer_list_takes_no_more_queries(desk, sakura):
    def queries():
        with CaptureQueriesContext(
            connection,
        ) as taken:
            assert desk.list().status_code == desk.questions().status_code == 200
        return len(taken)

    Guest(sakura).ask(UNANSWERED, language="en")
    few = queries()
    for _guest in range(3):
        Guest(sakura).ask(UNANSWERED, language="en")

    assert queries() == few


def test_resolving_says_who_when_and_why(desk, waiting, hanako):
    response = desk.resolve(waiting.escalation_id, resolution_notes="電話で答えた。")

    body = response.json()
    assert response.status_code == 200
    assert (body["id"], body["resolved_by"]) == (waiting.escalation_id, hanako.pk)
    assert body["resolution_notes"] == "電話で答えた。"
    assert body["resolved_at"]
    assert desk.list().json()["escalations"] == [body]


def test_resolving_twice_keeps_the_first_resolver(desk, waiting, momiji, sakura):
    first = desk.resolve(waiting.escalation_id, resolution_notes="done").json()
    Membership.objects.create(facility=sakura, user=momiji)

    assert Desk(momiji).resolve(waiting.escalation_id).json() == first
    later = Desk(momiji).resolve(waiting.escalation_id, resolution_notes="really").json()
    assert later == first | {"resolution_notes": "really"}


@pytest.mark.parametrize("bad", [NUL, "x" * 2001, 1, ["x"], True])
def test_bad_notes_are_refused(desk, waiting, bad):
    assert desk.resolve(waiting.escalation_id, resolution_notes=bad).status_code == 422
    assert Escalation.objects.get().resolved_at is None


def test_notes_may_be_as_long_as_the_contract_says(desk, waiting):
    body = desk.resolve(waiting.escalation_id, resolution_notes="あ" * 2000).json()

    assert body["resolution_notes"] == "あ" * 2000


@pytest.mark.parametrize("number", BAD_IDS)
def test_what_is_no_id_is_refused(desk, number):
    assert desk.resolve(number).status_code == 422


# Unresolved questions ---------------------------------------------------------------------------


def test_an_unresolved_question_has_the_shape_of_the_contract(desk, waiting, sakura):
    (question,) = desk.questions().json()

    stored = Escalation.objects.get()
    assert question == {
        "id": stored.pk,
        "message_id": stored.message_id,
        "facility_id": sakura.pk,
        "question": UNANSWERED,
        "language": "en",
        "confidence_score": pytest.approx(stored.ai_confidence),
        "created_at": question["created_at"],
    }


def test_a_confidence_is_always_a_number(desk, waiting):
    Escalation.objects.update(ai_confidence=None)

    assert desk.questions().json()[0]["confidence_score"] == 0


def test_neither_a_call_nor_what_is_resolved_is_an_unresolved_question(desk, waiting):
    call_staff(waiting)
    assert [each["id"] for each in desk.questions().json()] == [waiting.escalation_id]

    desk.resolve(waiting.escalation_id)
    assert desk.questions().json() == []


# Replies ----------------------------------------------------------------------------------------


def test_a_reply_reaches_the_guest_and_resolves_his_question(desk, waiting, hanako):
    response = desk.reply(waiting.session_id)

    body = response.json()
    assert response.status_code == 201
    assert (body["success"], body["session_id"]) == (True, waiting.session_id)
    assert (body["message"]["role"], body["message"]["content"]) == ("staff", REPLY)
    assert waiting.history()["messages"][-1] == body["message"]
    assert Escalation.objects.get().resolved_by == hanako


def test_each_reply_is_a_message_and_the_first_has_resolved_the_question(desk, waiting):
    first = desk.reply(waiting.session_id).json()["message"]["id"]
    resolved_at = Escalation.objects.get().resolved_at

    assert desk.reply(waiting.session_id).json()["message"]["id"] > first
    assert Escalation.objects.get().resolved_at == resolved_at


def test_a_reply_sent_twice_is_stored_once(desk, waiting, monkeypatch):
    own_id = str(uuid.uuid4())
    first = desk.reply(waiting.session_id, client_message_id=own_id)
    monkeypatch.setattr("chat.staff.translate", lambda *_texts, **_languages: 1 / 0)

    again = desk.reply(waiting.session_id, "something else", client_message_id=own_id)

    assert (again.status_code, again.json()) == (201, first.json())
    assert first.json()["message"]["client_message_id"] == own_id
    assert Message.objects.filter(role="staff").count() == 1


def test_one_sent_again_while_the_first_is_translated_is_stored_once(desk, waiting, monkeypatch):
    own_id = str(uuid.uuid4())

    def translate(*_texts, **_languages):
        monkeypatch.undo()
        assert desk.reply(waiting.session_id, client_message_id=own_id).status_code == 201

    monkeypatch.setattr("chat.staff.translate", translate)

    assert desk.reply(waiting.session_id, client_message_id=own_id).status_code == 201
    assert Message.objects.filter(role="staff").count() == 1


def test_the_id_of_a_guests_message_is_no_replys(desk, waiting):
    own_id = str(uuid.uuid4())
    waiting.ask("hello", client_message_id=own_id)

    response = desk.reply(waiting.session_id, client_message_id=own_id)

    assert response.status_code == 400
    assert not Message.objects.filter(role="staff").exists()
    other = Guest(waiting.facility)
    other.ask("hello")
    assert desk.reply(other.session_id, client_message_id=own_id).status_code == 201


@pytest.mark.parametrize("bad", ["1", "", NUL, "x" * 36, 1, True, ["x"]])
def test_what_is_no_id_of_a_reply_is_refused(desk, waiting, bad):
    assert desk.reply(waiting.session_id, client_message_id=bad).status_code == 422
    assert not Message.objects.filter(role="staff").exists()


def test_an_ended_conversation_may_still_be_answered(desk, waiting):
    Conversation.objects.update(expires_at=timezone.now() - timedelta(days=2))

    assert desk.reply(waiting.session_id).status_code == 201
    assert Message.objects.filter(role="staff").count() == 1


def test_the_devices_own_name_of_a_session_will_do(desk, guest):
    own_id = str(uuid.uuid4())
    guest.ask(UNANSWERED, session_id=own_id)

    assert desk.reply(own_id).json()["session_id"] == guest.session_id


def test_a_joined_device_is_answered_in_the_conversation_it_joined(desk, waiting):
    tablet = Guest(waiting.facility)
    tablet.ask("hello")
    session = {"facility_id": waiting.facility.pk, "session_id": waiting.session_id}
    code = waiting.post("/session/generate", **session).json()["token"]
    waiting.post(
        "/session/link",
        facility_id=waiting.facility.pk,
        token=code,
        current_session_id=tablet.session_id,
    )

    assert desk.reply(tablet.session_id).json()["session_id"] == waiting.session_id
    assert waiting.history()["messages"][-1]["content"] == REPLY


@pytest.mark.parametrize("bad", ["", " \n　", NUL, "x" * 4001, None, 1, True, ["x"]])
def test_bad_replies_are_refused(desk, waiting, bad):
    assert desk.reply(waiting.session_id, bad).status_code == 422
    assert not Message.objects.filter(role="staff").exists()


def test_a_reply_may_be_as_long_as_the_contract_says(desk, waiting):
    body = desk.reply(waiting.session_id, "あ" * 4000).json()

    assert body["message"]["content"] == "あ" * 4000


@pytest.mark.parametrize(
    ("session_id", "status"),
    [("%00", 422), ("x" * 101, 422), ("1", 404), ("x" * 100, 404), ("%F0%9F%A6%9C", 404)],
)
def test_what_names_no_conversation_is_not_there(desk, waiting, session_id, status):
    assert desk.reply(session_id).status_code == status


def test_a_conversation_deleted_while_the_reply_is_translated_is_gone(desk, waiting, monkeypatch):
    def translate(*_texts, **_languages):
        Conversation.objects.all().delete()
        return "Sorry, no surfing."

    monkeypatch.setattr("chat.staff.translate", translate)

    assert desk.reply(waiting.session_id).status_code == 404


# Tenancy ----------------------------------------------------------------------------------------


def test_for_another_inn_nothing_is_there(theirs, waiting):
    assert theirs.list().json() == {"escalations": [], "total": 0, "unresolved": 0}
    assert theirs.questions().json() == []
    for found, made_up in (
        (theirs.resolve(waiting.escalation_id), theirs.resolve(2**40)),
        (theirs.reply(waiting.session_id), theirs.reply(MADE_UP)),
    ):
        assert found.status_code == made_up.status_code == 404
        assert found.content == made_up.content

    assert Escalation.objects.get().resolved_at is None
    assert not Message.objects.filter(role="staff").exists()


def test_a_name_used_at_two_inns_means_ones_own_guest(desk, theirs, guest, neighbour):
    shared = str(uuid.uuid4())
    guest.ask(UNANSWERED, session_id=shared)
    neighbour.ask(UNANSWERED, session_id=shared)

    assert desk.reply(shared).json()["session_id"] == guest.session_id
    assert theirs.reply(shared).json()["session_id"] == neighbour.session_id


def test_who_works_at_two_inns_sees_both(desk, hanako, maple, waiting):
    Guest(maple).ask(UNANSWERED, language="en")
    assert desk.list().json()["total"] == len(desk.questions().json()) == 1

    Membership.objects.create(facility=maple, user=hanako)

    assert desk.list().json()["total"] == len(desk.questions().json()) == 2


def test_who_works_nowhere_sees_nothing(desk, sakura, waiting):
    sakura.membership_set.all().delete()

    assert desk.list().json()["total"] == 0
    assert desk.resolve(waiting.escalation_id).status_code == 404
    assert desk.reply(waiting.session_id).status_code == 404


def test_nobody_is_let_in(waiting):
    nobody = Desk()
    for response in (
        nobody.list(),
        nobody.questions(),
        nobody.resolve(waiting.escalation_id),
        nobody.reply(waiting.session_id),
    ):
        assert response.status_code == 401

    assert Escalation.objects.get().resolved_at is None


def test_the_admins_session_will_do(client, hanako, waiting):
    client.force_login(hanako)
    path = f"{ADMIN}/escalations/{waiting.escalation_id}"

    body = client.put(path, {}, content_type="application/json").json()

    assert body["resolved_by"] == hanako.pk
