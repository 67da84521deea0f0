"""What is logged, and what never is: no word of a guest, no secret, no address that holds one.

An exception's own words are left out, for they quote rows, bodies and addresses; its type and the
lines it came through are kept. Addresses are told as the pattern of their route, without the
session ids and tokens in them. Each line carries the request, and in a worker the task, it is of.
"""

import json
import logging
import re
import secrets
import traceback
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

#: What a caller, or a proxy of ours, may call a request.
_WELL_FORMED: Final = re.compile(r"[A-Za-z0-9_-]{8,64}")
#: Loggers that write the addresses of requests, or what came with them.
_TELL_ADDRESSES: Final = ("django.", "gunicorn.")


@dataclass
class Work:
    """What a process is doing: a request, or a task that a request may have started."""

    request_id: str = ""
    #: Pattern of the address, once it is known.
    route: str = ""
    #: Slug, once it is known.
    facility: str = ""
    task: str = ""

    def told(self) -> dict[str, str]:
        return {name: value for name, value in asdict(self).items() if value}


#: Shared by all threads and tasks of a request: each finds the same object and adds to it.
_work: ContextVar[Work | None] = ContextVar("work", default=None)


def begin(work: Work | None) -> None:
    _work.set(work)


def current() -> Work:
    """An empty one when nothing goes on."""
    return _work.get() or Work()


def note_facility(slug: str) -> None:
    """Have the lines from here on say which inn it is about."""
    current().facility = slug


def request_id(offered: str) -> str:
    """`offered` if it is well-formed, else one of ours."""
    return offered if _WELL_FORMED.fullmatch(offered) else secrets.token_hex(16)


def told(record: logging.LogRecord) -> str:
    """The message of `record`, without what others may have put into it."""
    name = record.name
    if isinstance(record.msg, BaseException):
        return type(record.msg).__name__
    if name.startswith("django.security.") and not record.args:
        return f"Refused: {name.rpartition('.')[2]}"
    if name == "asyncio":  # in brackets and below the first line it writes the exception out
        return re.split(r"[(<\n]", record.getMessage(), maxsplit=1)[0].strip()
    arguments = record.args
    if isinstance(arguments, dict):
        if "exc" in arguments:  # Celery's
            arguments = {**arguments, "exc": _type_name(record)}
    elif arguments:
        tells_addresses = name.startswith(_TELL_ADDRESSES)
        arguments = tuple(_harmless(each, tells_addresses) for each in arguments)
    return str(record.msg) % arguments if arguments else str(record.msg)


def _harmless(argument: object, is_from_a_teller: bool) -> object:
    if isinstance(argument, BaseException):
        return type(argument).__name__
    if is_from_a_teller and isinstance(argument, str) and argument.startswith("/"):
        return current().route or "an unknown address"
    return argument


def _type_name(record: logging.LogRecord) -> str:
    error = record.exc_info[1] if record.exc_info else None
    return type(error).__name__ if error else "an exception"


def trace(error: BaseException) -> str:
    """Where `error` arose, and what it arose from, by types and lines."""
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    lines = [trace(before), ""] if before else []
    lines += [*traceback.format_tb(error.__traceback__), type(error).__qualname__]
    return "\n".join(line.rstrip() for line in lines)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (ISO 8601, UTC), level, logger, message; request_id, route,
    facility and task where there are any; the fields of an access line; error if any."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": told(record),
            **current().told(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[1]:
            line["error"] = trace(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False)


class ConsoleFormatter(logging.Formatter):
    """The same for people. With `with_words`, for whoever debugs on his own machine, exceptions
    are told in full."""

    def __init__(self, with_words: bool = False) -> None:
        super().__init__()
        self.with_words = with_words

    def format(self, record: logging.LogRecord) -> str:
        line = f"{self.formatTime(record)} {record.levelname} {record.name}: {told(record)}"
        if facility := current().facility:
            line += f" ({facility})"
        if record.exc_info and record.exc_info[1]:
            whole = "".join(traceback.format_exception(record.exc_info[1]))
            line += "\n" + (whole if self.with_words else trace(record.exc_info[1]))
        return line
