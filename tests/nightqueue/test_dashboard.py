"""The staff's first page in numbers."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from chat.models import Conversation, Escalation, GuestFeedback, Message
from chat.retention import delete_conversation
from facilities.models import Facility, Membership, User
from nightqueue.models import QueueEntry
from tests.conftest import Guest, staff_client
from tests.nightqueue.test_api import wait

PATH = "/api/v1/admin/dashboard"
UNANSWERED = "can my parrot surf"
CHECK_IN = "what time can i check in"
HOUR = timedelta(hours=1)


def read(user, **query):
    response = staff_client(user).get(PATH, query)
    assert response.status_code == 200, response.content
    return response.json()


def vote(guest, answer, verdict):
    guest.post(
        "/chat/feedback",
        message_id=answer["message"]["id"],
        feedback_type=verdict,
        session_id=guest.session_id,
    )


def call_staff(guest):
    guest.post("/chat/escalate", facility_id=guest.facility.pk, session_id=guest.session_id)


# The contract -----------------------------------------------------------------------------------

SHAPE = {
    "summary": {
        "period": {"start": str, "end": str},
        "total_questions": int,
        "auto_response_rate": (int, float),
        "average_response_time_ms": int,
        "average_confidence": (int, float),
        "category_breakdown": {"basic": int, "facilities": int, "location": int, "trouble": int},
        "top_questions": [{"question": str, "count": int}],
        "unresolved_count": int,
    },
    "recent_conversations": [
        {
            "session_id": str,
            "guest_language": str,
            "last_message": str,
            "ai_confidence": (int, float, type(None)),
            "created_at": str,
        }
    ],
    "overnight_queue": [
        {
            "id": int,
            "facility_id": int,
            "escalation_id": int,
            "guest_message": str,
            "language": str,
            "scheduled_notify_at": str,
            "notified_at": type(None),
            "resolved_at": type(None),
            "resolved_by": type(None),
            "created_at": str,
        }
    ],
    "feedback_stats": {
        "positive_count": int,
        "negative_count": int,
        "positive_rate": (int, float),
        "low_rated_answers": [
            {"message_id": int, "question": str, "answer": str, "negative_count": int}
        ],
    },
    "monthly_usage": {
        "current_month_questions": int,
        "plan_type": str,
        "plan_limit": type(None),
        "usage_percentage": type(None),
        "remaining_questions": type(None),
        "overage_questions": int,
        "status": str,
    },
    "ai_automation": {
        "ai_responses": int,
        "total_questions": int,
        "automation_rate": (int, float),
    },
    "escalations_summary": {"total": int, "unresolved": int, "resolved": int},
    "unresolved_escalations": [
        {
            "id": int,
            "conversation_id": int,
            "session_id": str,
            "created_at": str,
            "message": str,
            "contactability_status": str,
        }
    ],
    "coupon_lead_count": int,
}


def fits(value, shape):
    """Whether everything of `shape` is in `value`, which may hold more."""
    if isinstance(shape, dict):
        return all(name in value and fits(value[name], shape[name]) for name in shape)
    if isinstance(shape, list):
        return all(fits(each, shape[0]) for each in value)
    return isinstance(value, shape) and not isinstance(value, bool)


def test_the_dashboard_has_the_shape_of_the_contract(hanako, guest, sakura, by_day):
    vote(guest, guest.ask(CHECK_IN), "negative")
    guest.ask(UNANSWERED)
    wait(sakura, due=HOUR)

    body = read(hanako)

    assert fits(body, SHAPE)
    listed = ("recent_conversations", "overnight_queue", "unresolved_escalations")
    assert all(body[name] for name in listed)
    assert body["summary"]["top_questions"]
    assert body["feedback_stats"]["low_rated_answers"]


def test_the_queue_is_that_of_its_own_route(hanako, sakura, maple):
    wait(sakura, due=HOUR)
    wait(sakura, due=-HOUR, text="")
    wait(maple, due=HOUR)
    settled = wait(sakura, due=HOUR).escalation
    settled.resolved_at = timezone.now()
    settled.save()

    own_route = staff_client(hanako).get("/api/v1/admin/overnight-queue").json()
    body = read(hanako)

    assert body["overnight_queue"] == own_route["queues"]
    assert body["attention"]["night_queue"] == own_route["pending_count"] == 2


def test_an_inn_without_guests_has_numbers_where_the_staff_app_reads_some(hanako):
    body = read(hanako)

    assert fits(body, SHAPE)
    assert (body["summary"]["total_questions"], body["summary"]["auto_response_rate"]) == (0, 0)
    assert body["ai_automation"] == {"ai_responses": 0, "total_questions": 0, "automation_rate": 0}
    assert body["feedback_stats"]["positive_rate"] == 0
    assert body["attention"] == dict.fromkeys(body["attention"], 0)
    for name in ("recent_conversations", "overnight_queue", "unresolved_escalations"):
        assert body[name] == []


def test_what_nothing_is_known_of_is_null_elsewhere(hanako):
    today = read(hanako)["periods"]["today"]["current"]

    assert today == {
        "questions": 0,
        "automatic": 0,
        "automatic_rate": None,
        "hours_saved": 0,
        "positive": 0,
        "negative": 0,
        "satisfaction": None,
        "average_confidence": None,
        "average_response_time_ms": None,
        "p95_response_time_ms": None,
    }


# Numbers ----------------------------------------------------------------------------------------


def test_the_week_is_summed_up(hanako, guest, sakura, by_day):
    guest.ask(CHECK_IN, language="en")
    guest.ask("hello", language="en")
    Guest(sakura).ask("チェックインは何時からですか", language="ja")
    Guest(sakura).ask(UNANSWERED, language="en")

    summary = read(hanako)["summary"]

    assert summary["total_questions"] == 3
    assert summary["auto_response_rate"] == pytest.approx(2 / 3)
    assert summary["category_breakdown"]["basic"] == 2
    assert summary["language_breakdown"] == {"en": 2, "ja": 1}
    assert summary["unanswered_questions"] == [{"question": UNANSWERED, "count": 1}]
    assert summary["unresolved_count"] == 1
    assert 0.7 <= summary["average_confidence"] <= 1


def test_the_summary_is_of_seven_days_of_the_inn_until_now(at, sakura, hanako):
    at(datetime(2026, 3, 10, 15, 30, tzinfo=UTC))  # 00:30 of the 11th in Japan

    assert read(hanako)["summary"]["period"] == {
        "start": "2026-03-05T00:00:00+09:00",
        "end": "2026-03-11T00:30:00+09:00",
    }


def test_each_period_is_set_against_the_one_before(at, guest, hanako, by_day):
    for days_ago, times in ((0, 1), (1, 2), (7, 3), (30, 4)):
        at(datetime(2026, 3, 31, 3, tzinfo=UTC) - timedelta(days=days_ago))
        for _time in range(times):
            Guest(guest.facility).ask(CHECK_IN)
    at(datetime(2026, 3, 31, 3, tzinfo=UTC))

    body = read(hanako)

    counts = {
        name: (period["current"]["questions"], period["before"]["questions"])
        for name, period in body["periods"].items()
    }
    assert counts == {"today": (1, 2), "week": (3, 3), "month": (6, 4)}
    assert len(body["by_day"]) == 30
    assert body["by_day"][-1] == {"day": "2026-03-31", "questions": 1, "automatic": 1}
    assert sum(map(sum, body["heat_map"])) == 6
    assert body["heat_map"][1][12] == 4  # Tuesdays at noon: that day and a week before


def test_the_month_is_the_calendars(at, guest, hanako, by_day):
    at(datetime(2026, 2, 28, 14, 59, tzinfo=UTC))  # the last minute of February in Japan
    guest.ask(UNANSWERED)
    Escalation.objects.update(resolved_at=timezone.now())
    at(datetime(2026, 2, 28, 15, 1, tzinfo=UTC))
    later = Guest(guest.facility)
    later.ask(CHECK_IN)
    later.ask(UNANSWERED)

    body = read(hanako)

    assert body["monthly_usage"]["current_month_questions"] == 2
    expected = {"ai_responses": 1, "total_questions": 2, "automation_rate": 50.0}
    assert body["ai_automation"] == expected
    assert body["escalations_summary"] == {"total": 1, "unresolved": 1, "resolved": 0}


def test_what_is_open_counts_since_whenever(at, guest, hanako, by_day):
    at(datetime(2026, 1, 5, 3, tzinfo=UTC))
    guest.ask(UNANSWERED)
    at(datetime(2026, 3, 5, 3, tzinfo=UTC))
    Guest(guest.facility).ask(UNANSWERED)
    Escalation.objects.filter(pk=Escalation.objects.latest("pk").pk).update(
        resolved_at=timezone.now()
    )

    body = read(hanako)

    assert body["escalations_summary"] == {"total": 2, "unresolved": 1, "resolved": 1}
    assert body["summary"]["unresolved_count"] == len(body["unresolved_escalations"]) == 1


# What needs somebody now ------------------------------------------------------------------------


def test_dangers_and_guests_who_wait_are_told_apart(hanako, guest, sakura, by_day):
    guest.ask(UNANSWERED)
    call_staff(guest)  # the same guest waits
    Guest(sakura).ask("there is a fire")
    settled = Guest(sakura).ask("there is a fire")
    Escalation.objects.filter(pk=settled["escalation_id"]).update(resolved_at=timezone.now())

    attention = read(hanako)["attention"]

    assert (attention["open_dangers"], attention["guests_waiting"]) == (1, 1)


def test_an_open_escalation_shows_what_the_guest_asked_or_said_last(hanako, guest, by_day):
    guest.ask(CHECK_IN)
    guest.ask("hello")
    call_staff(guest)
    guest.ask(UNANSWERED)
    calls = Escalation.objects.values_list("pk", flat=True)

    listed = read(hanako)["unresolved_escalations"]

    assert [each["message"] for each in listed] == [UNANSWERED, "hello"]
    assert {each["session_id"] for each in listed} == {guest.session_id}
    assert [each["id"] for each in listed] == sorted(calls, reverse=True)


def test_a_guest_who_only_called_has_said_nothing(hanako, sakura):
    wait(sakura, due=HOUR, text="")

    (listed,) = read(hanako)["unresolved_escalations"]

    assert listed["message"] == ""


@pytest.mark.parametrize(
    ("ended", "email", "status"),
    [
        (False, "", "contactable"),
        (True, "", "no_contact"),
        (True, "guest@example.com", "contactable"),
    ],
)
def test_a_guest_is_contactable_in_his_session_and_by_mail(
    hanako, guest, by_day, ended, email, status
):
    guest.ask(UNANSWERED)
    ends = timezone.now() + (-HOUR if ended else HOUR)
    Conversation.objects.update(expires_at=ends, contact_email=email)

    (listed,) = read(hanako)["unresolved_escalations"]

    assert listed["contactability_status"] == status


def test_answers_voted_down_are_listed_by_faq_the_latest_of_each(hanako, guest, sakura, by_day):
    other = Guest(sakura)
    first, last = guest.ask(CHECK_IN, language="en"), other.ask(CHECK_IN, language="en")
    laundry = other.ask("is there a washing machine")
    liked = other.ask("what time is check-out")
    for person, answer, verdict in (
        (guest, first, "negative"),
        (other, last, "negative"),
        (other, laundry, "negative"),
        (other, liked, "positive"),
    ):
        vote(person, answer, verdict)

    body = read(hanako)

    stats = body["feedback_stats"]
    assert (stats["positive_count"], stats["negative_count"], stats["positive_rate"]) == (
        1,
        3,
        0.25,
    )
    assert [
        (each["message_id"], each["negative_count"]) for each in stats["low_rated_answers"]
    ] == [
        (last["message"]["id"], 2),
        (laundry["message"]["id"], 1),
    ]
    shown = stats["low_rated_answers"][0]
    assert (shown["question"], shown["answer"]) == (CHECK_IN, last["message"]["content"])
    assert body["attention"]["low_rated_answers"] == 1, "two guests raise it"


def test_answers_of_no_faq_are_listed_each_for_itself(hanako, guest, by_day):
    for _question in range(2):
        answer = guest.ask(CHECK_IN)
        vote(guest, answer, "negative")
    GuestFeedback.objects.update(faq_id=None)

    listed = read(hanako)["feedback_stats"]["low_rated_answers"]

    assert [each["negative_count"] for each in listed] == [1, 1]


def test_of_a_deleted_conversation_only_the_votes_remain(hanako, guest, by_day):
    vote(guest, guest.ask(CHECK_IN), "negative")
    guest.ask(UNANSWERED)
    delete_conversation(Conversation.objects.get())

    body = read(hanako)

    assert body["feedback_stats"] == {
        "positive_count": 0,
        "negative_count": 1,
        "positive_rate": 0,
        "low_rated_answers": [],
    }
    assert body["summary"]["total_questions"] == body["summary"]["unresolved_count"] == 0
    assert body["recent_conversations"] == body["unresolved_escalations"] == []


def test_the_ten_conversations_that_moved_last_are_shown(hanako, sakura, by_day):
    for _guest in range(11):
        Guest(sakura).ask("hello")
    oldest, *_others, newest = Conversation.objects.order_by("pk")
    Conversation.objects.create(facility=sakura)  # opened, and nothing said yet
    Message.objects.create(conversation=newest, role="staff", content="あ" * 200, language="ja")

    listed = read(hanako)["recent_conversations"]

    assert len(listed) == 10
    assert oldest.session_id not in {each["session_id"] for each in listed}
    assert listed[0]["session_id"] == newest.session_id
    assert listed[0]["last_message"] == "あ" * 100
    assert listed[0]["ai_confidence"] == 1
    assert listed[0]["created_at"].startswith(f"{newest.last_activity_at:%Y-%m-%dT%H:%M:%S}")


# Which inn --------------------------------------------------------------------------------------


def test_nothing_of_another_inn_is_in_it(hanako, momiji, guest, sakura, by_day):
    vote(guest, guest.ask(CHECK_IN), "negative")
    guest.ask(UNANSWERED)
    guest.ask("there is a fire")
    wait(sakura, due=HOUR)

    theirs = read(momiji)

    assert theirs["attention"] == dict.fromkeys(theirs["attention"], 0)
    assert theirs["summary"]["total_questions"] == theirs["summary"]["unresolved_count"] == 0
    assert theirs["periods"]["month"]["current"]["questions"] == 0
    assert sum(map(sum, theirs["heat_map"])) == 0
    assert theirs["feedback_stats"]["negative_count"] == 0
    assert theirs["escalations_summary"]["total"] == 0
    for name in ("recent_conversations", "overnight_queue", "unresolved_escalations"):
        assert theirs[name] == []
    assert read(hanako)["summary"]["total_questions"] == 4


def test_who_works_at_two_inns_sees_the_first_or_the_one_he_names(hanako, sakura, maple):
    Membership.objects.create(facility=maple, user=hanako)

    assert read(hanako)["facility_id"] == sakura.pk
    assert read(hanako, facility_id=maple.pk)["facility_id"] == maple.pk


def test_an_operator_sees_any_inn_and_without_one_of_his_own_the_oldest(sakura, maple):
    operator = User.objects.create_superuser("operator@example.com", "sakura-no-ki-2026")
    oldest = Facility.objects.order_by("pk").first()
    newest = maple if oldest == sakura else sakura

    assert read(operator)["facility_id"] == oldest.pk
    assert read(operator, facility_id=newest.pk)["facility_id"] == newest.pk
    Membership.objects.create(facility=newest, user=operator)
    assert read(operator)["facility_id"] == newest.pk


def test_another_inn_is_not_there(hanako, maple):
    client = staff_client(hanako)

    theirs, made_up = (client.get(PATH, {"facility_id": pk}) for pk in (maple.pk, 2**40))

    assert theirs.status_code == made_up.status_code == 404
    assert theirs.content == made_up.content


def test_who_works_nowhere_has_no_dashboard(hanako, sakura):
    sakura.membership_set.all().delete()

    assert staff_client(hanako).get(PATH).status_code == 404


def test_nobody_is_let_in(sakura):
    assert staff_client().get(PATH).status_code == 401


@pytest.mark.parametrize("bad", ["0", "-1", "x", "1.5", "", str(2**63)])
def test_what_is_no_id_is_refused(hanako, bad):
    assert staff_client(hanako).get(PATH, {"facility_id": bad}).status_code == 422


# How much work it is ----------------------------------------------------------------------------


def test_it_takes_at_most_fifteen_statements_however_much_was_asked(hanako, guest, sakura, by_day):
    client = staff_client(hanako)

    def statements():
        with CaptureQueriesContext(connection) as taken:
            assert client.get(PATH).status_code == 200
        return len(taken)

    vote(guest, guest.ask(CHECK_IN), "negative")
    few = statements()
    for _guest in range(3):
        person = Guest(sakura)
        vote(person, person.ask(CHECK_IN), "negative")
        vote(person, person.ask("is there a washing machine"), "negative")
        person.ask(UNANSWERED)
        call_staff(person)
        wait(sakura, due=HOUR)

    assert statements() == few <= 15


def test_long_lists_end_after_a_hundred_and_say_how_much_there_is(hanako, sakura):
    conversation = Conversation.objects.create(facility=sakura)
    escalations = Escalation.objects.bulk_create(
        Escalation(
            conversation=conversation,
            trigger_type="low_confidence",
            message=Message.objects.create(
                conversation=conversation, role="user", content="x", language="en"
            ),
        )
        for _ in range(101)
    )
    QueueEntry.objects.bulk_create(
        QueueEntry(facility=sakura, escalation=each, due_at=timezone.now()) for each in escalations
    )

    body = read(hanako)

    assert len(body["overnight_queue"]) == len(body["unresolved_escalations"]) == 100
    assert body["attention"]["night_queue"] == body["summary"]["unresolved_count"] == 101
