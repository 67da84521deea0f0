"""The record of what staff did: what is in it, who reads it, how long it is kept."""

import csv
import io
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from chat.models import Conversation
from facilities import audit
from facilities.models import AuditEvent, Membership, SiteKey, User
from nightqueue.models import Channel
from tests.conftest import Guest, browser_of, staff_client
from tests.facilities.test_api import PASSWORD, login

LIST = reverse("admin:facilities_auditevent_changelist")
QUESTION = "Can you lend me a surfboard for my parrot?"


def told(**wanted):
    """(action, who, what) of the record, the latest last."""
    events = AuditEvent.objects.filter(**wanted).order_by("pk")
    return [(event.action, event.actor_name, event.target_text) for event in events]


@pytest.fixture
def browser(hanako):
    client = browser_of(hanako)
    AuditEvent.objects.all().delete()
    return client


def test_signing_in_and_out_is_on_record_from_either_door(hanako, sakura):
    browser = Client(headers={"x-forwarded-for": "1.2.3.4"})
    browser.post("/admin/login/", {"username": hanako.email, "password": "wrong"})
    browser.post("/admin/login/", {"username": hanako.email, "password": PASSWORD})
    browser.post("/admin/logout/")
    login(Client(), hanako.email, "wrong")
    token = login(Client(), hanako.email).json()["access_token"]
    Client(headers={"authorization": f"Bearer {token}"}).post("/api/v1/auth/logout")

    once = ["sign_in_failed", "signed_in", "signed_out"]
    assert [action for action, *_rest in told(facility=sakura, actor=hanako)] == once + once
    assert set(AuditEvent.objects.values_list("client_address", flat=True)) == {"127.0.0.0/24"}


def test_what_a_stranger_types_is_not_kept(db):
    login(Client(), "my-password-in-the-wrong-field@example.com")

    assert not AuditEvent.objects.exists()


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("", ""),
        ("unix:", ""),
    ],
)
def test_of_an_address_the_network_is_kept(address, network):
    assert audit.shortened(address) == network


def test_who_works_at_two_inns_is_on_record_at_both(hanako, sakura, maple):
    Membership.objects.create(facility=maple, user=hanako, role="staff")
    login(Client(), hanako.email)

    assert {event.facility for event in AuditEvent.objects.all()} == {sakura, maple}


def test_an_inn_joined_later_does_not_see_what_was_before(hanako, maple):
    login(Client(), hanako.email)
    Membership.objects.create(facility=maple, user=hanako, role="staff")

    assert not AuditEvent.objects.filter(facility=maple).exists()


def test_what_is_changed_in_the_admin_is_on_record(browser, hanako, sakura):
    change = reverse("admin:facilities_facility_change", args=[sakura.pk])
    form = browser.get(change).context["adminform"].form
    values = {name: form[name].value() for name in form.fields}
    kept = {name: value for name, value in values.items() if value not in (None, False)}
    browser.post(change, kept | {"wifi_password": "new-secret-99", "phone": "1"})

    event = AuditEvent.objects.get()
    assert told() == [("changed", hanako.email, "さくら屋")]
    assert {"phone", "wifi_password"} <= set(event.fields)
    assert "new-secret-99" not in str(AuditEvent.objects.values())
    assert "Wi-Fi password" in browser.get(LIST).content.decode()


def test_a_history_speaks_the_readers_language(browser, sakura):
    change = reverse("admin:facilities_facility_change", args=[sakura.pk])
    form = browser.get(change).context["adminform"].form
    values = {name: form[name].value() for name in form.fields}
    kept = {name: value for name, value in values.items() if value not in (None, False)}
    browser.post(change, kept | {"phone": "1", "wifi_password": "new-secret-99"})
    address = reverse("admin:facilities_facility_history", args=[sakura.pk])

    page = browser.get(address, headers={"accept-language": "ja"}).content.decode()

    assert "電話番号" in page
    assert "Wi-Fiのパスワード" in page
    assert "Phone" not in page


