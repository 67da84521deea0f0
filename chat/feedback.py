"""What guests thought of the answers: what it says of a FAQ, and what staff see of it."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.db.models import Count, F, Max, Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from chat.models import GuestFeedback, GuestFeedbackQuerySet, Message
from chat.statistics import share
from facilities.models import Facility
from facilities.schemas import Page
from faq.history import languages_answered_anew
from faq.models import Faq, FaqRevision
from faq.services import note_votes

#: So many guests within so long who did not find a FAQ's answers helpful have staff look at it.
RAISED_BY: Final = 2
RAISED_WITHIN: Final = timedelta(days=30)
#: Guests of one network who are counted in a week: one may pass for many.
GUESTS_OF_A_NETWORK: Final = 2


# What votes say of a FAQ ------------------------------------------------------------------------


def count_votes(facility: Facility, faq_id: int) -> None:
    """Tell the FAQ how many guests its answers helped, of those that it still gives. Guests are
    counted, not votes: one who voted a single answer down counts against it, however often he did.
    """
    votes = GuestFeedback.objects.for_facility(facility).filter(faq_id=faq_id).standing()
    confirmed_by, disputed_by = tally(votes.order_by("pk"))
    note_votes(facility, faq_id, confirmed_by=confirmed_by, disputed_by=disputed_by)


def tally(votes: Iterable[GuestFeedback]) -> tuple[int, int]:
    """How many guests were helped, and how many were not."""
    against: dict[int, int] = {}
    in_favour: dict[int, int] = {}
    for vote in votes:
        guest = vote.guest if vote.guest is not None else -vote.pk
        # Without a network he stands for himself.
        network = vote.network if vote.network is not None else -guest
        (against if vote.is_negative else in_favour)[guest] = network
    in_favour = {guest: network for guest, network in in_favour.items() if guest not in against}
    return counted(in_favour), counted(against)


def counted(guests: dict[int, int]) -> int:
    """How many of `guests`, guest -> network, count."""
    return sum(min(n, GUESTS_OF_A_NETWORK) for n in Counter(guests.values()).values())


def is_superseded(answer: Message) -> bool:
    """Whether guests are answered otherwise than by `answer` since."""
    if answer.answering_faq_id is None:
        return False
    revisions = FaqRevision.objects.filter(
        faq_id=answer.answering_faq_id, created_at__gt=answer.created_at
    )
    return any(
        answer.language in languages_answered_anew(revision, revision.facility.language)
        for revision in revisions.select_related("facility")
    )


def supersede(*, revisions: list[FaqRevision], **_signal: Any) -> None:
    """FAQs have changed: what guests thought of an answer that is no longer given counts no more.
    How their questions ended is counted anew by the next task."""
    changed = {each.faq_id: each for each in revisions if each.before is not None}
    if not changed:
        return
    standing = GuestFeedback.objects.standing().filter(faq_id__in=changed)
    ended = Faq.objects.filter(pk__in=changed).exclude(left_content=0, left_unhelped=0)
    told = standing.order_by().values_list("faq_id", flat=True).distinct()
    ids = {*told, *ended.values_list("pk", flat=True)}
    concerned = [revision for faq_id, revision in changed.items() if faq_id in ids]
    facilities = Facility.objects.in_bulk({each.facility_id for each in concerned})
    for revision in concerned:
        facility = facilities[revision.facility_id]
        languages = languages_answered_anew(revision, facility.language)
        if not languages:
            continue
        old = standing.for_facility(facility).filter(faq_id=revision.faq_id)
        # Votes of which the language is not known were given before it was kept.
        old.filter(language__in=[*languages, ""]).update(superseded_at=timezone.now())
        count_votes(facility, revision.faq_id)
        Faq.objects.filter(pk=revision.faq_id).update(left_content=0, left_unhelped=0)


# What staff see ---------------------------------------------------------------------------------


def low_rated_answers(votes: GuestFeedbackQuerySet, page: Page) -> list[dict[str, Any]]:
    """The answers that were voted down, and neither ignored nor written anew since, the most
    disliked first.

    Those of one FAQ are one, shown by the newest that is still there and counted by guests. Of
    `votes` whose conversations are deleted only the number remains.
    """
    # FAQs and answers are numbered apart; a minus keeps an answer from passing for a FAQ.
    about = Coalesce("faq_id", -F("message_id"))
    lately = Q(created_at__gte=timezone.now() - RAISED_WITHIN)
    disliked: Any = (
        votes.negative()
        .standing()
        .filter(ignored_at=None)
        .values(about=about)
        .annotate(
            newest=Max("message_id"),
            guests=Count("guest", distinct=True),
            lately=Count("guest", distinct=True, filter=lately),
        )
        .exclude(newest=None)
        .order_by("-guests", "-newest")
    )
    found = list(page.of(disliked))
    answers = Message.objects.select_related("reply_to").in_bulk([row["newest"] for row in found])
    return [
        {
            "message_id": answer.pk,
            "conversation_id": answer.conversation_id,
            "faq_id": answer.answering_faq_id,
            "question": answer.reply_to.content if answer.reply_to else "",
            "answer": answer.content,
            "negative_count": row["guests"],
            "lately": row["lately"],
        }
        for row in found
        if (answer := answers.get(row["newest"]))
    ]


def feedback_stats(votes: GuestFeedbackQuerySet, page: Page) -> dict[str, object]:
    """How many helped and how many did not, ignored or not, and `low_rated_answers`."""
    negative = votes.negative().count()
    return summed(votes.count() - negative, negative, low_rated_answers(votes, page))


def summed(positive: int, negative: int, low_rated: list[dict[str, Any]]) -> dict[str, object]:
    """In the shape of `FeedbackStatsOut`."""
    return {
        "positive_count": positive,
        "negative_count": negative,
        "positive_rate": share(positive, positive + negative) or 0,
        "low_rated_answers": low_rated,
    }


def ignore(vote: GuestFeedback) -> None:
    """There is nothing to mend in the answer: it is shown again when it is voted down again."""
    same = GuestFeedback.objects.about_the_same(vote).negative()
    same.filter(ignored_at=None).update(ignored_at=timezone.now())


# FAQs whose answers did not help ----------------------------------------------------------------

#: Answers shown of one FAQ, the newest.
SHOWN: Final = 50


@dataclass(frozen=True)
class Disliked:
    """An answer that was voted down."""

    answer: Message
    #: What staff wrote to that guest afterwards, in the inn's own language; may be empty.
    reply: str


def raised(low_rated: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of `low_rated_answers` that have failed so many guests lately that staff should look at
    the FAQ."""
    return [row for row in low_rated if row["faq_id"] and row["lately"] >= RAISED_BY]


