"""The staff API of FAQs."""

import time
from typing import Annotated, Final, Literal, cast

from django.db import transaction
from django.db.models import Prefetch
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext
from ninja import File, Form, Path, Query, Router, Status, UploadedFile

from facilities import audit
from facilities.models import User
from facilities.schemas import Page, RowIdText
from facilities.staff_api import chosen_facility
from faq import reviews, services
from faq.models import Faq, FaqSuggestion, FaqTranslation
from faq.reviews import Decision
from faq.schemas import (
    ApproveIn,
    FaqChange,
    FaqIn,
    FaqListOut,
    FaqOut,
    FaqTranslationOut,
    SuggestionListOut,
    SuggestionOut,
    UploadOut,
)
from faq.transfer import (
    UPLOADED_ROWS,
    FaqFile,
    FaqRow,
    ImportProblem,
    add_faqs,
    read_faqs,
)

router = Router(tags=["staff"])

#: Errors that one answer lists; all of the bad rows are counted.
ERRORS_LISTED: Final = 1000

FaqId = Annotated[RowIdText, Path()]
SuggestionId = Annotated[RowIdText, Path()]


@router.get("/faqs", response=FaqListOut)
def list_faqs(
    request: HttpRequest,
    page: Query[Page],
    category: Annotated[Faq.Category | None, Query()] = None,
    is_active: Annotated[bool | None, Query()] = None,
) -> dict[str, object]:
    """The FAQs of the facilities at which the caller works."""
    faqs = Faq.objects.for_user(request.user)
    if category is not None:
        faqs = faqs.filter(category=category)
    if is_active is not None:
        faqs = faqs.filter(is_active=is_active)
    # Without the vectors by which texts are found: those are most of a row.
    texts = FaqTranslation.objects.only(*FaqTranslationOut.model_fields).order_by("pk")
    return {
        "faqs": page.of(faqs.prefetch_related(Prefetch("translations", queryset=texts))),
        "total": faqs.count(),
        "is_initializing": False,
    }


@router.post("/faqs", response={201: FaqOut})
@transaction.atomic
def add_faq(request: HttpRequest, payload: FaqIn) -> Status[Faq]:
    """A new FAQ, from which the next guest is answered."""
    user = cast(User, request.user)
    facility = chosen_facility(user, payload.facility_id)
    faq = services.create_faq(facility=facility, actor=user, **payload.fields())
    audit.record(audit.Action.ADDED, facility=facility, actor=user, target=faq)
    return Status(201, faq)


@router.post("/faqs/bulk-upload", response={201: UploadOut})
@transaction.atomic
def upload_faqs(
    request: HttpRequest,
    file: File[UploadedFile],
    mode: Form[Literal["add"]] = "add",
    facility_id: Form[RowIdText | None] = None,
) -> Status[dict[str, object]]:
    """Add the FAQs of a CSV file (UTF-8 or CP932), unless one of its rows is bad: then none.

    `add` leaves alone what the inn has: a row with a key that it knows is skipped.
    """
    started = time.perf_counter()
    user = cast(User, request.user)
    facility = chosen_facility(user, facility_id)
    read = read_faqs(file.read(), at_most=UPLOADED_ROWS)
    if not read.is_readable:
        problem = {"problem": read.problems[0]}
        raise ImportProblem(gettext("Nothing was imported: %(problem)s.") % problem)
    skipped = []
    if not read.problems:
        skipped = add_faqs(facility=facility, actor=user, rows=read.rows)
        name = str(Faq._meta.verbose_name_plural)
        audit.record(audit.Action.IMPORTED, facility=facility, actor=user, text=name)
    return Status(201, upload_out(read, skipped, user, time.perf_counter() - started))


def upload_out(
    file: FaqFile, skipped: list[FaqRow], user: User, seconds: float
) -> dict[str, object]:
    known = gettext("The inn has a FAQ with this key already; it stays as it is.")
    return {
        "success_count": 0 if file.problems else len(file.rows) - len(skipped),
        "failure_count": len(file.bad_lines),
        "total_count": len(file.rows) + len(file.bad_lines),
        "skipped_count": len(skipped),
        "processing_time_seconds": round(seconds, 3),
        "uploaded_at": timezone.now(),
        "uploaded_by": user.pk,
        "errors": [
            {"line": problem.line, "column": problem.column, "message": problem.text}
            for problem in file.problems[:ERRORS_LISTED]
        ],
        "warnings": [
            {"line": row.line, "intent_key": row.intent_key, "message": known} for row in skipped
        ],
    }


