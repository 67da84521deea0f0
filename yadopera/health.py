"""Whether this installation can do its work, for hosts and operators."""

import time
from collections.abc import Callable
from typing import Any

from django.core.cache import cache
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from redis import RedisError

from nightqueue.services import trouble
from yadopera.ai import get_provider, outage
from yadopera.celery import HEARTBEAT_KEY, HEARTBEAT_SECONDS, HEARTBEATS_MISSED


class NotReady(Exception):
    """`args[0]` says what is missing and what to do."""


def check_readiness() -> tuple[bool, dict[str, dict[str, Any]]]:
    """All well?, and for each part `{"ok": bool, "detail": text}`."""
    parts: dict[str, Callable[[], str]] = {
        "database": database,
        "pgvector": pgvector,
        "migrations": migrations,
        "cache": redis_cache,
        "worker": worker,
    }
    states = {}
    for name, check in parts.items():
        try:
            states[name] = {"ok": True, "detail": check()}
        except NotReady as problem:
            states[name] = {"ok": False, "detail": str(problem)}
        except DatabaseError:
            states[name] = {"ok": False, "detail": "The database does not answer."}
        except RedisError:
            states[name] = {"ok": False, "detail": "Redis does not answer."}
    is_ready = all(state["ok"] for state in states.values())
    # Guests are answered without these, so they decide nothing.
    states["ai"] = ai_provider()
    if states["database"]["ok"] and states["migrations"]["ok"]:
        states["notifications"] = notifications()
    return is_ready, states


def ai_provider() -> dict[str, Any]:
    if get_provider() is None:
        return {"ok": True, "detail": "OPENAI_API_KEY is not set: the inns' own texts answer."}
    failing = outage.current_outage()
    return {"ok": failing is None, "detail": str(failing or "no failure since the last answer")}


def notifications() -> dict[str, Any]:
    """Whether staff are being reached: what waits longer than it should, and what was given up."""
    late, given_up = trouble()
    detail = f"{late} late, {given_up} given up in the last day"
    return {"ok": not (late or given_up), "detail": detail}


def database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        return f"PostgreSQL {cursor.fetchone()[0].split()[0]}"


def pgvector() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
        row = cursor.fetchone()
    if row is None:
        raise NotReady("The extension 'vector' is not enabled: run manage.py release.")
    return str(row[0])


def migrations() -> str:
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        raise NotReady(f"{len(missing)} migrations are missing: run manage.py release.")
    return "up to date"


def redis_cache() -> str:
    # A value of its own each time: an old one read back would prove nothing.
    value = time.time_ns()
    cache.set(f"readiness-{value}", value, timeout=60)
    if cache.get(f"readiness-{value}") != value:
        raise NotReady("Redis does not keep what it is given.")
    return "Redis answers"


def worker() -> str:
    seen_at = cache.get(HEARTBEAT_KEY)
    if seen_at is None:
        raise NotReady(
            f"No heartbeat for {HEARTBEAT_SECONDS * HEARTBEATS_MISSED} s: start the processes "
            "'worker' and 'beat' of the Procfile."
        )
    return f"last heartbeat {max(0, round(time.time() - seen_at))} s ago"
