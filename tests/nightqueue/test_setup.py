"""The guided first run: what it says is left is read off the inn itself."""

from datetime import timedelta

import pytest
from django.db.models import F
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation

from facilities.models import Facility, Membership, SiteKey, User
from faq.models import Faq
from faq.presets import load_presets
from faq.services import add_starter_faqs, settle_starters, waiting_starters
from nightqueue.models import Channel, Delivery
from nightqueue.setup import NEEDED_FACTS, Setup
from tests.conftest import browser_of

CLAIMS = {preset.intent_key for preset in load_presets() if preset.assumes}


@pytest.fixture
def ume(db):
    """An inn as an operator has made it an hour ago."""
    facility = Facility.objects.create(slug="ume", name="うめ屋")
    add_starter_faqs(facility)
    made = timezone.now() - timedelta(hours=1)
    Faq.objects.for_facility(facility).update(created_at=made, updated_at=made)
    return facility


@pytest.fixture
def owner(ume):
    return member(ume, "owner")


@pytest.fixture
def browser(owner):
    return browser_of(owner)


def member(facility, role):
    user = User.objects.create_user(f"{role}@{facility.slug}.example.com", "sakura-no-ki-2026")
    Membership.objects.create(facility=facility, user=user, role=role)
    return user


def page(facility):
    return reverse("setup_of", args=[facility.slug])


def is_done(facility, name):
    return next(step for step in Setup(facility).steps if step.name == name).is_done


def waiting(facility):
    return list(waiting_starters(facility).values_list("pk", flat=True))


# The steps --------------------------------------------------------------------------------------


def test_a_new_inn_has_everything_before_it(ume):
    setup = Setup(ume)

    assert [step.name for step in setup.steps if step.is_done] == []
    assert (setup.done, setup.is_done, setup.next.name) == (0, False, "facts")


@pytest.mark.parametrize("fact", [*NEEDED_FACTS, "emergency"])
def test_each_needed_fact_is_asked_for_until_it_is_there(sakura, fact):
    assert is_done(sakura, "facts")
    if fact == "emergency":
        sakura.phone = sakura.emergency_contact = ""
    else:
        setattr(sakura, fact, None if fact.endswith("_time") else "")
    with translation.override("en"):
        step = Setup(sakura).facts
        named = {"emergency": "emergency contact"}
        name = named.get(fact) or str(Facility._meta.get_field(fact).verbose_name)

    assert not step.is_done
    assert name in step.missing


def test_the_phone_serves_in_an_emergency(sakura):
    sakura.emergency_contact = ""

    assert is_done(sakura, "facts")


def test_starters_just_made_wait_for_the_inns_word(db):
    facility = Facility.objects.create(slug="take", name="たけ屋")
    add_starter_faqs(facility)

    assert len(waiting(facility)) == len(CLAIMS)


def test_starters_that_claim_nothing_need_no_word(ume):
    assert {faq.intent_key for faq in waiting_starters(ume)} == CLAIMS
    for faq in waiting_starters(ume):
        faq.save()

    assert is_done(ume, "starters")


def test_a_starter_that_staff_have_hidden_later_is_not_asked_for_again(ume):
    chosen = Faq.objects.get(pk=waiting(ume)[0])
    for is_active in (True, False):
        chosen.is_active = is_active
        chosen.save()

    assert chosen.pk not in waiting(ume)


def test_a_code_that_counts_is_needed(ume):
    key = SiteKey.objects.create(facility=ume)
    assert is_done(ume, "codes")
    SiteKey.objects.filter(pk=key.pk).revoke()
    assert not is_done(ume, "codes")


def test_a_question_of_anybody_is_enough(sakura, maple, guest):
    assert not is_done(sakura, "question")
    guest.ask("what time is check-in?")

    assert is_done(sakura, "question")
    assert not is_done(maple, "question")


def test_a_message_must_have_arrived_through_a_channel_in_use(ume):
    channel = Channel.objects.get(facility=ume)
    delivery = Delivery.objects.create(facility=ume, kind="test", channel=channel)
    for state in ("pending", "sending", "failed", "needless"):
        Delivery.objects.filter(pk=delivery.pk).update(state=state)
        assert not is_done(ume, "channels"), state
    Delivery.objects.filter(pk=delivery.pk).update(state="sent")
    assert is_done(ume, "channels")
    Channel.objects.filter(pk=channel.pk).update(is_active=False)
    assert not is_done(ume, "channels")


def test_an_answer_mailed_to_a_guest_shows_nothing_of_the_channels(ume):
    Delivery.objects.create(facility=ume, kind="answer", state="sent")

    assert not is_done(ume, "channels")


def test_an_inn_with_everything_is_done(sakura, guest):
    guest.ask("what time is check-in?")
    SiteKey.objects.create(facility=sakura)
    channel = Channel.objects.get(facility=sakura)
    Delivery.objects.create(facility=sakura, kind="test", channel=channel, state="sent")
    setup = Setup(sakura)

    assert (setup.done, setup.is_done, setup.next) == (5, True, None)
    assert render_to_string("nightqueue/setup_card.html", {"setup": setup}).strip() == ""


def test_the_card_of_the_first_page_names_the_next_step(ume):
    with translation.override("en"):
        card = render_to_string("nightqueue/setup_card.html", {"setup": Setup(ume)})

    assert "0 of 5 steps are done." in card
    assert "Enter the inn&#x27;s facts" in card
    assert page(ume) in card


# The starter FAQs -------------------------------------------------------------------------------