@router.put("/faqs/{faq_id}", response=FaqOut)
@transaction.atomic
def change_faq(request: HttpRequest, faq_id: FaqId, payload: FaqChange) -> Faq:
    """Change what is given. A FAQ stays with its facility."""
    user = cast(User, request.user)
    faq = services.change_faq(faq=find_faq(request, faq_id), actor=user, **payload.fields())
    audit.record(audit.Action.CHANGED, facility=faq.facility, actor=user, target=faq)
    return faq


@router.delete("/faqs/{faq_id}", response={204: None})
@transaction.atomic
def delete_faq(request: HttpRequest, faq_id: FaqId) -> Status[None]:
    """Nobody is answered from it any more."""
    faq = find_faq(request, faq_id)
    user = cast(User, request.user)
    audit.record(audit.Action.DELETED, facility=faq.facility, actor=user, target=faq)
    services.delete_faq(faq=faq, actor=user)
    return Status(204, None)


def find_faq(request: HttpRequest, faq_id: int) -> Faq:
    rows = Faq.objects.for_user(request.user).select_related("facility")
    return get_object_or_404(rows, pk=faq_id)


# Suggestions ------------------------------------------------------------------------------------


@router.get("/faq-suggestions", response=SuggestionListOut)
def list_suggestions(
    request: HttpRequest,
    page: Query[Page],
    status: Annotated[FaqSuggestion.Status | None, Query()] = None,
) -> dict[str, object]:
    """Questions that no FAQ answers well: those that most guests asked lately first."""
    rows = FaqSuggestion.objects.for_user(request.user)
    if status is not None:
        rows = rows.filter(status=status)
    return {"suggestions": page.of(rows.ranked().with_questions()), "total": rows.count()}


@router.post("/faq-suggestions/{suggestion_id}/approve", response=SuggestionOut)
def approve_suggestion(
    request: HttpRequest, suggestion_id: SuggestionId, payload: ApproveIn
) -> FaqSuggestion:
    """Make a FAQ of it, from which the next guest is answered. One that is one already stays so."""
    decision = Decision(**{name: getattr(payload, name) for name in ApproveIn.model_fields})
    reviews.approve(
        suggestion=find_suggestion(request, suggestion_id),
        actor=cast(User, request.user),
        decision=decision,
    )
    return shown_suggestion(request, suggestion_id)


@router.post("/faq-suggestions/{suggestion_id}/add-to/{faq_id}", response=SuggestionOut)
def add_wording(request: HttpRequest, suggestion_id: SuggestionId, faq_id: FaqId) -> FaqSuggestion:
    """Let a FAQ of the same inn be found by what guests asked."""
    suggestion = find_suggestion(request, suggestion_id)
    faqs = Faq.objects.for_facility(suggestion.facility)
    reviews.approve_as_wording(
        suggestion=suggestion,
        faq=get_object_or_404(faqs, pk=faq_id),
        actor=cast(User, request.user),
    )
    return shown_suggestion(request, suggestion_id)


@router.post("/faq-suggestions/{suggestion_id}/reject", response=SuggestionOut)
def reject_suggestion(request: HttpRequest, suggestion_id: SuggestionId) -> FaqSuggestion:
    """No FAQ is wanted of it. It comes back when three more guests ask."""
    suggestion = find_suggestion(request, suggestion_id)
    reviews.reject(suggestion=suggestion, actor=cast(User, request.user))
    return shown_suggestion(request, suggestion_id)


@router.post("/faq-suggestions/{suggestion_id}/merge/{into_id}", response=SuggestionOut)
def merge_suggestion(
    request: HttpRequest, suggestion_id: SuggestionId, into_id: SuggestionId
) -> FaqSuggestion:
    """It asks for the same as another one of the inn, which gets its questions and stays."""
    suggestion = find_suggestion(request, suggestion_id)
    others = FaqSuggestion.objects.for_facility(suggestion.facility)
    target = get_object_or_404(others, pk=into_id)
    reviews.merge(suggestion=suggestion, into=target, actor=cast(User, request.user))
    return shown_suggestion(request, target.pk)


def find_suggestion(request: HttpRequest, suggestion_id: int) -> FaqSuggestion:
    rows = FaqSuggestion.objects.for_user(request.user).select_related("facility")
    return get_object_or_404(rows, pk=suggestion_id)


def shown_suggestion(request: HttpRequest, suggestion_id: int) -> FaqSuggestion:
    """As it is listed."""
    rows = FaqSuggestion.objects.for_user(request.user).ranked().with_questions()
    return get_object_or_404(rows, pk=suggestion_id)
