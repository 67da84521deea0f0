"""What an inn answers: a FAQ is an intent, said in up to seven languages and many wordings."""

from datetime import timedelta
from typing import Any, ClassVar, Final, Self

from django.conf import settings
from django.db import models
from django.db.models.functions import Greatest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from pgvector.django import HalfVectorField, SparseVectorField

from facilities.models import Facility, OwnedQuerySet
from faq.tasks import queue_vectors
from faq.understanding import load_reader, version
from faq.vectors import DIMENSIONS, to_vector
from yadopera.ai import EMBEDDING_DIMENSIONS
from yadopera.languages import LANGUAGE_CHOICES, LANGUAGES, nearest_languages

KEY_LENGTH = 100
QUESTION_LENGTH = 500
ANSWER_LENGTH = 2000
#: The views of `faq.understanding.Meaning` that a text is found by.
VIEWS = ("terms", "concepts", "topics", "answer_topics", "named")
INDEX_FIELDS = (*VIEWS, "index_version")
EMBEDDING_FIELDS = ("embedding", "embedding_model", "embedding_problem")
#: Of texts that are found by an older index until a new one is made.
OUTDATED = 0
#: How long an uploaded file waits for somebody to confirm it.
UPLOAD_LIFE: Final = timedelta(days=1)
#: Most of a text's row; whoever only shows it does without.
VECTORS = (*VIEWS, "embedding")
#: What a guest may write at once, in characters.
ASKED_LENGTH: Final = 1000
#: Longer questions than this tell more than what is asked.
WORDING_LENGTH: Final = 200
#: A guest who asked within so many days counts once for each of these: lately is worth more.
LATELY: Final = (7, 14, 30)
#: Texts that are written at once are stored a moment after each other.
WRITTEN_TOGETHER: Final = timedelta(seconds=10)


class FaqQuerySet(OwnedQuerySet["Faq"]):
    def published(self) -> Self:
        """Those that may be answered from."""
        return self.filter(is_active=True)

    def with_texts(self) -> Self:
        """Their translations come along, without vectors."""
        texts = FaqTranslation.objects.defer(*VECTORS)
        return self.prefetch_related(models.Prefetch("translations", queryset=texts))

    def without(self, language: str) -> Self:
        """Those that nobody has written in `language`."""
        texts = FaqTranslation.objects.filter(faq=models.OuterRef("pk"), language=language)
        return self.exclude(models.Exists(texts))

    def low_rated(self) -> Self:
        """Those that helped no more guests than they failed."""
        return self.filter(disputed_by__gt=0, disputed_by__gte=models.F("confirmed_by"))


