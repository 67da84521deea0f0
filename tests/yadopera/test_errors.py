"""What staff, programs and guests are told when a page cannot be shown."""

import pytest
from django.test import Client
from django.urls import reverse

from facilities.models import Membership, User
from tests.conftest import browser_of

ENGLISH = {"accept-language": "en"}
FIRST_PAGE = f'href="{reverse("admin:index")}"'


@pytest.fixture
def taro(sakura):
    user = User.objects.create_user("taro@sakura.example.com", "taro-no-ki-2026")
    Membership.objects.create(facility=sakura, user=user, role="staff")
    return user


@pytest.mark.parametrize(
    ("address", "status", "told"),
    [
        ("/admin/nightqueue/channel/", 403, "for the owner of the inn"),
        ("/admin/faq/faq/4611686018427387904/change/", 404, "belongs to another inn"),
        ("/admin/faq/faq/4611686018427387904/history/", 404, "belongs to another inn"),
        ("/admin/no/such/page/", 404, "belongs to another inn"),
    ],
)
def test_staff_read_why_and_find_the_way_back(taro, address, status, told):
    page = browser_of(taro).get(address, headers=ENGLISH)

    assert page.status_code == status
    assert told in page.content.decode()
    assert FIRST_PAGE in page.content.decode()
    assert "QR code at your inn" not in page.content.decode()


def test_guests_are_told_to_scan_again(db):
    page = Client().get("/f/no-such-inn", headers=ENGLISH)

    assert page.status_code == 404
    assert "scan the QR code" in page.content.decode()


@pytest.fixture
def strict(hanako):
    """A browser whose forms are checked."""
    client = Client(enforce_csrf_checks=True, headers=ENGLISH)
    client.force_login(hanako)
    return client


def test_a_form_of_an_outdated_page_is_refused_with_what_to_do(strict):
    page = strict.post(reverse("account"), {"full_name": "x"})

    text = page.content.decode()
    assert page.status_code == 403
    assert "Go back in your browser" in text
    assert FIRST_PAGE in text
    assert "CSRF" not in text


def test_who_is_signed_out_meanwhile_is_shown_to_the_sign_in(db):
    page = Client(enforce_csrf_checks=True, headers=ENGLISH).post("/admin/login/", {})

    assert page.status_code == 403
    assert "Go back in your browser" in page.content.decode()
    assert 'href="/admin/login/"' in page.content.decode()


def test_the_api_answers_in_its_one_shape(strict):
    answer = strict.post("/api/v1/admin/faqs", {}, content_type="application/json")

    assert answer.status_code in {401, 403}
    assert set(answer.json()["error"]) == {"code", "message", "details"}


def test_elsewhere_no_page_of_django_is_shown(db):
    page = Client(enforce_csrf_checks=True).post("/i18n/setlang/", {"language": "en"})

    assert page.status_code == 403
    assert "CSRF" not in page.content.decode()