def test_many_are_confirmed_at_once_and_the_others_stay(browser, ume):
    yes, also, no, later = waiting(ume)[:4]
    answers = {
        f"faq-{yes}": "yes",
        f"faq-{also}": "yes",
        f"faq-{no}": "no",
        f"faq-{later}": "later",
    }
    shown = browser.post(page(ume), answers, follow=True).content.decode()

    assert "Saved: 2 more answers are shown to guests." in shown
    active = dict(Faq.objects.filter(pk__in=[yes, also, no, later]).values_list("pk", "is_active"))
    assert active == {yes: True, also: True, no: False, later: False}
    assert not {yes, also, no} & set(waiting(ume))
    assert later in waiting(ume)


def test_confirming_twice_changes_nothing_more(browser, ume):
    chosen = waiting(ume)[0]
    browser.post(page(ume), {f"faq-{chosen}": "yes"})
    before = Faq.objects.get(pk=chosen)
    shown = browser.post(page(ume), {f"faq-{chosen}": "yes"}, follow=True).content.decode()

    assert "Saved: 0 more answers" in shown
    assert Faq.objects.get(pk=chosen).updated_at == before.updated_at


def test_an_old_page_does_not_undo_what_a_colleague_has_settled(ume):
    chosen = waiting(ume)[0]
    settle_starters(ume, true={chosen}, untrue=set(), actor=None)
    settle_starters(ume, true=set(), untrue={chosen}, actor=None)

    assert Faq.objects.get(pk=chosen).is_active


def test_only_starters_of_this_inn_are_confirmed(browser, ume, maple):
    theirs = Faq.objects.for_facility(maple).filter(intent_key__in=CLAIMS)
    theirs.update(is_active=False, updated_at=F("created_at"))
    own = Faq.objects.create(facility=ume, intent_key="sauna", category="basic", is_active=False)
    foreign = theirs.first()
    browser.post(page(ume), {f"faq-{foreign.pk}": "yes", f"faq-{own.pk}": "yes"})

    assert not Faq.objects.filter(pk__in=[foreign.pk, own.pk], is_active=True).exists()


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"faq-": "yes"},
        {"faq-x": "yes", "faq--1": "yes", "1": "yes"},
        {"faq-0": "yes", "faq-99999999999": "yes"},
        {f"faq-{9**40}": "yes"},
        {"faq-①": "yes", "faq-1٣": "no"},
        {"faq-9999999999999999999": "yes"},
    ],
)
def test_a_form_that_nobody_filled_in_changes_nothing(browser, ume, fields):
    before = waiting(ume)

    assert browser.post(page(ume), fields).status_code == 302
    assert waiting(ume) == before


def test_answers_are_read_with_the_inns_facts(ume):
    ume.check_in_time = "15:00"
    ume.save()
    ume.refresh_from_db()
    with translation.override("en"):
        by_key = {each.faq.intent_key: each for each in Setup(ume).starters}
        early = by_key["basic_early_check_in"]

    assert "15:00" in early.answer
    assert "{" not in early.answer


def test_an_answer_that_needs_a_missing_fact_says_which(ume):
    with translation.override("en"):
        by_key = {each.faq.intent_key: each for each in Setup(ume).starters}

    assert by_key["basic_early_check_in"].missing == "check-in from"


def test_a_starter_without_texts_is_shown_by_its_key(ume):
    faq = Faq.objects.get(pk=waiting(ume)[0])
    faq.translations.all().delete()

    assert Setup(ume).starters[0].question == faq.intent_key


# Who may ----------------------------------------------------------------------------------------


def test_the_page_shows_what_is_left(browser, ume):
    shown = browser.get(page(ume)).content.decode()

    assert "0 of 5 steps are done." in shown
    assert "address" in shown
    assert f'name="faq-{waiting(ume)[0]}"' in shown
    assert 'href="/f/ume" target="_blank" rel="noopener"' in shown


def test_without_a_name_it_is_that_of_the_owners_inn(browser, ume):
    assert browser.get(reverse("setup")).headers["Location"] == page(ume)


def test_owners_of_several_inns_find_each(browser, owner, ume, sakura, maple):
    Membership.objects.create(facility=sakura, user=owner, role="owner")
    Membership.objects.create(facility=maple, user=owner, role="staff")
    shown = browser.get(page(ume)).content.decode()

    assert page(sakura) in shown
    assert page(maple) not in shown


def test_it_is_for_owners(ume):
    browser = browser_of(member(ume, "staff"))
    before = waiting(ume)

    assert browser.get(page(ume)).status_code == 404
    assert browser.post(page(ume), {f"faq-{before[0]}": "yes"}).status_code == 404
    assert waiting(ume) == before
    led_back = browser.get(reverse("setup"), follow=True)
    assert "Only owners set up an inn." in led_back.content.decode()
    assert f'href="{reverse("setup")}"' not in led_back.content.decode()


def test_outsiders_find_nothing_and_strangers_sign_in(ume, hanako, client):
    before = waiting(ume)
    outsider = browser_of(hanako)

    assert outsider.get(page(ume)).status_code == 404
    assert outsider.post(page(ume), {f"faq-{before[0]}": "yes"}).status_code == 404
    for address in (page(ume), reverse("setup")):
        assert client.get(address).headers["Location"].startswith("/admin/login/")
    assert client.post(page(ume), {f"faq-{before[0]}": "yes"}).status_code == 302
    assert waiting(ume) == before


def test_an_operator_may_help_any_inn(ume):
    operator = User.objects.create_superuser("operator@example.com", "sakura-no-ki-2026")

    assert browser_of(operator).get(page(ume)).status_code == 200
