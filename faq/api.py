"""The staff API of FAQs."""

from typing import Annotated

from django.http import HttpRequest
from ninja import Query, Router

from faq.models import Faq
from faq.schemas import FaqListOut

router = Router(tags=["staff"])


@router.get("/faqs", response=FaqListOut)
def list_faqs(
    request: HttpRequest,
    category: Annotated[Faq.Category | None, Query()] = None,
    is_active: Annotated[bool | None, Query()] = None,
) -> dict[str, object]:
    """The FAQs of the facilities at which the caller works."""
    faqs = Faq.objects.for_user(request.user).prefetch_related("translations")
    if category is not None:
        faqs = faqs.filter(category=category)
    if is_active is not None:
        faqs = faqs.filter(is_active=is_active)
    found = list(faqs)
    return {"faqs": found, "total": len(found), "is_initializing": False}
