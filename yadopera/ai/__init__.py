"""The AI provider: what Yadopera asks of one, and what can go wrong.

A provider embeds texts and completes a prompt. `settings.AI_PROVIDER` names its class; without
`OPENAI_API_KEY` there is none, and nothing calls out.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, Literal, Protocol

from django.conf import settings
from django.utils.module_loading import import_string

#: What the database's vectors hold; `text-embedding-3-small` fills it.
EMBEDDING_DIMENSIONS: Final = 1536
#: An answer to a guest is a few sentences.
ANSWER_TOKENS: Final = 600


class ProviderError(Exception):
    """The provider did not do its work; `args[0]` says how, in words for staff and operators.

    Never holds a key, a prompt or what the provider sent.
    """


class ProviderUnavailable(ProviderError):
    """It may work again in a moment: a time-out, a refused connection, 429, 5xx."""

    def __init__(self, message: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class ProviderNonsense(ProviderError):
    """It answered, but nothing that can be used."""


@dataclass(frozen=True)
class Turn:
    """One message of a prompt."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True)
class Prompt:
    turns: tuple[Turn, ...]
    #: The JSON schema that the completion follows, and a name that no other schema has.
    schema: dict[str, Any] = field(hash=False)
    name: str = "reply"
    #: At which the completion is cut off.
    max_tokens: int = ANSWER_TOKENS


class Provider(Protocol):
    #: Which model makes the vectors; vectors of different models cannot be compared.
    embedding_model: str
    chat_model: str

    async def embed(self, texts: Sequence[str], *, timeout_seconds: float) -> list[list[float]]:
        """A vector of unit length and `EMBEDDING_DIMENSIONS` numbers for each text, in order.

        Raises ProviderError. `timeout_seconds`, here and below, is how long a silence may last;
        the caller limits the whole.
        """
        ...

    def answer(
        self, prompt: Prompt, *, timeout_seconds: float, stream: bool = False
    ) -> AsyncIterator[str]:
        """The completion, JSON that follows `prompt.schema`: in pieces as the model writes them,
        or in one piece unless `stream`. Raises ProviderError, also between two pieces."""
        ...


@cache
def get_provider() -> Provider | None:
    """The provider of this process; None without a key."""
    if not settings.OPENAI_API_KEY:
        return None
    provider: Provider = import_string(settings.AI_PROVIDER)()
    return provider
