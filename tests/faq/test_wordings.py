"""What staff make of wordings that guests taught, and the page on which they do."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from facilities.models import AuditEvent
from faq import wordings
from faq.models import DeclinedWording, FaqRevision, FaqWording, OfferedWording
from faq.search import search_faqs
from faq.services import change_faq
from tests.conftest import browser_of

PAGE = reverse("admin:faq_faq_wordings")
ACT = reverse("admin:faq_faq_wordings_act")
STASH = "somewhere to stash luggage"


@pytest.fixture
def luggage(sakura):
    return sakura.faqs.get(intent_key="basic_luggage_storage")


@pytest.fixture
def laundry(sakura):
    return sakura.faqs.get(intent_key="facilities_laundry")


@pytest.fixture
def offer():
    """Offers a text as a wording of a FAQ; returns its number."""
    numbers = iter(range(1, 10_000))

    def make(faq, text=STASH, language="en", *, evidence="thumbs_up", **fields):
        number = next(numbers)
        row = OfferedWording(
            faq=faq,
            message_id=number,
            conversation=number,
            language=language,
            text=text,
            key=wordings.key_of(faq.facility_id, text),
            evidence=evidence,
            confidence=0.78,
            asked_at=timezone.now() + timedelta(seconds=number),
            **{"guest": number} | fields,
        )
        wordings.offer([row])
        return OfferedWording.objects.get(message_id=number).pk

    return make


def texts(facility):
    return [each.text for each in wordings.offered(facility)]


def learned(faq):
    return set(faq.wordings.filter(origin="guest").values_list("language", "text"))


# What is offered --------------------------------------------------------------------------------


def test_of_most_guests_first_and_no_more_of_a_faq_than_is_read(sakura, luggage, laundry, offer):
    for number in range(30):
        offer(luggage, f"nonsense {number}", evidence="asked_no_more")
    for _guest in range(3):
        offer(laundry, "somewhere to do the washing")
    offer(luggage)

    shown = wordings.offered(sakura)

    assert shown[0].text == "somewhere to do the washing"
    assert shown[1].text == STASH
    assert len(shown) == 1 + wordings.OF_ONE_FAQ


def test_not_what_a_faq_of_the_inn_is_found_by_already(sakura, luggage, laundry, offer, hanako):
    offer(luggage, "can i leave my LUGGAGE with you")
    offer(luggage, "where may my bags stay?")
    change_faq(faq=laundry, actor=hanako, wordings={("en", "Where may my bags stay")})

    assert texts(sakura) == []


def test_not_of_a_faq_that_guests_are_not_shown(sakura, luggage, offer, hanako):
    offer(luggage)
    change_faq(faq=luggage, actor=hanako, is_active=False)

    assert texts(sakura) == []
    assert wordings.count_open([sakura]) == 0


@pytest.mark.parametrize(
    ("text", "evidence", "ticked"),
    [
        (STASH, "thumbs_up", True),
        (STASH, "asked_no_more", False),
        ("luggage of room 203", "thumbs_up", False),
        ("write to me@example.com", "thumbs_up", False),
    ],
)
def test_ticked_is_what_helped_and_tells_nothing_of_who_asked(
    sakura, luggage, offer, at_the_desk, text, evidence, ticked
):
    number = offer(luggage, text, evidence=evidence)

    page = at_the_desk.get(PAGE).content.decode()

    assert text in page
    assert (f'value="{number}" checked' in page) == ticked


@pytest.mark.parametrize("text", ["", "?!", "😀", "x" * 201])
def test_what_says_nothing_or_too_much_cannot_be_a_wording(text):
    assert not wordings.may_be_offered(text)


# Accepted ---------------------------------------------------------------------------------------


def test_many_are_accepted_at_once_and_the_next_guest_is_answered_more_surely(
    sakura, luggage, laundry, offer, hanako
):
    before = search_faqs(sakura, STASH, language="en").confidence
    numbers = [
        offer(luggage),
        offer(luggage, "荷物を置きたい", "ja"),
        offer(laundry, "somewhere to do the washing"),
    ]

    assert wordings.accept(sakura, numbers, hanako) == 3

    assert learned(luggage) == {("en", STASH), ("ja", "荷物を置きたい")}
    assert learned(laundry) == {("en", "somewhere to do the washing")}
    ranking = search_faqs(sakura, STASH, language="en")
    assert ranking.matches[0].faq_id == luggage.pk
    assert ranking.confidence > max(before, 0.85)
    assert texts(sakura) == []


def test_it_is_on_record_once_a_faq_and_holds_no_word_of_a_guest(sakura, luggage, offer, hanako):
    numbers = [offer(luggage), offer(luggage, "where may my suitcase sleep")]
    AuditEvent.objects.all().delete()
    for _twice in range(2):
        wordings.accept(sakura, numbers, hanako)

    (event,) = AuditEvent.objects.all()
    assert (event.facility, event.actor, event.fields) == (sakura, hanako, ["wordings"])
    assert (event.target_model, event.target_id) == ("faq.faq", luggage.pk)
    assert STASH not in event.target_text


def test_the_same_words_of_others_are_settled_with_it(sakura, luggage, offer, hanako):
    number = offer(luggage)
    offer(luggage, "Somewhere to stash luggage?!")
    wordings.accept(sakura, [number], hanako)

    assert not OfferedWording.objects.exists()
    assert luggage.wordings.count() == 1


def test_what_is_accepted_stays_when_the_conversation_goes(sakura, luggage, offer, hanako):
    number = offer(luggage)
    conversation = OfferedWording.objects.get().conversation
    wordings.accept(sakura, [number], hanako)
    wordings.forget_conversations([conversation])

    assert learned(luggage) == {("en", STASH)}


def test_what_is_gone_is_passed_over(sakura, luggage, offer, hanako):
    number = offer(luggage)
    wordings.forget_conversations([OfferedWording.objects.get().conversation])

    assert wordings.accept(sakura, [number], hanako) == 0
    assert not luggage.wordings.exists()


# Declined ---------------------------------------------------------------------------------------


def test_what_is_declined_is_not_offered_again_of_that_faq(sakura, luggage, laundry, offer, hanako):
    number = offer(luggage)
    AuditEvent.objects.all().delete()
    for _twice in range(2):
        wordings.decline(sakura, [number], hanako)
    offer(luggage, "SOMEWHERE to stash luggage.")
    assert texts(sakura) == []
    assert wordings.count_open([sakura]) == 0

    offer(laundry, STASH)
    assert texts(sakura) == [STASH]
    assert AuditEvent.objects.count() == 1
    assert STASH not in AuditEvent.objects.get().target_text


def test_of_what_is_declined_no_word_is_kept(sakura, luggage, offer, hanako):
    wordings.decline(sakura, [offer(luggage)], hanako)

    assert not OfferedWording.objects.exists()
    (declined,) = DeclinedWording.objects.values()
    assert STASH not in str(declined)


# Wordings that bring wrong answers --------------------------------------------------------------


@pytest.fixture
def bad(luggage):
    """A wording of staff's that failed two guests."""
    luggage.wordings.create(language="en", text="can my parrot surf", disputed_by=2)
    return luggage.wordings.get()