def test_adding_and_deleting_are_on_record(browser, sakura):
    absence = {"facility": sakura.pk, "days": ["mon"], "time_start": "01:00", "time_end": "02:00"}
    browser.post(reverse("admin:facilities_staffabsence_add"), absence)
    added = sakura.staffabsence_set.get(time_start="01:00")
    browser.post(reverse("admin:facilities_staffabsence_delete", args=[added.pk]), {"post": "yes"})
    pages = reverse("admin:facilities_staffabsence_changelist")
    others = [absence.pk for absence in sakura.staffabsence_set.all()]
    browser.post(pages, {"action": "delete_selected", "_selected_action": others, "post": "yes"})

    assert [action for action, *_rest in told()] == ["added", "deleted", "deleted"]
    assert not sakura.staffabsence_set.exists()


def test_what_is_not_stored_is_not_on_record(browser, sakura, monkeypatch):
    absence = sakura.staffabsence_set.get()
    monkeypatch.setattr("django.contrib.admin.options.ModelAdmin.delete_model", lambda *_: 1 / 0)
    browser.raise_request_exception = False

    browser.post(
        reverse("admin:facilities_staffabsence_delete", args=[absence.pk]), {"post": "yes"}
    )

    assert not AuditEvent.objects.exists()


def test_a_reply_is_on_record_without_its_words(browser, hanako, sakura):
    Guest(sakura).ask(QUESTION, language="en")
    conversation = Conversation.objects.get(facility=sakura)
    browser.post(
        reverse("admin:chat_conversation_reply", args=[conversation.pk]), {"content": "No parrots"}
    )

    (event,) = AuditEvent.objects.all()
    assert (event.action, event.actor) == ("replied", hanako)
    assert (event.target_model, event.target_id) == ("chat.conversation", conversation.pk)
    everything = str(AuditEvent.objects.values())
    assert "parrot" not in everything


def test_the_api_is_on_record_like_the_admin(hanako, sakura):
    client = staff_client(hanako)
    json = {"content_type": "application/json"}
    base = "/api/v1/admin"
    text = {"language": "en", "question": "Q?", "answer": "A."}
    faq = client.post(
        f"{base}/faqs", {"category": "basic", "translations": [text], "intent_key": "k"}, **json
    ).json()
    client.put(f"{base}/faqs/{faq['id']}", {"priority": 5}, **json)
    client.delete(f"{base}/faqs/{faq['id']}")
    client.put(f"{base}/facility/settings", {"phone": "1"}, **json)
    hours = {"day_of_week": ["all"], "time_start": "22:00", "time_end": "02:00"}
    schedule = client.post(f"{base}/escalation-schedule", hours, **json).json()
    client.put(f"{base}/escalation-schedule/{schedule['id']}", {"mode": "early"}, **json)
    client.delete(f"{base}/escalation-schedule/{schedule['id']}")
    code = client.post(f"{base}/qr-code", {"location": "kitchen"}, **json).json()
    client.delete(f"{base}/qr-code/{code['id']}")

    assert [(action, what.split(" ")[0]) for action, _who, what in told(actor=hanako)] == [
        ("added", "Q?"),
        ("changed", "Q?"),
        ("deleted", "Q?"),
        ("changed", "さくら屋"),
        ("added", "every"),
        ("changed", "every"),
        ("deleted", "every"),
        ("added", "さくら屋:"),
        ("revoked", "さくら屋:"),
    ]


def test_codes_are_on_record(browser, sakura):
    key = SiteKey.objects.create(facility=sakura, location="lounge")
    pages = reverse("admin:facilities_sitekey_changelist")
    browser.get(reverse("admin:facilities_sitekey_download", args=[key.pk, "svg"]))
    for action in ("print_a4", "renew"):
        browser.post(pages, {"action": action, "_selected_action": [key.pk]})
    new = SiteKey.objects.for_facility(sakura).valid().get()
    browser.post(pages, {"action": "revoke", "_selected_action": [new.pk]})

    assert [action for action, *_rest in told()] == ["printed", "printed", "renewed", "revoked"]


