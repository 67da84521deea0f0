"""One reply of the model: asked for within a time budget, read while it is being written.

Everything here may fail, and says so as a ProviderError; `chat.answering` decides what then.
"""

import asyncio
import hashlib
import json
import logging
import time
from array import array
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import jiter

from yadopera import shared_memory
from yadopera.ai import (
    Prompt,
    Provider,
    ProviderError,
    ProviderNonsense,
    ProviderUnavailable,
)

logger = logging.getLogger(__name__)

#: What the provider may take of a guest's time, all its calls together.
BUDGET_SECONDS: Final = 8.0
#: A vector is made in a fifth of a second or not worth waiting for: the answer can do without.
EMBEDDING_SECONDS: Final = 2.0
#: A call that failed at once is tried once more, after a pause, while there is time.
RETRY_PAUSE_SECONDS: Final = 0.3
LONGEST_PAUSE_SECONDS: Final = 1.5
LEFT_FOR_RETRY_SECONDS: Final = 2.5
#: How long question vectors and replies are kept. What changes a reply changes its key.
KEPT_SECONDS: Final = 24 * 60 * 60

Tell = Callable[[str], Awaitable[None]]


@dataclass(frozen=True)
class Reply:
    """What the model declared; `answer` with its {placeholders}."""

    can_answer: bool
    used: tuple[str, ...]
    answer: str


@dataclass
class Calls:
    """The calls of the provider for one question."""

    provider: Provider
    deadline: float = field(default_factory=lambda: time.monotonic() + BUDGET_SECONDS)
    embeddings: int = 0
    chats: int = 0
    #: How the last call failed; empty when it did not.
    problem: str = ""

    def left(self) -> float:
        return self.deadline - time.monotonic()

    async def embed(self, text: str) -> list[float] | None:
        """The vector of a question; None when the provider fails, which is noted."""
        self.embeddings += 1
        try:
            async with self._within(min(EMBEDDING_SECONDS, self.left())) as seconds:
                (vector,) = await self.provider.embed([text], timeout_seconds=seconds)
        except ProviderError as error:
            self.problem = str(error)
            logger.warning("The AI provider made no vector: %s.", str(error))
            return None
        self.problem = ""
        return vector

    async def reply(self, prompt: Prompt, watch: "Watch | None" = None) -> tuple[Reply, str]:
        """The model's reply, read and as it came. `watch` is shown it as it grows.

        Raises ProviderError, which is noted.
        """
        try:
            try:
                return await self._reply(prompt, watch)
            except ProviderUnavailable as error:
                pause = error.retry_after_seconds or RETRY_PAUSE_SECONDS
                shown = watch is not None and watch.has_shown
                if shown or pause > LONGEST_PAUSE_SECONDS or self.left() < LEFT_FOR_RETRY_SECONDS:
                    raise
                await asyncio.sleep(pause)
                return await self._reply(prompt, watch)
        except ProviderError as error:
            self.problem = str(error)
            raise

    async def _reply(self, prompt: Prompt, watch: "Watch | None") -> tuple[Reply, str]:
        self.chats += 1
        text = ""
        async with self._within(self.left()) as seconds:
            pieces = self.provider.answer(prompt, timeout_seconds=seconds, stream=watch is not None)
            async with aclosing(pieces):  # type: ignore[type-var]  # a generator, as they all are
                async for piece in pieces:
                    text += piece
                    if watch and (so_far := read_reply(text, whole=False)):
                        await watch.show(so_far)
        reply = read_reply(text)
        if reply is None:
            raise ProviderNonsense("it sent something that is no answer")
        self.problem = ""
        return reply, text

    @asynccontextmanager
    async def _within(self, seconds: float) -> AsyncIterator[float]:
        try:
            async with asyncio.timeout(seconds):
                yield seconds
        except TimeoutError:
            raise ProviderUnavailable("it did not answer in time") from None


class Watch:
    """Shows a guest the answer while the model writes it.

    `publish` turns what the model has written so far into what the guest may read of it, or None
    when he may read nothing; it is asked once the model has declared what it uses.
    """

    def __init__(self, tell: Tell, publish: Callable[[Reply], str | None]) -> None:
        self._tell = tell
        self._publish = publish
        self._shown = ""

    @property
    def has_shown(self) -> bool:
        return bool(self._shown)

    async def show(self, so_far: Reply) -> None:
        text = self._publish(Reply(so_far.can_answer, so_far.used, _closed(so_far.answer)))
        # Anything but a continuation is for the end to correct.
        if text and text.startswith(self._shown) and text != self._shown:
            new, self._shown = text[len(self._shown) :], text
            await self._tell(new)


def _closed(text: str) -> str:
    """`text` up to a {placeholder} that has only begun."""
    opened = text.rfind("{")
    return text if opened < 0 or "}" in text[opened:] else text[:opened]


def read_reply(text: str, *, whole: bool = True) -> Reply | None:
    """The reply in `text`; None while it is not complete as far as that goes, or is nonsense.

    Unless `whole`, a reply whose answer is still being written counts, once it has declared
    everything else.
    """
    start, end = text.find("{"), text.rfind("}") + 1
    if start < 0:
        return None
    try:
        data: Any = jiter.from_json(
            text[start : end if whole and end else None].encode(),
            partial_mode=False if whole else "trailing-strings",
        )
    except ValueError:
        return None
    match data:
        case {"can_answer": bool(can_answer), "used": list(used), "answer": str(answer)}:
            return Reply(can_answer, tuple(str(each) for each in used), answer.strip())
    return None


# Remembered -------------------------------------------------------------------------------------


def recall_vector(provider: Provider, text: str) -> list[float] | None:
    """The vector of a question that somebody asked before."""
    stored: bytes | None = shared_memory.recall(_key(provider.embedding_model, text))
    return array("f", stored).tolist() if stored else None


def recall_reply(provider: Provider, prompt: Prompt) -> str | None:
    """What the model replied to this very prompt. A FAQ or fact that changed makes another."""
    stored: str | None = shared_memory.recall(_prompt_key(provider, prompt))
    return stored


def remember(
    provider: Provider, question: str, vector: list[float] | None, prompt: Prompt | None, text: str
) -> None:
    """Keep what the provider made for this question: its vector, and the reply to the prompt."""
    made: dict[str, object] = {}
    if vector is not None:
        made[_key(provider.embedding_model, question)] = array("f", vector).tobytes()
    if prompt and text:
        made[_prompt_key(provider, prompt)] = text
    if made:
        shared_memory.remember_all(made, seconds=KEPT_SECONDS)


def _prompt_key(provider: Provider, prompt: Prompt) -> str:
    turns = [[turn.role, turn.content] for turn in prompt.turns]
    return _key(provider.chat_model, json.dumps([prompt.name, turns], ensure_ascii=False))


def _key(model: str, text: str) -> str:
    """Guests' words stay out of Redis' keys, which operators list and log."""
    return "ai-" + hashlib.sha256(f"{model}\x00{text}".encode("utf-8", "replace")).hexdigest()
