"""Faults of the program, reported to Sentry where SENTRY_DSN says so.

A report says what failed, where, in which request or task, of which inn and of which release. It
never says what a guest wrote: an event is built anew from the parts that cannot hold it, so what a
later version of the client collects is not sent either.
"""

from typing import Any, Final

from yadopera import logs

Event = dict[str, Any]

#: Of an event, as they are.
KEPT: Final = (
    "event_id",
    "timestamp",
    "level",
    "logger",
    "platform",
    "release",
    "environment",
    "server_name",
    "sdk",
)
#: Of a line that a fault came through: the program's own text, and no values.
KEPT_OF_A_FRAME: Final = (
    "filename",
    "abs_path",
    "function",
    "module",
    "lineno",
    "in_app",
    "pre_context",
    "context_line",
    "post_context",
)


def begin(dsn: str, *, environment: str, release: str, **options: Any) -> None:
    """`options` are further ones of `sentry_sdk.init`."""
    import sentry_sdk  # where faults are reported nowhere, no process waits for it
    from sentry_sdk.integrations.celery import CeleryIntegration
    from sentry_sdk.integrations.django import DjangoIntegration

    sentry_sdk.init(
        dsn=dsn,
        environment=environment,
        release=release or None,
        before_send=without_words,  # type: ignore[arg-type]  # its Event is a dict
        # It collects nothing about people unless told to (`send_default_pii`, `data_collection`).
        include_local_variables=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        auto_session_tracking=False,
        # No client of a service, which would note what is sent to it.
        auto_enabling_integrations=False,
        integrations=[DjangoIntegration(), CeleryIntegration()],
        **options,
    )


def without_words(event: Event, hint: dict[str, Any]) -> Event:
    """`event` made of what is ours."""
    work = logs.current()
    reported: Event = {name: event[name] for name in KEPT if name in event}
    reported["transaction"] = work.route or work.task or "unknown"
    reported["tags"] = work.told()
    if record := hint.get("log_record"):
        reported["logentry"] = {"formatted": logs.told(record)}
    if exception := event.get("exception"):
        values = [_place(value) for value in exception.get("values", [])]
        reported["exception"] = {"values": values}
    return reported


def _place(value: dict[str, Any]) -> dict[str, Any]:
    """The type of an exception and the lines it came through, not what it says."""
    frames = (value.get("stacktrace") or {}).get("frames", [])
    kept = [{name: frame[name] for name in KEPT_OF_A_FRAME if name in frame} for frame in frames]
    return {
        "type": value.get("type"),
        "module": value.get("module"),
        "stacktrace": {"frames": kept},
    }
