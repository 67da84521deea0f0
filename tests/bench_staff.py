"""`python -m tests.bench_staff`: how long the staff's lists take in a busy inn's database.

One inn of 5,000 FAQs in seven languages and 100,000 messages of a year, in a PostgreSQL of its own;
every list of the admin and its first page, each the median of five, the page's HTML included.
"""

import contextlib
import os
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

FAQS = 5_000
CONVERSATIONS = 25_000
TIMES = 5


def fill() -> Any:
    """The busy inn; returns its owner."""
    from facilities.models import Facility
    from facilities.services import add_owner
    from faq.services import add_starter_faqs

    inn = Facility.objects.create(slug="busy", name="Busy", phone="03-0000-0000")
    add_starter_faqs(inn, confirmed=True)
    multiply_faqs(inn)
    converse(inn)
    return add_owner(inn, email="owner@busy.example.com", password=os.urandom(12).hex())


def multiply_faqs(inn: Any) -> None:
    from django.db import connection

    from faq.models import Faq, FaqTranslation

    starters = Faq.objects.for_facility(inn).count()
    columns = [
        str(field.column)
        for field in FaqTranslation._meta.concrete_fields
        if field.name not in {"id", "faq"}
    ]
    names, copied = ", ".join(columns), ", ".join(f"t.{column}" for column in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO faq_faq SELECT (jsonb_populate_record(q, jsonb_build_object("
            "'id', q.id + n * 100000, 'intent_key', q.intent_key || '-' || n))).* "
            "FROM faq_faq q, generate_series(1, %s) n",
            [FAQS // starters],
        )
        cursor.execute(
            f"INSERT INTO faq_faqtranslation (faq_id, {names}) "  # noqa: S608 (fixed names)
            f"SELECT t.faq_id + n * 100000, {copied} "
            "FROM faq_faqtranslation t, generate_series(1, %s) n",
            [FAQS // starters],
        )


def converse(inn: Any) -> None:
    """A year of conversations, each of two questions; one question in five goes to staff, and of
    the latest thousand of those every other one is open."""
    from django.utils import timezone

    from chat.models import Conversation, Escalation, GuestFeedback, Message
    from faq.models import Faq
    from nightqueue.models import Channel, Delivery, QueueEntry
    from yadopera.languages import LANGUAGES

    chance = random.Random(7)
    faqs = list(Faq.objects.for_facility(inn).values_list("pk", flat=True)[:200])
    now = timezone.now()
    moments = sorted(
        now - timedelta(minutes=chance.randrange(525_600)) for _ in range(CONVERSATIONS)
    )
    conversations = Conversation.objects.bulk_create(
        Conversation(
            facility=inn,
            language=chance.choice(list(LANGUAGES)),
            started_at=at,
            last_activity_at=at,
            expires_at=at + timedelta(hours=24),
        )
        for at in moments
    )
    questions = Message.objects.bulk_create(
        Message(conversation=c, role="user", language=c.language, content="Is there an iron?")
        for c in conversations
        for _ in range(2)
    )
    answers = Message.objects.bulk_create(
        Message(
            conversation=question.conversation,
            role="assistant",
            language=question.language,
            content="Yes, in the lounge.",
            reply_to=question,
            source="faq" if number % 5 else "handed_over",
            ai_confidence=chance.random(),
            matched_faq_ids=[chance.choice(faqs)],
            response_time_ms=chance.randrange(10, 900),
        )
        for number, question in enumerate(questions)
    )
    date_messages()
    GuestFeedback.objects.bulk_create(
        GuestFeedback(
            facility=inn,
            message=answer,
            faq_id=answer.matched_faq_ids[0],
            guest=answer.conversation_id,
            feedback_type=chance.choice(["positive", "positive", "negative"]),
        )
        for answer in answers
        if chance.random() < 0.1
    )
    handed_over = questions[::5]
    settled_until = len(handed_over) - 1000
    escalations = Escalation.objects.bulk_create(
        Escalation(
            conversation=question.conversation,
            message=question,
            trigger_type="low_confidence",
            resolved_at=now if number < settled_until or number % 2 else None,
        )
        for number, question in enumerate(handed_over)
    )
    QueueEntry.objects.bulk_create(
        QueueEntry(facility=inn, escalation=escalation, due_at=now)
        for escalation in escalations[::2]
    )
    channel = Channel.objects.create(facility=inn, kind="email", address="inn@busy.example.com")
    Delivery.objects.bulk_create(
        Delivery(facility=inn, kind="test", channel=channel) for _ in range(5000)
    )
    suggest(inn, handed_over)


def suggest(inn: Any, questions: list[Any]) -> None:
    """As many suggestions as questions that went to staff, ten questions each."""
    from django.utils import timezone

    from faq.models import FaqSuggestion, SuggestedQuestion

    made = FaqSuggestion.objects.bulk_create(
        FaqSuggestion(
            facility=inn,
            language="ja",
            question=f"Is there an iron? {number}",
            question_language="en",
            answer="はい、ラウンジにあります。",
            answer_language="ja",
            category="facilities",
        )
        for number in range(len(questions) // 10)
    )
    SuggestedQuestion.objects.bulk_create(
        SuggestedQuestion(
            suggestion=made[number % len(made)],
            message_id=question.pk,
            guest=question.conversation_id,
            language=question.language,
            text=question.content,
            why="handed_over",
            asked_at=timezone.now() - timedelta(hours=number % 1000),
        )
        for number, question in enumerate(questions)
    )


def date_messages() -> None:
    """As old as their conversations, and not as the row."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE chat_message m SET created_at = c.started_at "
            "FROM chat_conversation c WHERE c.id = m.conversation_id"
        )
        cursor.execute("VACUUM ANALYZE")


def lists() -> Iterator[tuple[str, str]]:
    """What each page is called and its address."""
    from django.contrib import admin
    from django.urls import reverse

    from faq.models import FaqSuggestion

    yield "the first page", reverse("admin:index")
    for model in admin.site._registry:
        name = f"{model._meta.app_label}_{model._meta.model_name}"
        yield f"list of {model._meta.model_name}", reverse(f"admin:{name}_changelist")
    conversations = reverse("admin:chat_conversation_changelist")
    for state in ("danger", "waiting", "unread"):
        yield f"conversations: {state}", f"{conversations}?open={state}"
    newest = FaqSuggestion.objects.latest("pk")
    yield "a suggestion", reverse("admin:faq_faqsuggestion_change", args=[newest.pk])
    yield "answers that did not help", reverse("admin:chat_conversation_low_rated")
    yield "FAQs: a search", reverse("admin:faq_faq_changelist") + "?q=towel"


def measure(owner: Any) -> Iterator[tuple[str, float, int]]:
    """Each page, its milliseconds and its statements."""
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    client = Client()
    client.force_login(owner)
    for name, address in lists():
        times = []
        if client.get(address).status_code != 200:
            continue  # for operators only
        for _time in range(TIMES):
            started = time.perf_counter()
            client.get(address)
            times.append((time.perf_counter() - started) * 1000)
        with CaptureQueriesContext(
            connection,
        ) as statements:
            client.get(address)
        yield name, statistics.median(times), len(statements)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as services:
        os.environ |= {
            "YADOPERA_HOME": str(Path(folder) / "home"),
            "DJANGO_SETTINGS_MODULE": "yadopera.settings",
        }
        import django

        from yadopera import settings
        from yadopera.embedded import Postgres, Redis, running

        services.enter_context(running(Postgres(settings.EMBEDDED)))
        services.enter_context(running(Redis(settings.EMBEDDED)))
        settings.ALLOWED_HOSTS.append("testserver")
        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        owner = fill()
        print("| page, with 5,000 FAQs and 100,000 messages | median | statements |")
        print("| --- | ---: | ---: |")
        for name, milliseconds, statements in measure(owner):
            print(f"| {name} | {milliseconds:.0f} ms | {statements} |")


if __name__ == "__main__":
    main()
