"""Staff see which answers did not help, and say when there is nothing to mend."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from chat.models import Conversation, GuestFeedback
from facilities.models import Membership
from tests.conftest import Guest, StaffApp

ADMIN = "/api/v1/admin"
CHECK_IN = "what time can i check in"
LAUNDRY = "is there a washing machine"


class Desk(StaffApp):
    """Calls the votes as the staff app does."""

    def disliked(self, **query):
        return self.client.get(f"{ADMIN}/feedback/negative", query)

    def ignore(self, number):
        return self.client.post(f"{ADMIN}/feedback/{number}/ignore")

    def stats(self, **query):
        return self.client.get(f"{ADMIN}/feedback-stats", query)


def vote(facility, question=CHECK_IN, verdict="negative", guest=None):
    """Ask as a new guest, or as `guest`, and vote; returns who and the answer."""
    guest = guest or Guest(facility)
    answer = guest.ask(question, language="en")["message"]
    again(guest, answer, verdict)
    return guest, answer


def again(guest, answer, verdict="negative"):
    response = guest.post(
        "/chat/feedback",
        message_id=answer["id"],
        feedback_type=verdict,
        session_id=guest.session_id,
    )
    assert response.status_code == 200


def ids(response):
    return [each["message_id"] for each in response.json()]


def test_an_answer_voted_down_has_the_shape_of_the_contract(desk, sakura):
    _guest, answer = vote(sakura)

    assert desk.disliked().json() == [
        {
            "message_id": answer["id"],
            "question": CHECK_IN,
            "answer": answer["content"],
            "negative_count": 1,
        }
    ]


def test_answers_of_one_faq_are_one_and_its_guests_are_counted(desk, sakura):
    guest, _answer = vote(sakura)
    vote(sakura, guest=guest)
    _other, laundry = vote(sakura, LAUNDRY)
    _third, newest = vote(sakura)

    listed = [(each["message_id"], each["negative_count"]) for each in desk.disliked().json()]
    assert listed == [(newest["id"], 2), (laundry["id"], 1)]


def test_answers_of_no_faq_are_each_their_own(desk, sakura):
    sakura.faqs.all().delete()
    answers = [vote(sakura)[1]["id"] for _ in range(2)]

    assert ids(desk.disliked()) == answers[::-1]


def test_what_helped_or_helped_after_all_is_not_listed(desk, sakura):
    vote(sakura, verdict="positive")
    again(*vote(sakura), "positive")

    assert desk.disliked().json() == []


def test_of_a_deleted_conversation_only_the_number_remains(desk, sakura):
    guest, _gone = vote(sakura)
    _other, answer = vote(sakura)
    Conversation.objects.filter(session_id=guest.session_id).delete()

    (listed,) = desk.disliked().json()
    assert (listed["message_id"], listed["negative_count"]) == (answer["id"], 2)
    Conversation.objects.all().delete()
    assert desk.disliked().json() == []
    assert desk.stats().json()["negative_count"] == 2


def test_what_is_ignored_goes_with_all_answers_of_its_faq(desk, sakura):
    vote(sakura)
    _guest, laundry = vote(sakura, LAUNDRY)
    _other, newest = vote(sakura)

    response = desk.ignore(newest["id"])

    assert response.status_code == 200
    assert set(response.json()) == {"success", "message"}
    assert ids(desk.disliked()) == [laundry["id"]]
    assert desk.ignore(newest["id"]).status_code == 200, "twice is once"


def test_it_comes_back_only_when_it_is_voted_down_again(desk, sakura):
    guest, answer = vote(sakura)
    desk.ignore(answer["id"])

    vote(sakura, verdict="positive")
    again(guest, answer, "positive")
    assert desk.disliked().json() == []

    again(guest, answer)
    assert ids(desk.disliked()) == [answer["id"]]

    desk.ignore(answer["id"])
    _other, newest = vote(sakura)
    (listed,) = desk.disliked().json()
    assert (listed["message_id"], listed["negative_count"]) == (newest["id"], 1)


def test_ignoring_does_not_touch_what_the_votes_say_of_the_faq(desk, sakura):
    _guest, answer = vote(sakura)
    desk.ignore(answer["id"])

    assert sakura.faqs.get(pk=answer["matched_faq_ids"][0]).disputed_by == 1
    assert GuestFeedback.objects.get().is_negative


def test_what_nobody_voted_down_is_not_there_to_ignore(desk, sakura):
    helped = vote(sakura, verdict="positive")[1]["id"]
    unvoted = Guest(sakura).ask(CHECK_IN)["message"]["id"]

    for number in (helped, unvoted, 2**40):
        assert desk.ignore(number).status_code == 404


@pytest.mark.parametrize("number", ["0", "-1", "x", str(2**63), "%00"])
def test_what_is_no_id_is_refused(desk, number):
    assert desk.ignore(number).status_code == 422


def test_the_statistics_have_the_shape_of_the_contract(desk, sakura):
    assert desk.stats().json() == {
        "positive_count": 0,
        "negative_count": 0,
        "positive_rate": 0,
        "low_rated_answers": [],
    }
    for verdict in ("positive", "positive", "positive", "negative"):
        vote(sakura, verdict=verdict)
    body = desk.stats().json()

    assert body.pop("low_rated_answers") == desk.disliked().json() != []
    assert body == {"positive_count": 3, "negative_count": 1, "positive_rate": 0.75}


def test_a_part_of_the_list_is_asked_for(desk, sakura):
    for question in (CHECK_IN, LAUNDRY):
        vote(sakura, question)
    whole = desk.disliked().json()

    assert desk.disliked(limit=1, offset=1).json() == whole[1:]
    assert desk.stats(limit=1).json()["low_rated_answers"] == whole[:1]
    assert desk.disliked(limit=0).status_code == desk.stats(offset=-1).status_code == 422


def test_a_longer_list_takes_no_more_queries(desk, sakura):
    def queries():
        with CaptureQueriesContext(connection) as taken:
            assert desk.disliked().status_code == desk.stats().status_code == 200
        return len(taken)

    vote(sakura)
    few = queries()
    vote(sakura, LAUNDRY)

    assert queries() == few


def test_for_another_inn_nothing_is_there(momiji, sakura, maple):
    theirs = Desk(momiji)
    _guest, answer = vote(sakura)

    assert theirs.disliked().json() == []
    assert theirs.stats().json()["negative_count"] == 0
    found, made_up = theirs.ignore(answer["id"]), theirs.ignore(2**40)
    assert found.status_code == made_up.status_code == 404
    assert found.content == made_up.content
    assert GuestFeedback.objects.get().ignored_at is None


def test_who_works_at_two_inns_ignores_at_one_of_them(desk, hanako, sakura, maple):
    Membership.objects.create(facility=maple, user=hanako)
    _guest, ours = vote(sakura)
    _other, theirs = vote(maple)

    desk.ignore(ours["id"])

    assert ids(desk.disliked()) == [theirs["id"]]


def test_nobody_is_let_in(sakura):
    nobody = Desk()
    _guest, answer = vote(sakura)

    states = {nobody.disliked().status_code, nobody.ignore(answer["id"]).status_code}
    assert states == {nobody.stats().status_code} == {401}
