"""What tests of suggestions share."""

from datetime import timedelta

import pytest
from django.utils import timezone


@pytest.fixture
def ask(sakura):
    """Notes a question of a guest, a new one unless he is named."""
    from faq.suggestions import Asked, make_vectors, note_question

    numbers = iter(range(1, 10_000))

    def note(text, language="en", *, facility=sakura, days_ago=0.0, **fields):
        number = next(numbers)
        fields.setdefault("guest", 1000 + number)
        fields.setdefault("vector", make_vectors(facility, [text])[0])
        fields.setdefault("replies", {})
        asked = Asked(
            message_id=fields.pop("message_id", number),
            language=language,
            text=text,
            asked_at=timezone.now() - timedelta(days=days_ago),
            why=fields.pop("why", "handed_over"),
            replied_until=number if fields["replies"] else 0,
            **fields,
        )
        return note_question(facility.pk, asked)

    return note
