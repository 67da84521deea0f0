"""How the installation is doing, in numbers: for the metrics and the operator's page."""

import re
import tomllib
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.conf import settings
from django.db import connection
from django_redis import get_redis_connection

from faq.embeddings import outdated_vectors
from faq.models import FaqTranslation, FaqWording
from nightqueue.models import QueueEntry
from nightqueue.services import oldest_late, trouble
from yadopera.ai import get_provider
from yadopera.models import Backup

#: Celery's, as its Redis broker keeps them.
WAITING: Final = "celery"
TAKEN: Final = "unacked"


@dataclass(frozen=True)
class Outbox:
    late: int
    #: In the last day.
    given_up: int
    #: When the oldest of the late ones should have gone out.
    oldest: datetime | None


def outbox() -> Outbox:
    return Outbox(*trouble(), oldest_late())


def waiting() -> int:
    """Guests' questions that wait for the morning."""
    return QueueEntry.objects.unresolved().filter(digest=None).count()


def tasks() -> dict[str, int]:
    """Those that wait for a worker, and those that one has taken. Raises RedisError."""
    redis = get_redis_connection()
    return {"waiting": redis.llen(WAITING), "taken": redis.hlen(TAKEN)}


def vectors_missing() -> int:
    """Texts of FAQs without a vector of today's model; 0 without an AI provider."""
    provider = get_provider()
    if provider is None:
        return 0
    model = provider.embedding_model
    kinds = (FaqTranslation, FaqWording)
    return sum(outdated_vectors(kind.objects.all(), model).count() for kind in kinds)


def database_bytes() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        return int(cursor.fetchone()[0])


def last_backup() -> datetime | None:
    return Backup.objects.order_by("-made_at").values_list("made_at", flat=True).first()


def version() -> str:
    """That of pyproject.toml, with the commit where the host says which."""
    project = tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text())["project"]
    commit = re.sub("[^0-9a-f].*", "", settings.RELEASE)[:12]
    return f"{project['version']} ({commit})" if commit else str(project["version"])