def test_a_channel_s_key_is_not_on_record(browser, sakura):
    browser.post(
        reverse("admin:nightqueue_channel_add"),
        {"facility": sakura.pk, "kind": "line", "address": "U4af49", "secret": "s3cret-token"},
    )

    assert Channel.objects.filter(facility=sakura).exists()
    assert [action for action, *_rest in told()] == ["added"]
    assert "s3cret" not in str(AuditEvent.objects.values())
    assert "U4af49" not in str(AuditEvent.objects.values())


# Reading it -------------------------------------------------------------------------------------


def test_an_owner_reads_what_happened_at_his_inn_only(browser, momiji, maple, sakura, hanako):
    audit.record(audit.Action.ADDED, facility=sakura, actor=hanako, text="our thing")
    audit.record(audit.Action.ADDED, facility=maple, actor=momiji, text="their thing")
    audit.record(audit.Action.DELETED, facility=None, actor=hanako, text="nobody's thing")

    page = browser.get(LIST).content.decode()

    assert "our thing" in page
    assert "their thing" not in page
    assert "nobody&#x27;s thing" not in page
    assert "momiji" not in page


def test_it_is_filtered_by_day_action_and_person(browser, sakura, hanako):
    old = audit.record(audit.Action.ADDED, facility=sakura, actor=hanako, text="old thing")
    audit.record(audit.Action.EXPORTED, facility=sakura, actor=hanako, text="new thing")
    day = timezone.localtime() - timedelta(days=3)
    AuditEvent.objects.filter(pk=old.pk).update(created_at=day)
    that_day = {"created_at_from": f"{day:%Y-%m-%d}", "created_at_to": f"{day:%Y-%m-%d}"}

    def shown(**query):
        return [event.target_text for event in browser.get(LIST, query).context["cl"].result_list]

    assert shown(**that_day) == ["old thing"]
    assert shown(action__exact="exported") == ["new thing"]
    assert shown(actor__id__exact=hanako.pk) == ["new thing", "old thing"]
    assert shown(q="old") == ["old thing"]


@pytest.mark.parametrize("formula", ["=HYPERLINK(1)", "＝HYPERLINK(1)", "@SUM(1)", "-1+1"])
def test_an_export_is_read_by_excel_and_on_record(browser, sakura, hanako, formula):
    event = audit.record(audit.Action.ADDED, facility=sakura, actor=hanako, text=formula)
    response = browser.post(LIST, {"action": "export", "_selected_action": [event.pk]})

    rows = list(csv.reader(io.StringIO(response.content.decode("utf-8-sig"))))
    assert len(rows) == 2
    assert f"'{formula}" in rows[1]
    assert told()[-1][0] == "exported"


def test_what_somebody_did_stays_when_his_account_goes(hanako, taro, sakura):
    audit.record(audit.Action.ADDED, facility=sakura, actor=taro, text="x")

    User.objects.filter(pk=taro.pk).delete()

    assert told() == [("added", "taro@sakura.example.com", "x")]


def test_it_is_kept_for_400_days(hanako, sakura):
    event = audit.record(audit.Action.ADDED, facility=sakura, actor=hanako, text="x")
    end = event.created_at + audit.KEPT
    assert audit.purge(end - timedelta(minutes=1)) == 0
    assert audit.purge(end + timedelta(minutes=1), dry_run=True) == 1

    AuditEvent.objects.update(created_at=timezone.now() - audit.KEPT - timedelta(minutes=1))
    call_command("purge_expired", stdout=io.StringIO())

    assert not AuditEvent.objects.exists()


def test_an_inn_that_is_deleted_takes_its_record_along(client, operator, sakura):
    from facilities.models import Facility

    inn = Facility.objects.create(name="By mistake", slug="mistake")
    audit.record(audit.Action.ADDED, facility=inn, actor=operator, text="x")
    client.force_login(operator)
    client.post(reverse("admin:facilities_facility_delete", args=[inn.pk]), {"post": "yes"})

    assert not Facility.objects.filter(slug="mistake").exists()
    assert ("deleted", "op@example.com", "By mistake") in told(facility=None)