class Faq(models.Model):
    class Category(models.TextChoices):
        BASIC = "basic", _("basics")
        FACILITIES = "facilities", pgettext_lazy("category", "facilities")
        LOCATION = "location", _("location")
        TROUBLE = "trouble", _("trouble")

    facility = models.ForeignKey(
        Facility, models.CASCADE, verbose_name=_("facility"), related_name="faqs"
    )
    category = models.CharField(_("category"), max_length=20, choices=Category)
    intent_key = models.CharField(
        _("FAQ key"),
        max_length=KEY_LENGTH,
        help_text=_("Names the question in files and statistics."),
    )
    priority = models.PositiveSmallIntegerField(
        _("priority"), default=3, help_text=_("1 to 5; 5 is offered first.")
    )
    is_active = models.BooleanField(_("shown to guests"), default=True)
    visibility = models.CharField(
        _("who is told"),
        max_length=10,
        choices=Facility.Visibility,
        default=Facility.Visibility.ANYONE,
    )
    #: Guests whose last word on this FAQ's answer was that it helped, or that it did not.
    confirmed_by = models.PositiveIntegerField(_("helped"), default=0, editable=False)
    disputed_by = models.PositiveIntegerField(_("did not help"), default=0, editable=False)
    #: Of guests who did not vote: those who were given its answer and asked no more of it, and
    #: those who asked the same again or for a person.
    left_content = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    left_unhelped = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, editable=False
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    objects = FaqQuerySet.as_manager()

    class Meta:
        verbose_name = _("FAQ")
        verbose_name_plural = _("FAQs")
        ordering = ["-priority", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["facility", "intent_key"], name="faq_intent_once_per_facility"
            ),
            models.CheckConstraint(
                name="faq_priority_1_to_5", condition=models.Q(priority__range=(1, 5))
            ),
            models.CheckConstraint(
                name="faq_category_known",
                condition=models.Q(category__in=["basic", "facilities", "location", "trouble"]),
            ),
            models.CheckConstraint(
                name="faq_visibility_known",
                condition=models.Q(visibility__in=["anyone", "on_site"]),
            ),
            models.CheckConstraint(
                name="faq_intent_key_not_empty", condition=~models.Q(intent_key="")
            ),
        ]

    def __str__(self) -> str:
        """As staff know it; reads its texts unless they are prefetched."""
        return self.title(self.facility.language) if self.pk else self.intent_key

    def translation_for(self, language: str) -> "FaqTranslation | None":
        """The text in `language`, or in the nearest language there is. Uses prefetched rows."""
        by_language = {text.language: text for text in self.translations.all()}
        for code in nearest_languages(language):
            if code in by_language:
                return by_language[code]
        return None

    def title(self, language: str) -> str:
        """What staff call it: its question. Uses prefetched rows."""
        text = self.translation_for(language)
        return text.question if text else self.intent_key

    def outdated_languages(self, own: str) -> set[str]:
        """Those whose text is older than the last change of the text in the language `own`, which
        therefore may say something else. Uses prefetched rows."""
        texts = {text.language: text for text in self.translations.all()}
        source = texts.get(own)
        if source is None or source.updated_at <= source.created_at + WRITTEN_TOGETHER:
            return set()  # never changed since it was written
        return {
            language
            for language, text in texts.items()
            if text.updated_at < source.updated_at - WRITTEN_TOGETHER
        }


class ReadText(models.Model):
    """A text with what is read in it, so that it can be compared with others."""

    language = models.CharField(_("language"), max_length=5, choices=LANGUAGE_CHOICES)
    #: VIEWS; None until computed.
    terms = SparseVectorField(dimensions=DIMENSIONS, null=True, editable=False)
    concepts = SparseVectorField(dimensions=DIMENSIONS, null=True, editable=False)
    topics = SparseVectorField(dimensions=DIMENSIONS, null=True, editable=False)
    answer_topics = SparseVectorField(dimensions=DIMENSIONS, null=True, editable=False)
    named = SparseVectorField(dimensions=DIMENSIONS, null=True, editable=False)
    #: `understanding.version()` when they were computed; any other number is outdated.
    index_version = models.BigIntegerField(null=True, editable=False)
    #: 1536 numbers of unit length, two bytes each; None until the AI provider has made it.
    embedding = HalfVectorField(dimensions=EMBEDDING_DIMENSIONS, null=True, editable=False)
    #: The model that made it; vectors of another model than the present one are not compared.
    embedding_model = models.CharField(max_length=100, blank=True, editable=False)
    #: Why the provider made none, in words for staff; empty when it has not failed.
    embedding_problem = models.CharField(max_length=200, blank=True, editable=False)

    #: All texts of one kind.
    objects: Any

    class Meta:
        abstract = True

    #: The fields that are read: the question, then what may follow it.
    indexed_fields: ClassVar[tuple[str, ...]] = ("text",)

    def index(self) -> None:
        """Bring the views up to date with the text."""
        meaning = load_reader().read(*(getattr(self, name) for name in self.indexed_fields))
        for view in VIEWS:
            setattr(self, view, to_vector(getattr(meaning, view)))
        self.index_version = version()


