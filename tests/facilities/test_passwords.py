"""Staff change a password, or choose a new one when they have forgotten it."""

import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.test import Client
from django.utils import timezone
from kombu.exceptions import OperationalError

from facilities import tasks
from tests.conftest import staff_client
from tests.facilities.test_api import PASSWORD, login
from yadopera.rate_limit import parse_rate

AUTH = "/api/v1/auth"
NEW = "another-long-one-2026"
NUL = "a\x00b"


def put(client, **fields):
    body = {"current_password": PASSWORD, "new_password": NEW} | fields
    return client.put(f"{AUTH}/password", body, content_type="application/json")


def post(path, client=None, **body):
    client = client or Client()
    return client.post(f"{AUTH}/{path}", body, content_type="application/json")


@pytest.fixture(autouse=True)
def no_limits(settings):
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"login": None, "password_reset": None}


@pytest.fixture
def worker(monkeypatch):
    """Does at once what it is given."""
    monkeypatch.setattr(
        tasks.mail_reset_link, "apply_async", lambda args, **options: tasks.mail_reset_link(*args)
    )


@pytest.fixture
def signed_in(hanako):
    """Her app and her browser. Whoever signs in with the old password makes a link void."""
    browser = Client()
    browser.force_login(hanako)
    return staff_client(hanako), browser


@pytest.fixture
def link(hanako, worker, mailoutbox):
    """What Hanako is mailed."""
    assert post("password-reset", email=hanako.email).status_code == 200
    return re.search(r"http\S+", mailoutbox[-1].body)[0]


# A change ---------------------------------------------------------------------------------------


def test_a_change_ends_every_other_token_and_session(hanako):
    here, elsewhere, browser = staff_client(hanako), staff_client(hanako), Client()
    browser.force_login(hanako)

    assert put(here).json()["success"] is True

    states = [client.get(f"{AUTH}/me").status_code for client in (here, elsewhere, browser)]
    assert states == [200, 401, 401]
    assert login(Client(), hanako.email, PASSWORD).status_code == 401
    assert login(Client(), hanako.email, NEW).status_code == 200


def test_a_hash_of_an_older_django_signs_nobody_out(hanako):
    client = staff_client(hanako)
    hanako.password = PBKDF2PasswordHasher().encode(PASSWORD, "salt", iterations=1000)
    hanako.save()

    assert put(client).status_code == 200
    assert client.get(f"{AUTH}/me").status_code == 200


def test_in_the_admin_ones_own_session_goes_on(hanako):
    here, elsewhere, app = Client(), Client(), staff_client(hanako)
    here.force_login(hanako)
    elsewhere.force_login(hanako)

    assert put(here).status_code == 200

    states = [client.get(f"{AUTH}/me").status_code for client in (here, elsewhere, app)]
    assert states == [200, 401, 401]


def test_a_wrong_present_password_changes_nothing_and_signs_nobody_out(hanako):
    client, other = staff_client(hanako), staff_client(hanako)

    response = put(client, current_password="wrong")

    # The staff app takes 401 for the end of its session.
    assert (response.status_code, response.json()["error"]["code"]) == (400, "INVALID_REQUEST")
    assert client.get(f"{AUTH}/me").status_code == other.get(f"{AUTH}/me").status_code == 200
    assert login(Client(), hanako.email, PASSWORD).status_code == 200


@pytest.mark.parametrize(
    "weak", ["", "sh0rt", "12345678901", "qwertyuiop", "hanako@sakura.example.com"]
)
def test_a_weak_password_is_refused_in_words(hanako, weak):
    client = staff_client(hanako)

    response = put(client, new_password=weak)

    assert response.status_code == 422
    assert "password" in response.json()["detail"]
    assert not weak or weak not in response.json()["detail"]
    assert client.get(f"{AUTH}/me").status_code == 200


def test_a_form_that_asks_twice_must_get_the_same(hanako):
    client = staff_client(hanako)

    assert put(client, confirm_password=NEW + "x").status_code == 422
    assert put(client, confirm_password=NEW).status_code == 200


@pytest.mark.parametrize("field", ["current_password", "new_password", "confirm_password"])
@pytest.mark.parametrize("bad", [NUL, "x" * 201, 1, ["x"], True])
def test_what_is_no_password_is_refused(hanako, field, bad):
    assert put(staff_client(hanako), **{field: bad}).status_code == 422


