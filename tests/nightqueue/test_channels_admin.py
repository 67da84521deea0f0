"""Channels in the admin: a test message, and keys that nobody reads again."""

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from nightqueue.models import Channel, Delivery
from nightqueue.outbox import send_pending

SECRET = "line-access-token-XYZ"
LIST = reverse("admin:nightqueue_channel_changelist")
ADD = reverse("admin:nightqueue_channel_add")


@pytest.fixture
def browser(hanako):
    client = Client()
    client.force_login(hanako)
    return client


@pytest.fixture
def line(sakura):
    return Channel.objects.create(
        facility=sakura, kind="line", address="U4af4980629", secret=SECRET
    )


def change_url(channel):
    return reverse("admin:nightqueue_channel_change", args=[channel.pk])


def form(facility, **fields):
    basis = {"facility": facility.pk, "kind": "line", "address": "U4af4980629", "secret": ""}
    return basis | {"is_active": "on"} | fields


def test_a_test_message_goes_out_and_the_list_says_how_it_went(browser, line, web):
    response = browser.post(LIST, {"action": "send_test", "_selected_action": [line.pk]})
    assert response.status_code == 302
    send_pending()

    assert "テスト" in web.requests[0].json["messages"][0]["text"]
    assert Delivery.objects.get(channel=line, kind="test").state == "sent"
    assert Delivery.objects.get().get_state_display() in browser.get(LIST).content.decode()


def test_a_test_message_that_is_refused_says_why(browser, line, web):
    web.answer(401)
    browser.post(LIST, {"action": "send_test", "_selected_action": [line.pk]})
    send_pending()

    error = Delivery.objects.get(channel=line).last_error
    assert "make a new one" in error
    assert error in browser.get(LIST).content.decode()


def test_a_test_message_can_be_sent_as_often_as_one_likes(browser, line, web):
    for _time in range(3):
        browser.post(LIST, {"action": "send_test", "_selected_action": [line.pk]})
        send_pending()
    assert len(web.requests) == 3
    assert len({request.headers["X-Line-Retry-Key"] for request in web.requests}) == 3


def test_nobody_sends_a_test_through_another_inns_channel(browser, maple, web):
    theirs = Channel.objects.create(facility=maple, kind="slack", address=f"{web.url}/maple")
    browser.post(LIST, {"action": "send_test", "_selected_action": [theirs.pk]})
    send_pending()
    assert not Delivery.objects.exists()
    assert web.requests == []


def test_what_was_given_up_can_be_tried_again(browser, line, web):
    web.answer(401)
    browser.post(LIST, {"action": "send_test", "_selected_action": [line.pk]})
    send_pending()
    url = reverse("admin:nightqueue_delivery_changelist")
    delivery = Delivery.objects.get()
    browser.post(url, {"action": "send_again", "_selected_action": [delivery.pk]})
    send_pending()

    delivery.refresh_from_db()
    assert (delivery.state, delivery.last_error) == ("sent", "")
    assert len(web.requests) == 2


def test_the_database_holds_neither_address_nor_key_in_clear(browser, sakura):
    response = browser.post(ADD, form(sakura, secret=SECRET))
    assert response.status_code == 302, response.context["errors"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT c::text FROM nightqueue_channel c WHERE kind = 'line'")
        [(row,)] = cursor.fetchall()

    assert SECRET not in row
    assert "U4af4980629" not in row
    channel = Channel.objects.get(kind="line")
    assert (channel.address, channel.secret) == ("U4af4980629", SECRET)


def test_the_admin_never_shows_a_key(browser, line, web):
    browser.post(LIST, {"action": "send_test", "_selected_action": [line.pk]})
    send_pending()
    delivery = Delivery.objects.get()
    history = reverse("admin:nightqueue_channel_history", args=[line.pk])
    pages = [
        LIST,
        change_url(line),
        history,
        reverse("admin:nightqueue_delivery_changelist"),
        reverse("admin:nightqueue_delivery_change", args=[delivery.pk]),
    ]
    for page in pages:
        response = browser.get(page)
        assert response.status_code == 200
        assert SECRET not in response.content.decode()


def test_a_form_with_a_mistake_does_not_show_the_key_again(browser, line, sakura):
    response = browser.post(change_url(line), form(sakura, secret="another-key", address=""))
    assert response.status_code == 200
    assert "another-key" not in response.content.decode()
    assert SECRET not in response.content.decode()


def test_left_empty_the_key_stays(browser, line, sakura):
    response = browser.post(change_url(line), form(sakura, address="U0000000001"))
    assert response.status_code == 302, response.context["errors"]

    line.refresh_from_db()
    assert (line.address, line.secret) == ("U0000000001", SECRET)


def test_a_new_key_takes_the_place_of_the_old(browser, line, sakura):
    browser.post(change_url(line), form(sakura, secret="a-new-token"))
    line.refresh_from_db()
    assert line.secret == "a-new-token"


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "line", "secret": ""},
        {"kind": "webhook", "address": "https://hook.example/", "secret": ""},
        {"kind": "webhook", "address": "no address", "secret": SECRET},
        {"kind": "slack", "address": ""},
        {"kind": "email", "address": "no address"},
    ],
)
def test_a_channel_that_could_not_work_is_not_stored(browser, sakura, fields):
    before = Channel.objects.count()
    assert browser.post(ADD, form(sakura, **fields)).status_code == 200
    assert Channel.objects.count() == before
