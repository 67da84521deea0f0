"""What guests thought of the answers, for staff."""

from typing import Any

from django.db.models import Count, F, Max
from django.db.models.functions import Coalesce
from django.utils import timezone

from chat.models import GuestFeedback, GuestFeedbackQuerySet, Message
from chat.statistics import share
from facilities.schemas import Page


def low_rated_answers(votes: GuestFeedbackQuerySet, page: Page) -> list[dict[str, object]]:
    """The answers that were voted down and not ignored since, the most disliked first.

    Those of one FAQ are one, shown by the newest that is still there and counted by guests. Of
    `votes` whose conversations are deleted only the number remains.
    """
    # FAQs and answers are numbered apart; a minus keeps an answer from passing for a FAQ.
    about = Coalesce("faq_id", -F("message_id"))
    disliked: Any = (
        votes.negative()
        .filter(ignored_at=None)
        .values(about=about)
        .annotate(newest=Max("message_id"), guests=Count("guest", distinct=True))
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
        }
        for row in found
        if (answer := answers.get(row["newest"]))
    ]


def feedback_stats(votes: GuestFeedbackQuerySet, page: Page) -> dict[str, object]:
    """How many helped and how many did not, ignored or not, and `low_rated_answers`."""
    negative = votes.negative().count()
    return summed(votes.count() - negative, negative, low_rated_answers(votes, page))


def summed(positive: int, negative: int, low_rated: list[dict[str, object]]) -> dict[str, object]:
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
