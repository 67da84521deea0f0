"""Every page of the admin, asked as a member, as a member of another inn and as nobody."""

import pytest
from django.contrib import admin
from django.urls import reverse
from django.utils import timezone

from chat.models import CannedReply, Conversation, Escalation
from chat.services import call_staff
from facilities.models import Facility, Membership, SiteKey, StaffAbsence
from tests.conftest import browser_of


def address(model, page, *arguments):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=arguments)


OWNED = [model for model in admin.site._registry if hasattr(model._default_manager, "for_user")]


@pytest.mark.parametrize("model", OWNED)
def test_choices_offer_only_ones_own_inn(client, momiji, maple, rows, model):
    client.force_login(momiji)
    response = client.get(address(model, "add"))
    if response.status_code == 403:
        return  # members add none of these

    for field in response.context["adminform"].form.fields.values():
        offered = getattr(field, "queryset", [])
        assert {str(getattr(row, "facility", row)) for row in offered} <= {str(maple)}


@pytest.fixture
def both(hanako, maple):
    """Hanako, who owns Sakura-ya, works at the other inn too."""
    Membership.objects.create(facility=maple, user=hanako, role="staff")
    return hanako


def test_rights_follow_the_inn_of_the_object(client, both, maple, rows):
    client.force_login(both)
    theirs = StaffAbsence.objects.get(facility=maple)
    hers = rows[StaffAbsence]

    for page, status in (("change", 200), ("delete", 403)):
        assert client.get(address(StaffAbsence, page, theirs.pk)).status_code == status
        assert client.get(address(StaffAbsence, page, hers.pk)).status_code == 200
    posted = {"days": ["mon"], "time_start": "01:00", "time_end": "02:00"}
    assert client.post(address(StaffAbsence, "change", theirs.pk), posted).status_code == 403
    assert client.post(address(StaffAbsence, "change", hers.pk), posted).status_code == 302


def test_a_new_row_is_offered_the_inns_where_one_may_add_it(client, both, sakura, maple):
    client.force_login(both)

    def offered(model):
        form = client.get(address(model, "add")).context["adminform"].form
        return set(form.fields["facility"].queryset)

    assert offered(StaffAbsence) == {sakura}
    assert offered(CannedReply) == {sakura, maple}


def test_a_code_of_an_inn_that_one_does_not_own_is_not_renewed(client, both, sakura, maple):
    client.force_login(both)
    keys = [SiteKey.objects.create(facility=inn, location="lounge") for inn in (sakura, maple)]

    client.post(
        address(SiteKey, "changelist"),
        {"action": "renew", "_selected_action": [key.pk for key in keys]},
    )

    for key in keys:
        key.refresh_from_db()
    assert [key.revoked_at is None for key in keys] == [False, True]


def test_an_object_cannot_be_moved_to_another_inn(client, momiji, maple, sakura):
    client.force_login(momiji)
    key = SiteKey.objects.create(facility=maple)

    response = client.post(address(SiteKey, "change", key.pk), {"facility": sakura.pk})

    assert response.status_code == 200
    assert response.context["errors"]
    key.refresh_from_db()
    assert key.facility == maple


def test_a_facility_made_in_the_admin_starts_with_the_starter_faqs(client, django_user_model):
    client.force_login(django_user_model.objects.create_superuser("op@example.com", "x"))
    response = client.post(
        address(Facility, "add"),
        {
            "name": "新しい宿",
            "slug": "new",
            "timezone": "Asia/Tokyo",
            "language": "ja",
            "languages": ["ja", "en"],
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


def test_staff_read_names_of_languages_and_days(rows, taro):
    client = browser_of(taro)
    shown = {}
    for model in (Facility, StaffAbsence):
        name = f"admin:facilities_{model._meta.model_name}_change"
        page = client.get(reverse(name, args=[rows[model].pk]), headers={"accept-language": "ja"})
        shown[model] = page.content.decode()

    assert "日本語, English" in shown[Facility]
    assert "月曜日, 火曜日" in shown[StaffAbsence]