def test_guessing_the_present_password_is_limited(hanako, settings):
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"login": parse_rate("login", "5/m")}
    client = staff_client(hanako)

    states = [put(client, current_password="wrong").status_code for _ in range(6)]

    assert states == [400] * 5 + [429]


def test_nobody_changes_a_password(hanako):
    assert put(Client()).status_code == 401


# A link by mail ---------------------------------------------------------------------------------


def test_the_mail_leads_to_the_admin_in_two_languages(link, hanako, mailoutbox, settings):
    (mail,) = mailoutbox

    assert mail.to == [hanako.email]
    assert "\n" not in mail.subject
    assert "パスワード" in mail.subject
    assert "24時間" in mail.body
    assert "within 24 hours" in mail.body
    assert mail.body.count(link) == 2
    assert link.startswith(f"{settings.PUBLIC_BASE_URL}/admin/reset/")


def test_the_link_never_leads_to_the_host_that_was_asked(hanako, worker, mailoutbox, settings):
    settings.ALLOWED_HOSTS = ["*"]

    post("password-reset", Client(headers={"host": "evil.example.com"}), email=hanako.email)

    assert "evil" not in mailoutbox[0].body


def test_the_answer_does_not_tell_whether_there_is_an_account(hanako, momiji, worker, mailoutbox):
    momiji.is_active = False
    momiji.save()
    addresses = [hanako.email, hanako.email.upper(), "nobody@example.com", momiji.email]

    answers = [post("password-reset", email=address) for address in addresses]

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert [mail.to for mail in mailoutbox] == [[hanako.email]] * 2


def test_nothing_is_looked_up_before_the_answer(hanako, monkeypatch, django_assert_num_queries):
    """So that it takes equally long for every address."""
    queued = []
    monkeypatch.setattr(
        tasks.mail_reset_link, "apply_async", lambda args, **options: queued.append(args)
    )

    with django_assert_num_queries(0):
        post("password-reset", email=hanako.email)
        post("password-reset", email="nobody@example.com")

    assert queued == [[hanako.email], ["nobody@example.com"]]


def test_an_account_without_a_password_gets_none(hanako, worker, mailoutbox):
    hanako.set_unusable_password()
    hanako.save()

    post("password-reset", email=hanako.email)

    assert mailoutbox == []


@pytest.mark.parametrize("bad", ["", "nobody", NUL, "a@b.c\r\nBcc: d@e.f", "x" * 300, None, 1])
def test_what_is_no_address_is_refused(bad):
    assert post("password-reset", email=bad).status_code == 422


def test_asking_is_limited_by_account_and_by_address(settings, worker, db):
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"password_reset": parse_rate("x", "3/h")}

    def ask(address, email):
        client = Client(REMOTE_ADDR=address)
        return post("password-reset", client, email=email).status_code

    assert [ask(f"10.0.0.{n}", "A@example.com") for n in range(4)] == [200] * 3 + [429]
    assert [ask("10.0.1.1", f"a{n}@example.com") for n in range(4)] == [200] * 3 + [429]
    assert ask("10.0.2.1", "a@EXAMPLE.com") == 429


def test_without_redis_it_says_so_for_every_address(hanako, monkeypatch):
    def away(*args, **options):
        raise OperationalError("no broker")

    monkeypatch.setattr(tasks.mail_reset_link, "apply_async", away)

    answers = [post("password-reset", email=email) for email in (hanako.email, "a@example.com")]

    assert {answer.status_code for answer in answers} == {503}
    assert Client().post("/admin/password_reset/", {"email": "a@example.com"}).status_code == 503


def test_a_mail_server_that_fails_is_tried_again(hanako, monkeypatch):
    tried = []

    def send_mail(*args):
        tried.append(args)
        raise ConnectionRefusedError

    monkeypatch.setattr("facilities.services.send_mail", send_mail)

    tasks.mail_reset_link.apply(args=[hanako.email])

    assert len(tried) == 6


# The new password -------------------------------------------------------------------------------


def confirm(token, **fields):
    return post("password-reset/confirm", **({"token": token, "new_password": NEW} | fields))


