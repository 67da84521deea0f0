"""The AI provider's vectors of the inns' texts: made in batches, in the background, kept true."""

import logging
from typing import Any, Final

from asgiref.sync import async_to_sync
from django.db.models import Q

from facilities.models import OwnedQuerySet
from faq.models import FaqTranslation, FaqWording, GuestText
from yadopera.ai import Provider, ProviderError, get_provider

logger = logging.getLogger(__name__)

#: Texts in one call of the provider.
BATCH: Final = 100
TIMEOUT_SECONDS: Final = 30.0


def outdated_vectors(texts: OwnedQuerySet[Any], model: str) -> OwnedQuerySet[Any]:
    """Those without a vector of `model`."""
    return texts.filter(Q(embedding=None) | ~Q(embedding_model=model))


def embed_outdated(*, facility_id: int | None = None) -> tuple[int, str]:
    """Make the missing and outdated vectors; returns of how many texts, and what went wrong.

    Each batch is stored on its own. At the first failure the texts left are marked with it, so
    that staff see it, and are tried again by the next run.
    """
    provider = get_provider()
    if provider is None:
        return 0, "there is no AI provider: OPENAI_API_KEY is not set"
    done = 0
    for model in (FaqTranslation, FaqWording):
        rows = model.objects.select_related("faq__facility")
        texts = outdated_vectors(rows, provider.embedding_model)
        if facility_id is not None:
            texts = texts.filter(faq__facility_id=facility_id)
        while batch := list(texts.order_by("pk")[:BATCH]):
            try:
                embed(batch, provider)
            except ProviderError as error:
                problem = f"the AI provider made no vectors: {error}"
                texts.update(embedding_problem=problem)
                logger.warning("%s (%s texts done)", problem, done)
                return done, problem
            done += len(batch)
    return done, ""


def embed(batch: list[GuestText], provider: Provider) -> None:
    """Raises ProviderError and stores nothing then.

    A text changed by somebody meanwhile keeps the vector it has, none: it is still in the queue.
    """
    vectors = async_to_sync(provider.embed)(
        [text.embedded_text() for text in batch], timeout_seconds=TIMEOUT_SECONDS
    )
    for text, vector in zip(batch, vectors, strict=True):
        unchanged = {name: getattr(text, name) for name in text.indexed_fields}
        type(text).objects.filter(pk=text.pk, **unchanged).update(
            embedding=vector, embedding_model=provider.embedding_model, embedding_problem=""
        )
