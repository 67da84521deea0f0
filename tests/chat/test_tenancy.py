"""Nothing of one inn can be reached through another. Every guest route is asked with what belongs
to a guest of Sakura-ya, through Maple; the answer must be that of something made up."""

import uuid

import pytest

from chat.models import Conversation, Message
from tests.conftest import Guest
from yadopera.api import api

MADE_UP = str(uuid.uuid4())


@pytest.fixture
def asked(guest):
    """A guest of Sakura-ya with an answer and a code."""
    guest.answer_id = guest.ask("what time can i check in")["message"]["id"]
    guest.code = guest.post(
        "/session/generate", facility_id=guest.facility.pk, session_id=guest.session_id
    ).json()["token"]
    return guest


def same_as_made_up(neighbour, call):
    """`call` with Sakura-ya's session and with a made-up one: alike but for ids and times."""
    theirs, none = call(neighbour.theirs), call(MADE_UP)
    assert theirs.status_code == none.status_code
    assert set(theirs.json()) == set(none.json())
    return theirs


@pytest.fixture
def neighbour(maple, asked):
    neighbour = Guest(maple)
    neighbour.theirs = asked.session_id
    return neighbour


def test_asking_with_their_session_opens_one_of_ones_own(neighbour, asked):
    before = asked.history()

    response = same_as_made_up(
        neighbour,
        lambda session: neighbour.post(
            "/chat", facility_id=neighbour.facility.pk, message="hello", session_id=session
        ),
    )

    assert response.json()["session_id"] != asked.session_id
    assert asked.history() == before
    own = Conversation.objects.get(session_id=response.json()["session_id"])
    assert own.facility == neighbour.facility


def test_streaming_with_their_session_opens_one_of_ones_own(neighbour, asked):
    before = asked.history()

    theirs = dict(neighbour.stream("what time can i check in", session_id=neighbour.theirs))
    none = dict(neighbour.stream("what time can i check in", session_id=MADE_UP))

    assert theirs["done"]["session_id"] not in {asked.session_id, none["done"]["session_id"]}
    assert theirs["done"]["message"]["content"] == none["done"]["message"]["content"]
    assert asked.history() == before


@pytest.mark.parametrize("path", ["/chat/escalate", "/session/generate"])
def test_their_session_is_not_there(neighbour, path):
    response = same_as_made_up(
        neighbour,
        lambda session: neighbour.post(path, facility_id=neighbour.facility.pk, session_id=session),
    )
    assert response.status_code == 404


def test_their_history_is_not_there(neighbour):
    response = same_as_made_up(
        neighbour,
        lambda session: neighbour.get(
            f"/chat/history/{session}", facility_id=neighbour.facility.pk
        ),
    )
    assert response.status_code == 404


@pytest.mark.parametrize("path", ["/chat/history", "/chat/events"])
def test_their_conversation_is_neither_followed_nor_deleted(neighbour, asked, path):
    call = neighbour.client.delete if path == "/chat/history" else neighbour.client.get

    response = same_as_made_up(
        neighbour,
        lambda session: call(
            f"/api/v1{path}/{session}", query_params={"facility_id": neighbour.facility.pk}
        ),
    )

    assert response.status_code == 404
    assert asked.history()["messages"]


def test_mail_cannot_be_drawn_from_their_conversation(neighbour):
    response = same_as_made_up(
        neighbour,
        lambda session: neighbour.post(
            "/chat/email",
            facility_id=neighbour.facility.pk,
            session_id=session,
            email="me@example.com",
            consent=True,
        ),
    )
    assert response.status_code == 404


def test_their_code_is_not_valid(neighbour, asked):
    found = neighbour.get(f"/session/token/{asked.code}", facility_id=neighbour.facility.pk)
    made_up = neighbour.get("/session/token/ZZZZ", facility_id=neighbour.facility.pk)

    assert found.json() | {"token": ""} == made_up.json() | {"token": ""}
    assert found.json()["valid"] is False


def test_their_code_joins_nothing(neighbour, asked):
    own = neighbour.ask("hello")["session_id"]

    response = neighbour.post(
        "/session/link",
        facility_id=neighbour.facility.pk,
        token=asked.code,
        current_session_id=own,
    )

    assert response.status_code == 404


def test_their_session_is_not_moved_by_ones_own_code(neighbour, asked):
    neighbour.ask("hello")
    code = neighbour.post(
        "/session/generate",
        facility_id=neighbour.facility.pk,
        session_id=neighbour.session_id,
    ).json()["token"]
    before = asked.history()

    neighbour.post(
        "/session/link",
        facility_id=neighbour.facility.pk,
        token=code,
        current_session_id=asked.session_id,
    )

    assert asked.history() == before
    said = [m["content"] for m in neighbour.history()["messages"] if m["role"] == "user"]
    assert said == ["hello"]


