"""The operator's page: how everything is doing, and what to type where it is not well."""

import platform
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import django
from django.contrib import admin
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_redis import get_redis_connection
from django_redis.exceptions import ConnectionInterrupted
from redis import RedisError

from nightqueue.models import QueueEntry
from nightqueue.services import LATE_AFTER
from yadopera import operation
from yadopera.ai import get_provider, outage
from yadopera.celery import HEARTBEAT_KEY
from yadopera.health import check_readiness

#: More tasks than this wait only where no worker keeps up.
MANY_TASKS: Final = 100
#: A backup that is older is one that nobody makes any more.
BACKUP_EVERY: Final = timedelta(days=7)


@dataclass(frozen=True)
class Part:
    title: str
    is_well: bool
    detail: str
    #: What to do about it, and what to type; shown where it is not well.
    advice: str = ""
    command: str = ""
    link: str = ""


@never_cache
@require_safe
def health_page(request: HttpRequest) -> HttpResponse:
    if not getattr(request.user, "is_superuser", False):
        raise PermissionDenied
    parts = list(look())
    context = {
        **admin.site.each_context(request),
        "title": _("Health"),
        "parts": sorted(parts, key=lambda part: part.is_well),
        "troubles": sum(not part.is_well for part in parts),
        "versions": {
            "Yadopera": operation.version(),
            "Django": django.get_version(),
            "Python": platform.python_version(),
        },
    }
    return render(request, "yadopera/health.html", context)


def look() -> Iterator[Part]:
    """Every part that can be looked at."""
    _all_well, ready = check_readiness()
    yield database(ready)
    yield Part(
        _("Vector search (pgvector)"),
        ready["pgvector"]["ok"],
        ready["pgvector"]["detail"] if ready["pgvector"]["ok"] else _("It is not enabled."),
        _("Enable it. The database's role may need the right to do so."),
        "python manage.py release",
    )
    yield Part(
        _("Migrations"),
        ready["migrations"]["ok"],
        _("All are applied.") if ready["migrations"]["ok"] else _("Some are missing."),
        _("Apply them."),
        "python manage.py release",
    )
    yield redis(ready["cache"]["ok"])
    yield worker(ready["worker"]["ok"])
    if ready["cache"]["ok"]:
        yield tasks()
    if not ready["migrations"]["ok"]:
        return  # a table that the others read may be missing
    yield night_queue()
    yield notifications()
    yield provider()
    yield vectors()
    yield backup()


def database(ready: dict[str, Any]) -> Part:
    size = filesizeformat(operation.database_bytes())
    return Part(_("Database"), ready["database"]["ok"], f"{ready['database']['detail']} · {size}")


def redis(is_well: bool) -> Part:
    try:
        detail = f"Redis {get_redis_connection().info('server')['redis_version']}"
    except (ConnectionInterrupted, RedisError, KeyError):
        detail, is_well = _("Redis does not answer."), False
    return Part(
        _("Redis"),
        is_well,
        detail,
        _(
            "Guests are answered without it, but slowly; see that it runs and that REDIS_URL is "
            "right."
        ),
        'redis-cli -u "$REDIS_URL" ping',
    )


def worker(is_well: bool) -> Part:
    seen_at = cache.get(HEARTBEAT_KEY) if is_well else None
    if seen_at is None:
        detail = _("There is no sign of life.")
    else:
        seconds = max(0, round(timezone.now().timestamp() - seen_at))
        detail = ngettext(
            "Last sign of life %d second ago.", "Last sign of life %d seconds ago.", seconds
        )
        detail %= seconds
    return Part(
        _("Worker and beat"),
        is_well,
        detail,
        _("Start both. Until they run, staff are told nothing."),
        "celery -A yadopera worker\ncelery -A yadopera beat",
    )


def tasks() -> Part:
    waiting = operation.tasks()["waiting"]
    return Part(
        _("Tasks"),
        waiting <= MANY_TASKS,
        ngettext("%d waits for a worker.", "%d wait for a worker.", waiting) % waiting,
        _("The worker does not keep up. Start another one."),
        "celery -A yadopera worker",
    )


def night_queue() -> Part:
    waiting = operation.waiting()
    late = QueueEntry.objects.due(timezone.now() - LATE_AFTER).exists()
    return Part(
        _("Night queue"),
        not late,
        ngettext("%d question waits.", "%d questions wait.", waiting) % waiting,
        _(
            "The morning has come and staff have not been told. See that beat runs, or tell them "
            "now."
        ),
        "python manage.py process_night_queue",
    )


def notifications() -> Part:
    outbox = operation.outbox()
    detail = _("%(late)d late, %(given_up)d given up in the last day.") % {
        "late": outbox.late,
        "given_up": outbox.given_up,
    }
    if outbox.oldest:
        detail += " " + _("The oldest waits since %s.") % moment(outbox.oldest)
    return Part(
        _("Messages to staff"),
        not (outbox.late or outbox.given_up),
        detail,
        _("Late ones want a running worker. “What was sent” says why others were given up."),
        link=reverse("admin:nightqueue_delivery_changelist"),
    )


def provider() -> Part:
    failing = outage.current_outage()
    if get_provider() is None:
        detail, failing = _("None is set up: the inns' own texts answer."), None
    elif failing is None:
        detail = _("No failure since the last answer.")
    else:
        since = moment(failing.started_at)
        detail = _("It has failed since %(since)s: %(problem)s.") % {
            "since": since,
            "problem": failing.problem,
        }
    return Part(
        _("AI provider"),
        failing is None,
        detail,
        _("Guests are answered from the FAQs alone meanwhile. See whether it answers you."),
        'curl -H "Authorization: Bearer $OPENAI_API_KEY" "$OPENAI_BASE_URL/models"',
    )


def vectors() -> Part:
    missing = operation.vectors_missing()
    return Part(
        _("Vectors of the FAQs"),
        not missing,
        ngettext("%d text has none.", "%d texts have none.", missing) % missing
        if missing
        else _("None is missing."),
        _("They are made by and by. To make them now:"),
        "python manage.py reindex",
    )


def backup() -> Part:
    made_at = operation.last_backup()
    return Part(
        _("Backup"),
        made_at is not None and timezone.now() - made_at < BACKUP_EVERY,
        _("The last one was made on %s.") % moment(made_at)
        if made_at
        else _("None was ever made."),
        _("Make one every day, and keep it elsewhere."),
        "python manage.py backup yadopera-$(date +%F).zip",
    )


def moment(at: datetime) -> str:
    return date_format(timezone.localtime(at), "SHORT_DATETIME_FORMAT")
