"""The operator sees what is not well, and what to type."""

from datetime import timedelta

import pytest
from django.utils import timezone

from facilities.models import User
from nightqueue.models import Delivery
from tests.conftest import browser_of
from yadopera.ai import outage
from yadopera.celery import heartbeat
from yadopera.models import Backup


@pytest.fixture
def health(db):
    """The parts of the page: title -> Part."""
    browser = browser_of(User.objects.create_superuser("op@example.com", "op-no-ki-2026"))

    def parts():
        page = browser.get("/admin/health/")
        assert page.status_code == 200
        parts.text = page.content.decode()
        return {part.title: part for part in page.context["parts"]}

    return parts


@pytest.fixture
def all_well(db):
    heartbeat()
    Backup.objects.create(rows=1, size=1)


def test_all_well(health, all_well):
    parts = health()

    assert [part.title for part in parts.values() if not part.is_well] == []
    assert "Everything is well." in health.text
    assert "python manage.py" not in health.text
    assert "0.4.0" in health.text


def test_what_is_not_well_comes_first_with_what_to_type(health, sakura):
    long_ago = timezone.now() - timedelta(days=8)
    Delivery.objects.create(facility=sakura, kind="test", next_attempt_at=long_ago)
    Backup.objects.create(made_at=long_ago, rows=1, size=1)

    parts = health()

    bad = [title for title, part in parts.items() if not part.is_well]
    assert bad == list(parts)[:3] == ["Worker and beat", "Messages to staff", "Backup"]
    assert "celery -A yadopera worker" in health.text
    assert "1 late, 0 given up" in parts["Messages to staff"].detail
    assert "The oldest waits since" in parts["Messages to staff"].detail
    assert "python manage.py backup" in health.text


def test_a_failing_provider_and_missing_vectors_are_told(health, all_well, provider, sakura):
    outage.note_failure("it refuses the key (HTTP 401): check OPENAI_API_KEY")

    parts = health()

    assert "it refuses the key (HTTP 401)" in parts["AI provider"].detail
    assert not parts["AI provider"].is_well
    assert parts["Vectors of the FAQs"].command == "python manage.py reindex"
    assert not parts["Vectors of the FAQs"].is_well


def test_the_page_is_shown_while_redis_is_away(health, all_well, settings, monkeypatch):
    from redis import ConnectionError

    def away(*_args, **_kwargs):
        raise ConnectionError

    monkeypatch.setattr("redis.connection.ConnectionPool.get_connection", away)
    parts = health()

    assert not parts["Redis"].is_well
    assert not parts["Worker and beat"].is_well
