"""What Prometheus reads is what happened, in whichever process; and only with the token."""

from datetime import timedelta
from math import inf

import pytest
from asgiref.sync import async_to_sync
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from nightqueue.models import Delivery
from nightqueue.tasks import send_pending
from tests.yadopera.asgi import ask
from yadopera import metrics
from yadopera.ai import get_provider
from yadopera.celery import heartbeat
from yadopera.models import Backup

TOKEN = "a-token-for-tests-0123"


@pytest.fixture(autouse=True)
def nothing_counted():
    metrics._unsent.clear()


@pytest.fixture
def scrape(client, settings, db):
    settings.METRICS_TOKEN = TOKEN

    def numbers():
        page = client.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"})
        assert page.status_code == 200
        families = text_string_to_metric_families(page.content.decode())
        return {
            (sample.name, *sorted(sample.labels.values())): sample.value
            for family in families
            for sample in family.samples
        }

    return numbers


def test_without_a_token_there_is_no_such_page(client, settings, db):
    settings.METRICS_TOKEN = ""

    assert client.get("/metrics", headers={"authorization": "Bearer "}).status_code == 404


@pytest.mark.parametrize("offered", ["", "Bearer", "Bearer wrong", TOKEN, f"Bearer {TOKEN} "])
def test_a_wrong_token_is_told_nothing(client, settings, db, offered):
    settings.METRICS_TOKEN = TOKEN
    page = client.get("/metrics", headers={"authorization": offered} if offered else {})

    assert (page.status_code, page.content) == (401, b"")


def test_requests_answers_and_tasks_are_counted(scrape, sakura):
    question = {"facility_id": sakura.pk, "message": "What time is check-in?", "language": "en"}
    ask("POST", "/api/v1/chat", question)
    ask("POST", "/api/v1/chat", question)
    ask("POST", "/api/v1/chat", question | {"message": "my friend isn't waking up"})
    ask("GET", "/api/v1/chat/history/no-such-session-at-all")
    heartbeat.apply()
    send_pending.apply()

    numbers = scrape()
    assert numbers["yadopera_request_seconds_count", "200", "POST", "api/v1/chat"] == 3
    assert numbers["yadopera_request_seconds_bucket", "+Inf", "200", "POST", "api/v1/chat"] == 3
    assert (
        numbers["yadopera_request_seconds_count", "404", "GET", "api/v1/chat/history/<session_id>"]
        == 1
    )
    assert numbers["yadopera_answers_total", "faq", "none"] == 2
    assert numbers["yadopera_answers_total", "safety", "safety_category"] == 1
    assert numbers["yadopera_task_seconds_count", "success", "yadopera.celery.heartbeat"] == 1
    assert numbers["yadopera_deliveries_total", "email", "sent"] == 1


def test_what_several_processes_count_adds_up(scrape):
    for _process in range(3):
        metrics.observe("request_seconds", 0.3, "GET", "x", "5xx")
        metrics.flush()

    numbers = scrape()
    buckets = {
        float(k[1]): n for k, n in numbers.items() if k[0].endswith("request_seconds_bucket")
    }
    assert [buckets[bound] for bound in (0.25, 0.5, 30, inf)] == [0, 3, 3, 3]
    assert numbers["yadopera_request_seconds_sum", "5xx", "GET", "x"] == pytest.approx(0.9)


def test_what_is_counted_while_redis_is_away_is_not_lost(scrape, monkeypatch):
    with monkeypatch.context() as away:
        away.setattr("yadopera.shared_memory.is_away", lambda: True)
        metrics.count("answers", "faq", "none")
        metrics.flush()
        assert ("yadopera_answers_total", "faq", "none") not in scrape()

    assert scrape()["yadopera_answers_total", "faq", "none"] == 1


def test_calls_of_the_provider_are_told_apart_by_what_came_of_them(scrape, sakura, provider):
    provider.statuses = {"/chat/completions": [500, 500]}
    ask("POST", "/api/v1/chat", {"facility_id": sakura.pk, "message": "Is there a surfboard?"})

    async_to_sync(get_provider().embed)(["towels"], timeout_seconds=5)

    numbers = scrape()
    assert numbers["yadopera_provider_seconds_count", "embed", "ok"] == 1
    assert numbers["yadopera_provider_seconds_count", "answer", "unavailable"] == 2


def test_what_is_so_now_is_read_from_the_database(scrape, sakura):
    hour_ago = timezone.now() - timedelta(hours=1)
    Delivery.objects.create(facility=sakura, kind="test", next_attempt_at=hour_ago)
    Backup.objects.create(made_at=hour_ago, rows=1, size=1)

    numbers = scrape()
    assert numbers["yadopera_ready", "database"] == 1
    assert numbers["yadopera_ready", "worker"] == 0
    assert numbers["yadopera_outbox", "late"] == 1
    assert numbers["yadopera_backup_timestamp_seconds",] == pytest.approx(hour_ago.timestamp())
    assert numbers["yadopera_database_bytes",] > 0
    assert numbers["yadopera_tasks", "waiting"] == 0