class GuestText(ReadText):
    """A text by which a FAQ is found."""

    #: Of which FAQ; the two kinds declare it.
    faq: Any

    class Meta:
        abstract = True

    def save(self, **options: Any) -> None:
        self.index()
        # The provider's vector is of the old text; a task makes the new one.
        self.embedding, self.embedding_model, self.embedding_problem = None, "", ""
        if (fields := options.get("update_fields")) is not None:
            options["update_fields"] = {*fields, *INDEX_FIELDS, *EMBEDDING_FIELDS}
        super().save(**options)
        queue_vectors(self.faq.facility_id)

    def embedded_text(self) -> str:
        """What the provider's vector is of: nothing that only guests at the inn may know."""
        is_public = self.faq.visibility == Facility.Visibility.ANYONE
        names = self.indexed_fields if is_public else self.indexed_fields[:1]
        text = "\n".join(getattr(self, name) for name in names)
        return self.faq.facility.without_secrets(text)


class FaqTranslationQuerySet(OwnedQuerySet["FaqTranslation"]):
    facility_path = "faq__facility"


class FaqTranslation(GuestText):
    """The question and the answer in one language."""

    faq = models.ForeignKey(Faq, models.CASCADE, verbose_name=_("FAQ"), related_name="translations")
    question = models.CharField(_("question"), max_length=QUESTION_LENGTH)
    answer = models.TextField(_("answer"), max_length=ANSWER_LENGTH)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    indexed_fields = ("question", "answer")

    objects = FaqTranslationQuerySet.as_manager()

    class Meta:
        verbose_name = _("text")
        verbose_name_plural = _("texts")
        constraints = [
            models.UniqueConstraint(fields=["faq", "language"], name="faq_text_once_per_language"),
            models.CheckConstraint(
                name="faq_text_language_known",
                condition=models.Q(language__in=list(LANGUAGES)),
            ),
            models.CheckConstraint(
                name="faq_text_complete",
                condition=~models.Q(question="") & ~models.Q(answer=""),
            ),
        ]
        indexes = [
            # Hardly ever any; counted while staff wait for them.
            models.Index(
                fields=["faq"], condition=models.Q(index_version=None), name="faq_text_unfound"
            ),
        ]

    def __str__(self) -> str:
        return self.question


#: So many guests whom a wording brought an answer that did not help have it proposed for removal.
DOUBTED_BY: Final = 2


class FaqWordingQuerySet(OwnedQuerySet["FaqWording"]):
    facility_path = "faq__facility"

    def doubted(self) -> Self:
        """Those that failed two guests or more and no fewer than they helped, unless staff have
        kept them and nobody voted against them since; the worst first."""
        against = models.F("disputed_by")
        return self.filter(
            disputed_by__gte=Greatest(DOUBTED_BY, models.F("confirmed_by")),
            kept_against__lt=against,
        ).order_by("-disputed_by", "pk")


class FaqWording(GuestText):
    """Another way in which guests ask the same thing."""

    class Origin(models.TextChoices):
        STAFF = "staff", _("written by staff")
        GUEST = "guest", _("learned from a guest")

    faq = models.ForeignKey(Faq, models.CASCADE, verbose_name=_("FAQ"), related_name="wordings")
    text = models.CharField(_("wording"), max_length=QUESTION_LENGTH)
    origin = models.CharField(_("origin"), max_length=10, choices=Origin, default=Origin.STAFF)
    #: Guests who were brought to the FAQ's answer by this wording, and whose last word was that it
    #: helped, or that it did not.
    confirmed_by = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    disputed_by = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    #: How many were against it when staff last said that it stays.
    kept_against = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects = FaqWordingQuerySet.as_manager()

    class Meta:
        verbose_name = _("wording")
        verbose_name_plural = _("wordings")
        constraints = [
            models.UniqueConstraint(
                fields=["faq", "language", "text"], name="faq_wording_once_per_language"
            ),
            models.CheckConstraint(
                name="faq_wording_language_known",
                condition=models.Q(language__in=list(LANGUAGES)),
            ),
            models.CheckConstraint(name="faq_wording_not_empty", condition=~models.Q(text="")),
            models.CheckConstraint(
                name="faq_wording_origin_known",
                condition=models.Q(origin__in=["staff", "guest"]),
            ),
        ]

    def __str__(self) -> str:
        return self.text


class OfferedWordingQuerySet(OwnedQuerySet["OfferedWording"]):
    facility_path = "faq__facility"

    def open(self) -> Self:
        """Those of FAQs that guests are answered from, but for what staff have declined."""
        declined = DeclinedWording.objects.filter(
            faq=models.OuterRef("faq"), key=models.OuterRef("key")
        )
        return self.filter(~models.Exists(declined), faq__is_active=True)


