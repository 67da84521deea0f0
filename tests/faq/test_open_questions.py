"""What waits for a FAQ speaks against a FAQ that is only near, until staff have decided."""

import pytest
from django.urls import reverse

from chat.models import Escalation, Message
from faq import reviews
from faq.embeddings import embed_outdated
from faq.models import Faq, SuggestedQuestion
from faq.open_questions import ALL_BUT_SURE, heed_open_questions
from faq.search import SAID_BY_STAFF, search_faqs

#: The demo inn's FAQ about towels and toiletries is near to it, and surely enough.
ASKED = "can I borrow a razor"
NEAR = "カミソリはありますか"
NEEDED = 0.7


def look(facility, text=ASKED, embedding=None):
    ranking = search_faqs(facility, text, language="en", embedding=embedding)
    return heed_open_questions(facility, ranking, embedding=embedding)


def test_what_is_near_to_a_waiting_question_is_no_longer_sure(sakura, ask):
    before = look(sakura)
    assert before.is_sure(NEEDED)
    assert before.rival is None

    suggestion = ask(NEAR, "ja", confidence=0.4)

    after = look(sakura)
    assert not after.is_sure(NEEDED)
    assert after.answerable < before.answerable
    assert after.matches == before.matches
    assert (after.rival.suggestion_id, after.rival.text) == (suggestion.pk, NEAR)


def test_the_guest_gets_a_person_and_staff_read_why(sakura, guest, ask, client, hanako):
    guest.ask(ASKED, language="en")
    ask(NEAR, "ja", confidence=0.4)
    guest.ask(ASKED, language="en")

    first, second = Message.objects.exclude(source="").order_by("pk")
    assert (first.source, second.source) == ("faq", "handed_over")
    assert Escalation.objects.get().trigger_type == "low_confidence"
    client.force_login(hanako)
    page = client.post(
        reverse("admin:chat_conversation_try_out"),
        {"facility": sakura.pk, "question": ASKED, "language": "en"},
    ).content.decode()
    suggestion = SuggestedQuestion.objects.get().suggestion
    assert NEAR in page
    assert reverse("admin:faq_faqsuggestion_change", args=[suggestion.pk]) in page


@pytest.mark.parametrize("decide", [reviews.reject, reviews.approve_as_wording])
def test_a_decision_ends_it(sakura, hanako, ask, decide):
    suggestion = ask(NEAR, "ja", confidence=0.4)
    towels = Faq.objects.for_facility(sakura).get(pk=look(sakura).matches[0].faq_id)
    more = {} if decide == reviews.reject else {"faq": towels}

    decide(suggestion=suggestion, actor=hanako, **more)

    assert look(sakura).is_sure(NEEDED)


def test_it_is_of_no_account_at_another_inn(sakura, maple, ask):
    ask(NEAR, "ja", facility=maple, confidence=0.4)

    assert look(sakura).rival is None


def test_what_is_far_from_it_is_answered_as_before(sakura, ask):
    ask("can my parrot surf", confidence=0.1)

    assert look(sakura) == search_faqs(sakura, ASKED, language="en")


def test_of_what_is_all_but_sure_no_guest_takes_the_answer_from_another(sakura, ask):
    asked = "where can I smoke"
    assert search_faqs(sakura, asked, language="en").unheard >= ALL_BUT_SURE
    for number in range(20):
        ask(f"where can I smoke {number} cigars", confidence=0.1)

    assert look(sakura, asked).is_sure(NEEDED)


def test_nor_of_the_very_words_of_a_faq(sakura, ask):
    text = Faq.objects.for_facility(sakura).first().translation_for("en").question
    ask(f"{text} or not?", confidence=0.1)

    assert look(sakura, text.lower().rstrip("?")).unheard >= SAID_BY_STAFF


@pytest.mark.parametrize("why", ["answered", "voted_down"])
def test_a_question_that_had_its_answer_is_hardly_open(sakura, ask, why):
    ask(NEAR, "ja", why=why, confidence=0.98)

    assert look(sakura).is_sure(NEEDED)


def test_one_that_was_answered_unsurely_and_voted_down_is(sakura, ask):
    ask(NEAR, "ja", why="voted_down", confidence=0.75)

    assert not look(sakura).is_sure(NEEDED)


def test_what_was_noted_before_its_confidence_was_kept_is_not_heeded(sakura, ask):
    ask(NEAR, "ja", confidence=0.4)
    SuggestedQuestion.objects.update(confidence=1.0)

    assert look(sakura).is_sure(NEEDED)


def test_vectors_tell_which_waiting_question_is_near(sakura, ask, provider):
    """In words that have nothing in common with it."""
    asked = "where is the nearest atm"
    vector = provider.embed(asked)
    embed_outdated()
    before = look(sakura, asked, vector)
    ask("zzyzx", confidence=0.0)
    assert look(sakura, asked, vector) == before
    provider.embed = lambda text: vector
    ask("plugh", confidence=0.0)

    after = look(sakura, asked, vector)

    assert before.is_sure(NEEDED)
    assert after.rival.text == "plugh"
    assert not after.is_sure(NEEDED)
