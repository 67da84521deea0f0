"""Beat and the clock."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from yadopera.beat import Scheduler
from yadopera.celery import HEARTBEAT_SECONDS, app

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)


@pytest.fixture
def beat(tmp_path, monkeypatch):
    """A beat; `beat.sent` are the names of what it has sent."""
    with time_machine.travel(NOON, tick=False):
        scheduler = Scheduler(app, schedule_filename=str(tmp_path / "schedule"))
    scheduler.sent = []
    monkeypatch.setattr(
        scheduler, "apply_entry", lambda entry, producer: scheduler.sent.append(entry.name)
    )
    monkeypatch.setattr(Scheduler, "producer", None)
    yield scheduler
    scheduler.close()


def run_at(beat, moment):
    """What it sends when it looks at the clock and is `moment`."""
    beat.sent.clear()
    with time_machine.travel(moment, tick=False):
        while beat.tick() == 0:
            pass
    return list(beat.sent)


def test_what_is_due_is_sent_and_not_again(beat):
    later = NOON + timedelta(seconds=HEARTBEAT_SECONDS + 1)

    assert run_at(beat, later) == ["heartbeat"]
    assert run_at(beat, later) == []


@pytest.mark.parametrize("hours", [1, 24 * 365])
def test_a_clock_that_was_set_back_stops_nothing(beat, hours):
    run_at(beat, NOON + timedelta(minutes=1))
    back = NOON - timedelta(hours=hours)

    run_at(beat, back)  # when it wakes and finds the clock changed
    sent = run_at(beat, back + timedelta(seconds=61))

    assert {"heartbeat", "look-after-staff", "translate-waiting", "answer-forgotten"} <= {*sent}


def test_a_clock_that_was_set_forward_sends_each_once(beat):
    run_at(beat, NOON + timedelta(minutes=1))

    sent = run_at(beat, NOON + timedelta(hours=1))

    assert len(sent) == len({*sent})
    assert "look-after-staff" in sent


def test_beat_uses_it():
    assert app.conf.beat_scheduler == "yadopera.beat:Scheduler"
