"""What the staff API returns of FAQs."""

from datetime import datetime

from ninja import Schema


class FaqTranslationOut(Schema):
    id: int
    faq_id: int
    language: str
    question: str
    answer: str
    created_at: datetime
    updated_at: datetime


class FaqOut(Schema):
    id: int
    facility_id: int
    category: str
    intent_key: str
    translations: list[FaqTranslationOut]
    priority: int
    is_active: bool
    visibility: str
    created_by: int | None
    created_at: datetime
    updated_at: datetime

    @staticmethod
    def resolve_created_by(faq: object) -> int | None:
        return faq.created_by_id  # type: ignore[attr-defined]


class FaqListOut(Schema):
    faqs: list[FaqOut]
    total: int
    #: v0.3 filled a new facility in the background; here FAQs exist once the facility does.
    is_initializing: bool = False
