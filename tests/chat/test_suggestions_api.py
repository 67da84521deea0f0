"""The staff API of suggestions, in the shapes of the contract."""

import pytest

from chat.learning import learn
from facilities.models import Facility
from faq.models import Faq, FaqSuggestion
from tests.conftest import Guest, StaffApp

ADMIN = "/api/v1/admin/faq-suggestions"
QUESTION = "can my parrot surf"
FIELDS = {
    "id",
    "facility_id",
    "source_message_id",
    "suggested_question",
    "suggested_answer",
    "suggested_category",
    "language",
    "status",
    "reviewed_at",
    "reviewed_by",
    "created_faq_id",
    "created_at",
}


class Desk(StaffApp):
    """Calls the staff API as the staff app does."""

    def list(self, **query):
        return self.client.get(ADMIN, query)

    def generate(self, message_id):
        return self.client.post(f"{ADMIN}/generate/{message_id}")

    def act(self, number, action, **body):
        path = f"{ADMIN}/{number}/{action}"
        return self.client.post(path, body, content_type="application/json")


@pytest.fixture
def suggested(sakura):
    """Asked by two guests."""
    for _ in range(2):
        Guest(sakura).ask(QUESTION, language="en")
    learn(sakura)
    return FaqSuggestion.objects.get()


def test_the_list_has_the_shape_of_the_contract(desk, suggested, sakura):
    body = desk.list().json()

    assert body["total"] == 1
    [shown] = body["suggestions"]
    assert shown.keys() >= FIELDS
    question = suggested.questions.order_by("message_id").first()
    assert shown["source_message_id"] == question.message_id
    assert (shown["facility_id"], shown["suggested_question"]) == (sakura.pk, QUESTION)
    assert (shown["language"], shown["status"], shown["guests"]) == ("en", "pending", 2)
    assert shown["created_faq_id"] is shown["reviewed_at"] is shown["reviewed_by"] is None
    assert [each["text"] for each in shown["examples"]] == [QUESTION, QUESTION]
    assert shown["languages"] == ["en"]


def test_the_list_may_be_of_one_status(desk, suggested):
    assert desk.list(status="pending").json()["total"] == 1
    assert desk.list(status="approved").json() == {"suggestions": [], "total": 0}
    assert desk.list(status="made-up").status_code == 422


def test_a_message_or_its_answer_is_made_a_suggestion(desk, guest):
    asked = guest.ask("what time can i check in", language="en")
    question = guest.history()["messages"][0]["id"]

    made = desk.generate(asked["message"]["id"])

    assert made.status_code == 201
    assert made.json()["source_message_id"] == question
    again = desk.generate(question)
    assert (again.status_code, again.json()["id"]) == (201, made.json()["id"])


def test_what_staff_choose_comes_back_when_it_was_rejected(desk, suggested, sakura):
    desk.act(suggested.pk, "reject")
    other = Guest(sakura)
    other.ask(QUESTION, language="en")

    made = desk.generate(other.history()["messages"][0]["id"]).json()

    assert (made["id"], made["status"]) == (suggested.pk, "pending")


def test_what_staff_wrote_is_no_question(desk, guest, hanako):
    from chat import staff
    from chat.models import Conversation

    guest.ask(QUESTION, language="en")
    conversation = Conversation.objects.get(session_id=guest.session_id)
    reply = staff.reply(conversation, hanako, "はい。")

    refused = desk.generate(reply.pk)

    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "INVALID_REQUEST")


def test_approved_with_changes_the_next_guest_is_answered(desk, suggested, sakura, hanako):
    body = {
        "question": "オウムのサーフィン",
        "answer": "はい、板があります。",
        "category": "facilities",
        "priority": 5,
    }

    approved = desk.act(suggested.pk, "approve", **body).json()

    assert (approved["status"], approved["reviewed_by"]) == ("approved", hanako.pk)
    faq = Faq.objects.get(pk=approved["created_faq_id"])
    assert (faq.category, faq.priority, faq.facility) == ("facilities", 5, sakura)
    answer = Guest(sakura).ask(QUESTION, language="en")
    assert answer["message"]["matched_faq_ids"][0] == faq.pk
    assert "はい、板があります。" in answer["message"]["content"]


def test_approved_twice_it_is_one_faq_and_the_same_answer(desk, suggested):
    first = desk.act(suggested.pk, "approve", answer="Yes.")
    again = desk.act(suggested.pk, "approve", answer="No.")

    assert first.status_code == again.status_code == 200
    assert first.json() == again.json()


def test_without_an_answer_there_is_nothing_to_approve(desk, suggested):
    refused = desk.act(suggested.pk, "approve")

    assert refused.status_code == 400
    assert refused.json()["error"]["code"] == "INVALID_REQUEST"
    assert "answer" in refused.json()["detail"]


@pytest.mark.parametrize(
    "body",
    [
        {"answer": ""},
        {"answer": "x" * 2001},
        {"question": "x" * 501, "answer": "A."},
        {"answer": "A.", "category": "weather"},
        {"answer": "A.", "priority": 6},
        {"answer": "a\x00b"},
    ],
)
def test_bad_input_is_refused_and_changes_nothing(desk, suggested, body):
    assert desk.act(suggested.pk, "approve", **body).status_code == 422
    suggested.refresh_from_db()
    assert suggested.status == "pending"


def test_rejected_it_says_by_whom(desk, suggested, hanako):
    rejected = desk.act(suggested.pk, "reject").json()

    assert (rejected["status"], rejected["reviewed_by"]) == ("rejected", hanako.pk)
    assert desk.act(suggested.pk, "reject").json() == rejected


def test_another_inn_has_none_of_it(desk, theirs, suggested, maple):
    own = Guest(maple)
    own.ask(QUESTION, language="en")
    learn(Facility.objects.get(pk=maple.pk))
    message_id = suggested.questions.first().message_id
    [mine] = theirs.list().json()["suggestions"]

    assert mine["facility_id"] == maple.pk
    assert theirs.generate(message_id).status_code == 404
    for action in ("approve", "reject", f"merge/{mine['id']}"):
        assert theirs.act(suggested.pk, action, answer="A.").status_code == 404
    assert theirs.act(mine["id"], f"merge/{suggested.pk}").status_code == 404
    assert theirs.act(mine["id"], f"add-to/{suggested.facility.faqs.first().pk}").status_code == 404
    suggested.refresh_from_db()
    assert suggested.status == "pending"
