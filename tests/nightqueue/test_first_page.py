"""The staff's first page."""

from datetime import UTC, datetime

import pytest
from django.utils import translation

from chat.models import Escalation, GuestFeedback
from chat.statistics import Figures
from facilities.models import Membership, User
from nightqueue.first_page import MEASURES, Value, value_of
from tests.conftest import Guest, browser_of
from tests.nightqueue.test_api import HOUR, wait
from tests.nightqueue.test_dashboard import CHECK_IN, UNANSWERED, vote


def page(client, **query):
    response = client.get("/admin/", query)
    assert response.status_code == 200
    return response


def shown(client, **query):
    return " ".join(page(client, **query).content.decode().split())


# What needs somebody now ------------------------------------------------------------------------


def test_a_quiet_inn_says_that_nobody_waits(at_the_desk):
    assert "No guest is waiting for you" in shown(at_the_desk)


def test_dangers_come_first_and_the_tab_counts_all(at_the_desk, guest, sakura, by_day):
    Guest(sakura).ask("there is a fire")
    guest.ask(UNANSWERED)
    wait(sakura, due=HOUR, text="may I bring a kite")

    response = page(at_the_desk)

    assert response.context["title"] == "(3) Today"
    text = response.content.decode()
    assert text.index("there is a fire") < text.index(UNANSWERED)
    assert "may I bring a kite" in text
    assert "No guest is waiting" not in text


def test_a_resolved_question_is_gone(at_the_desk, guest, by_day):
    guest.ask(UNANSWERED)
    Escalation.objects.update(resolved_at=datetime(2026, 1, 1, tzinfo=UTC))

    text = shown(at_the_desk)

    assert "No guest is waiting for you" in text
    assert text.count(UNANSWERED) == 1  # among those that were not answered


def test_a_faq_that_did_not_help_two_guests_is_ignored_by_a_button(
    at_the_desk, guest, sakura, by_day
):
    vote(guest, guest.ask(CHECK_IN), "negative")
    faq = GuestFeedback.objects.get().faq_id
    act = f"/admin/chat/conversation/low-rated/{faq}/act/"
    assert act not in shown(at_the_desk), "one guest alone does not raise it"
    other = Guest(sakura)
    vote(other, other.ask(CHECK_IN), "negative")
    assert act in shown(at_the_desk)

    done = at_the_desk.post(act, {"action": "ignore"}, follow=True)

    assert "no longer listed" in done.content.decode()
    assert act not in shown(at_the_desk)


@pytest.mark.parametrize("message", ["", "0", "x", "9" * 30])
def test_a_vote_that_is_not_there_is_not_found(at_the_desk, guest, message, by_day):
    vote(guest, guest.ask(CHECK_IN), "negative")
    conversation = GuestFeedback.objects.get().message.conversation_id

    response = at_the_desk.post(
        f"/admin/chat/conversation/{conversation}/act/",
        {"action": "ignore_votes", "message": message},
    )

    assert response.status_code == 404


# Whose it is ------------------------------------------------------------------------------------


def test_nothing_of_another_inn_is_on_it(at_the_desk, neighbour, by_day):
    neighbour.ask(UNANSWERED)
    vote(neighbour, neighbour.ask(CHECK_IN), "negative")

    text = shown(at_the_desk)

    assert "No guest is waiting for you" in text
    assert UNANSWERED not in text
    assert "もみじ荘" not in text


@pytest.mark.parametrize("number", ["theirs", "0", "x", "", "9" * 30])
def test_another_inn_is_not_found(at_the_desk, maple, number):
    number = str(maple.pk) if number == "theirs" else number

    assert at_the_desk.get("/admin/", {"facility": number}).status_code == 404


def test_who_works_at_two_inns_chooses(at_the_desk, hanako, maple, neighbour, by_day):
    Membership.objects.create(facility=maple, user=hanako, role="staff")
    neighbour.ask(UNANSWERED)

    text = shown(at_the_desk, facility=maple.pk)

    assert UNANSWERED in text
    assert "さくら屋</a>" in text


def test_who_works_nowhere_is_told_so(db):
    nobody = User.objects.create_user("new@example.com", "sakura-no-ki-2026")

    assert "do not work at any inn yet" in shown(browser_of(nobody))


# How it goes ------------------------------------------------------------------------------------


def test_the_page_counts_in_the_inns_own_days(at, at_the_desk, guest, by_day):
    at(datetime(2026, 3, 10, 14, 30, tzinfo=UTC))  # Tuesday, 23:30 in Japan
    guest.ask(CHECK_IN)
    at(datetime(2026, 3, 10, 15, 30, tzinfo=UTC))

    text = shown(at_the_desk)

    assert "As of 03/11 00:30" in text
    assert 'title="3/10: 1"' in text
    assert 'title="3/11: 0"' in text
    assert 'title="Tuesday 23:00: 1"' in text


def figures(**known):
    nothing = {"questions": 0, "automatic": 0, "positive": 0, "negative": 0}
    return Figures(**(nothing | {"confidences": [], "response_times": []} | known))


def written(name, now, before):
    measure = next(measure for measure in MEASURES if measure.name == name)
    with translation.override("en"):
        return value_of(measure, figures(**now), figures(**before))


@pytest.mark.parametrize(
    ("name", "now", "before", "value"),
    [
        ("questions", {"questions": 1200}, {"questions": 800}, Value("1,200", "+50 %", 0)),
        ("questions", {"questions": 3}, {}, Value("3", "", 0)),
        ("automatic_rate", {}, {"questions": 2, "automatic": 1}, Value("–", "", 0)),
        (
            "automatic_rate",
            {"questions": 4, "automatic": 3},
            {"questions": 2, "automatic": 1},
            Value("75 %", "+25 points", 1),
        ),
        (
            "satisfaction",
            {"positive": 49, "negative": 51},
            {"positive": 1, "negative": 1},
            Value("49 %", "-1 point", -1),
        ),
        (
            "satisfaction",
            {"positive": 499, "negative": 501},
            {"positive": 1, "negative": 1},
            Value("50 %", "±0", 0),
        ),
        (
            "average_response_time_ms",
            {"response_times": [900]},
            {"response_times": [600]},
            Value("0.9 s", "+50 %", -1),
        ),
        ("hours_saved", {"automatic": 30}, {"automatic": 60}, Value("1.5 h", "-50 %", -1)),
    ],
)
def test_a_figure_says_whether_it_is_better_than_before(name, now, before, value):
    assert written(name, now, before) == value
