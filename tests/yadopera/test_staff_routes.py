"""Every route of the staff API, asked as owner, as employee, as a member of another inn and as
nobody. A new route must be added here."""

import itertools
import uuid
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from chat.learning import learn
from chat.models import Escalation, GuestFeedback, Message
from facilities.models import EscalationSchedule, Facility, Membership, SiteKey, StaffAbsence, User
from faq.models import Faq, FaqSuggestion, FaqTranslation, SuggestedQuestion
from nightqueue.models import QueueEntry
from tests.conftest import Guest, staff_client
from yadopera.api import api

QUESTION = "can my parrot surf"
ENGLISH = {"language": "en", "question": "Q?", "answer": "A."}
HOURS = {"day_of_week": ["all"], "time_start": "22:00", "time_end": "02:00"}
CSV = b"category,language_en_question,language_en_answer\nbasic,Q?,A.\n"
PASSWORDS = {"current_password": "sakura-no-ki-2026", "new_password": "another-long-one-2026"}


@dataclass(frozen=True)
class Route:
    #: "METHOD /path"; {names} are those of what belongs to Sakura-ya.
    name: str
    body: dict[str, Any] = field(default_factory=dict)
    #: How the facility is chosen, where the caller may choose: "query", "body" or "form".
    chosen_by: str = ""
    of_owners: bool = False

    def call(self, client, names, facility=None):
        method, path = self.name.split(" ")
        address = "/api/v1" + path.format(**names)
        chosen = {} if facility is None else {"facility_id": facility.pk}
        if self.chosen_by == "query":
            return getattr(client, method.lower())(
                address, self.body, content_type="application/json", query_params=chosen
            )
        if self.chosen_by == "form":
            return client.post(address, {"file": SimpleUploadedFile("f.csv", CSV)} | chosen)
        if method == "GET":
            return client.get(address)
        body = self.body | (chosen if self.chosen_by else {})
        return getattr(client, method.lower())(address, body, content_type="application/json")


ROUTES = [
    Route("GET /auth/me"),
    Route("POST /auth/logout"),
    Route("PUT /auth/password", PASSWORDS),
    Route("GET /admin/faqs"),
    Route("POST /admin/faqs", {"category": "basic", "translations": [ENGLISH]}, "body"),
    Route("POST /admin/faqs/bulk-upload", chosen_by="form"),
    Route("PUT /admin/faqs/{faq_id}", {"priority": 5, "translations": [ENGLISH]}),
    Route("DELETE /admin/faqs/{faq_id}"),
    Route("GET /admin/faq-suggestions"),
    Route("POST /admin/faq-suggestions/generate/{message_id}"),
    Route("POST /admin/faq-suggestions/{suggestion_id}/approve", {"answer": "x"}),
    Route("POST /admin/faq-suggestions/{suggestion_id}/add-to/{faq_id}"),
    Route("POST /admin/faq-suggestions/{suggestion_id}/merge/{into_id}"),
    Route("POST /admin/faq-suggestions/{suggestion_id}/reject"),
    Route("GET /admin/facility/settings", chosen_by="query"),
    Route("PUT /admin/facility/settings", {"phone": "1"}, "query", of_owners=True),
    Route("GET /admin/escalation-schedule"),
    Route("POST /admin/escalation-schedule", HOURS, "body", of_owners=True),
    Route("PUT /admin/escalation-schedule/{schedule_id}", {"mode": "early"}, of_owners=True),
    Route("DELETE /admin/escalation-schedule/{schedule_id}", of_owners=True),
    Route("GET /admin/escalations"),
    Route("GET /admin/escalations/unresolved-questions"),
    Route("PUT /admin/escalations/{escalation_id}", {"resolution_notes": "x"}),
    Route("POST /admin/conversations/{session_id}/reply", {"content": "x"}),
    Route("GET /admin/feedback/negative"),
    Route("POST /admin/feedback/{message_id}/ignore"),
    Route("GET /admin/feedback-stats"),
    Route("GET /admin/qr-codes"),
    Route("POST /admin/qr-code", {"location": "lounge"}, "body"),
    Route("DELETE /admin/qr-code/{code_id}", of_owners=True),
    Route("GET /admin/dashboard", chosen_by="query"),
    Route("GET /admin/overnight-queue"),
    Route("POST /admin/overnight-queue/process"),
    Route("PUT /admin/overnight-queue/{entry_id}/resolve"),
]
EACH = pytest.mark.parametrize("route", ROUTES, ids=[route.name for route in ROUTES])
OF_THE_INN = [
    Faq,
    FaqTranslation,
    StaffAbsence,
    EscalationSchedule,
    Message,
    Escalation,
    GuestFeedback,
    QueueEntry,
    SiteKey,
    FaqSuggestion,
    SuggestedQuestion,
]
MADE_UP = {"session_id": str(uuid.uuid4())}


