"""What is counted, for Prometheus: added up by every process, kept together in Redis, read there.

Prometheus' client keeps numbers in each process, or in files of one machine. Behind one address
stand several web processes, perhaps on several machines, and workers that nobody can ask over HTTP;
so numbers are added up here for a few seconds and then to those of all in one hash of Redis. The
client only writes them down. What the database knows is not counted, but read when it is asked for.

Without Redis nothing is counted, and nobody waits. A Redis that is emptied begins at 0 again, as
Prometheus expects of a process that was restarted.
"""

import json
import os
import threading
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.db import DatabaseError
from django_redis import get_redis_connection
from django_redis.exceptions import ConnectionInterrupted
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from redis import RedisError

from yadopera import shared_memory

KEY: Final = "yadopera:metrics"
#: How long a process keeps numbers to itself.
FLUSH_SECONDS: Final = 5.0


@dataclass(frozen=True)
class Counted:
    """A family of numbers; `bounds` are the seconds of a histogram's buckets, none of a counter."""

    help: str
    labels: tuple[str, ...]
    bounds: tuple[float, ...] = ()


FAMILIES: Final = {
    "request_seconds": Counted(
        "Requests by route, to the last byte; an open event stream counts when it ends.",
        ("method", "route", "status"),
        (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 30),
    ),
    "answers": Counted("Answers stored, and why they were handed over.", ("source", "handover")),
    "provider_seconds": Counted(
        "Calls of the AI provider: ok, or what went wrong.",
        ("work", "outcome"),
        (0.1, 0.25, 0.5, 1, 2, 3, 5, 8, 15, 30),
    ),
    "deliveries": Counted("Attempts to reach staff or a guest.", ("channel", "result")),
    "task_seconds": Counted(
        "Tasks that a worker has ended.", ("task", "state"), (0.01, 0.1, 0.5, 1, 5, 15, 45, 90)
    ),
}

_unsent: defaultdict[str, float] = defaultdict(float)
_lock = threading.Lock()
#: The process whose thread brings the numbers to Redis: a fork has none.
_sender = 0


def count(family: str, *labels: str) -> None:
    _add({_field(family, labels, "count"): 1.0})


def observe(family: str, seconds: float, *labels: str) -> None:
    bounds = FAMILIES[family].bounds
    place = bisect_left(bounds, seconds)
    bucket = str(bounds[place]) if place < len(bounds) else "+Inf"
    _add({_field(family, labels, bucket): 1.0, _field(family, labels, "sum"): seconds})


def _field(family: str, labels: tuple[str, ...], part: str) -> str:
    return json.dumps([family, *labels, part])


def _add(numbers: dict[str, float]) -> None:
    global _sender
    with _lock:
        for field, number in numbers.items():
            _unsent[field] += number
        if _sender != os.getpid():
            _sender = os.getpid()
            threading.Thread(target=_send_for_ever, name="metrics", daemon=True).start()


def _send_for_ever() -> None:
    while True:
        time.sleep(FLUSH_SECONDS)
        flush()


def flush() -> None:
    """Add what was counted here to what all have counted. Kept for later while Redis is away."""
    with _lock:
        sending = dict(_unsent)
        _unsent.clear()
    if not sending or _try_redis(lambda: _send(sending)):
        return
    with _lock:
        for field, number in sending.items():
            _unsent[field] += number


def _try_redis(call: Callable[[], Any]) -> Any:
    """What `call` returns; None without Redis. What is counted tells nobody that Redis is away: it
    can wait, and guests' requests find out for themselves."""
    try:
        return None if shared_memory.is_away() else call()
    except (ConnectionInterrupted, RedisError):
        return None


def _send(numbers: dict[str, float]) -> bool:
    with get_redis_connection().pipeline(transaction=True) as pipeline:
        for field, number in numbers.items():
            pipeline.hincrbyfloat(KEY, field, number)
        pipeline.execute()
    return True


# Read -------------------------------------------------------------------------------------------


def exposition() -> bytes:
    """Everything, in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(Numbers())
    return generate_latest(registry)


class Numbers(Collector):
    def describe(self) -> list[Any]:
        return []  # otherwise registering would read everything a first time

    def collect(self) -> Iterator[Any]:
        flush()
        stored: dict[bytes, bytes] = _try_redis(lambda: get_redis_connection().hgetall(KEY)) or {}
        yield from counted({field.decode(): float(value) for field, value in stored.items()})
        yield from present()


def counted(numbers: dict[str, float]) -> Iterator[Any]:
    """The families of what is stored, in their order, whatever else may be stored."""
    found: defaultdict[str, defaultdict[tuple[str, ...], dict[str, float]]] = defaultdict(
        lambda: defaultdict(dict)
    )
    for field, number in numbers.items():
        family, *labels, part = json.loads(field)
        found[family][tuple(labels)][part] = number
    for name, family in FAMILIES.items():
        rows = {key: parts for key, parts in found[name].items() if len(key) == len(family.labels)}
        if family.bounds:
            yield _histogram(name, family, rows)
        else:
            counter = CounterMetricFamily(f"yadopera_{name}", family.help, labels=family.labels)
            for labels, parts in sorted(rows.items()):
                counter.add_metric(labels, parts.get("count", 0))
            yield counter


def _histogram(
    name: str, family: Counted, rows: dict[tuple[str, ...], dict[str, float]]
) -> HistogramMetricFamily:
    histogram = HistogramMetricFamily(f"yadopera_{name}", family.help, labels=family.labels)
    for labels, parts in sorted(rows.items()):
        total, buckets = 0.0, []
        for bound in [*map(str, family.bounds), "+Inf"]:
            total += parts.get(bound, 0)
            buckets.append((bound, total))
        histogram.add_metric(labels, buckets, sum_value=parts.get("sum", 0))
    return histogram


def present() -> Iterator[Any]:
    """What is so at this moment. What cannot be read is left out; `yadopera_ready` says why."""
    from yadopera import health, operation  # they read the models of all apps

    _all_well, parts = health.check_readiness()
    yield _gauge(
        "ready", "1 where a part is well.", "part", {k: float(v["ok"]) for k, v in parts.items()}
    )
    if not (parts["database"]["ok"] and parts["migrations"]["ok"]):
        return
    try:
        outbox = operation.outbox()
        yield _gauge("night_queue", "Questions that wait for the morning.", "", operation.waiting())
        yield _gauge(
            "outbox",
            "Messages to staff: late by five minutes, given up in the last day.",
            "state",
            {"late": outbox.late, "given_up": outbox.given_up},
        )
        yield _gauge("vectors_missing", "Texts without a vector.", "", operation.vectors_missing())
        yield _gauge(
            "database_bytes", "What the database takes up.", "", operation.database_bytes()
        )
        if backup := operation.last_backup():
            yield _gauge(
                "backup_timestamp_seconds", "When the last backup was made.", "", backup.timestamp()
            )
    except DatabaseError:
        return
    if tasks := _try_redis(operation.tasks):
        yield _gauge(
            "tasks", "Tasks that wait for a worker, or that one has taken.", "state", tasks
        )


def _gauge(
    name: str, help: str, label: str, values: float | Mapping[str, float]
) -> GaugeMetricFamily:
    gauge = GaugeMetricFamily(f"yadopera_{name}", help, labels=[label] if label else None)
    rows = values.items() if isinstance(values, Mapping) else [("", values)]
    for key, value in rows:
        gauge.add_metric([key] if label else [], value)
    return gauge
