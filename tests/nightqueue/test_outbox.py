"""What the outbox promises: nothing lost, nothing twice, nothing given up in silence."""

import threading
import time
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from chat.models import Escalation
from chat.staff import resolve
from nightqueue import outbox, senders
from nightqueue.models import Channel, Delivery, QueueEntry
from nightqueue.outbox import LONGEST_PAUSE, PAUSES, claim, note, send_pending, written
from nightqueue.senders import send
from nightqueue.services import make_digests, own_address
from tests.conftest import Guest

UNANSWERED = "can my parrot surf"
SLACK = "/slack/T0/B0/x"


def channel(facility, web, path, kind="webhook"):
    return Channel.objects.create(
        facility=facility, kind=kind, address=f"{web.url}{path}", secret="a key to sign with"
    )


def make_due(**fields):
    """As if the pauses were over."""
    Delivery.objects.filter(state="pending", **fields).update(next_attempt_at=timezone.now())


def let_claims_run_out():
    """As if the worker had been killed, and the time had passed."""
    ago = timezone.now() - timedelta(seconds=1)
    Delivery.objects.filter(state="sending").update(claimed_until=ago)


def pause_of(delivery):
    delivery.refresh_from_db()
    return delivery.next_attempt_at - timezone.now()


# Written with what it tells of ------------------------------------------------------------------


def test_a_message_is_stored_with_its_escalation_or_not_at_all(guest, slack):
    guest.ask("hello")
    with transaction.atomic():
        guest.ask(UNANSWERED, language="en")
        assert Delivery.objects.count() == 1
        transaction.set_rollback(True)

    assert not Escalation.objects.exists()
    assert not Delivery.objects.exists()


def test_a_message_that_cannot_be_stored_takes_its_escalation_along(guest, slack, monkeypatch):
    def break_down(*args, **kwargs):
        raise RuntimeError("the disk is full")

    guest.client.raise_request_exception = False
    monkeypatch.setattr("nightqueue.services.notify", break_down)
    body = {"facility_id": guest.facility.pk, "message": UNANSWERED, "language": "en"}
    assert guest.post("/chat", **body).status_code == 500

    assert not Escalation.objects.exists()


def test_without_redis_the_guest_is_answered_and_staff_hear_of_it_later(
    guest, slack, web, no_broker, django_capture_on_commit_callbacks, caplog
):
    with django_capture_on_commit_callbacks(execute=True) as callbacks:
        guest.ask(UNANSWERED, language="en")

    assert callbacks
    assert "Redis does not answer" in caplog.text
    assert Delivery.objects.get().state == "pending"
    send_pending()
    assert UNANSWERED in web.at(SLACK)[0].json["text"]


def test_without_redis_the_guest_does_not_wait_for_it(
    guest, slack, no_broker, django_capture_on_commit_callbacks
):
    began = time.monotonic()
    with django_capture_on_commit_callbacks(execute=True):
        guest.ask(UNANSWERED, language="en")
    assert time.monotonic() - began < 3


@pytest.fixture
def no_broker(monkeypatch):
    """Celery's Redis is away."""
    from yadopera.celery import app

    def forget_connections():
        app._pool = None
        app.amqp._producer_pool = None

    monkeypatch.setattr(app.conf, "broker_url", "redis://127.0.0.1:1/0")
    forget_connections()
    yield
    monkeypatch.undo()
    forget_connections()


# Sent -------------------------------------------------------------------------------------------


def test_a_message_that_went_out_says_so_everywhere(guest, slack, web):
    guest.ask(UNANSWERED, language="en")
    escalation = Escalation.objects.get()
    assert (escalation.notified_at, escalation.notification_channels) == (None, [])

    assert send_pending() is False

    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.attempts, delivery.last_error) == ("sent", 1, "")
    escalation.refresh_from_db()
    assert escalation.notified_at == delivery.sent_at
    assert escalation.notification_channels == ["slack"]
    assert len(web.requests) == 1
    send_pending()
    assert len(web.requests) == 1


@pytest.mark.parametrize("status", [500, 404])
def test_staff_count_as_told_only_when_they_were(guest, slack, web, status):
    web.answer(status)
    guest.ask(UNANSWERED, language="en")
    send_pending()

    escalation = Escalation.objects.get()
    assert (escalation.notified_at, escalation.notification_channels) == (None, [])


