"""Which questions are offered as wordings, which wordings do harm, and that to look again, or a
guest of ill will, changes nothing."""

from datetime import timedelta

import pytest
from django.utils import timezone

from chat import retention
from chat.models import Conversation, GuestFeedback, Message
from chat.patterns import WITHIN
from chat.sessions import merge
from chat.tasks import learn_wordings as task
from chat.wordings import (
    LOOKED_BACK,
    OF_ONE_GUEST,
    answered_rightly,
    eligible,
    learn_wordings,
    store,
)
from faq import wordings
from faq.models import FaqWording, OfferedWording
from faq.services import add_guest_wordings, change_faq, delete_faq
from tests.chat.test_feedback import again, vote
from tests.chat.test_low_rated import vote_from
from tests.chat.test_patterns import Talk
from tests.conftest import Guest

#: Answered by the FAQ about luggage, with a confidence of 0.78.
STASH = "somewhere to stash luggage"
TOWEL = "do I get a towel"


@pytest.fixture
def luggage(sakura):
    return sakura.faqs.get(intent_key="basic_luggage_storage")


def look(facility, after=WITHIN + timedelta(minutes=1)):
    """Run the task as if so long had passed; returns what is offered then."""
    learn_wordings(facility, timezone.now() + after)
    return [(offer.faq.intent_key, offer.text) for offer in wordings.offered(facility)]


def conversation_of(guest):
    return Conversation.objects.get(session_id=guest.session_id)


# What is offered --------------------------------------------------------------------------------


def test_what_was_answered_unsurely_and_then_no_more_was_asked(sakura, guest):
    guest.ask(STASH, language="en")
    assert look(sakura, after=WITHIN - timedelta(minutes=1)) == []

    assert look(sakura) == [("basic_luggage_storage", STASH)]
    (offer,) = wordings.offered(sakura)
    assert (offer.guests, offer.thumbs_up, offer.language) == (1, 0, "en")
    assert 0.7 < offer.confidence < 0.85
    assert not offer.is_likely


def test_a_thumb_up_needs_no_time_and_makes_it_likely(sakura):
    vote(sakura, STASH, "positive")

    assert look(sakura, after=timedelta(0)) == [("basic_luggage_storage", STASH)]
    assert wordings.offered(sakura)[0].is_likely


def test_a_thumb_that_comes_later_is_noted(sakura, guest):
    answer = guest.ask(STASH, language="en")["message"]
    look(sakura)
    again(guest, answer, "positive")
    look(sakura)

    assert wordings.offered(sakura)[0].thumbs_up == 1


@pytest.mark.parametrize(
    "said",
    [
        "where can I wash clothes",  # the search is sure
        "can my parrot surf",  # it goes to staff
        "Thank you!",
        "my friend is unconscious and not breathing",
    ],
)
def test_not_what_is_found_surely_nor_what_no_faq_answers(sakura, guest, said):
    guest.ask(said, language="en")

    assert look(sakura) == []


def test_not_what_was_asked_again_or_voted_down(sakura, guest):
    guest.ask(STASH, language="en")
    guest.ask(STASH, language="en")
    guest.post("/chat/escalate", facility_id=sakura.pk, session_id=guest.session_id)
    vote(sakura, TOWEL, "negative")

    assert look(sakura) == []


def test_not_what_another_guest_voted_down(sakura):
    vote(sakura, TOWEL, "positive")
    vote(sakura, TOWEL.upper() + "?", "negative")

    assert look(sakura) == []


def test_it_is_withdrawn_when_the_guest_or_another_says_that_it_was_wrong(sakura):
    guest, answer = vote(sakura, STASH, "positive")
    vote(sakura, TOWEL, "positive")
    assert len(look(sakura)) == 2

    again(guest, answer, "negative")
    vote(sakura, TOWEL, "negative")

    assert look(sakura) == []
    assert not OfferedWording.objects.exists()


def test_the_same_words_of_several_guests_are_one_offer_and_guests_are_counted(sakura, guest):
    for each in (guest, Guest(sakura)):
        each.ask(STASH, language="en")
    for text in ("Somewhere to stash luggage?", "somewhere  to stash LUGGAGE!"):
        vote(sakura, text, "positive")
    look(sakura)

    (offer,) = wordings.offered(sakura)
    assert (offer.guests, offer.thumbs_up) == (4, 2)
    assert offer.text == STASH, "as most put it"


def test_an_answer_that_was_written_anew_since_changes_nothing(sakura, guest, luggage, hanako):
    guest.ask(STASH, language="en")
    question = luggage.translations.get(language="en").question
    change_faq(faq=luggage, actor=hanako, texts={"en": (question, "In the cellar.")})

    assert look(sakura) == [("basic_luggage_storage", STASH)]


def test_what_the_model_answered_is_unsure_whatever_it_declared(sakura, luggage):
    now = timezone.now()
    Talk(sakura, now).ask(luggage, source="generated", text=STASH)
    Message.objects.answers().update(ai_confidence=0.97)

    assert look(sakura) == [("basic_luggage_storage", STASH)]


