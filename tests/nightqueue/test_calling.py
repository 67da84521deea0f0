"""Who is called when: at once, in the morning, again until somebody has seen it."""

from datetime import datetime, time, timedelta
from io import StringIO
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from chat.models import Escalation
from chat.staff import resolve
from facilities.models import EscalationSchedule, StaffAbsence
from nightqueue.messages import acknowledge_url, write
from nightqueue.models import Channel, Delivery, Digest, QueueEntry
from nightqueue.services import (
    make_digest,
    make_digests,
    repeat_dangers,
    translate_waiting,
)
from tests.conftest import Guest

UNANSWERED = "can my parrot surf"
NOON = datetime(2026, 12, 1, 12, tzinfo=ZoneInfo("Asia/Tokyo"))
NIGHT = NOON + timedelta(hours=14)
MORNING = NOON + timedelta(hours=20)


@pytest.fixture
def channels(sakura):
    others = [
        Channel.objects.create(facility=sakura, kind=kind, address=address, secret="k")
        for kind, address in (("slack", "https://s.example"), ("line", "U1"))
    ]
    return [Channel.objects.get(facility=sakura, kind="email"), *others]


def told(**fields):
    return list(Delivery.objects.filter(**fields).order_by("pk"))


def test_by_day_staff_are_told_at_once_through_every_channel(guest, at, channels):
    at(NOON)
    body = guest.ask(UNANSWERED, language="en")

    assert [delivery.kind for delivery in told()] == ["question"] * 3
    assert {delivery.channel for delivery in told()} == set(channels)
    assert not QueueEntry.objects.exists()
    assert "answer will appear here" in body["message"]["content"]


def test_at_night_the_question_waits_and_the_guest_is_told_by_when(guest, at, channels):
    at(NIGHT)
    body = guest.ask(UNANSWERED, language="en")

    assert told() == []
    assert QueueEntry.objects.get().due_at == MORNING
    assert "from 08:00" in body["message"]["content"]


@pytest.mark.parametrize(
    ("language", "part"),
    [
        ("ja", "08:00以降"),
        ("en", "from 08:00"),
        ("zh-TW", "08:00（當地時間）之後"),
        ("zh-CN", "08:00（当地时间）之后"),
        ("ko", "08:00(현지 시각) 이후"),
        ("fr", "à partir de 08:00"),
        ("es", "a partir de las 08:00"),
    ],
)
def test_by_when_is_said_in_seven_languages(sakura, at, language, part):
    at(NIGHT)
    guest = Guest(sakura)
    answer = guest.ask("qwxyz vfgh", language=language)["message"]["content"]
    call = guest.post("/chat/escalate", facility_id=sakura.pk, session_id=guest.session_id)

    assert part in answer
    assert part in call.json()["message"]


@pytest.mark.parametrize("moment", [NOON, NIGHT])
def test_danger_never_waits(guest, at, channels, moment):
    at(moment)
    guest.ask("fire!!")

    assert [delivery.kind for delivery in told()] == ["danger"] * 3
    assert not QueueEntry.objects.exists()


def test_a_rule_chooses_the_channels_and_how_sure_an_answer_must_be(guest, at, channels, sakura):
    at(NOON)
    rule = EscalationSchedule.objects.create(
        facility=sakura,
        time_start=time(9),
        time_end=time(18),
        mode="early",
        threshold=1.0,
        notify_channels=["line"],
    )
    body = guest.ask("what time can i check in")

    assert body["escalation"]["mode"] == "early"
    assert "needed 1.00" in Escalation.objects.get().reason
    assert [delivery.channel.kind for delivery in told()] == ["line"]
    rule.delete()
    assert not Guest(sakura).ask("what time can i check in")["is_escalated"]


def test_danger_goes_through_every_channel_whatever_the_rule_says(guest, at, channels, sakura):
    at(NOON)
    EscalationSchedule.objects.create(
        facility=sakura, time_start=time(0), time_end=time(0), notify_channels=["line"]
    )
    guest.ask("fire!!")

    assert len(told(kind="danger")) == 3


def test_a_rule_for_channels_that_are_not_set_up_leaves_nobody_unheard(guest, at, sakura):
    at(NOON)
    EscalationSchedule.objects.create(
        facility=sakura, time_start=time(0), time_end=time(0), notify_channels=["slack"]
    )
    guest.ask(UNANSWERED, language="en")

    assert [delivery.channel.kind for delivery in told()] == ["email"]