def test_each_kind_of_channel_is_remembered_once_and_the_first_time_counts(guest, slack, web, mail):
    channel(guest.facility, web, "/second", kind="slack")
    own_address(guest.facility)
    web.answer(500, 500)
    guest.ask(UNANSWERED, language="en")

    send_pending()
    escalation = Escalation.objects.get()
    assert escalation.notification_channels == ["email"]
    first_told = escalation.notified_at
    make_due()
    send_pending()

    escalation.refresh_from_db()
    assert escalation.notification_channels == ["email", "slack"]
    assert escalation.notified_at == first_told
    assert mail.mails[0][0] == [guest.facility.email]


def test_a_digest_marks_what_it_told_and_only_that(guest, slack, web):
    other = Guest(guest.facility)
    for asking, question in ((guest, UNANSWERED), (guest, "may I keep a llama"), (other, "fog?")):
        asking.ask(question, language="en")
    Delivery.objects.all().delete()
    due_at = timezone.now()
    for escalation in Escalation.objects.all():
        QueueEntry.objects.create(facility=guest.facility, escalation=escalation, due_at=due_at)
    make_digests(due_at)
    settled = Escalation.objects.get(message__content="may I keep a llama")
    Escalation.objects.filter(pk=settled.pk).update(resolved_at=timezone.now())
    send_pending()

    [request] = web.at(SLACK)
    assert UNANSWERED in request.json["text"]
    assert "fog?" in request.json["text"]
    assert "llama" not in request.json["text"]
    for escalation in Escalation.objects.exclude(pk=settled.pk):
        assert escalation.notified_at is not None
        assert escalation.notification_channels == ["slack"]
    settled.refresh_from_db()
    assert settled.notified_at is None


def test_danger_goes_first(guest, slack, web, monkeypatch):
    monkeypatch.setattr(outbox, "THREADS", 1)
    guest.ask(UNANSWERED, language="en")
    guest.ask("fire!!", language="en")
    send_pending()

    assert ["fire!!" in request.json["text"] for request in web.at(SLACK)] == [True, False]


# Not needed any more ----------------------------------------------------------------------------


def test_what_is_resolved_meanwhile_is_not_sent(guest, slack, web, hanako):
    guest.ask(UNANSWERED, language="en")
    resolve(Escalation.objects.get(), hanako)
    send_pending()

    assert Delivery.objects.get().state == "needless"
    assert web.requests == []
    assert Escalation.objects.get().notified_at is None


def test_danger_that_somebody_has_seen_is_not_told_again(guest, slack, web):
    guest.ask("fire!!", language="en")
    Escalation.objects.all().acknowledge()
    send_pending()

    assert Delivery.objects.get().state == "needless"
    assert web.requests == []


def test_what_is_resolved_between_two_attempts_is_not_tried_again(guest, slack, web, hanako):
    web.answer(500)
    guest.ask(UNANSWERED, language="en")
    send_pending()
    resolve(Escalation.objects.get(), hanako)
    make_due()
    send_pending()

    assert Delivery.objects.get().state == "needless"
    assert len(web.requests) == 1


def test_what_is_needless_does_not_hide_what_is_not(guest, slack, web, hanako):
    for number in range(12):
        Guest(guest.facility).ask(f"can my parrot surf {number}", language="en")
    Escalation.objects.update(resolved_at=timezone.now())
    guest.ask(UNANSWERED, language="en")
    assert send_pending() is False

    assert len(web.requests) == 1


# Tried again ------------------------------------------------------------------------------------


def test_pauses_grow_to_hours_and_the_last_failure_is_there_to_see(guest, slack, web, caplog):
    guest.ask(UNANSWERED, language="en")
    delivery = Delivery.objects.get()
    web.answer(*[500] * 50)
    pauses = []
    for attempt in range(1, 50):
        make_due()
        send_pending()
        delivery.refresh_from_db()
        assert delivery.attempts == attempt == len(web.requests)
        assert "500" in delivery.last_error
        if delivery.state == "failed":
            break
        assert delivery.state == "pending"
        pauses.append(pause_of(delivery))
        send_pending()  # too soon
        assert len(web.requests) == attempt

    assert delivery.state == "failed"
    assert pauses == sorted(pauses)
    assert pauses[0] < timedelta(seconds=10)
    assert all(pause <= timedelta(hours=3) for pause in pauses)
    assert timedelta(hours=3) < sum(pauses, timedelta()) < timedelta(hours=12)
    assert "was given up" in caplog.text
    make_due()
    send_pending()
    assert len(web.requests) == delivery.attempts
    assert Escalation.objects.get().notified_at is None


