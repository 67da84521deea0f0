"""The optional second factor: of the admin, of the staff API, and after a forgotten password."""

import re
import time

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from facilities import second_factor
from facilities.models import AccessToken, AuditEvent, User
from facilities.services import mail_reset_link
from tests.facilities.test_api import PASSWORD

CODE_PAGE = "/admin/code/"
ENGLISH = {"accept-language": "en"}


@pytest.fixture(autouse=True)
def no_limits(settings):
    """But those of the second factor itself."""
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"login": None}


@pytest.fixture(autouse=True)
def clock_stands_still(at):
    """A code is good for 30 seconds, which may end in the middle of a test."""
    at(timezone.now())


def code_of(user, *, later=0):
    """What the app on the phone shows now, or `later` seconds from now."""
    device = TOTPDevice.objects.get(user=user)
    totp = TOTP(device.bin_key, device.step, device.t0, device.digits)
    totp.time = time.time() + later
    return f"{totp.token():06}"


@pytest.fixture
def browser(hanako):
    client = Client(headers=ENGLISH)
    client.force_login(hanako)
    return client


def set_up(browser):
    """The page with the key, after the password."""
    browser.post(reverse("second_factor"), {"password": PASSWORD})
    return browser.get(reverse("second_factor"))


@pytest.fixture
def codes(browser, hanako):
    """Hanako has switched it on; her backup codes."""
    page = set_up(browser)
    assert "data:image/svg+xml;base64," in page.content.decode()
    # Of the step before, so that the present one is still good.
    page = browser.post(reverse("second_factor"), {"code": code_of(hanako, later=-30)})
    assert "no-store" in page["Cache-Control"]
    return re.findall(r"<code[^>]*>([a-z2-9]{5}-[a-z2-9]{5})</code>", page.content.decode())


def give_password(client=None, **fields):
    client = client or Client(headers=ENGLISH)
    form = {"username": "hanako@sakura.example.com", "password": PASSWORD} | fields
    return client, client.post("/admin/login/", form)


def is_signed_in(client):
    return client.get("/admin/").status_code == 200


def api_login(**fields):
    body = {"email": "hanako@sakura.example.com", "password": PASSWORD} | fields
    return Client(headers=ENGLISH).post("/api/v1/auth/login", body, content_type="application/json")


def test_without_it_the_password_is_enough(hanako):
    client, response = give_password()

    assert response.url == "/admin/"
    assert is_signed_in(client)


def test_a_wrong_first_code_switches_nothing_on(browser, hanako):
    set_up(browser)
    browser.post(reverse("second_factor"), {"code": "000000"})

    assert not second_factor.is_on(hanako)
    assert is_signed_in(give_password()[0])


@pytest.mark.parametrize("given", [{}, {"password": "wrong"}, {"code": "000000"}])
def test_the_key_is_shown_to_whoever_knows_the_password(browser, hanako, given):
    browser.post(reverse("second_factor"), given)
    page = browser.get(reverse("second_factor"))

    assert "data:image/svg+xml;base64," not in page.content.decode()
    assert not TOTPDevice.objects.filter(user=hanako).exists()


def test_the_password_is_asked_for_again_after_a_while(browser, hanako, at):
    set_up(browser)
    code = code_of(hanako)
    at(timezone.now() + timezone.timedelta(minutes=16))

    page = browser.post(reverse("second_factor"), {"code": code})

    assert "data:image/svg+xml;base64," not in page.content.decode()
    assert not second_factor.is_on(hanako)


def test_apps_that_are_signed_in_stay_so(browser, hanako):
    token, _secret = AccessToken.issue(hanako)
    set_up(browser)
    browser.post(reverse("second_factor"), {"code": code_of(hanako)})

    assert second_factor.is_on(hanako)
    assert AccessToken.objects.filter(pk=token.pk).exists()


def test_the_code_is_asked_for_after_the_password(codes, hanako):
    client, response = give_password()
    assert response.url.startswith(CODE_PAGE)
    assert not is_signed_in(client)

    response = client.post(response.url, {"code": code_of(hanako)})

    assert response.url == "/admin/"
    assert is_signed_in(client)