class OfferedWording(models.Model):
    """A question of a guest that a FAQ answered rightly although the search was unsure: it may be
    another wording of the FAQ. His words, until his conversation is deleted."""

    class Evidence(models.TextChoices):
        THUMBS_UP = "thumbs_up", _("called helpful")
        ASKED_NO_MORE = "asked_no_more", _("asked no more")

    faq = models.ForeignKey(Faq, models.CASCADE, related_name="offered_wordings")
    #: Numbers of the message, of its conversation, and of the guest, who may have several. No
    #: foreign keys: FAQs know nothing of conversations.
    message_id = models.BigIntegerField(unique=True)
    conversation = models.BigIntegerField()
    guest = models.BigIntegerField()
    language = models.CharField(_("language"), max_length=5, choices=LANGUAGE_CHOICES)
    text = models.CharField(max_length=WORDING_LENGTH)
    #: `faq.wordings.key_of` the text: the same of texts that differ in case and punctuation alone.
    key = models.BigIntegerField()
    evidence = models.CharField(max_length=20, choices=Evidence)
    #: How sure the search is that the FAQ answers it, 0 to 1; 0 when it puts another one first.
    confidence = models.FloatField()
    asked_at = models.DateTimeField()

    objects = OfferedWordingQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["conversation"], name="offered_wording_conversation")]
        constraints = [
            models.CheckConstraint(
                name="offered_wording_evidence_known",
                condition=models.Q(evidence__in=["thumbs_up", "asked_no_more"]),
            ),
        ]

    def __str__(self) -> str:
        return self.text[:80]


class DeclinedWordingQuerySet(OwnedQuerySet["DeclinedWording"]):
    facility_path = "faq__facility"


class DeclinedWording(models.Model):
    """A wording that staff do not want for a FAQ, so that it is not offered again: a number from
    which the words cannot be told."""

    faq = models.ForeignKey(Faq, models.CASCADE, related_name="declined_wordings")
    key = models.BigIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    objects = DeclinedWordingQuerySet.as_manager()

    class Meta:
        verbose_name = _("wording not wanted")
        constraints = [
            models.UniqueConstraint(fields=["faq", "key"], name="declined_wording_once_per_faq"),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} #{self.pk}"


class FaqUploadQuerySet(OwnedQuerySet["FaqUpload"]):
    def alive(self) -> Self:
        return self.filter(created_at__gt=timezone.now() - UPLOAD_LIFE)

    def expired(self) -> Self:
        return self.filter(created_at__lte=timezone.now() - UPLOAD_LIFE)


class FaqUpload(models.Model):
    """A file of FAQs between its preview and its import, and what came of it. In the database,
    where every web process finds it."""

    class Mode(models.TextChoices):
        UPDATE = "update", _("add new FAQs and change those that the inn has")
        ADD = "add", _("only add new FAQs; those that the inn has stay as they are")

    facility = models.ForeignKey(Facility, models.CASCADE)
    uploaded_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
    mode = models.CharField(max_length=10, choices=Mode)
    name = models.CharField(max_length=200)
    #: As it came; empty once it is imported.
    content = models.BinaryField()
    created_at = models.DateTimeField(default=timezone.now)
    imported_at = models.DateTimeField(null=True)
    #: FAQs that were added and changed by it.
    added = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)

    objects = FaqUploadQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="faq_upload_mode_known", condition=models.Q(mode__in=["update", "add"])
            ),
        ]

    def __str__(self) -> str:
        return self.name


class FaqRevisionQuerySet(OwnedQuerySet["FaqRevision"]):
    def of_deleted(self) -> Self:
        """The deletion of each FAQ that is not there any more."""
        return self.filter(
            ~models.Exists(Faq.objects.filter(pk=models.OuterRef("faq_id"))),
            ~models.Exists(
                FaqRevision.objects.filter(
                    faq_id=models.OuterRef("faq_id"), pk__gt=models.OuterRef("pk")
                )
            ),
            after__isnull=True,
        )


