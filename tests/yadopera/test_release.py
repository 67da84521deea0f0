"""The release step waits, refuses in one sentence, and is one at a time. `make rehearse` runs the
whole of it against a server of its own."""

import threading
import time
from io import StringIO

import pytest
import redis
from django.core.management import CommandError, call_command
from django.db import DatabaseError, OperationalError, connection
from psycopg import errors

from yadopera.checklist import Failed
from yadopera.management.commands import release
from yadopera.management.commands.release import NotYet, patiently


@pytest.fixture
def on_a_host(settings):
    settings.DEBUG = False
    settings.SECRET_KEY = "aB3-xY9_" * 8
    settings.PUBLIC_BASE_URL = "https://inn.example.com"
    settings.TRUSTED_PROXY_COUNT = 1
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    return settings


def test_settings_of_a_host_are_fit(on_a_host):
    assert release.check_settings() == "fit for a host"


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("DEBUG", True, "DEBUG must be false"),
        ("TRUSTED_PROXY_COUNT", 0, "Set TRUSTED_PROXY_COUNT to 1"),
        ("SESSION_COOKIE_SECURE", False, "PUBLIC_BASE_URL must start with https://"),
    ],
)
def test_a_setting_that_is_not_is_named_once(on_a_host, name, value, sentence):
    setattr(on_a_host, name, value)

    with pytest.raises(Failed, match=sentence) as refused:
        release.check_settings()

    assert str(refused.value).count(sentence) == 1


def test_it_waits_for_what_comes_late(monkeypatch):
    monkeypatch.setattr(release, "LOOK_SECONDS", 0)
    looks = iter([NotYet("not yet"), NotYet("not yet"), "here"])

    def look():
        found = next(looks)
        if isinstance(found, NotYet):
            raise found
        return found

    assert patiently(look, 5) == "here"


def test_it_does_not_wait_for_ever():
    def look():
        raise NotYet("it does not answer.")

    with pytest.raises(Failed, match=r"it does not answer\. Waited 0 s\."):
        patiently(look, 0)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("connection refused", NotYet),
        ("FATAL: the database system is starting up", NotYet),
        ('FATAL: password authentication failed for user "inn"', Failed),
        ('FATAL: database "inn" does not exist', Failed),
    ],
)
def test_waiting_is_for_what_time_mends(monkeypatch, said, expected):
    def refuse():
        raise OperationalError(said)

    monkeypatch.setattr(release.connection, "cursor", refuse)

    with pytest.raises(expected, match="DATABASE_URL"):
        release.find_database()


def test_a_redis_that_refuses_and_one_that_is_not_there(settings, monkeypatch):
    settings.REDIS_URL = "redis://:s3cret@127.0.0.1:1/0"
    with pytest.raises(NotYet, match="REDIS_URL") as absent:
        release.find_redis()
    assert "s3cret" not in str(absent.value)

    def refuse(self):
        raise redis.AuthenticationError("invalid password")

    monkeypatch.setattr(redis.Redis, "ping", refuse)
    with pytest.raises(Failed, match="REDIS_URL is refused: invalid password"):
        release.find_redis()


def test_a_second_release_waits_for_the_first(db):
    order = []

    def second():
        with release.locked() as waited:
            order.append(("second", waited))
        connection.close()

    with release.locked() as waited:
        order.append(("first", waited))
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(1.5)  # it is waiting now
        order.append("first is through")
    thread.join(10)

    assert order[:2] == [("first", "no other release"), "first is through"]
    assert order[2][0] == "second"
    assert order[2][1].startswith("another release took")


def test_a_release_that_hangs_is_not_waited_for_for_ever(db, monkeypatch):
    with release.locked():
        monkeypatch.setattr(release, "LOCK_SECONDS", 0.2)
        with pytest.raises(Failed, match="another release has been going on"), release.locked():
            pass


@pytest.fixture
def one_missing(monkeypatch):
    """One migration is missing; `outcomes` is what `migrate` does, one call after another."""
    monkeypatch.setattr(release.MigrationExecutor, "migration_plan", lambda *_: ["one"])
    monkeypatch.setattr(release, "PAUSE_SECONDS", 0)

    def set_up(*outcomes):
        left = list(outcomes)

        def migrate(*arguments, **options):
            if error := left.pop(0):
                raise error

        monkeypatch.setattr(release, "call_command", migrate)
        return left

    return set_up


def no_lock():
    error = OperationalError("canceling statement due to lock timeout")
    error.__cause__ = errors.LockNotAvailable()
    return error


def test_a_table_that_is_in_use_is_asked_for_again(db, one_missing):
    left = one_missing(no_lock(), no_lock(), None, None)

    assert release.migrate() == "1 applied"
    assert len(left) == 1


def test_a_table_that_is_never_free_ends_the_release(db, one_missing):
    left = one_missing(*(no_lock() for _ in range(10)))

    with pytest.raises(Failed, match="somebody holds a long transaction"):
        release.migrate()
    assert len(left) == 10 - release.ATTEMPTS


def test_a_broken_migration_is_not_tried_again(db, one_missing):
    left = one_missing(DatabaseError('relation "x" does not exist\nLINE 1: …'), None)

    with pytest.raises(Failed, match=r'a migration failed: relation "x" does not exist$'):
        release.migrate()
    assert len(left) == 1


def test_with_nothing_to_migrate_nothing_is_done(db):
    assert release.migrate() == "nothing to do"


def test_a_migration_that_nobody_wrote_is_missing(db, monkeypatch):
    def find_changes(*arguments, **options):
        raise SystemExit(1)

    monkeypatch.setattr(release, "call_command", find_changes)

    with pytest.raises(Failed, match="a migration is missing"):
        release.check_models()


def test_the_first_thing_that_is_wrong_ends_it_in_one_line(on_a_host):
    on_a_host.DEBUG = True
    out = StringIO()

    with pytest.raises(CommandError, match="settings: DEBUG must be false") as refused:
        call_command("release", stdout=out)

    assert len(str(refused.value).splitlines()) == 1
    assert out.getvalue() == ""
