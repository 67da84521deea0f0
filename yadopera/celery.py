"""The Celery application, what beat starts when, and the worker's sign of life."""

import os
import time
from typing import Any

from celery import Celery, shared_task
from celery.schedules import crontab
from celery.signals import before_task_publish, task_postrun, task_prerun, worker_ready
from django.core.cache import cache

from yadopera import logs

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "yadopera.settings")

HEARTBEAT_KEY = "worker-heartbeat"
HEARTBEAT_SECONDS = 15
#: How often work that was left behind is looked for.
SWEEP_SECONDS = 600
UPLOADS_SECONDS = 3600
#: How often the clock is looked at for mornings and for dangers that nobody has acknowledged.
STAFF_SECONDS = 20
TRANSLATE_SECONDS = 60
#: How often questions are looked for that were stored and never answered.
FORGOTTEN_SECONDS = 60
#: How often questions are looked for that want a FAQ.
LEARN_SECONDS = 300
#: A worker is taken for dead when this many heartbeats in a row are missing.
HEARTBEATS_MISSED = 4

app = Celery("yadopera")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.conf.beat_schedule = {
    "heartbeat": {
        "task": "yadopera.celery.heartbeat",
        "schedule": HEARTBEAT_SECONDS,
        # A heartbeat that nobody took in time says nothing any more.
        "options": {"expires": HEARTBEAT_SECONDS},
    },
    # Mornings, dangers unheard, answers unseen, and whatever a dead worker or Redis left behind.
    "look-after-staff": {
        "task": "nightqueue.tasks.look_after_staff",
        "schedule": STAFF_SECONDS,
        "options": {"expires": STAFF_SECONDS},
    },
    "translate-waiting": {
        "task": "nightqueue.tasks.translate_waiting",
        "schedule": TRANSLATE_SECONDS,
        "options": {"expires": TRANSLATE_SECONDS},
    },
    "answer-forgotten": {
        "task": "chat.tasks.answer_forgotten",
        "schedule": FORGOTTEN_SECONDS,
        "options": {"expires": FORGOTTEN_SECONDS},
    },
    "learn": {
        "task": "chat.tasks.learn",
        "schedule": LEARN_SECONDS,
        "options": {"expires": LEARN_SECONDS},
    },
    "purge-expired": {
        "task": "chat.tasks.purge",
        "schedule": crontab(hour=4, minute=20),
        "options": {"expires": 12 * 60 * 60},
    },
    "count-endings": {
        "task": "chat.tasks.count_endings",
        "schedule": crontab(hour=3, minute=40),
        "options": {"expires": 12 * 60 * 60},
    },
    "learn-wordings": {
        "task": "chat.tasks.learn_wordings",
        "schedule": crontab(hour=3, minute=50),
        "options": {"expires": 12 * 60 * 60},
    },
    # These pick up the texts whose own task was lost or failed.
    "index-texts": {
        "task": "faq.tasks.index_texts",
        "schedule": SWEEP_SECONDS,
        "options": {"expires": SWEEP_SECONDS},
    },
    "embed-texts": {
        "task": "faq.tasks.embed_texts",
        "schedule": SWEEP_SECONDS,
        "options": {"expires": SWEEP_SECONDS},
    },
    "drop-expired-uploads": {
        "task": "faq.tasks.drop_expired_uploads",
        "schedule": UPLOADS_SECONDS,
        "options": {"expires": UPLOADS_SECONDS},
    },
}


@shared_task
def heartbeat() -> None:
    """Sent by beat and run by a worker: both are alive. `/api/v1/ready` reads it."""
    cache.set(HEARTBEAT_KEY, time.time(), timeout=HEARTBEAT_SECONDS * HEARTBEATS_MISSED)


@worker_ready.connect
def announce(**kwargs: object) -> None:
    """Beat sends its first heartbeat after one interval; a worker just started is alive before."""
    heartbeat.delay()


# What a task belongs to, and how it went ----------------------------------------------------------

#: When the task began that this process is at.
_began = 0.0


@before_task_publish.connect
def hand_over(headers: dict[str, Any], **kwargs: object) -> None:
    """The task's log lines carry the id of the request that started it."""
    headers["request_id"] = logs.current().request_id


@task_prerun.connect
def take_over(task: Any, **kwargs: object) -> None:
    global _began
    _began = time.perf_counter()
    started_by = task.request.get("request_id") or ""
    logs.begin(logs.Work(request_id=started_by, task=task.name))


@task_postrun.connect
def note_end(task: Any, state: str | None, **kwargs: object) -> None:
    from yadopera import metrics  # needs the settings, which name this module's neighbours

    seconds = time.perf_counter() - _began
    metrics.observe("task_seconds", seconds, task.name, (state or "unknown").lower())
    metrics.flush()  # the process may be ended before a moment that is better
    logs.begin(None)
