"""What earlier turns and votes change: three that help nothing bring a person, votes are heard."""

import pytest

from chat.models import Escalation
from tests.conftest import Guest

LAUNDRY = "is there a washing machine"
NOBODY_KNOWS = ("can my parrot surf", "are dragons fed at dawn", "where do unicorns sleep")


def trigger(body):
    return body["escalation"]["trigger_type"]


def test_the_third_question_without_an_answer_says_so(guest):
    triggers = [trigger(guest.ask(question, language="en")) for question in NOBODY_KNOWS]

    assert triggers == ["low_confidence", "low_confidence", "multiple_turns"]


def test_asking_for_the_same_thing_three_times_brings_a_person(guest):
    answers = [guest.ask(LAUNDRY) for _ in range(3)]

    assert [trigger(body) for body in answers] == [None, None, "multiple_turns"]
    assert "staff" in answers[2]["message"]["content"]
    assert "3 turns" in Escalation.objects.get().reason


def test_whoever_brings_a_person_by_asking_again_gets_the_answer_too(guest):
    first, *_, third = [guest.ask(LAUNDRY)["message"]["content"] for _ in range(3)]

    assert third.startswith(first)
    assert third != first


def test_the_same_thing_in_three_languages_is_asked_by_three_people(guest):
    for question in ("is there a washing machine", "洗濯機はありますか", "有洗衣機嗎"):
        assert trigger(guest.ask(question)) is None


def test_an_answer_in_between_starts_the_count_anew(guest):
    guest.ask(NOBODY_KNOWS[0], language="en")
    guest.ask(NOBODY_KNOWS[1], language="en")
    guest.ask("what time can i check in")

    assert trigger(guest.ask(NOBODY_KNOWS[2], language="en")) == "low_confidence"


def test_thanks_in_between_starts_the_count_anew(guest):
    guest.ask(LAUNDRY)
    guest.ask(LAUNDRY)
    guest.ask("thank you!")

    assert trigger(guest.ask(LAUNDRY)) is None


def test_an_answer_voted_down_helped_nothing(guest):
    for question in (LAUNDRY, "what time can i check in"):
        answer = guest.ask(question)["message"]
        guest.post("/chat/feedback", message_id=answer["id"], feedback_type="negative")

    assert trigger(guest.ask(NOBODY_KNOWS[0], language="en")) == "multiple_turns"


def test_a_good_answer_after_two_failures_is_given(guest):
    for question in NOBODY_KNOWS[:2]:
        guest.ask(question, language="en")

    assert "15:00" in guest.ask("what time can i check in")["message"]["content"]


def test_courtesies_are_neither_questions_nor_failures(guest):
    for courtesy in ("hello", "thank you", "ok", "👍"):
        assert trigger(guest.ask(courtesy)) is None
    assert Escalation.objects.count() == 0


def test_danger_is_danger_whatever_was_said_before(guest):
    for question in NOBODY_KNOWS[:2]:
        guest.ask(question, language="en")

    assert trigger(guest.ask("my friend isn't waking up")) == "safety_category"


# Votes ------------------------------------------------------------------------------------------


def vote(facility, kind, *, times=1):
    guest = Guest(facility)
    for _ in range(times):
        answer = guest.ask(LAUNDRY)["message"]
        guest.post(
            "/chat/feedback",
            message_id=answer["id"],
            feedback_type=kind,
            session_id=guest.session_id,
        )
    return guest


def test_guests_are_counted_and_not_their_votes(sakura):
    vote(sakura, "negative", times=2)
    vote(sakura, "positive")
    vote(sakura, "positive")

    laundry = sakura.faqs.get(intent_key="facilities_laundry")
    assert (laundry.confirmed_by, laundry.disputed_by) == (2, 1)


def test_a_guest_who_changes_his_mind_is_counted_as_he_thinks_now(sakura):
    guest = vote(sakura, "negative")
    answer = guest.history()["messages"][-1]
    guest.post("/chat/feedback", message_id=answer["id"], feedback_type="positive")

    laundry = sakura.faqs.get(intent_key="facilities_laundry")
    assert (laundry.confirmed_by, laundry.disputed_by) == (1, 0)


def test_votes_against_an_answer_make_it_less_sure(sakura):
    before = Guest(sakura).ask(LAUNDRY)["ai_confidence"]
    vote(sakura, "negative")
    after = Guest(sakura).ask(LAUNDRY)["ai_confidence"]
    assert after < before

    sakura.faqs.filter(intent_key="facilities_laundry").update(disputed_by=20)
    assert trigger(Guest(sakura).ask(LAUNDRY)) == "low_confidence"


def test_another_inns_votes_say_nothing_here(sakura, maple):
    vote(maple, "negative")

    assert sakura.faqs.get(intent_key="facilities_laundry").disputed_by == 0


@pytest.mark.parametrize("kind", ["positive", "negative"])
def test_a_vote_on_an_answer_whose_faq_is_gone_is_kept(sakura, kind):
    guest = Guest(sakura)
    answer = guest.ask(LAUNDRY)["message"]
    sakura.faqs.filter(intent_key="facilities_laundry").delete()

    response = guest.post("/chat/feedback", message_id=answer["id"], feedback_type=kind)

    assert response.status_code == 200