@pytest.mark.parametrize("part", [slice(None), slice(-2, None)], ids=["link", "its end"])
def test_the_link_is_good_for_a_new_password_and_ends_every_session(signed_in, link, hanako, part):
    app, browser = signed_in

    response = confirm("/".join(link.rstrip("/").split("/")[part]))

    assert response.json()["success"] is True
    assert app.get(f"{AUTH}/me").status_code == browser.get(f"{AUTH}/me").status_code == 401
    assert login(Client(), hanako.email, NEW).status_code == 200


def test_the_link_works_once(link):
    assert confirm(link).status_code == 200

    assert confirm(link, new_password="yet-another-one-2026").status_code == 400


def test_a_weak_password_does_not_use_the_link_up(link):
    assert confirm(link, new_password="short").status_code == 422
    assert confirm(link, new_password=NEW, confirm_password="x").status_code == 422

    assert confirm(link).status_code == 200


@pytest.mark.parametrize(("hours", "status"), [(23.9, 200), (24.1, 400)])
def test_the_link_works_for_a_day(link, at, hours, status):
    at(timezone.localtime() + timedelta(hours=hours))

    assert confirm(link).status_code == status


def test_the_link_of_somebody_else_or_for_an_account_closed_since_is_none(link, hanako, momiji):
    number, token = link.rstrip("/").split("/")[-2:]
    assert confirm(f"{number[::-1]}/{token}").status_code == 400
    hanako.is_active = False
    hanako.save()
    assert confirm(link).status_code == 400
    assert login(Client(), momiji.email).status_code == 200


@pytest.mark.parametrize(
    "bad", ["x", "/", "//", "x/y", "OQ/x-y", "9" * 400 + "/x", "あ/い", "OTk" * 60 + "/x", "_w/x-1"]
)
def test_what_is_no_link_is_refused(db, bad):
    assert confirm(bad).status_code == 400


@pytest.mark.parametrize("bad", ["", NUL, "x" * 501, None, 1])
def test_what_is_no_token_is_refused(bad):
    assert confirm(bad).status_code == 422


def test_guessing_links_is_limited(db, settings):
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"login": parse_rate("login", "5/m")}

    assert [confirm("x").status_code for _ in range(6)] == [400] * 5 + [429]


# In the admin -----------------------------------------------------------------------------------


def test_the_sign_in_page_leads_all_the_way_to_a_new_password(client, hanako, worker, mailoutbox):
    app = staff_client(hanako)
    assert "/admin/password_reset/" in client.get("/admin/login/").content.decode()

    sent = client.post("/admin/password_reset/", {"email": hanako.email}, follow=True)
    assert sent.status_code == 200
    path = urlsplit(re.search(r"http\S+", mailoutbox[0].body)[0]).path
    page = client.get(path, follow=True)
    assert "new_password1" in page.content.decode()
    form = {"new_password1": NEW, "new_password2": NEW}
    done = client.post(page.redirect_chain[-1][0], form, follow=True)

    assert "/admin/login/" in done.content.decode()
    assert login(Client(), hanako.email, NEW).status_code == 200
    assert app.get(f"{AUTH}/me").status_code == 401
    assert "new_password1" not in client.get(path, follow=True).content.decode()


def test_the_page_does_not_tell_whether_there_is_an_account(client, hanako, worker, mailoutbox):
    for email in (hanako.email, "nobody@example.com"):
        response = client.post("/admin/password_reset/", {"email": email})
        assert response.url == "/admin/password_reset/done/"

    assert len(mailoutbox) == 1


def test_asking_on_the_page_is_limited_with_the_api(client, settings, worker, db):
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"password_reset": parse_rate("x", "3/h")}
    post("password-reset", email="a@example.com")

    states = [
        client.post("/admin/password_reset/", {"email": "a@example.com"}).status_code
        for _ in range(3)
    ]

    assert states == [302, 302, 429]


@pytest.mark.parametrize("path", ["password_reset/", "password_reset/done/", "reset/done/"])
def test_the_pages_show_nothing_of_the_admin(client, db, path):
    page = client.get(f"/admin/{path}")

    assert page.status_code == 200
    assert "nav-sidebar" not in page.content.decode()