def test_what_is_understood_only_by_the_question_before_is_not_offered(sakura, luggage):
    talk = Talk(sakura, timezone.now())
    talk.ask(luggage, source="generated", text=STASH)
    talk.ask(luggage, source="generated", text="and on Sunday?", after=31)
    texts = look(sakura, after=timedelta(hours=2))

    assert texts == [("basic_luggage_storage", STASH)]


def test_what_the_search_has_learned_since_is_not_offered(sakura, guest, luggage):
    guest.ask(STASH, language="en")
    add_guest_wordings(luggage, {("en", f"is there {STASH}")})

    assert look(sakura) == []


def test_what_was_asked_long_ago_is_not_looked_into(sakura, luggage):
    Talk(sakura, timezone.now()).ask(luggage, source="generated", text=STASH)

    assert look(sakura, after=LOOKED_BACK + timedelta(minutes=1)) == []


def test_a_deleted_faq_takes_its_offers_along(sakura, guest, luggage, hanako):
    guest.ask(STASH, language="en")
    other = Guest(sakura)
    other.ask(TOWEL, language="en")
    look(sakura)
    delete_faq(faq=luggage, actor=hanako)

    assert look(sakura) == [("facilities_towels_amenities", TOWEL)]


def test_nothing_of_one_inn_is_offered_at_another(sakura, maple, guest):
    guest.ask(STASH, language="en")
    task.apply([maple.pk])
    look(sakura)

    assert look(maple) == []
    assert len(wordings.offered(sakura)) == 1


def test_what_staff_write_into_a_faq_is_withdrawn(sakura, guest, luggage, hanako):
    guest.ask(STASH, language="en")
    look(sakura)
    change_faq(faq=luggage, actor=hanako, wordings={("en", STASH)})
    look(sakura)

    assert not OfferedWording.objects.exists()


# Again, at once, killed -------------------------------------------------------------------------


def test_to_look_again_changes_nothing(sakura, guest):
    guest.ask(STASH, language="en")
    look(sakura)
    before = list(OfferedWording.objects.values())

    look(sakura)

    assert list(OfferedWording.objects.values()) == before


def test_a_run_that_was_killed_is_made_up_for_by_the_next(sakura, monkeypatch):
    for text in (STASH, TOWEL):
        vote(sakura, text, "positive")
    stored = []

    def dies(conversation, rows):
        if stored:
            raise KeyboardInterrupt
        stored.append(conversation)
        store(conversation, rows)

    monkeypatch.setattr("chat.wordings.store", dies)
    with pytest.raises(KeyboardInterrupt):
        look(sakura)
    monkeypatch.undo()

    assert len(look(sakura)) == 2
    assert OfferedWording.objects.count() == 2


# Whose words they are ---------------------------------------------------------------------------


def test_with_the_conversation_the_words_go(sakura, guest):
    guest.ask(STASH, language="en")
    look(sakura)
    retention.delete_conversation(conversation_of(guest))

    assert not OfferedWording.objects.exists()
    assert look(sakura) == []


def test_when_its_time_is_over_the_words_go(sakura, guest):
    guest.ask(STASH, language="en")
    look(sakura)
    retention.purge_expired(timezone.now() + timedelta(days=sakura.retention_days + 2))

    assert not OfferedWording.objects.exists()


def test_what_is_deleted_while_the_task_looks_is_not_kept(sakura, guest):
    guest.ask(STASH, language="en")
    at = timezone.now() + 2 * WITHIN
    (found,) = eligible(answered_rightly(sakura, at), set())
    row = OfferedWording(
        faq_id=found.faq_id, message_id=found.pk, conversation=found.conversation_id, text=STASH
    )
    retention.delete_conversation(conversation_of(guest))

    store(row.conversation, [row])

    assert not OfferedWording.objects.exists()


def test_a_joined_device_is_the_same_guest_and_deleted_with_him(sakura, guest):
    second = Guest(sakura)
    for each in (guest, second):
        each.ask(STASH, language="en")
    look(sakura)
    merge(conversation_of(second), into=conversation_of(guest))
    assert wordings.offered(sakura)[0].guests == 1

    retention.delete_conversation(conversation_of(guest))
    assert not OfferedWording.objects.exists()


# A guest of ill will ----------------------------------------------------------------------------


def found_of(facility):
    return list(eligible(answered_rightly(facility, timezone.now() + WITHIN * 2), set()))


def test_of_one_guest_only_some_texts_count_however_often_he_asks(sakura, luggage):
    talk = Talk(sakura, timezone.now() - timedelta(days=3))
    for number in range(3 * OF_ONE_GUEST):
        for after in (0, 31):
            talk.ask(
                luggage, source="generated", text=f"nonsense {number}", after=62 * number + after
            )

    assert len({each.content for each in found_of(sakura)}) == OF_ONE_GUEST


