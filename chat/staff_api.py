"""The staff API of questions that people must answer, their replies, and guests' votes."""

from typing import Annotated, cast

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext
from ninja import Path, Query, Router, Status

from chat import feedback, learning, staff
from chat.models import Escalation, GuestFeedback, Message
from chat.schemas import SessionId
from chat.staff_schemas import (
    EscalationListOut,
    EscalationOut,
    FeedbackStatsOut,
    LowRatedOut,
    ReplyIn,
    ReplyOut,
    ResolveIn,
    UnresolvedQuestionOut,
)
from facilities.models import User
from facilities.schemas import DoneOut, Page, RowIdText
from faq.api import shown_suggestion
from faq.models import FaqSuggestion
from faq.schemas import SuggestionOut

router = Router(tags=["staff"])


@router.get("/escalations", response=EscalationListOut)
def list_escalations(
    request: HttpRequest,
    page: Query[Page],
    resolved: Annotated[bool | None, Query()] = None,
) -> dict[str, object]:
    """What went to staff, the latest first: all of it, or only what is resolved or is not."""
    rows = Escalation.objects.for_user(request.user)
    listed = rows if resolved is None else rows.filter(resolved_at__isnull=not resolved)
    return {
        "escalations": page.of(listed.select_related("conversation")),
        "total": listed.count(),
        "unresolved": rows.unresolved().count(),
    }


@router.get("/escalations/unresolved-questions", response=list[UnresolvedQuestionOut])
def list_unresolved_questions(request: HttpRequest, page: Query[Page]) -> list[dict[str, object]]:
    """Questions that nobody has answered, the latest first. A guest who only called for staff asked
    none; he is among the escalations."""
    asked = Escalation.objects.for_user(request.user).unresolved().exclude(message=None)
    return [
        {
            "id": escalation.pk,
            "message_id": escalation.message.pk,
            "facility_id": escalation.conversation.facility_id,
            "question": escalation.message.content,
            "language": escalation.message.language,
            "confidence_score": escalation.ai_confidence or 0,
            "created_at": escalation.created_at,
        }
        for escalation in page.of(asked.select_related("conversation", "message"))
        if escalation.message
    ]


@router.put("/escalations/{escalation_id}", response=EscalationOut)
def resolve_escalation(
    request: HttpRequest, escalation_id: Annotated[RowIdText, Path()], payload: ResolveIn
) -> Escalation:
    """Settle a question. Who did so first stays; a later call may still write the notes."""
    rows = Escalation.objects.for_user(request.user)
    escalation = get_object_or_404(rows.select_related("conversation"), pk=escalation_id)
    return staff.resolve(escalation, cast(User, request.user), payload.resolution_notes)


@router.post("/conversations/{session_id}/reply", response={201: ReplyOut})
def reply(
    request: HttpRequest, session_id: Annotated[SessionId, Path()], payload: ReplyIn
) -> Status[dict[str, object]]:
    """Write to the guest, also when his session has ended. It resolves what was open in the
    conversation and silences the AI there for an hour."""
    user = cast(User, request.user)
    conversation = staff.find_conversation(user, session_id)
    message = staff.reply(
        conversation, user, payload.content, client_message_id=payload.client_message_id
    )
    session_id = message.conversation.session_id
    return Status(201, {"success": True, "session_id": session_id, "message": message})


@router.get("/feedback/negative", response=list[LowRatedOut])
def list_low_rated(request: HttpRequest, page: Query[Page]) -> list[dict[str, object]]:
    """Answers that guests voted down, the most disliked first. Those of one FAQ are one."""
    return feedback.low_rated_answers(GuestFeedback.objects.for_user(request.user), page)


@router.post("/feedback/{message_id}/ignore", response=DoneOut)
def ignore_feedback(
    request: HttpRequest, message_id: Annotated[RowIdText, Path()]
) -> dict[str, str]:
    """There is nothing to mend: the answer is listed again when it is voted down again."""
    votes = GuestFeedback.objects.for_user(request.user).negative()
    feedback.ignore(get_object_or_404(votes, message=message_id))
    return {"message": gettext("It is shown again when a guest votes it down again.")}


@router.get("/feedback-stats", response=FeedbackStatsOut)
def get_feedback_stats(request: HttpRequest, page: Query[Page]) -> dict[str, object]:
    """What guests thought of the answers since the beginning."""
    return feedback.feedback_stats(GuestFeedback.objects.for_user(request.user), page)


@router.post("/faq-suggestions/generate/{message_id}", response={201: SuggestionOut})
def suggest_faq(
    request: HttpRequest, message_id: Annotated[RowIdText, Path()]
) -> Status[FaqSuggestion]:
    """Suggest a FAQ for what a guest asked in this message, or for the question that this answer
    answers. Where others have asked the same, it is theirs."""
    messages = Message.objects.for_user(request.user)
    rows = messages.select_related("conversation__facility", "reply_to__conversation__facility")
    suggestion = learning.suggest(get_object_or_404(rows, pk=message_id))
    return Status(201, shown_suggestion(request, suggestion.pk))
