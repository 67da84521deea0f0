"""What the staff API accepts and returns of FAQs."""

from datetime import datetime
from typing import Annotated, Any

from ninja import Field, Schema
from pydantic import AfterValidator, StrictBool, StringConstraints

from facilities.models import Facility
from facilities.schemas import LanguageCode, NoNul, RowId
from faq.models import (
    ANSWER_LENGTH,
    KEY_LENGTH,
    QUESTION_LENGTH,
    Faq,
    FaqSuggestion,
    SuggestedQuestion,
)
from yadopera.languages import LANGUAGES

#: Guests' own words that are shown of one suggestion.
EXAMPLES = 50

Key = Annotated[str, StringConstraints(strip_whitespace=True, max_length=KEY_LENGTH), NoNul]
Question = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=QUESTION_LENGTH),
    NoNul,
]
Answer = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=ANSWER_LENGTH),
    NoNul,
]
Priority = Annotated[int, Field(strict=True, ge=1, le=5)]


class FaqTextIn(Schema):
    language: LanguageCode
    question: Question
    answer: Answer


def one_a_language(texts: list[FaqTextIn]) -> list[FaqTextIn]:
    if len({text.language for text in texts}) < len(texts):
        raise ValueError("must name each language once")
    return texts


Translations = Annotated[
    list[FaqTextIn], Field(max_length=len(LANGUAGES)), AfterValidator(one_a_language)
]


class FaqChange(Schema):
    """What is left out, or null, stays as it is; so do texts in languages that are not named."""

    category: Faq.Category | None = None
    #: An empty one counts as left out.
    intent_key: Key | None = None
    translations: Translations | None = None
    priority: Priority | None = None
    is_active: StrictBool | None = None
    visibility: Facility.Visibility | None = None

    def fields(self) -> dict[str, Any]:
        """What was given, as the services take it."""
        given = {name: getattr(self, name) for name in FaqChange.model_fields}
        given["intent_key"] = given["intent_key"] or None
        texts = given.pop("translations")
        if texts is not None:
            given["texts"] = {text.language: (text.question, text.answer) for text in texts}
        return {name: value for name, value in given.items() if value is not None}


class FaqIn(FaqChange):
    """Without a key it gets one of its own; without a visibility, an answer that tells the Wi-Fi
    password is for guests at the inn."""

    #: Without it, the first facility at which the caller works.
    facility_id: RowId | None = None
    category: Faq.Category
    translations: Annotated[Translations, Field(min_length=1)]


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


class UploadErrorOut(Schema):
    #: On which the row starts; the header is on the first.
    line: int | None
    #: Empty when the row as a whole is wrong.
    column: str
    message: str


class UploadWarningOut(Schema):
    line: int
    intent_key: str
    message: str


class UploadOut(Schema):
    """Either everything new is stored, or, with any bad row, nothing."""

    success_count: int
    #: Bad rows; one may be in `errors` several times.
    failure_count: int
    total_count: int
    #: Rows whose key the inn has already.
    skipped_count: int
    processing_time_seconds: float
    uploaded_at: datetime
    uploaded_by: int
    errors: list[UploadErrorOut]
    warnings: list[UploadWarningOut]


class ExampleOut(Schema):
    """One guest's words."""

    message_id: int
    text: str
    language: str
    why: str
    asked_at: datetime


class SuggestionOut(Schema):
    id: int
    facility_id: int
    #: The first message of those that ask it; null when all of them are deleted.
    source_message_id: int | None
    suggested_question: str
    #: Empty while nobody of the staff has replied to it.
    suggested_answer: str
    suggested_category: str
    #: Of the suggested question: the inn's own, or without an AI provider the guest's.
    language: str
    status: FaqSuggestion.Status
    reviewed_at: datetime | None
    reviewed_by: int | None
    #: The FAQ that it became, or to which it was added.
    created_faq_id: int | None
    created_at: datetime
    #: Guests who asked it, each once.
    guests: int
    last_asked_at: datetime | None
    #: The newest first.
    examples: list[ExampleOut]
    languages: list[str]
    #: A FAQ of which it may be another wording.
    similar_faq_id: int | None

    @staticmethod
    def resolve_source_message_id(suggestion: FaqSuggestion) -> int | None:
        return min((each.message_id for each in suggestion.questions.all()), default=None)

    @staticmethod
    def resolve_suggested_question(suggestion: FaqSuggestion) -> str:
        return suggestion.question

    @staticmethod
    def resolve_suggested_answer(suggestion: FaqSuggestion) -> str:
        return suggestion.answer

    @staticmethod
    def resolve_suggested_category(suggestion: FaqSuggestion) -> str:
        return suggestion.category

    @staticmethod
    def resolve_language(suggestion: FaqSuggestion) -> str:
        return suggestion.question_language

    @staticmethod
    def resolve_reviewed_by(suggestion: FaqSuggestion) -> int | None:
        return suggestion.reviewed_by_id

    @staticmethod
    def resolve_examples(suggestion: FaqSuggestion) -> list[SuggestedQuestion]:
        return list(suggestion.questions.all())[:EXAMPLES]

    @staticmethod
    def resolve_languages(suggestion: FaqSuggestion) -> list[str]:
        asked_in = {each.language for each in suggestion.questions.all()}
        return [code for code in LANGUAGES if code in asked_in]


class SuggestionListOut(Schema):
    suggestions: list[SuggestionOut]
    #: How many there are of those asked for, on this page or not.
    total: int


class ApproveIn(Schema):
    """What is left out, or null, is as suggested. What is written is in the inn's own language."""

    question: Question | None = None
    answer: Answer | None = None
    category: Faq.Category | None = None
    priority: Priority | None = None