def test_nor_do_more_sessions_of_his_device_count_for_more(sakura, luggage):
    before = None
    for number in range(2 * OF_ONE_GUEST):
        talk = Talk(sakura, timezone.now() - timedelta(days=2))
        talk.ask(luggage, source="generated", text=f"nonsense {number}")
        talk.conversation.client_ref = before and before.session_id
        talk.conversation.save()
        before = talk.conversation

    assert len(found_of(sakura)) == OF_ONE_GUEST


def test_thumbs_of_one_network_count_for_two_guests(sakura):
    for _guest in range(5):
        vote_from(sakura, "10.1.1.1", "positive", STASH)
    look(sakura)

    (offer,) = wordings.offered(sakura)
    assert (offer.guests, offer.thumbs_up) == (5, 2)


def test_one_run_looks_into_no_more_than_it_can(sakura, luggage, monkeypatch):
    searched = []
    monkeypatch.setattr(
        "chat.wordings.still_unsure", lambda facility, found: searched.extend(found) or []
    )
    monkeypatch.setattr("chat.wordings.AT_ONCE", 3)
    for number in range(5):
        Talk(sakura, timezone.now()).ask(luggage, source="generated", text=f"nonsense {number}")
    look(sakura)

    assert [each.content for each in searched] == [f"nonsense {n}" for n in (4, 3, 2)]


# Wordings that bring wrong answers --------------------------------------------------------------

PARROT = "can my parrot surf the waves"


@pytest.fixture
def parrot(luggage):
    """Somebody has made it a wording of the FAQ about luggage."""
    luggage.wordings.create(language="en", text=PARROT)
    return luggage.wordings.get()


def test_a_wording_is_doubted_by_two_guests_and_not_by_one(sakura, parrot):
    guest, _answer = vote(sakura, PARROT)
    vote(sakura, PARROT, guest=guest)
    look(sakura)
    assert wordings.doubted(sakura) == []

    vote(sakura, PARROT)
    look(sakura)
    assert wordings.doubted(sakura) == [parrot]
    assert wordings.doubted(sakura)[0].disputed_by == 2


def test_not_when_more_guests_were_helped(sakura, parrot):
    verdicts = ("negative", "negative", "positive", "positive", "positive")
    for number, verdict in enumerate(verdicts):
        vote_from(sakura, f"10.1.{number}.1", verdict, PARROT)
    look(sakura)

    assert wordings.doubted(sakura) == []


def test_not_for_answers_that_the_faqs_own_question_brought(sakura, parrot):
    for _guest in range(3):
        vote(sakura, "Can I leave my luggage with you?")
    look(sakura)

    parrot.refresh_from_db()
    assert parrot.disputed_by == 0


def test_not_for_what_was_answered_before_it_was_there(sakura, luggage):
    luggage.wordings.create(language="en", text=PARROT)
    FaqWording.objects.update(created_at=timezone.now() + timedelta(minutes=5))
    for _guest in range(2):
        vote(sakura, PARROT)
    look(sakura)

    assert wordings.doubted(sakura) == []


def test_guests_of_one_network_count_for_two(sakura, parrot):
    for verdict in ("negative",) * 5:
        vote_from(sakura, "10.1.1.1", verdict, PARROT)
    look(sakura)

    assert wordings.doubted(sakura)[0].disputed_by == 2


def test_it_goes_on_counting_when_the_conversations_are_deleted(sakura, parrot):
    for _guest in range(2):
        vote(sakura, PARROT)
    look(sakura)
    retention.purge_expired(timezone.now() + timedelta(days=sakura.retention_days + 2))
    look(sakura)

    assert wordings.doubted(sakura) == [parrot]


def test_once_it_is_gone_its_votes_are_not_laid_at_another(sakura, parrot, luggage, hanako):
    for _guest in range(2):
        vote(sakura, PARROT)
    look(sakura)
    luggage.wordings.create(language="en", text="may my parrot ride the waves")
    FaqWording.objects.update(created_at=timezone.now() - timedelta(days=1))

    wordings.remove(parrot, hanako)
    look(sakura)

    assert wordings.doubted(sakura) == []


def test_a_vote_that_is_changed_or_superseded_counts_no_more(sakura, parrot, luggage, hanako):
    votes = [vote(sakura, PARROT) for _guest in range(2)]
    look(sakura)
    again(*votes[0], "positive")
    look(sakura)
    assert wordings.doubted(sakura) == []

    again(*votes[0], "negative")
    look(sakura)
    assert wordings.doubted(sakura) == [parrot]
    texts = {text.language: (text.question, "No.") for text in luggage.translations.all()}
    change_faq(faq=luggage, actor=hanako, texts=texts)
    look(sakura)
    assert wordings.doubted(sakura) == []


def test_each_vote_is_looked_into_once(sakura, parrot, monkeypatch):
    vote(sakura, PARROT)
    vote(sakura, "what time can i check in")
    look(sakura)

    found = GuestFeedback.objects.order_by("pk").values_list("wording_id", flat=True)
    assert list(found) == [parrot.pk, 0]
    monkeypatch.setattr("chat.wordings.wording_of", None)
    look(sakura)