def test_removed_it_is_in_the_history_and_not_offered_again(sakura, luggage, bad, offer, hanako):
    for _twice in range(2):
        wordings.remove(bad, hanako)

    assert not luggage.wordings.exists()
    assert wordings.doubted(sakura) == []
    revision = FaqRevision.objects.get(faq_id=luggage.pk)
    assert revision.before["wordings"] == {"en": ["can my parrot surf"]}
    assert (revision.after["wordings"], revision.author) == ({}, hanako)
    assert AuditEvent.objects.filter(target_id=luggage.pk, fields=["wordings"]).count() == 1
    offer(luggage, "Can my parrot surf?")
    assert texts(sakura) == []


def test_a_learned_one_is_removed_too(sakura, luggage, bad, hanako):
    FaqWording.objects.update(origin="guest")
    wordings.remove(bad, hanako)

    assert not luggage.wordings.exists()
    assert AuditEvent.objects.filter(target_id=luggage.pk, fields=["wordings"]).exists()


def test_kept_it_comes_back_only_when_more_guests_are_against_it(sakura, bad):
    wordings.keep(bad)
    assert wordings.doubted(sakura) == []

    wordings.note_votes(sakura, {bad.pk: (0, 3)})
    assert wordings.doubted(sakura) == [bad]


# The page ---------------------------------------------------------------------------------------


def test_the_sidebar_and_the_first_page_say_how_many(at_the_desk, luggage, offer, bad):
    offer(luggage)
    offer(luggage)

    page = at_the_desk.get("/admin/")

    assert "<b>2</b> new wordings" in page.content.decode()
    items = page.context["sidebar_navigation"][0]["items"]
    badges = {str(item["link"]): str(item.get("badge_callback", "")) for item in items}
    assert badges[PAGE] == "2"
    assert reverse("admin:chat_conversation_low_rated") in badges


