"""Health and readiness tell the truth."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import DatabaseError
from django.utils import timezone

from nightqueue.models import Delivery
from yadopera import health
from yadopera.celery import HEARTBEAT_KEY, heartbeat


@pytest.fixture
def working(db):
    heartbeat()


def ready(client):
    response = client.get("/api/v1/ready")
    return response.status_code, response.json()


def test_all_well(client, working):
    status, body = ready(client)

    assert status == 200
    assert body["status"] == "ok"
    assert body["pgvector"]["ok"] is True


def test_a_silent_worker_is_reported_with_what_to_do(client, working):
    cache.delete(HEARTBEAT_KEY)

    status, body = ready(client)

    assert (status, body["worker"]["ok"]) == (503, False)
    assert "Procfile" in body["worker"]["detail"]


@pytest.mark.parametrize("part", ["database", "pgvector", "migrations", "redis_cache"])
def test_a_missing_part_is_reported_and_no_other(client, working, monkeypatch, part):
    def fail():
        raise DatabaseError("password=secret")

    monkeypatch.setattr(health, part, fail)
    status, body = ready(client)

    name = {"redis_cache": "cache"}.get(part, part)
    assert status == 503
    assert [k for k, v in body.items() if isinstance(v, dict) and not v["ok"]] == [name]
    assert "secret" not in str(body)


def test_messages_that_reach_nobody_are_reported_and_close_no_door(client, working, sakura):
    fields = {"facility": sakura, "kind": "test"}
    hour_ago = timezone.now() - timedelta(hours=1)
    Delivery.objects.create(next_attempt_at=hour_ago, **fields)
    Delivery.objects.create(state="failed", **fields)
    Delivery.objects.create(state="sent", **fields)

    status, body = ready(client)

    assert status == 200
    assert body["notifications"] == {
        "ok": False,
        "detail": "1 late, 1 given up in the last day",
    }


def test_health_touches_no_database(client):
    """Without the `db` fixture any query raises."""
    assert client.get("/api/v1/health").json() == {"status": "ok"}


def test_the_front_door_greets_programs_and_shows_people_a_page(client):
    assert client.get("/").json() == {"message": "やどぺら API v0.3", "status": "ok"}
    page = client.get("/", headers={"accept": "text/html,*/*"})
    assert page["Content-Type"].startswith("text/html")
    assert "やどぺら" in page.content.decode()


def test_the_api_is_described_with_assets_from_here_alone(client):
    page = client.get("/docs").content.decode()

    assert "swagger-ui-bundle" in page
    assert "//cdn" not in page
    assert "https://" not in page
    paths = client.get("/openapi.json").json()["paths"]
    assert "/api/v1/chat" in paths
    assert "/api/v1/admin/faqs" in paths
