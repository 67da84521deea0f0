"""What a FAQ was before somebody changed it, and after."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from django.db import transaction
from django.utils.translation import gettext

from facilities.models import User
from faq.models import Faq, FaqRevision, FaqTranslation, FaqWording
from faq.signals import faqs_changed
from yadopera.languages import LANGUAGES, nearest_languages

#: `{category, intent_key, priority, is_active, visibility, texts: {language: [question, answer]},
#: wordings: {language: [text]}}`: all that staff write. What guests have said is not in it.
Snapshot: TypeAlias = dict[str, Any]

FIELDS: Final = ("category", "intent_key", "priority", "is_active", "visibility")
#: Rows written at a time.
BATCH: Final = 1000


@contextmanager
def recording(
    faq_ids: Iterable[int] = (), *, actor: User | None, origin: str
) -> Iterator[set[int]]:
    """Keep what the block does to these FAQs and to those whose ids it adds to the set it is given.

    Whoever changes a FAQ holds its row, so the changes of one FAQ are numbered in their order.
    """
    with transaction.atomic():
        touched = set(faq_ids)
        before = read_snapshots(touched)
        yield touched
        after = read_snapshots(touched)
        none: tuple[int, None] = (0, None)
        revisions = FaqRevision.objects.bulk_create(
            (
                FaqRevision(
                    facility_id=before.get(faq_id, none)[0] or after[faq_id][0],
                    faq_id=faq_id,
                    author=actor,
                    origin=origin,
                    before=before.get(faq_id, none)[1],
                    after=after.get(faq_id, none)[1],
                )
                for faq_id in sorted(touched)
                if before.get(faq_id) != after.get(faq_id)
            ),
            batch_size=BATCH,
        )
        faqs_changed.send(FaqRevision, revisions=revisions)


def read_snapshots(faq_ids: Iterable[int]) -> dict[int, tuple[int, Snapshot]]:
    """Id -> (id of the facility, what the FAQ is now), for those that exist."""
    ids = list(faq_ids)
    found = {}
    for row in Faq.objects.filter(pk__in=ids).values("pk", "facility_id", *FIELDS):
        snapshot = {name: row[name] for name in FIELDS} | {"texts": {}, "wordings": {}}
        found[row["pk"]] = row["facility_id"], snapshot
    texts = FaqTranslation.objects.filter(faq__in=ids)
    for faq_id, language, *pair in texts.values_list("faq_id", "language", "question", "answer"):
        found[faq_id][1]["texts"][language] = pair
    wordings = FaqWording.objects.filter(faq__in=ids, origin=FaqWording.Origin.STAFF)
    for faq_id, language, text in wordings.order_by("text").values_list(
        "faq_id", "language", "text"
    ):
        found[faq_id][1]["wordings"].setdefault(language, []).append(text)
    return found


def snapshot_of(faq: Faq) -> Snapshot:
    return read_snapshots([faq.pk])[faq.pk][1]


def languages_answered_anew(revision: FaqRevision, own: str) -> set[str]:
    """The languages in which guests are answered otherwise since that change: those whose text, or
    the nearest that there is, has another answer; all when that of the inn's own language has."""
    changed = {
        language
        for language in LANGUAGES
        if answer_in(revision.before, language) != answer_in(revision.after, language)
    }
    return set(LANGUAGES) if own in changed else changed


def answer_in(snapshot: Snapshot | None, language: str) -> str | None:
    """What a guest of that language is answered; None without a text."""
    texts = snapshot["texts"] if snapshot else {}
    return next((texts[code][1] for code in nearest_languages(language) if code in texts), None)


# What staff read of it --------------------------------------------------------------------------


@dataclass(frozen=True)
class Difference:
    #: What of the FAQ, in the reader's language.
    what: str
    #: Empty when there was, or is, none.
    before: str
    after: str


def differences(revision: FaqRevision) -> list[Difference]:
    """What the change changed; of a FAQ that came or went, its texts."""
    before, after = described(revision.before), described(revision.after)
    return [
        Difference(what, before.get(what, ""), after.get(what, ""))
        for what in before | after
        if before.get(what, "") != after.get(what, "")
    ]


def described(snapshot: Snapshot | None) -> dict[str, str]:
    """What -> how it is, as staff read it."""
    if snapshot is None:
        return {}
    found = {}
    for language, name in LANGUAGES.items():
        question, answer = snapshot["texts"].get(language, ("", ""))
        wordings = snapshot["wordings"].get(language, ())
        found[gettext("%(language)s: question") % {"language": name}] = question
        found[gettext("%(language)s: answer") % {"language": name}] = answer
        found[gettext("%(language)s: other ways to ask it") % {"language": name}] = "\n".join(
            wordings
        )
    for name in FIELDS:
        field: Any = Faq._meta.get_field(name)
        found[str(field.verbose_name)] = value_shown(field, snapshot[name])
    return found


def value_shown(field: Any, value: Any) -> str:
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    return str(dict(field.flatchoices).get(value, value))


def title_of(revision: FaqRevision, language: str) -> str:
    """The question of the FAQ as it was then, in `language` where it has one."""
    snapshot: Any = revision.after or revision.before
    by_nearness = nearest_languages(language)
    found = (snapshot["texts"][code][0] for code in by_nearness if code in snapshot["texts"])
    return next(found, snapshot["intent_key"])
