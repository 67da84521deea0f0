"""OpenAI, or whatever speaks its protocol (Ollama, vLLM, Azure), through the official client."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final
from weakref import WeakKeyDictionary

import httpx2
import openai
from django.conf import settings

from yadopera import metrics
from yadopera.ai import (
    EMBEDDING_DIMENSIONS,
    Prompt,
    ProviderError,
    ProviderNonsense,
    ProviderUnavailable,
)

#: OpenAI's vectors are of unit length but for rounding.
UNIT_TOLERANCE: Final = 1e-3
#: A provider that cannot be reached says so sooner than one that thinks.
CONNECT_SECONDS: Final = 2.0


class OpenAIProvider:
    def __init__(self) -> None:
        self.embedding_model: str = settings.OPENAI_EMBEDDING_MODEL
        self.chat_model: str = settings.OPENAI_CHAT_MODEL
        # One client for each event loop, kept: a new one reads the machine's certificates anew,
        # which costs more than the call. A connection belongs to the loop that opened it.
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, openai.AsyncOpenAI] = (
            WeakKeyDictionary()
        )

    def _client(self) -> openai.AsyncOpenAI:
        loop = asyncio.get_running_loop()
        if loop not in self._clients:
            self._clients[loop] = openai.AsyncOpenAI(
                api_key=settings.OPENAI_API_KEY,
                base_url=settings.OPENAI_BASE_URL,
                max_retries=0,  # the caller knows how much time is left
            )
        return self._clients[loop]

    async def embed(self, texts: Sequence[str], *, timeout_seconds: float) -> list[list[float]]:
        with measured("embed"), translated_errors():
            result = await self._client().embeddings.create(
                model=self.embedding_model,
                input=list(texts),
                timeout=patience(timeout_seconds),
            )
            rows = sorted(result.data, key=lambda row: row.index)
            if len(rows) != len(texts):
                raise ProviderNonsense("it returned another number of vectors than texts")
            return [fitted(row.embedding) for row in rows]

    async def answer(
        self, prompt: Prompt, *, timeout_seconds: float, stream: bool = False
    ) -> AsyncIterator[str]:
        request: dict[str, Any] = {
            "model": self.chat_model,
            "messages": [{"role": turn.role, "content": turn.content} for turn in prompt.turns],
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": prompt.name, "strict": True, "schema": prompt.schema},
            },
            "temperature": 0,
            "max_tokens": prompt.max_tokens,
            "timeout": patience(timeout_seconds),
        }
        completions = self._client().chat.completions
        with measured("answer"), translated_errors():
            if not stream:
                whole = await completions.create(**request)
                yield whole.choices[0].message.content or ""
                return
            async with await completions.create(**request, stream=True) as chunks:
                async for chunk in chunks:
                    if chunk.choices and (piece := chunk.choices[0].delta.content):
                        yield piece


def patience(timeout_seconds: float) -> openai.Timeout:
    return openai.Timeout(timeout_seconds, connect=min(CONNECT_SECONDS, timeout_seconds))


def fitted(vector: list[float]) -> list[float]:
    """`vector` at unit length, filled up with zeros, which change no angle.

    Raises ProviderError for one that is too long for the database, ProviderNonsense for one that
    points nowhere.
    """
    if len(vector) > EMBEDDING_DIMENSIONS:
        raise ProviderError(
            f"OPENAI_EMBEDDING_MODEL makes vectors of {len(vector)} numbers; "
            f"choose a model of at most {EMBEDDING_DIMENSIONS}"
        )
    length = math.hypot(*vector)
    if not math.isfinite(length) or length == 0:
        raise ProviderNonsense("it returned a vector without a direction")
    if abs(length - 1) > UNIT_TOLERANCE:
        vector = [number / length for number in vector]
    return vector + [0.0] * (EMBEDDING_DIMENSIONS - len(vector))


@contextmanager
def measured(work: str) -> Iterator[None]:
    """Counts a call and the time it took, with what came of it."""
    started = time.perf_counter()
    outcome = "broken_off"  # by the caller, whose time was up or who had heard enough
    try:
        yield
        outcome = "ok"
    except ProviderUnavailable:
        outcome = "unavailable"
        raise
    except ProviderNonsense:
        outcome = "nonsense"
        raise
    except ProviderError:
        outcome = "refused"
        raise
    finally:
        metrics.observe("provider_seconds", time.perf_counter() - started, work, outcome)


@contextmanager
def translated_errors() -> Iterator[None]:
    """The client's errors as ours, saying what an operator can act on."""
    try:
        yield
    except (openai.APITimeoutError, TimeoutError):
        raise ProviderUnavailable("it did not answer in time") from None
    except (openai.APIConnectionError, httpx2.HTTPError):  # the second in the middle of a stream
        raise ProviderUnavailable("the connection failed: check OPENAI_BASE_URL") from None
    except openai.RateLimitError as error:
        raise ProviderUnavailable(
            "it refuses further calls (429): check the account's limits and credit",
            retry_after_seconds=retry_after(error),
        ) from None
    except openai.InternalServerError as error:
        raise ProviderUnavailable(f"it failed (HTTP {error.status_code})") from None
    except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
        raise ProviderError(
            f"it refuses the key (HTTP {error.status_code}): check OPENAI_API_KEY"
        ) from None
    except openai.APIStatusError as error:
        raise ProviderError(
            f"it refuses the request (HTTP {error.status_code}): check the model settings"
        ) from None
    except (openai.OpenAIError, ValueError, TypeError, AttributeError, KeyError, IndexError):
        # The client reads what arrives without checking it first.
        raise ProviderNonsense("it sent something that is no answer") from None


def retry_after(error: openai.APIStatusError) -> float | None:
    """Seconds, from the header; None where it gives none (or a date, which nobody sends here)."""
    try:
        return max(0.0, float(error.response.headers.get("retry-after", "")))
    except ValueError:
        return None