class FaqRevision(models.Model):
    """One change of a FAQ, kept for as long as the inn exists. It holds no word of a guest's."""

    class Origin(models.TextChoices):
        PAGE = "page", _("in the list of FAQs")
        API = "api", _("with the staff app")
        FILE = "file", _("from a file")
        HISTORY = "history", _("put back from the history")

    facility = models.ForeignKey(Facility, models.CASCADE, related_name="faq_revisions")
    #: No foreign key: the history outlives the FAQ, which gets its number back when restored.
    faq_id = models.BigIntegerField(editable=False)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True)
    origin = models.CharField(max_length=10, choices=Origin)
    #: `faq.history.Snapshot`; None: the FAQ did not exist.
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = FaqRevisionQuerySet.as_manager()

    class Meta:
        verbose_name = _("change of a FAQ")
        verbose_name_plural = _("changes of FAQs")
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["faq_id", "id"], name="faq_revision_of_faq"),
            models.Index(
                fields=["facility", "id"],
                name="faq_revision_deletion",
                condition=models.Q(after__isnull=True),
            ),
        ]
        constraints = [
            models.CheckConstraint(
                name="faq_revision_changes_something",
                condition=models.Q(before__isnull=False) | models.Q(after__isnull=False),
            ),
            models.CheckConstraint(
                name="faq_revision_origin_known",
                condition=models.Q(origin__in=["page", "api", "file", "history"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_origin_display()} #{self.faq_id}"


class FaqSuggestionQuerySet(OwnedQuerySet["FaqSuggestion"]):
    def pending(self) -> Self:
        return self.filter(status=FaqSuggestion.Status.PENDING)

    def of_message(self, message_id: int) -> "FaqSuggestion | None":
        """The one to which that message of a guest's belongs."""
        return self.filter(questions__message_id=message_id).first()

    def with_questions(self) -> Self:
        """Guests' own words come along, the newest first, without vectors."""
        questions = SuggestedQuestion.objects.defer(*VECTORS).order_by("-asked_at", "-pk")
        return self.prefetch_related(models.Prefetch("questions", queryset=questions))

    def ranked(self) -> Self:
        """Those that most guests asked lately first, then the latest. Each with `guests`, how many
        asked it, `urgency` (each guest of the last 30 days counts, newer ones more) and
        `last_asked_at`. Guests are counted, not messages: asking again and again changes nothing.
        """
        now = timezone.now()
        guests = [
            models.Count(
                "questions__guest",
                distinct=True,
                filter=models.Q(questions__asked_at__gt=now - timedelta(days=days)),
            )
            for days in LATELY
        ]
        return self.annotate(
            guests=models.Count("questions__guest", distinct=True),
            urgency=sum(guests[1:], start=guests[0]),
            last_asked_at=models.Max("questions__asked_at"),
        ).order_by("-urgency", models.F("last_asked_at").desc(nulls_last=True), "-pk")


class FaqSuggestion(models.Model):
    """A question that no FAQ answers well, with a drafted answer, for staff to decide upon."""

    class Status(models.TextChoices):
        PENDING = "pending", _("to be decided")
        APPROVED = "approved", _("answered by a FAQ")
        REJECTED = "rejected", _("rejected")

    facility = models.ForeignKey(
        Facility, models.CASCADE, verbose_name=_("facility"), related_name="faq_suggestions"
    )
    status = models.CharField(
        _("status"), max_length=10, choices=Status, default=Status.PENDING, editable=False
    )
    #: The inn's own when it began.
    language = models.CharField(_("language"), max_length=5, choices=LANGUAGE_CHOICES)
    #: The draft, and the language of each part: without an AI provider they are as somebody wrote
    #: them. An empty answer is in none.
    question = models.CharField(_("question"), max_length=QUESTION_LENGTH)
    question_language = models.CharField(max_length=5, choices=LANGUAGE_CHOICES)
    answer = models.TextField(_("answer"), max_length=ANSWER_LENGTH, blank=True)
    answer_language = models.CharField(max_length=5, choices=LANGUAGE_CHOICES, blank=True)
    #: language -> `{question, answer}`: what guests asked and staff replied in other languages.
    other_texts = models.JSONField(default=dict)
    category = models.CharField(_("category"), max_length=20, choices=Faq.Category)
    #: The FAQ of which it may be another wording.
    similar_faq = models.ForeignKey(
        Faq, models.SET_NULL, null=True, verbose_name=_("similar FAQ"), related_name="+"
    )
    #: The FAQ that it has become, or to which it was added.
    created_faq = models.ForeignKey(
        Faq, models.SET_NULL, null=True, verbose_name=_("its FAQ"), related_name="suggestions"
    )
    #: Staff have written in the draft: nothing else does any more.
    is_edited = models.BooleanField(default=False)
    #: When the draft was last made of guests' and staff's own words, and when the AI provider has
    #: written it since; None until it has.
    put_together_at = models.DateTimeField(default=timezone.now)
    written_at = models.DateTimeField(null=True)
    #: Approved, and to be translated into the languages that its FAQ lacks.
    awaits_translation = models.BooleanField(default=False)
    reviewed_at = models.DateTimeField(_("decided"), null=True)
    reviewed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        verbose_name=_("decided by"),
        related_name="+",
    )
    created_at = models.DateTimeField(_("first seen"), default=timezone.now)

    objects = FaqSuggestionQuerySet.as_manager()

    class Meta:
        verbose_name = _("suggestion")
        verbose_name_plural = _("suggestions")
        constraints = [
            models.CheckConstraint(
                name="faq_suggestion_status_known",
                condition=models.Q(status__in=["pending", "approved", "rejected"]),
            ),
            models.CheckConstraint(
                name="faq_suggestion_question_not_empty", condition=~models.Q(question="")
            ),
            models.CheckConstraint(
                name="faq_suggestion_category_known",
                condition=models.Q(category__in=["basic", "facilities", "location", "trouble"]),
            ),
        ]
        indexes = [models.Index(fields=["facility", "status"], name="faq_suggestion_status")]

    def __str__(self) -> str:
        return self.question[:80]


class SuggestedQuestionQuerySet(OwnedQuerySet["SuggestedQuestion"]):
    facility_path = "suggestion__facility"

    def waiting(self) -> Self:
        """Those upon which staff have not decided, and that can be compared."""
        pending = FaqSuggestion.Status.PENDING
        return self.filter(suggestion__status=pending, index_version__isnull=False)


class SuggestedQuestion(ReadText):
    """One guest's words of a suggestion, until his conversation is deleted."""

    class Why(models.TextChoices):
        HANDED_OVER = "handed_over", _("handed to staff")
        VOTED_DOWN = "voted_down", _("the answer did not help")
        ANSWERED = "answered", _("answered by staff")
        CHOSEN = "chosen", _("chosen by staff")

    suggestion = models.ForeignKey(FaqSuggestion, models.CASCADE, related_name="questions")
    #: Numbers of the message and of its conversation, which tells one guest from another. No
    #: foreign keys: FAQs know nothing of conversations.
    message_id = models.BigIntegerField(unique=True)
    guest = models.BigIntegerField()
    text = models.CharField(max_length=ASKED_LENGTH)
    #: language -> what staff replied.
    replies = models.JSONField(default=dict)
    #: The number of the newest reply of staff among `replies`.
    replied_until = models.BigIntegerField(default=0)
    why = models.CharField(max_length=20, choices=Why)
    #: How sure the search was of its answer, 0 to 1; of one that staff have chosen, 0. What was
    #: noted before this was kept has 1, and so speaks against no FAQ.
    confidence = models.FloatField(db_default=1.0)
    asked_at = models.DateTimeField()
    #: When it came to the suggestion.
    noted_at = models.DateTimeField(default=timezone.now)

    objects = SuggestedQuestionQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["guest"], name="suggested_question_guest")]
        constraints = [
            models.CheckConstraint(
                name="suggested_question_why_known",
                condition=models.Q(why__in=["handed_over", "voted_down", "answered", "chosen"]),
            ),
        ]

    def __str__(self) -> str:
        return self.text[:80]