def test_a_refusal_is_final_at_once_and_says_what_to_do(guest, slack, web, caplog):
    web.answer(404)
    guest.ask(UNANSWERED, language="en")
    send_pending()

    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.attempts) == ("failed", 1)
    assert "enter the present one" in delivery.last_error
    assert delivery.last_error in caplog.text


def test_a_receiver_may_ask_for_a_longer_pause(guest, slack, web):
    web.answer(429, retry_after="1000")
    guest.ask(UNANSWERED, language="en")
    send_pending()

    pause = pause_of(Delivery.objects.get())
    assert timedelta(seconds=980) < pause <= timedelta(seconds=1000)


def test_a_receiver_may_not_put_us_off_for_ever(guest, slack, web):
    web.answer(429, retry_after=str(10**7))
    guest.ask(UNANSWERED, language="en")
    send_pending()

    pause = pause_of(Delivery.objects.get())
    assert LONGEST_PAUSE - timedelta(seconds=20) < pause <= LONGEST_PAUSE


def test_a_receiver_may_not_ask_for_a_shorter_pause(guest, slack, web):
    web.answer(429, retry_after="0")
    guest.ask(UNANSWERED, language="en")
    send_pending()

    assert pause_of(Delivery.objects.get()) > timedelta(seconds=3)


def test_a_repetition_carries_the_key_of_the_first_attempt(guest, awake, web):
    channel(awake, web, "/hook")
    web.answer(500)
    guest.ask(UNANSWERED, language="en")
    send_pending()
    make_due()
    send_pending()

    keys = [request.headers["X-Yadopera-Delivery"] for request in web.requests]
    assert keys == [str(Delivery.objects.get().key)] * 2


def test_no_fault_tells_a_secret_to_row_or_log(guest, awake, web, caplog, monkeypatch):
    """Not even one that nobody has foreseen, whose own words hold the address."""
    channel(awake, web, "/services/s3cret", kind="slack")
    web.answer(500, 404)
    guest.ask(UNANSWERED, language="en")
    send_pending()
    Guest(awake).ask(UNANSWERED, language="en")
    send_pending()

    def break_down(url, *args, **kwargs):
        raise RuntimeError(f"cannot cope with {url}")

    monkeypatch.setattr(senders, "answer_to", break_down)
    Guest(awake).ask(UNANSWERED, language="en")
    send_pending()

    errors = Delivery.objects.values_list("last_error", flat=True)
    assert len(errors) == 3
    assert all(errors)
    assert "RuntimeError" in caplog.text
    assert "s3cret" not in caplog.text + "".join(errors)


# One does not hold up another -------------------------------------------------------------------


def test_a_receiver_that_hangs_holds_up_nobody(guest, awake, web, monkeypatch):
    """The others are sent, and known to be sent, before it has run into its time-out."""
    monkeypatch.setattr(senders, "TIMEOUT_SECONDS", 5)
    web.hanging = {"/hangs"}
    channel(awake, web, "/hangs")
    for number in range(20):
        channel(awake, web, f"/works/{number}")
    guest.ask(UNANSWERED, language="en")
    began = timezone.now()
    send_pending()

    sent = Delivery.objects.filter(state="sent")
    assert sent.count() == 20
    assert max(sent.values_list("sent_at", flat=True)) - began < timedelta(seconds=4.9)
    hanging = Delivery.objects.exclude(state="sent").get()
    assert (hanging.state, hanging.attempts) == ("pending", 1)
    assert "does not answer" in hanging.last_error


def test_a_message_that_cannot_be_written_holds_up_nobody(guest, slack, web, monkeypatch):
    real = outbox.write

    def break_down(delivery):
        if delivery.pk == first.pk:
            raise KeyError("s3cret")
        return real(delivery)

    guest.ask(UNANSWERED, language="en")
    first = Delivery.objects.get()
    Guest(guest.facility).ask(UNANSWERED, language="en")
    monkeypatch.setattr(outbox, "write", break_down)
    send_pending()

    assert len(web.requests) == 1
    first.refresh_from_db()
    assert (first.state, first.attempts) == ("pending", 1)
    assert "unforeseen" in first.last_error
    assert "s3cret" not in first.last_error


