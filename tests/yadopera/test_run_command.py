"""What `manage.py run` does before it starts anything; tests/live/test_run.py starts it all."""

from types import SimpleNamespace

import pytest
from django.core.cache import cache
from django.core.management import CommandError, call_command

from yadopera.celery import HEARTBEAT_KEY
from yadopera.management.commands import run


def test_the_worker_of_an_earlier_run_does_not_pass_for_this_ones(
    sakura, settings, tmp_path, monkeypatch
):
    settings.YADOPERA_HOME = tmp_path
    cache.set(HEARTBEAT_KEY, 1.0, timeout=60)
    seen = []
    manager = SimpleNamespace(returncode=0, loop=lambda: seen.append(cache.get(HEARTBEAT_KEY)))
    monkeypatch.setattr(run, "make_manager", lambda: manager)
    for unneeded in ("refuse_taken_port", "end_leftovers", "collect_static_files"):
        monkeypatch.setattr(run, unneeded, lambda: None)
    # The test's own transaction lives on that connection.
    monkeypatch.setattr(run, "connections", SimpleNamespace(close_all=lambda: None))

    call_command("run")

    assert seen == [None]


def test_a_redis_that_does_not_answer_is_named(sakura, settings, tmp_path, monkeypatch):
    settings.YADOPERA_HOME = tmp_path
    address = "redis://127.0.0.1:1/0"
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": address}}
    for unneeded in ("refuse_taken_port", "end_leftovers"):
        monkeypatch.setattr(run, unneeded, lambda: None)

    with pytest.raises(CommandError, match="Redis does not answer, check REDIS_URL"):
        call_command("run")