def test_an_inn_without_channels_is_reached_at_its_own_address(guest, at, sakura):
    at(NOON)
    guest.ask(UNANSWERED, language="en")
    guest.ask("do unicorns sleep here", language="en")

    assert Channel.objects.get(facility=sakura).address is None
    assert write(told()[0]).address == sakura.email


def test_with_every_channel_switched_off_danger_still_goes_to_the_inns_own_address(
    guest, at, channels, sakura
):
    at(NOON)
    Channel.objects.filter(facility=sakura).update(is_active=False)
    guest.ask("fire!!")

    assert [delivery.channel.kind for delivery in told()] == ["email"]
    assert write(told()[0]).address == sakura.email


def test_pressing_contact_staff_ten_times_tells_them_once(guest, at, channels):
    at(NOON)
    guest.ask("hello")
    for _ in range(10):
        guest.post("/chat/escalate", facility_id=guest.facility.pk, session_id=guest.session_id)

    assert len(told()) == len(channels)


def test_what_is_not_stored_is_not_told(guest, at, channels, monkeypatch):
    """The message is in the outbox with its escalation, or neither is there."""
    at(NOON)
    with transaction.atomic():
        guest.ask(UNANSWERED, language="en")
        assert told()
        transaction.set_rollback(True)

    assert not Escalation.objects.exists()
    assert told() == []


# Danger, again ----------------------------------------------------------------------------------


def minutes_later(at, minutes):
    moment = NIGHT + timedelta(minutes=minutes)
    at(moment)
    return repeat_dangers(moment)


def test_danger_is_told_again_every_five_minutes_three_times(guest, at, channels):
    at(NIGHT)
    guest.ask("fire!!")

    again = [minutes_later(at, minutes) for minutes in (1, 4, 5, 6, 9, 10, 14, 15, 20, 25, 60)]

    assert again == [0, 0, 1, 0, 0, 1, 0, 1, 0, 0, 0]
    assert [delivery.repetition for delivery in told()] == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]


def test_two_beats_repeat_it_once(guest, at, channels):
    at(NIGHT)
    guest.ask("fire!!")
    moment = NIGHT + timedelta(minutes=5)
    at(moment)
    repeat_dangers(moment)
    repeat_dangers(moment)

    assert len(told(repetition=1)) == len(channels)


def test_the_link_in_the_message_ends_the_repetitions(client, guest, at, channels):
    at(NIGHT)
    guest.ask("fire!!")
    danger = Escalation.objects.get()
    link = acknowledge_url(danger).partition("//")[2].partition("/")[2]
    assert f"/{link}" in write(told()[0]).text

    page = client.get(f"/{link}")
    danger.refresh_from_db()
    assert page.status_code == 200
    assert danger.acknowledged_at is None  # a mail program that looks for viruses is nobody

    client.post(f"/{link}")
    danger.refresh_from_db()
    assert danger.acknowledged_at == NIGHT
    assert danger.resolved_at is None
    assert minutes_later(at, 5) == 0
    assert write(told()[0]) is None  # what waits to be sent is not needed any more


@pytest.mark.parametrize("token", ["x", "MTIz:1abcde:sig", "../admin"])
def test_a_made_up_link_leads_nowhere(client, db, token):
    assert client.get(f"/seen/{token}").status_code == 404


def test_resolving_ends_the_repetitions_too(guest, at, channels, hanako):
    at(NIGHT)
    guest.ask("fire!!")
    resolve(Escalation.objects.get(), hanako)

    assert minutes_later(at, 5) == 0


# The morning ------------------------------------------------------------------------------------


@pytest.fixture
def night(sakura, maple, at, channels):
    """Two guests of Sakura-ya and one of Maple ask at night."""
    at(NIGHT)
    first, second, neighbour = Guest(sakura), Guest(sakura), Guest(maple)
    first.ask(UNANSWERED, language="en", location="room-201")
    first.ask("wo kann mein Papagei surfen", language="en")
    second.ask("オウムはサーフィンできますか", language="ja")
    neighbour.ask(UNANSWERED, language="en")
    at(MORNING)
    return first


def digests_of(facility):
    return [delivery for delivery in told(kind="digest") if delivery.facility == facility]


