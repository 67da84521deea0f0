"""New messages, told to open event streams the moment they are stored.

Redis carries only which conversation has something new; what it is, each stream reads from the
database. Each web process listens once for all its streams, which therefore hold neither a
connection nor a thread while nothing happens. While Redis is away the streams look for themselves.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final
from weakref import WeakKeyDictionary

import redis.asyncio
from django.conf import settings
from django.db import transaction
from django_redis import get_redis_connection
from redis import RedisError

from chat.models import Conversation
from yadopera import shared_memory

logger = logging.getLogger(__name__)

TOPIC: Final = "yadopera:conversation:"
#: How long after a failure Redis is tried again, and streams look into the database meanwhile.
REDIS_PAUSE_SECONDS: Final = 2.0
LOOK_UP_SECONDS: Final = 1.0


def announce(conversation: Conversation) -> None:
    """Wake the streams of this conversation once the present transaction is through."""
    topic = f"{TOPIC}{conversation.pk}"
    transaction.on_commit(
        lambda: shared_memory.try_redis(lambda: get_redis_connection().publish(topic, b""))
    )


class Switchboard:
    """The streams of one event loop, by conversation."""

    def __init__(self) -> None:
        self._streams: dict[int, set[asyncio.Event]] = {}
        self._listening: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def listen(self, conversation_id: int) -> AsyncIterator[asyncio.Event]:
        """An event that is set whenever there may be something new."""
        news = asyncio.Event()
        self._streams.setdefault(conversation_id, set()).add(news)
        if self._listening is None:
            self._listening = asyncio.create_task(self._listen())
        try:
            yield news
        finally:
            streams = self._streams[conversation_id]
            streams.discard(news)
            if not streams:
                del self._streams[conversation_id]
            if not self._streams and self._listening:
                self._listening.cancel()
                self._listening = None

    async def _listen(self) -> None:
        while self._is_present():
            with contextlib.suppress(RedisError, OSError):
                await self._hear_redis()
            # What was said while nobody listened is found by looking.
            self._wake(self._streams)
            await asyncio.sleep(REDIS_PAUSE_SECONDS)

    def _is_present(self) -> bool:
        """Whether this task is the one that listens, and not one that was dismissed."""
        return self._listening is asyncio.current_task()

    async def _hear_redis(self) -> None:
        async with (
            redis.asyncio.from_url(settings.REDIS_URL) as client,
            client.pubsub() as heard,
        ):
            await heard.psubscribe(f"{TOPIC}*")
            # A client that is cancelled while it connects may not notice: so it looks up at times.
            while self._is_present():
                message = await heard.get_message(timeout=LOOK_UP_SECONDS)
                if message and message["type"] == "psubscribe":
                    self._wake(self._streams)  # said while we were connecting
                elif message and message["type"] == "pmessage":
                    self._wake([int(message["channel"].rpartition(b":")[2])])

    def _wake(self, conversation_ids: Any) -> None:
        for conversation_id in conversation_ids:
            for news in self._streams.get(conversation_id, ()):
                news.set()


_switchboards: WeakKeyDictionary[asyncio.AbstractEventLoop, Switchboard] = WeakKeyDictionary()


def switchboard() -> Switchboard:
    return _switchboards.setdefault(asyncio.get_running_loop(), Switchboard())
