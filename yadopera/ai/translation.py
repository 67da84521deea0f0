"""Asking the AI provider for texts in another language."""

import asyncio
from typing import Any

import jiter

from yadopera.ai import (
    ANSWER_TOKENS,
    Prompt,
    Provider,
    ProviderNonsense,
    ProviderUnavailable,
    Turn,
)


async def ask_for_texts(
    provider: Provider,
    instructions: str,
    *content: str,
    named: tuple[str, ...],
    schema_name: str,
    timeout_seconds: float,
    max_tokens: int = ANSWER_TOKENS,
) -> dict[str, str]:
    """What the model makes of `content`, each part of it a message of its own: a text under each of
    the names `named`, none empty.

    Raises ProviderError, at the latest after `timeout_seconds`.
    """
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {name: {"type": "string"} for name in named},
        "required": list(named),
        "additionalProperties": False,
    }
    turns = (Turn("system", instructions), *(Turn("user", part) for part in content))
    prompt = Prompt(turns, schema, name=schema_name, max_tokens=max_tokens)
    try:
        async with asyncio.timeout(timeout_seconds):
            pieces = [
                piece async for piece in provider.answer(prompt, timeout_seconds=timeout_seconds)
            ]
    except TimeoutError:
        raise ProviderUnavailable("it did not answer in time") from None
    return read_texts("".join(pieces), named)


def read_texts(reply: str, named: tuple[str, ...]) -> dict[str, str]:
    """Raises ProviderNonsense."""
    try:
        data: Any = jiter.from_json(reply.encode())
    except ValueError:
        data = None
    found = data if isinstance(data, dict) else {}
    texts = {name: text.strip() for name in named if isinstance(text := found.get(name), str)}
    if len(texts) < len(named) or not all(texts.values()):
        raise ProviderNonsense("it sent something that is no translation")
    return texts
