"""What holds for every page of the admin."""

from datetime import UTC, datetime, time, timedelta

import pytest
from django.contrib import admin
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from chat.models import CannedReply, Conversation, Escalation, Message
from facilities import audit
from facilities.models import EscalationSchedule, SiteKey
from nightqueue.models import Channel, Delivery, QueueEntry

MOST_STATEMENTS = 30
ROWS = 60


@pytest.fixture
def busy(sakura, hanako):
    """An inn with more rows of each kind than a list shows without thinking of them."""
    channel = Channel.objects.create(facility=sakura, kind="email", address="a@sakura.example.com")
    for number in range(ROWS):
        conversation = Conversation.objects.create(facility=sakura, location=f"room-{number}")
        question = Message.objects.create(
            conversation=conversation, role="user", content="can my parrot surf", language="en"
        )
        escalation = Escalation.objects.create(
            conversation=conversation, message=question, trigger_type="low_confidence"
        )
        QueueEntry.objects.create(
            facility=sakura, escalation=escalation, due_at=timezone.now() + timedelta(hours=1)
        )
        Delivery.objects.create(facility=sakura, kind="test", channel=channel)
        CannedReply.objects.create(facility=sakura, title=f"{number}", texts={"en": "Soon"})
        SiteKey.objects.create(facility=sakura, location="room", name=f"{number}")
        EscalationSchedule.objects.create(facility=sakura, time_start=time(9), time_end=time(12))
        audit.record(audit.Action.CHANGED, facility=sakura, actor=hanako, target=question)


def addresses():
    yield reverse("admin:index")
    for model in admin.site._registry:
        yield reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def test_no_list_asks_the_database_for_each_row(at_the_desk, busy):
    counts = {}
    for address in addresses():
        with CaptureQueriesContext(connection) as statements:
            if at_the_desk.get(address).status_code == 200:
                counts[address] = len(statements)

    assert len(counts) > 10
    assert {address: n for address, n in counts.items() if n > MOST_STATEMENTS} == {}


@pytest.mark.parametrize(
    ("zone", "shown"), [("Asia/Tokyo", "12:30 a.m."), ("Pacific/Honolulu", "5:30 a.m.")]
)
def test_times_are_those_of_the_inns_clock(at, at_the_desk, sakura, zone, shown):
    sakura.timezone = zone
    sakura.save()
    at(datetime(2026, 3, 10, 15, 30, tzinfo=UTC))
    SiteKey.objects.create(facility=sakura, location="lounge")

    text = at_the_desk.get(reverse("admin:facilities_sitekey_changelist")).content.decode()

    assert f" {shown}" in text


def test_names_hold_no_time_of_another_clock(busy, sakura):
    conversation = Conversation.objects.filter(facility=sakura).first()
    escalation = Escalation.objects.get(conversation=conversation)

    assert str(conversation) == f"{conversation.get_language_display()} #{conversation.pk}"
    assert str(escalation).endswith(f" #{conversation.pk}")
    assert ":" not in str(escalation)
