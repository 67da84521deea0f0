"""What a page may load is said with every page, and no page needs more."""

import re
from html.parser import HTMLParser

import pytest
from django.core import signing
from django.test import Client
from django.urls import reverse

from chat.models import Escalation
from nightqueue.messages import SALT
from tests.conftest import Guest
from yadopera.rate_limit import parse_rate

HTML = {"accept": "text/html"}


def policy_of(response):
    directives = response["Content-Security-Policy"].split("; ")
    return {words[0]: words[1:] for words in map(str.split, directives)}


def is_closed(response, *, themed=False):
    """Nothing inline, nothing from elsewhere, in nobody's frame. The theme of the admin computes
    its own expressions and sets styles inline; what runs is still ours alone."""
    policy = policy_of(response)
    if themed:
        assert policy["script-src"].pop() == "'unsafe-eval'"
        assert policy["style-src"].pop() == "'unsafe-inline'"
    sources = {source for sources in policy.values() for source in sources}
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == ["'none'"]
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == ["'self'"]
    assert policy["img-src"] == ["'self'", "data:"]
    assert sources == {"'none'", "'self'", "data:"}
    assert response["X-Frame-Options"] == "DENY"
    return True


@pytest.mark.parametrize("address", ["/", "/docs", "/f/sakura"])
def test_a_page_loads_nothing_but_what_is_ours(sakura, client, address):
    response = client.get(address, headers=HTML)

    assert response.status_code == 200
    assert is_closed(response)


def test_nor_does_a_page_of_the_admin(client, hanako):
    assert is_closed(client.get("/admin/login/"), themed=True)
    client.force_login(hanako)
    response = client.get("/admin/")

    assert response.status_code == 200
    assert is_closed(response, themed=True)


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("/f/none", {}, 404),
        ("/nowhere", {}, 404),
        ("/seen/made-up", {}, 404),
        ("/f/sakura?language=%00", {}, 400),
        ("/f/sakura", {"host": "evil.example.org"}, 400),
    ],
)
def test_nor_does_a_page_about_an_error(sakura, client, address, headers, status):
    response = client.get(address, headers=headers)

    assert response.status_code == status
    assert is_closed(response)


def test_nor_does_the_page_about_a_fault_of_ours(sakura, monkeypatch):
    monkeypatch.setattr("chat.views.top_questions", lambda *_: 1 / 0)
    response = Client(raise_request_exception=False).get("/f/sakura")

    assert response.status_code == 500
    assert is_closed(response)


def test_nor_do_the_pages_about_a_missing_token_and_too_many_attempts(db, settings):
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"login": parse_rate("login", "1/m")}
    form = {"username": "a", "password": "b"}
    forged = Client(enforce_csrf_checks=True).post("/admin/login/", form)
    responses = [forged, *(Client().post("/admin/login/", form) for _attempt in range(2))]

    assert [response.status_code for response in responses] == [403, 200, 429]
    assert all(is_closed(response, themed=True) for response in responses)


class Forbidden(HTMLParser):
    """Collects what the policy would keep a browser from doing."""

    def __init__(self, response, *, themed=False):
        super().__init__()
        self.themed = themed
        self.found = []
        self.feed(response.content.decode())

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        is_data = given.get("type", "") in {"application/json", "application/ld+json"}
        if (tag == "style" and not self.themed) or (
            tag == "script" and "src" not in given and not is_data
        ):
            self.found.append(f"inline <{tag}>")
        for name, value in given.items():
            if (name == "style" and not self.themed) or name.startswith("on"):
                self.found.append(f"<{tag} {name}={value!r}>")
        loaded = given.get("src") or (given.get("href") if tag == "link" else None)
        if loaded and not re.match("/(?!/)|data:", loaded):
            self.found.append(f"<{tag}> from {loaded}")


@pytest.mark.parametrize("address", ["/", "/docs", "/f/sakura", "/nowhere"])
def test_no_page_needs_what_the_policy_forbids(sakura, client, address):
    assert Forbidden(client.get(address, headers=HTML)).found == []


def test_the_page_that_acknowledges_a_danger_needs_nothing_forbidden(guest, client):
    guest.ask("my friend isn't waking up")
    token = signing.dumps(Escalation.objects.get().pk, salt=SALT)
    response = client.get(reverse("acknowledge", args=[token]))

    assert response.status_code == 200
    assert is_closed(response)
    assert Forbidden(response).found == []


@pytest.mark.parametrize(
    "address",
    [
        "/admin/account/",
        "/admin/account/second-factor/",
        "/admin/account/without-second-factor/",
        "/admin/password_change/",
        "/admin/password_reset/",
        "/admin/invitation/made-up/",
        "/admin/facilities/membership/",
        "/admin/facilities/auditevent/",
    ],
)
def test_nor_do_the_pages_of_accounts(client, hanako, address):
    client.force_login(hanako)
    response = client.get(address)

    assert response.status_code == 200
    assert is_closed(response, themed=True)
    assert Forbidden(response, themed=True).found == []


@pytest.mark.parametrize("page", ["changelist", "add", "change"])
def test_nor_do_the_pages_of_the_admin(client, django_user_model, sakura, page):
    client.force_login(django_user_model.objects.create_superuser("op@example.com", "x"))
    Guest(sakura).ask("Can you lend me a surfboard for my parrot?", language="en")
    rows = {
        "facilities_facility": sakura,
        "faq_faq": sakura.faqs.first(),
        "chat_conversation": sakura.conversation_set.get(),
        "facilities_staffabsence": sakura.staffabsence_set.get(),
    }

    for name, row in rows.items():
        number = [row.pk] if page == "change" else []
        response = client.get(reverse(f"admin:{name}_{page}", args=number))
        if response.status_code != 403:  # nobody adds a conversation
            assert (name, Forbidden(response, themed=True).found) == (name, [])
