"""The staff API of FAQs."""

import time
from typing import Annotated, Final, Literal, cast

from django.db.models import Prefetch
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext
from ninja import File, Form, Path, Query, Router, Status, UploadedFile

from facilities.models import User
from facilities.schemas import Page, RowIdText
from facilities.staff_api import chosen_facility
from faq import services
from faq.models import Faq, FaqTranslation
from faq.schemas import FaqChange, FaqIn, FaqListOut, FaqOut, FaqTranslationOut, UploadOut
from faq.transfer import FaqFile, FaqRow, ImportProblem, add_faqs, read_faqs

router = Router(tags=["staff"])

#: Rows of one upload.
UPLOADED_ROWS: Final = 5000
#: Errors that one answer lists; all of the bad rows are counted.
ERRORS_LISTED: Final = 1000

FaqId = Annotated[RowIdText, Path()]


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
def add_faq(request: HttpRequest, payload: FaqIn) -> Status[Faq]:
    """A new FAQ, from which the next guest is answered."""
    user = cast(User, request.user)
    facility = chosen_facility(user, payload.facility_id)
    return Status(201, services.create_faq(facility=facility, actor=user, **payload.fields()))


@router.post("/faqs/bulk-upload", response={201: UploadOut})
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
def change_faq(request: HttpRequest, faq_id: FaqId, payload: FaqChange) -> Faq:
    """Change what is given. A FAQ stays with its facility."""
    faq = get_object_or_404(Faq.objects.for_user(request.user), pk=faq_id)
    return services.change_faq(faq=faq, actor=cast(User, request.user), **payload.fields())


@router.delete("/faqs/{faq_id}", response={204: None})
def delete_faq(request: HttpRequest, faq_id: FaqId) -> Status[None]:
    """Nobody is answered from it any more."""
    faq = get_object_or_404(Faq.objects.for_user(request.user), pk=faq_id)
    services.delete_faq(faq=faq, actor=cast(User, request.user))
    return Status(204, None)