@pytest.mark.parametrize("with_session", [True, False])
def test_their_answer_cannot_be_voted_on(neighbour, asked, with_session):
    neighbour.ask("hello")
    vote = {"feedback_type": "negative"}
    if with_session:
        vote["session_id"] = neighbour.session_id

    theirs = neighbour.post("/chat/feedback", message_id=asked.answer_id, **vote)
    made_up = neighbour.post("/chat/feedback", message_id=2**40, **vote)

    assert theirs.status_code == made_up.status_code == 404
    assert theirs.content == made_up.content


def test_another_guest_of_the_same_inn_is_a_stranger_too(asked):
    stranger = Guest(asked.facility)
    stranger.ask("hello")

    response = stranger.post(
        "/chat/feedback",
        message_id=asked.answer_id,
        feedback_type="negative",
        session_id=stranger.session_id,
    )

    assert response.status_code == 404


def test_faqs_of_another_inn_are_never_answered(neighbour, sakura):
    sakura.faqs.exclude(intent_key="facilities_laundry").delete()
    neighbour.facility.faqs.all().delete()

    body = neighbour.ask("is there a washing machine")

    assert body["message"]["matched_faq_ids"] == []
    assert body["is_escalated"] is True


def test_the_guide_holds_ones_own_faqs_only(neighbour, sakura):
    guide = neighbour.get("/facility/maple/faqs").json()["faqs"]

    own = set(neighbour.facility.faqs.values_list("pk", flat=True))
    assert guide
    assert {faq["id"] for faq in guide} <= own
    neighbour.facility.faqs.all().delete()
    assert neighbour.get("/facility/maple/faqs").json()["faqs"] == []
    assert neighbour.get("/facility/sakura/faqs").json()["faqs"]


def test_neither_their_session_nor_their_key_opens_ones_own_wifi(neighbour, asked, site_key):
    asked.ask("hello", site_key=site_key)

    response = same_as_made_up(
        neighbour, lambda session: neighbour.post("/facility/maple/wifi", session_id=session)
    )
    by_key = neighbour.post("/facility/maple/wifi", site_key=site_key)

    assert response.status_code == by_key.status_code == 403
    assert by_key.content == response.content
    assert asked.post("/facility/sakura/wifi", session_id=asked.session_id).status_code == 200


def test_the_wifi_of_each_inn_is_its_own(neighbour, site_key):
    own = neighbour.facility.site_keys.create().key

    assert neighbour.post("/facility/maple/wifi", site_key=own).json()["password"] == "koyo-98765"
    assert neighbour.post("/facility/sakura/wifi", site_key=own).status_code == 403


def test_a_message_is_measured_by_its_own_inns_password(neighbour, sakura):
    """`has_wifi_password` of a text that tells another inn's."""
    neighbour.facility.faqs.filter(intent_key="basic_check_in_time").get().translations.filter(
        language="en"
    ).update(answer="From 15:00; not hanami-1234.")

    message = neighbour.ask("what time can i check in")["message"]

    assert "hanami-1234" in message["content"]
    assert message["has_wifi_password"] is False


def test_every_guest_route_is_covered_here():
    """A new route without a login must be added to this file."""
    open_routes = {
        path
        for prefix, router in api._routers
        for path, view in router.path_operations.items()
        for operation in view.operations
        if operation.auth_param is None
    }

    assert open_routes == {
        "/facility/{slug}",  # public: it names the facility itself
        "/facility/{slug}/faqs",
        "/facility/{slug}/wifi",
        "/chat",
        "/chat/stream",
        "/chat/history/{session_id}",
        "/chat/feedback",
        "/chat/escalate",
        "/chat/email",
        "/chat/events/{session_id}",
        "/session/generate",
        "/session/token/{token}",
        "/session/link",
        # Names no facility; whoever knows the session id is its guest.
        "/session/session/{session_id}/token",
        # These name no facility: they are about an account (tests/facilities/test_passwords.py).
        "/login",
        "/password-reset",
        "/password-reset/confirm",
    }


def test_a_conversation_without_its_facility_named_is_still_only_its_guests(asked):
    assert asked.get(f"/chat/history/{asked.session_id}").status_code == 200
    assert asked.get(f"/chat/history/{MADE_UP}").status_code == 404
    assert Message.objects.filter(conversation__facility=asked.facility).count() == 2