def test_the_way_goes_on_to_the_page_that_was_asked_for(codes, hanako):
    client = Client()
    response = client.post(
        "/admin/login/?next=/admin/faq/faq/",
        {"username": hanako.email, "password": PASSWORD},
    )

    assert client.post(response.url, {"code": code_of(hanako)}).url == "/admin/faq/faq/"


def test_it_does_not_go_on_to_another_site(codes, hanako):
    client, _response = give_password()

    response = client.post(f"{CODE_PAGE}?next=https://evil.example.org/", {"code": code_of(hanako)})

    assert response.url == "/admin/"


@pytest.mark.parametrize("wrong", ["000000", "", "aaaaa-aaaaa", "x" * 1000, "１２", "-1"])
def test_a_wrong_code_lets_nobody_in(codes, wrong):
    client, response = give_password()

    assert client.post(response.url, {"code": wrong}).status_code == 200
    assert not is_signed_in(client)


def test_a_code_works_once(codes, hanako):
    code = code_of(hanako)
    client, response = give_password()
    client.post(response.url, {"code": code})
    other, response = give_password()

    assert other.post(response.url, {"code": code}).status_code == 200
    assert not is_signed_in(other)


def test_full_width_digits_in_groups_are_read(codes, hanako):
    client, response = give_password()
    typed = code_of(hanako).translate(str.maketrans("0123456789", "０１２３４５６７８９"))

    client.post(response.url, {"code": f"{typed[:3]} {typed[3:]}"})

    assert is_signed_in(client)


def test_guessing_codes_makes_wait_even_for_the_right_one(codes, hanako):
    client, response = give_password()
    client.post(response.url, {"code": "000000"})

    client.post(response.url, {"code": code_of(hanako)})

    assert not is_signed_in(client)


def test_guessing_codes_is_limited_like_guessing_passwords(codes, settings, monkeypatch):
    limits = django_settings.RATE_LIMITS
    client, response = give_password()
    from yadopera.rate_limit import parse_rate

    settings.RATE_LIMITS = limits | {"login": parse_rate("login", "5/m")}
    states = [client.post(response.url, {"code": "000000"}).status_code for _ in range(6)]

    assert states == [200] * 5 + [429]


def test_the_password_does_not_count_for_long(codes, hanako, at):
    client, response = give_password()
    at(timezone.now() + timezone.timedelta(minutes=6))

    assert client.post(response.url, {"code": code_of(hanako)}).url.startswith("/admin/login/")
    assert not is_signed_in(client)


def test_nor_after_it_was_changed(codes, hanako):
    client, response = give_password()
    hanako.set_password("another-long-one-2026")
    hanako.save()

    client.post(response.url, {"code": code_of(hanako)})

    assert not is_signed_in(client)


def test_a_backup_code_works_once(codes, hanako):
    assert len(set(codes)) == second_factor.BACKUP_CODES
    client, response = give_password()
    client.post(response.url, {"code": codes[0].upper().replace("-", " ")})
    assert is_signed_in(client)
    assert second_factor.codes_left(hanako) == second_factor.BACKUP_CODES - 1

    other, response = give_password()
    other.post(response.url, {"code": codes[0]})

    assert not is_signed_in(other)


def test_backup_codes_are_not_in_the_database(codes):
    stored = str(list(StaticToken.objects.values_list("token", flat=True)))

    assert not any(code in stored or code.replace("-", "") in stored for code in codes)


def test_new_backup_codes_need_the_password_and_end_the_old(browser, codes, hanako):
    wrong = browser.post(reverse("backup_codes"), {"password": "wrong"})
    assert "<code" not in wrong.content.decode()
    assert "<code" in browser.post(reverse("backup_codes"), {"password": PASSWORD}).content.decode()

    client, response = give_password()
    client.post(response.url, {"code": codes[0]})

    assert not is_signed_in(client)


def test_switching_it_off_needs_the_password(browser, codes, hanako):
    browser.post(reverse("without_second_factor"), {"password": "wrong"})
    assert second_factor.is_on(hanako)

    browser.post(reverse("without_second_factor"), {"password": PASSWORD})

    assert not second_factor.is_on(hanako)
    assert is_signed_in(give_password()[0])