def test_the_page_shows_both_kinds_below_their_faq(at_the_desk, luggage, offer, bad):
    offer(luggage)
    offer(luggage, "<b>荷物</b>を置きたい", "ja", evidence="asked_no_more")

    page = at_the_desk.get(PAGE).content.decode()

    for text in (
        "荷物を預かってもらえますか",
        STASH,
        "&lt;b&gt;荷物&lt;/b&gt;",
        "called helpful",
        "asked no more",
        "78",
        "can my parrot surf",
        "helped 0, did not help 2",
    ):
        assert text in page


def test_ticked_ones_are_added_and_declined_by_a_press(
    at_the_desk, sakura, luggage, laundry, offer
):
    numbers = [offer(luggage), offer(laundry, "somewhere to do the washing")]
    other = offer(luggage, "nonsense")

    said = at_the_desk.post(ACT, {"action": "accept", "wordings": numbers}, follow=True)
    assert "2 wordings added." in said.content.decode()
    assert texts(sakura) == ["nonsense"]
    again = at_the_desk.post(ACT, {"action": "accept", "wordings": numbers}, follow=True)
    assert "Nothing was ticked that is still to be decided." in again.content.decode()

    said = at_the_desk.post(ACT, {"action": "decline", "wordings": [other]}, follow=True)
    assert "1 wording is not offered again." in said.content.decode()
    assert texts(sakura) == []
    assert luggage.wordings.count() == laundry.wordings.count() == 1


def test_a_wording_is_removed_or_kept_by_a_press(at_the_desk, sakura, luggage, bad):
    at_the_desk.post(ACT, {"action": f"keep-{bad.pk}"})
    assert wordings.doubted(sakura) == []
    assert luggage.wordings.exists()

    for _twice in range(2):
        assert at_the_desk.post(ACT, {"action": f"remove-{bad.pk}"}).status_code == 302
    assert not luggage.wordings.exists()


@pytest.mark.parametrize(
    "posted",
    [
        {},
        {"action": "accept"},
        {"action": "accept", "wordings": ["x", "-1", "9" * 30]},
        {"action": "remove-"},
        {"action": "remove-x"},
        {"action": f"keep-{2**70}"},
        {"action": "made-up"},
    ],
)
def test_what_no_page_sends_does_nothing(at_the_desk, sakura, luggage, offer, bad, posted):
    offer(luggage)

    assert at_the_desk.post(ACT, posted).status_code == 302
    assert (len(texts(sakura)), wordings.doubted(sakura)) == (1, [bad])


def test_it_is_not_done_by_a_link(at_the_desk):
    assert at_the_desk.get(ACT).status_code == 405


def test_another_inns_staff_see_and_change_nothing(sakura, momiji, luggage, offer, bad):
    number = offer(luggage)
    theirs = browser_of(momiji)

    assert STASH not in theirs.get(PAGE).content.decode()
    for action in ("accept", "decline", f"remove-{bad.pk}", f"keep-{bad.pk}"):
        theirs.post(ACT, {"action": action, "wordings": [number]})

    assert (texts(sakura), wordings.doubted(sakura)) == ([STASH], [bad])
    assert not DeclinedWording.objects.exists()


def test_who_works_at_two_inns_decides_for_both(sakura, maple, luggage, hanako, offer, at_the_desk):
    from facilities.services import add_owner

    add_owner(maple, email=hanako.email, password=None)
    other = maple.faqs.get(intent_key="basic_luggage_storage")
    numbers = [offer(luggage), offer(other, "my bags")]

    page = at_the_desk.get(PAGE).content.decode()
    assert page.index("さくら屋</h2>") < page.index(STASH) < page.index("もみじ荘</h2>")
    at_the_desk.post(ACT, {"action": "accept", "wordings": numbers})

    assert (learned(luggage), learned(other)) == ({("en", STASH)}, {("en", "my bags")})


def test_the_page_is_few_statements_however_much_there_is(
    at_the_desk, luggage, laundry, offer, django_assert_max_num_queries
):
    for number in range(20):
        for faq in (luggage, laundry):
            offer(faq, f"nonsense {number}")
            faq.wordings.create(language="en", text=f"parrot {number}", disputed_by=2)

    with django_assert_max_num_queries(25):
        at_the_desk.get(PAGE)
