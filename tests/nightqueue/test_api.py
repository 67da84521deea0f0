"""The staff API of the night queue."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from chat.models import Conversation, Escalation, Message
from facilities.models import Membership
from nightqueue.models import Delivery, Digest, QueueEntry
from nightqueue.services import make_digests
from tests.conftest import StaffApp

PATH = "/api/v1/admin/overnight-queue"
HOUR = timedelta(hours=1)


class Desk(StaffApp):
    """Calls the night queue as the staff app does."""

    def list(self, **query):
        return self.client.get(PATH, query)

    def resolve(self, number):
        return self.client.put(f"{PATH}/{number}/resolve")

    def process(self):
        return self.client.post(f"{PATH}/process")


def wait(facility, *, due, text="can my parrot surf", language="en"):
    """A question that waits; `due` is how long from now. Without `text`, a call."""
    conversation = Conversation.objects.create(facility=facility, language="ja")
    message = text and Message.objects.create(
        conversation=conversation, role="user", content=text, language=language
    )
    escalation = Escalation.objects.create(
        conversation=conversation, message=message or None, trigger_type="low_confidence"
    )
    return QueueEntry.objects.create(
        facility=facility, escalation=escalation, due_at=timezone.now() + due
    )


@pytest.fixture
def entry(sakura):
    return wait(sakura, due=-HOUR)


def counts(body):
    return body["total"], body["pending_count"], body["resolved_count"]


# Listing ----------------------------------------------------------------------------------------


def test_an_entry_has_the_shape_of_the_contract(desk, entry, sakura):
    body = desk.list().json()

    assert counts(body) == (1, 1, 0)
    (listed,) = body["queues"]
    assert listed == {
        "id": entry.pk,
        "facility_id": sakura.pk,
        "escalation_id": entry.escalation_id,
        "guest_message": "can my parrot surf",
        "language": "en",
        "scheduled_notify_at": listed["scheduled_notify_at"],
        "notified_at": None,
        "resolved_at": None,
        "resolved_by": None,
        "created_at": listed["created_at"],
    }
    assert listed["scheduled_notify_at"] < listed["created_at"]


def test_a_call_has_no_text_and_the_conversations_language(desk, sakura):
    wait(sakura, due=HOUR, text="")

    (listed,) = desk.list().json()["queues"]

    assert (listed["guest_message"], listed["language"]) == ("", "ja")


def test_resolved_ones_are_listed_when_asked_for_and_always_counted(desk, entry, sakura):
    other = wait(sakura, due=HOUR)
    desk.resolve(entry.pk)

    for query, listed in (
        ({}, [other.pk]),
        ({"include_resolved": "false"}, [other.pk]),
        ({"include_resolved": "true"}, [other.pk, entry.pk]),
    ):
        body = desk.list(**query).json()
        assert [each["id"] for each in body["queues"]] == listed
        assert counts(body) == (2, 1, 1)


def test_a_part_of_the_queue_is_asked_for_and_the_totals_are_true(desk, entry, sakura):
    other = wait(sakura, due=HOUR)

    body = desk.list(limit=1, offset=1).json()

    assert [each["id"] for each in body["queues"]] == [entry.pk] != [other.pk]
    assert counts(body) == (2, 2, 0)
    assert desk.list(limit=0).status_code == desk.list(offset="x").status_code == 422


@pytest.mark.parametrize("bad", ["maybe", "", "2", "9" * 40])
def test_include_resolved_is_yes_or_no(desk, bad):
    assert desk.list(include_resolved=bad).status_code == 422


def test_a_longer_list_takes_no_more_queries(desk, entry, sakura):
    def queries():
        with CaptureQueriesContext(connection) as taken:
            assert desk.list().status_code == 200
        return len(taken)

    few = queries()
    for text in ("a", "b", ""):
        wait(sakura, due=HOUR, text=text)

    assert queries() == few


# Resolving --------------------------------------------------------------------------------------


def test_resolving_settles_the_escalation(desk, entry, hanako):
    response = desk.resolve(entry.pk)

    assert response.status_code == 200
    assert response.json()["resolved_by"] == hanako.pk
    assert desk.list(include_resolved="true").json()["queues"] == [response.json()]
    assert Escalation.objects.get().resolved_by == hanako


def test_resolving_twice_keeps_the_first_resolver(desk, entry, momiji, sakura):
    first = desk.resolve(entry.pk).json()
    Membership.objects.create(facility=sakura, user=momiji)

    assert Desk(momiji).resolve(entry.pk).json() == first


@pytest.mark.parametrize("number", ["0", "-1", "x", "1.5", str(2**63), "9" * 40, "%00"])
def test_what_is_no_id_is_refused(desk, number):
    assert desk.resolve(number).status_code == 422


# Processing -------------------------------------------------------------------------------------


def test_what_is_due_is_told_and_the_rest_waits(desk, entry, sakura):
    wait(sakura, due=-HOUR)
    wait(sakura, due=HOUR)

    assert desk.process().json() == {"processed_count": 2, "total_count": 3}
    assert {delivery.kind for delivery in Delivery.objects.all()} == {"digest"}
    assert QueueEntry.objects.filter(digest=None).count() == 1


def test_processing_twice_tells_once(desk, entry):
    assert desk.process().json() == {"processed_count": 1, "total_count": 1}
    assert desk.process().json() == {"processed_count": 0, "total_count": 1}

    assert Digest.objects.count() == Delivery.objects.count() == 1


def test_nothing_is_told_of_what_is_resolved(desk, entry):
    desk.resolve(entry.pk)

    assert desk.process().json() == {"processed_count": 0, "total_count": 0}
    assert not Delivery.objects.exists()


def test_a_question_that_missed_its_digest_is_told_on_its_own(desk, entry, sakura):
    make_digests()
    late = wait(sakura, due=HOUR)
    QueueEntry.objects.filter(pk=late.pk).update(due_at=entry.due_at)

    assert desk.process().json() == {"processed_count": 1, "total_count": 2}
    assert Delivery.objects.get(kind="question").escalation == late.escalation


def test_the_outbox_is_sent_even_when_nothing_is_new(
    desk, django_capture_on_commit_callbacks, monkeypatch
):
    woken = []
    monkeypatch.setattr(
        "nightqueue.tasks.send_pending.apply_async", lambda _args, **options: woken.append(options)
    )
    with django_capture_on_commit_callbacks(execute=True):
        assert desk.process().json() == {"processed_count": 0, "total_count": 0}

    assert len(woken) == 1


# Tenancy ----------------------------------------------------------------------------------------


def test_for_another_inn_nothing_is_there(theirs, entry):
    body = theirs.list(include_resolved="true").json()
    assert (body["queues"], *counts(body)) == ([], 0, 0, 0)

    found, made_up = theirs.resolve(entry.pk), theirs.resolve(2**40)
    assert found.status_code == made_up.status_code == 404
    assert found.content == made_up.content
    assert Escalation.objects.get().resolved_at is None


def test_processing_leaves_other_inns_alone(theirs, entry, maple):
    wait(maple, due=-HOUR)

    assert theirs.process().json() == {"processed_count": 1, "total_count": 1}
    entry.refresh_from_db()
    assert entry.digest is None
    assert {delivery.facility for delivery in Delivery.objects.all()} == {maple}


def test_who_works_at_two_inns_has_both(desk, entry, hanako, maple):
    wait(maple, due=-HOUR)
    Membership.objects.create(facility=maple, user=hanako)

    assert counts(desk.list().json()) == (2, 2, 0)
    assert desk.process().json() == {"processed_count": 2, "total_count": 2}
    assert Digest.objects.count() == 2


def test_who_works_nowhere_has_nothing(desk, entry, sakura):
    sakura.membership_set.all().delete()

    assert counts(desk.list().json()) == (0, 0, 0)
    assert desk.resolve(entry.pk).status_code == 404
    assert desk.process().json() == {"processed_count": 0, "total_count": 0}
    assert not Delivery.objects.exists()


def test_nobody_is_let_in(entry):
    nobody = Desk()
    for response in (nobody.list(), nobody.resolve(entry.pk), nobody.process()):
        assert response.status_code == 401

    assert Escalation.objects.get().resolved_at is None
    assert not Delivery.objects.exists()
