"""What the admin shows of an inn. Models are imported when Django is set up: in the fixtures."""

from datetime import time

import pytest
from django.utils import timezone


@pytest.fixture
def taro(sakura):
    """Works at Sakura-ya."""
    from facilities.models import Membership, User

    user = User.objects.create_user("taro@sakura.example.com", "taro-no-ki-2026")
    Membership.objects.create(facility=sakura, user=user, role="staff")
    return user


@pytest.fixture
def operator(db):
    from facilities.models import User

    return User.objects.create_superuser("op@example.com", "x")


@pytest.fixture
def rows(sakura, hanako, site_key):
    return make_rows(sakura, hanako)


def make_rows(sakura, hanako):
    """An object of each kind at Sakura-ya, whose owner is Hanako and which has a code."""
    from chat.learning import learn
    from chat.models import CannedReply, Conversation, Escalation
    from facilities import audit
    from facilities.models import (
        AuditEvent,
        EscalationSchedule,
        Facility,
        Membership,
        SiteKey,
        StaffAbsence,
    )
    from faq.models import Faq, FaqSuggestion
    from nightqueue.models import Channel, Delivery, QueueEntry
    from tests.conftest import Guest

    Guest(sakura).ask("Can you lend me a surfboard for my parrot?")
    escalation = Escalation.objects.get(conversation__facility=sakura)
    learn(sakura)
    channel = Channel.objects.create(facility=sakura, kind="email", address="a@sakura.example.com")
    QueueEntry.objects.get_or_create(
        escalation=escalation, defaults={"facility": sakura, "due_at": timezone.now()}
    )
    return {
        StaffAbsence: StaffAbsence.objects.get(facility=sakura),
        EscalationSchedule: EscalationSchedule.objects.create(
            facility=sakura, time_start=time(9), time_end=time(12)
        ),
        Channel: channel,
        QueueEntry: QueueEntry.objects.get(escalation=escalation),
        Delivery: Delivery.objects.create(facility=sakura, kind="test", channel=channel),
        Facility: sakura,
        SiteKey: SiteKey.objects.get(facility=sakura),
        Faq: Faq.objects.filter(facility=sakura).first(),
        FaqSuggestion: FaqSuggestion.objects.get(facility=sakura),
        Conversation: Conversation.objects.get(facility=sakura),
        Escalation: escalation,
        CannedReply: CannedReply.objects.create(
            facility=sakura, title="Hello", texts={"en": "Hello"}
        ),
        Membership: Membership.objects.get(facility=sakura),
        AuditEvent: audit.record(audit.Action.ADDED, facility=sakura, actor=hanako, text="x"),
    }