def test_one_digest_a_facility_and_morning_whoever_runs_it_how_often(night, sakura, maple):
    assert make_digests(MORNING - timedelta(seconds=1)) == []
    assert len(make_digests(MORNING)) == 2
    assert make_digests(MORNING) == []
    assert make_digests(MORNING + timedelta(hours=5)) == []

    assert len(digests_of(sakura)) == 3  # one for each channel
    assert len(digests_of(maple)) == 1


def test_the_digest_groups_by_guest_and_says_what_was_answered(night, sakura):
    make_digests(MORNING)

    letter = write(digests_of(sakura)[0])

    assert "3件" in letter.subject
    assert letter.text.count("■") == 2
    for part in (
        UNANSWERED,
        "オウム",
        "room-201",
        "English",
        "日本語",
        "自動応答：",
        "02:00",
    ):
        assert part in letter.text
    assert letter.text.count("/admin/chat/conversation/") == 2
    assert "遅れました" not in letter.text


def test_with_a_provider_the_digest_holds_translations(night, sakura, provider):
    provider.reply = lambda messages: {"translation": f"訳文（{messages[-1]['content']}）"}

    assert translate_waiting() == 3  # the Japanese one needs none
    assert translate_waiting() == 0
    make_digests(MORNING)

    text = write(digests_of(sakura)[0]).text
    assert text.count("訳：訳文") == 2
    assert f"訳文（{UNANSWERED}）" in text


def test_a_provider_that_fails_delays_no_digest(night, sakura, provider):
    provider.fault["/chat/completions"] = "nonsense"

    assert translate_waiting() == 0
    make_digests(MORNING)

    assert "訳：" not in write(digests_of(sakura)[0]).text


def test_a_long_digest_says_how_many_more_there_are(sakura, at, channels):
    at(NIGHT)
    for number in range(40):
        Guest(sakura).ask(f"{'qwxyz ' * 100} {number}", language="en")
    at(MORNING)
    make_digests(MORNING)

    letter = write(digests_of(sakura)[0])

    assert "40件" in letter.subject
    assert len(letter.text) < 12_000
    shown = letter.text.count("■")
    assert f"ほかに{40 - shown}名" in letter.text


def test_a_morning_that_was_missed_is_told_late_and_says_so(night, sakura, at):
    at(MORNING + timedelta(hours=3))
    make_digests(MORNING + timedelta(hours=3))

    assert "遅れました" in write(digests_of(sakura)[0]).text


def test_two_mornings_missed_are_two_digests(night, sakura, at):
    at(NIGHT + timedelta(days=1))
    Guest(sakura).ask(UNANSWERED, language="en")
    at(MORNING + timedelta(days=2))

    made = make_digests(MORNING + timedelta(days=2))

    assert len([digest for digest in made if digest.facility == sakura]) == 2


def test_what_was_resolved_meanwhile_is_left_out_and_nothing_makes_no_digest(
    night, sakura, maple, hanako
):
    for escalation in Escalation.objects.filter(conversation__facility=sakura):
        resolve(escalation, hanako)

    assert [digest.facility for digest in make_digests(MORNING)] == [maple]


def test_a_question_stored_while_its_digest_is_made_is_told_on_its_own(night, sakura, at):
    make_digests(MORNING)
    at(NIGHT)
    Guest(sakura).ask("do unicorns sleep here", language="en")
    at(MORNING)

    assert make_digest(sakura.pk, MORNING) is None
    assert len(told(kind="question")) == 3
    assert Digest.objects.filter(facility=sakura).count() == 1


def test_the_command_does_the_same_for_any_moment(night):
    out = StringIO()
    call_command("process_night_queue", at="2026-12-02T07:59+09:00", dry_run=True, stdout=out)
    assert "0 questions are due" in out.getvalue()
    call_command("process_night_queue", at="2026-12-02T08:00+09:00", dry_run=True, stdout=out)
    assert "4 questions are due" in out.getvalue()
    assert not Digest.objects.exists()


@pytest.mark.parametrize("moment", ["tomorrow", "2026-12-02T08:00", "2026-13-02T08:00+09:00"])
def test_the_command_refuses_a_moment_that_is_none(db, moment):
    with pytest.raises(CommandError, match="offset"):
        call_command("process_night_queue", at=moment)


def test_without_absences_nothing_waits(guest, at, channels, sakura):
    StaffAbsence.objects.for_facility(sakura).delete()
    at(NIGHT)
    guest.ask(UNANSWERED, language="en")

    assert len(told(kind="question")) == 3