@pytest.fixture(scope="module")
def names(kept):
    """What belongs to Sakura-ya, by the names in the routes."""
    return kept(make_names)


def make_names():
    sakura = Facility.objects.get(slug="sakura")
    guest = Guest(sakura)
    escalation_id = guest.ask(QUESTION, language="en")["escalation_id"]
    message_id = guest.ask("what time can i check in", language="en")["message"]["id"]
    guest.post(
        "/chat/feedback",
        message_id=message_id,
        feedback_type="negative",
        session_id=guest.session_id,
    )
    entry, _created = QueueEntry.objects.get_or_create(
        escalation_id=escalation_id, defaults={"facility": sakura, "due_at": timezone.now()}
    )
    schedule = EscalationSchedule.objects.create(
        facility=sakura, time_start="09:00", time_end="12:00"
    )
    learn(sakura)
    suggested, other = FaqSuggestion.objects.for_facility(sakura).order_by("pk")
    return {
        "suggestion_id": suggested.pk,
        "into_id": other.pk,
        "faq_id": sakura.faqs.first().pk,
        "schedule_id": schedule.pk,
        "escalation_id": escalation_id,
        "session_id": guest.session_id,
        "message_id": message_id,
        "entry_id": entry.pk,
        "code_id": sakura.site_keys.create(location="lounge").pk,
    }


def snapshot(facility):
    rows = [model.objects.for_facility(facility).order_by("pk").values() for model in OF_THE_INN]
    return [*itertools.chain(*rows), *Facility.objects.filter(pk=facility.pk).values()]


@EACH
def test_an_owner_is_answered(hanako, names, sakura, route):
    assert route.call(staff_client(hanako), names, sakura).status_code in {200, 201, 204}


@EACH
def test_an_employee_is_answered_unless_it_is_for_owners(sakura, names, route):
    user = User.objects.create_user("taro@sakura.example.com", PASSWORDS["current_password"])
    Membership.objects.create(facility=sakura, user=user, role="staff")
    before = snapshot(sakura)

    response = route.call(staff_client(user), names)

    if route.of_owners:
        assert response.status_code == 403
        assert snapshot(sakura) == before
    else:
        assert response.status_code in {200, 201, 204}


@EACH
def test_for_a_member_of_another_inn_nothing_is_there(momiji, sakura, names, route):
    before = snapshot(sakura)
    client = staff_client(momiji)

    response = route.call(client, names, sakura)

    if "{" in route.name or route.chosen_by:
        made_up = route.call(client, dict.fromkeys(names, 2**40) | MADE_UP, Facility(pk=2**40))
        assert response.status_code == made_up.status_code == 404
        assert response.content == made_up.content
    else:
        assert response.status_code == 200
        told = response.content.decode()
        for ours in ("さくら屋", QUESTION, f'"facility_id": {sakura.pk},'):
            assert ours not in told
    assert snapshot(sakura) == before


@EACH
def test_nobody_is_let_in(sakura, names, route):
    before = snapshot(sakura)

    response = route.call(staff_client(), names, sakura)

    assert response.status_code == 401
    assert response.json()["error"]["code"] == "UNAUTHORIZED"
    assert snapshot(sakura) == before


def test_every_staff_route_is_covered_here():
    asked = {
        f"{method} {prefix}{path}"
        for prefix, router in api._routers
        for path, view in router.path_operations.items()
        for operation in view.operations
        for method in operation.methods
        if operation.auth_param is not None
    }

    assert asked == {route.name for route in ROUTES}
