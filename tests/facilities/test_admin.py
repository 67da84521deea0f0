"""Every page of the admin, asked as a member, as a member of another inn and as nobody."""

from datetime import time

import pytest
from django.contrib import admin
from django.urls import reverse
from django.utils import timezone

from chat.models import CannedReply, Conversation, Escalation
from chat.services import call_staff
from facilities.models import EscalationSchedule, Facility, SiteKey, StaffAbsence
from faq.models import Faq
from nightqueue.models import Channel, Delivery, QueueEntry
from tests.conftest import Guest

OWNED = [
    CannedReply,
    Facility,
    SiteKey,
    StaffAbsence,
    EscalationSchedule,
    Faq,
    Conversation,
    Escalation,
    Channel,
    QueueEntry,
    Delivery,
]
APPS = {"facilities", "faq", "chat", "nightqueue"}


@pytest.fixture
def rows(sakura, site_key):
    """An object of each kind at Sakura-ya."""
    Guest(sakura).ask("Can you lend me a surfboard for my parrot?")
    escalation = Escalation.objects.get(conversation__facility=sakura)
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
        Conversation: Conversation.objects.get(facility=sakura),
        Escalation: escalation,
        CannedReply: CannedReply.objects.create(
            facility=sakura, title="Hello", texts={"en": "Hello"}
        ),
    }


def address(model, page, *arguments):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=arguments)


def pages(model, row):
    return [address(model, page, row.pk) for page in ("change", "history", "delete")]


@pytest.mark.parametrize("model", OWNED)
def test_a_member_opens_what_belongs_to_his_inn(client, hanako, rows, model):
    client.force_login(hanako)

    assert client.get(address(model, "changelist")).status_code == 200
    assert client.get(address(model, "change", rows[model].pk)).status_code == 200


@pytest.mark.parametrize("model", OWNED)
def test_for_a_member_of_another_inn_it_is_not_there(client, momiji, rows, model):
    client.force_login(momiji)
    listed = client.get(address(model, "changelist"))

    assert rows[model].pk not in [row.pk for row in listed.context["cl"].result_list]
    made_up = pages(model, model(pk=2**40))
    for page, nobodys in zip(pages(model, rows[model]), made_up, strict=True):
        response = client.get(page)
        assert response.status_code in {client.get(nobodys).status_code, 403, 404}
        assert "さくら屋" not in response.content.decode()


@pytest.mark.parametrize("model", OWNED)
def test_nobody_is_sent_to_sign_in(client, rows, model):
    for page in [address(model, "changelist"), *pages(model, rows[model])]:
        assert client.get(page).url.startswith("/admin/login/")


@pytest.mark.parametrize("model", OWNED)
def test_choices_offer_only_ones_own_inn(client, momiji, maple, rows, model):
    client.force_login(momiji)
    response = client.get(address(model, "add"))
    if response.status_code == 403:
        return  # members add none of these
    field = response.context["adminform"].form.fields.get("facility")

    assert field is None or list(field.queryset) == [maple]


def test_an_object_cannot_be_moved_to_another_inn(client, momiji, maple, sakura):
    client.force_login(momiji)
    key = SiteKey.objects.create(facility=maple)

    response = client.post(address(SiteKey, "change", key.pk), {"facility": sakura.pk})

    assert response.status_code == 200
    assert response.context["errors"]
    key.refresh_from_db()
    assert key.facility == maple


def test_every_registered_model_is_covered_here():
    ours = {m for m in admin.site._registry if m._meta.app_label in APPS}

    assert {model.__name__ for model in ours} == {m.__name__ for m in OWNED} | {"User"}


def test_users_are_the_operators(client, hanako):
    client.force_login(hanako)

    assert client.get(reverse("admin:facilities_user_changelist")).status_code == 403


def test_a_facility_made_in_the_admin_starts_with_the_starter_faqs(client, django_user_model):
    client.force_login(django_user_model.objects.create_superuser("op@example.com", "x"))
    response = client.post(
        address(Facility, "add"),
        {
            "name": "新しい宿",
            "slug": "new",
            "timezone": "Asia/Tokyo",
            "language": "ja",
            "languages": "ja,en",
            "wifi_password_visibility": "on_site",
            "retention_days": "90",
            "is_active": "on",
        },
    )

    assert response.status_code == 302, response.context["errors"]
    assert Facility.objects.get(slug="new").faqs.count() == 30


def change_facility(client, facility, **changes):
    """Open the form of the inn, change some fields and save it."""
    page = address(Facility, "change", facility.pk)
    form = client.get(page).context["adminform"].form
    filled_in = {name: form[name].value() for name in form.fields}
    kept = {name: value for name, value in filled_in.items() if value not in (None, False)}
    return client.post(page, kept | changes)


def test_an_owner_names_the_sites_that_may_frame_the_page(client, hanako, sakura):
    client.force_login(hanako)

    response = change_facility(
        client, sakura, frame_origins="https://www.example.com, http://localhost:8080"
    )

    assert response.status_code == 302, response.context["errors"]
    sakura.refresh_from_db()
    assert sakura.frame_origins == ["https://www.example.com", "http://localhost:8080"]
    assert change_facility(client, sakura, frame_origins="").status_code == 302
    sakura.refresh_from_db()
    assert sakura.frame_origins == []


@pytest.mark.parametrize("bad", ["https://*.example.com", "https://a.example.com; script-src *"])
def test_a_site_that_is_none_is_refused_beside_its_field(client, hanako, sakura, bad):
    client.force_login(hanako)

    response = change_facility(client, sakura, frame_origins=f"https://www.example.com,{bad}")

    assert response.status_code == 200
    assert set(response.context["adminform"].form.errors) == {"frame_origins"}
    sakura.refresh_from_db()
    assert sakura.frame_origins == []


def test_an_owner_enters_the_nearest_hospital(client, hanako, sakura):
    client.force_login(hanako)

    response = change_facility(client, sakura, nearest_hospital="桜病院 075-751-3111")

    assert response.status_code == 302, response.context["errors"]
    sakura.refresh_from_db()
    assert sakura.nearest_hospital == "桜病院 075-751-3111"
    assert sakura.wifi_password == "hanami-1234"


def test_guessing_passwords_in_the_admin_is_limited(client, hanako):
    wrong = {"username": hanako.email, "password": "wrong"}

    states = [client.post("/admin/login/", wrong).status_code for _ in range(6)]

    assert states == [200] * 5 + [429]


def test_a_call_is_not_reopened_beside_a_newer_one(client, hanako, rows):
    conversation = rows[Conversation]
    first, _text = call_staff(conversation)
    Escalation.objects.filter(pk=first.pk).update(resolved_at=timezone.now())
    call_staff(conversation)
    client.force_login(hanako)

    response = client.post(
        address(Escalation, "change", first.pk),
        {"resolved_at_0": "", "resolved_at_1": "", "resolution_notes": "x"},
    )

    assert response.status_code == 200
    assert "resolved_at" in response.context["adminform"].form.errors