def open_votes(faq: Faq) -> GuestFeedbackQuerySet:
    """Those against answers of `faq`, with which staff have done nothing yet."""
    votes = GuestFeedback.objects.for_facility(faq.facility).filter(faq_id=faq.pk)
    return votes.negative().standing().filter(ignored_at=None)


def disliked_answers(faq: Faq) -> list[Disliked]:
    """The answers of `faq` that are voted down and still there, the newest first."""
    votes = open_votes(faq).exclude(message=None)
    rows = votes.select_related("message__reply_to", "message__conversation")
    answers = [vote.message for vote in rows.order_by("-message")[:SHOWN] if vote.message]
    replies = replies_after(answers, faq.facility)
    return [Disliked(answer, replies.get(answer.pk, "")) for answer in answers]


def replies_after(answers: list[Message], facility: Facility) -> dict[int, str]:
    """id of an answer -> what staff wrote next in the same conversation, where it is in the inn's
    own language."""
    written = Message.objects.filter(
        role=Message.Role.STAFF, conversation__in={answer.conversation_id for answer in answers}
    )
    replies = list(written.order_by("pk"))
    found = {}
    for answer in answers:
        after = (
            reply
            for reply in replies
            if reply.conversation_id == answer.conversation_id and reply.pk > answer.pk
        )
        reply = next(after, None)
        if reply is not None:
            is_own = reply.language == facility.language
            found[answer.pk] = reply.staff_text or (reply.content if is_own else "")
    return found


def ignore_faq(faq: Faq) -> None:
    """There is nothing to mend in its answers: it is shown again when others vote them down."""
    open_votes(faq).update(ignored_at=timezone.now())