def test_it_is_not_set_up_a_second_time_without_the_first(browser, codes, hanako):
    key = TOTPDevice.objects.get(user=hanako).key

    assert browser.get(reverse("second_factor")).url == reverse("account")
    assert TOTPDevice.objects.get(user=hanako).key == key


# The staff API ----------------------------------------------------------------------------------


def test_the_api_wants_the_code_too(codes, hanako):
    missing, wrong = api_login(), api_login(otp="000000")

    assert missing.status_code == wrong.status_code == 401
    assert missing.json()["error"]["code"] == wrong.json()["error"]["code"] == "UNAUTHORIZED"
    assert missing.json()["error"]["details"] == {"otp": "required"}
    assert wrong.json()["error"]["details"] == {"otp": "wrong"}
    assert not AccessToken.objects.filter(user=hanako).exists()
    assert api_login(otp=codes[3]).json()["token_type"] == "bearer"


def test_a_wrong_password_does_not_tell_whether_it_is_on(codes, momiji):
    states = [api_login(password="wrong"), api_login(email=momiji.email, password="wrong")]

    assert states[0].content == states[1].content


def test_who_has_none_may_send_a_code(hanako):
    assert api_login(otp="123456").status_code == 200


# Around it --------------------------------------------------------------------------------------


def test_a_reset_password_does_not_go_around_it(codes, hanako, mailoutbox):
    mail_reset_link(hanako.email)
    link = re.search(r"http\S+", mailoutbox[-1].body)[0]
    client = Client(headers=ENGLISH)
    page = client.get("/" + link.split("/", 3)[3], follow=True)
    new = {"new_password1": "another-long-one-2026", "new_password2": "another-long-one-2026"}
    client.post(page.request["PATH_INFO"], new)
    assert User.objects.get(pk=hanako.pk).check_password("another-long-one-2026")
    assert not is_signed_in(client)

    _client, response = give_password(client, password="another-long-one-2026")

    assert response.url.startswith(CODE_PAGE)
    assert not is_signed_in(client)


def test_an_operator_switches_a_lost_one_off(codes, hanako, django_user_model):
    operator = django_user_model.objects.create_superuser("op@example.com", "x")
    client = Client()
    client.force_login(operator)

    client.post(
        reverse("admin:facilities_user_changelist"),
        {"action": "switch_off_second_factor", "_selected_action": [hanako.pk]},
    )

    assert not second_factor.is_on(hanako)
    event = AuditEvent.objects.get(action="second_factor_off")
    assert (event.actor, event.facility.slug) == (operator, "sakura")


def test_nobody_reads_the_keys_in_the_admin(client, django_user_model, codes, hanako):
    client.force_login(django_user_model.objects.create_superuser("op@example.com", "x"))
    key = TOTPDevice.objects.get(user=hanako).key
    page = client.get(reverse("admin:facilities_user_change", args=[hanako.pk]))

    assert page.status_code == 200
    assert key not in page.content.decode()
    assert client.get("/admin/otp_totp/totpdevice/").status_code == 404


# One's own account ------------------------------------------------------------------------------


def test_one_signs_out_ones_own_devices_only(browser, hanako, momiji):
    mine, _secret = AccessToken.issue(hanako)
    theirs, _secret = AccessToken.issue(momiji)

    assert browser.post(reverse("sign_out_device", args=[theirs.pk])).status_code == 404
    assert browser.get(reverse("sign_out_device", args=[mine.pk])).status_code == 405
    browser.post(reverse("sign_out_device", args=[mine.pk]))

    assert list(AccessToken.objects.all()) == [theirs]


def test_one_changes_ones_own_name_and_nothing_else(browser, hanako):
    browser.post(
        reverse("account"),
        {"full_name": "花子", "email": "x@example.com", "is_superuser": "on"},
    )

    hanako.refresh_from_db()
    assert (hanako.full_name, hanako.is_superuser) == ("花子", False)
    assert hanako.email == "hanako@sakura.example.com"