def test_a_run_ends_in_time_and_says_that_more_is_left(guest, slack, web):
    guest.ask(UNANSWERED, language="en")
    assert send_pending(seconds=0) is True
    assert Delivery.objects.get().state == "pending"


# Workers that die, and two at once --------------------------------------------------------------


def test_what_a_killed_worker_had_claimed_is_sent_with_the_same_key(guest, awake, web):
    channel(awake, web, "/hook")
    guest.ask(UNANSWERED, language="en")
    [(_delivery, letter)] = written(claim(8))  # and then it is killed
    send_pending()
    assert web.requests == []

    let_claims_run_out()
    send_pending()

    assert Delivery.objects.get().state == "sent"
    assert [request.headers["X-Yadopera-Delivery"] for request in web.requests] == [letter.key]


def test_a_message_that_kills_every_worker_is_given_up(guest, slack, web):
    guest.ask(UNANSWERED, language="en")
    for _worker in range(len(PAUSES) + 1):
        assert claim(8)
        let_claims_run_out()
    send_pending()

    delivery = Delivery.objects.get()
    assert delivery.state == "failed"
    assert "broken off" in delivery.last_error
    assert web.requests == []


@pytest.mark.parametrize(("first", "second"), [(200, 500), (500, 200), (404, 200), (200, 200)])
def test_who_comes_back_late_does_not_overwrite_the_second(guest, slack, web, first, second):
    guest.ask(UNANSWERED, language="en")
    [(late, letter)] = written(claim(8))
    web.answer(first)
    error = caught(send, letter)
    let_claims_run_out()
    web.answer(second)
    send_pending()
    before = Delivery.objects.values().get()

    note(late, letter, error)

    assert Delivery.objects.values().get() == before
    assert before["state"] == ("sent" if second == 200 else "pending")
    # Either way staff know of it if one of the two went through.
    assert Escalation.objects.get().notification_channels == ["slack"]


def test_who_comes_back_late_does_not_take_the_second_ones_claim(guest, slack, web):
    guest.ask(UNANSWERED, language="en")
    [(late, letter)] = written(claim(8))
    let_claims_run_out()
    [second] = claim(8)

    note(late, letter, senders.TryLater("too late"))

    row = Delivery.objects.get()
    assert (row.state, row.claimed_until) == ("sending", second.claimed_until)


def test_two_workers_at_once_send_each_message_once(committed, guest, awake, web):
    for number in range(6):
        channel(awake, web, f"/{number}")
    for _guest in range(10):
        Guest(awake).ask(UNANSWERED, language="en")
    together = threading.Barrier(3)
    failures = []

    def work():
        try:
            together.wait()
            send_pending()
        except Exception as error:  # told to the test, which no thread can fail
            failures.append(error)
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _worker in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)

    assert failures == []
    rows = Delivery.objects.values_list("state", "attempts", "last_error")
    assert set(rows) == {("sent", 1, "")}
    keys = [request.headers["X-Yadopera-Delivery"] for request in web.requests]
    assert len(keys) == len(set(keys)) == 60


def test_no_lock_is_held_while_a_receiver_thinks(committed, guest, slack, web, hanako):
    """Staff can resolve a question, and another worker can send, while a receiver is slow."""
    web.hanging = {SLACK}
    guest.ask(UNANSWERED, language="en")

    def work():
        try:
            send_pending()
        finally:
            connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    assert web.reached.wait(5)
    began = time.monotonic()
    resolve(Escalation.objects.get(), hanako)
    Delivery.objects.select_for_update(nowait=True).filter(state="sending").update(attempts=1)
    assert send_pending() is False
    assert time.monotonic() - began < 2
    web.release()
    worker.join(20)

    assert Delivery.objects.get().state == "sent"
    assert len(web.requests) == 1


def caught(function, *args):
    try:
        function(*args)
    except Exception as error:
        return error
    return None


def test_a_channel_switched_off_meanwhile_is_left_alone(guest, slack, web):
    guest.ask(UNANSWERED, language="en")
    slack.is_active = False
    slack.save()

    send_pending()

    assert web.requests == []
    assert Delivery.objects.get().state == "needless"
