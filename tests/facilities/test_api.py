"""Staff sign in to the API and see the FAQs of their own inn."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from facilities.models import AccessToken, Facility
from yadopera.rate_limit import parse_rate

PASSWORD = "sakura-no-ki-2026"


def login(client, email, password=PASSWORD):
    return client.post(
        "/api/v1/auth/login",
        {"email": email, "password": password},
        content_type="application/json",
    )


def signed_in(user):
    token = login(Client(), user.email).json()["access_token"]
    return Client(headers={"authorization": f"Bearer {token}"})


def test_an_owner_signs_in(client, hanako, sakura):
    body = login(client, hanako.email.upper()).json()

    assert body["token_type"] == "bearer"
    assert body["expires_in"] == 604800
    assert body["user"] == {
        "id": hanako.pk,
        "email": "hanako@sakura.example.com",
        "full_name": "",
        "role": "owner",
        "facility_id": sakura.pk,
        "is_active": True,
        "email_verified": True,
        "show_onboarding_modal": False,
    }


@pytest.mark.parametrize(
    ("email", "password"),
    [("hanako@sakura.example.com", "wrong"), ("nobody@example.com", PASSWORD)],
)
def test_a_wrong_login_does_not_tell_what_was_wrong(client, hanako, email, password):
    response = login(client, email, password)

    assert response.status_code == 401
    assert response.json()["error"]["code"] == "UNAUTHORIZED"


def test_guessing_passwords_is_limited(client, hanako):
    states = [login(client, hanako.email, "wrong").status_code for _ in range(6)]

    assert states == [401] * 5 + [429]


def test_only_the_digest_of_a_token_is_stored(client, hanako):
    secret = login(client, hanako.email).json()["access_token"]

    assert secret not in str(AccessToken.objects.values().get())


def test_a_token_ends_with_sign_out(hanako):
    client = signed_in(hanako)
    assert client.get("/api/v1/auth/me").json()["email"] == hanako.email
    assert client.post("/api/v1/auth/logout").status_code == 200

    assert client.get("/api/v1/auth/me").status_code == 401


def test_a_token_ends_after_a_week_and_with_its_user(hanako):
    client = signed_in(hanako)
    AccessToken.objects.update(expires_at=timezone.now() + timedelta(seconds=1))
    assert client.get("/api/v1/auth/me").status_code == 200
    AccessToken.objects.update(expires_at=timezone.now())
    assert client.get("/api/v1/auth/me").status_code == 401

    client = signed_in(hanako)
    hanako.is_active = False
    hanako.save()
    assert client.get("/api/v1/auth/me").status_code == 401


def test_members_see_the_faqs_of_their_own_inn_only(hanako, momiji, sakura, maple):
    for user, inn in ((hanako, sakura), (momiji, maple)):
        body = signed_in(user).get("/api/v1/admin/faqs").json()

        assert body["total"] == len(body["faqs"]) == 30
        assert body["is_initializing"] is False
        assert {faq["facility_id"] for faq in body["faqs"]} == {inn.pk}


def test_a_faq_has_the_shape_of_v03(hanako):
    faq = signed_in(hanako).get("/api/v1/admin/faqs", {"category": "facilities"}).json()["faqs"][0]

    assert faq["category"] == "facilities"
    assert {
        "id",
        "facility_id",
        "category",
        "intent_key",
        "translations",
        "priority",
        "is_active",
        "created_by",
        "created_at",
        "updated_at",
    } <= set(faq)
    assert {
        "id",
        "faq_id",
        "language",
        "question",
        "answer",
        "created_at",
        "updated_at",
    } == set(faq["translations"][0])
    assert len(faq["translations"]) == 7


def test_strangers_and_former_members_see_nothing(client, hanako, sakura):
    assert client.get("/api/v1/admin/faqs").status_code == 401
    sakura.membership_set.all().delete()
    assert signed_in(hanako).get("/api/v1/admin/faqs").json()["total"] == 0


def test_the_admins_session_is_good_for_the_api(client, hanako):
    client.force_login(hanako)

    assert client.get("/api/v1/auth/me").json()["email"] == hanako.email


def test_the_admins_session_needs_the_csrf_token_to_change_something(hanako):
    client = Client(enforce_csrf_checks=True)
    client.force_login(hanako)

    response = client.post("/api/v1/auth/logout")

    assert response.status_code == 403
    assert response.json()["error"]["code"] == "FORBIDDEN"


def test_membership_is_decided_in_one_place(hanako, sakura, maple, django_user_model):
    operator = django_user_model.objects.create_superuser("op@example.com", PASSWORD)

    assert set(Facility.objects.for_user(hanako)) == {sakura}
    assert set(Facility.objects.for_user(operator)) == {sakura, maple}
    hanako.is_active = False
    assert not Facility.objects.for_user(hanako)


def test_a_new_password_ends_every_token(hanako):
    client = signed_in(hanako)
    hanako.set_password("another-long-one-2026")
    hanako.save()

    assert client.get("/api/v1/auth/me").status_code == 401


def test_signing_out_ends_the_admins_session_too(client, hanako):
    client.force_login(hanako)

    assert client.post("/api/v1/auth/logout").status_code == 200
    assert client.get("/api/v1/auth/me").status_code == 401


def test_the_staff_api_is_limited(hanako, settings):
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"staff": parse_rate("staff", "3/m")}
    client = signed_in(hanako)

    states = [client.get("/api/v1/auth/me").status_code for _ in range(4)]

    assert states == [200, 200, 200, 429]
