"""Every address of the admin, found in the URL configuration, asked as owner, as staff, as a member
of another inn, as operator and as nobody. A new address without a row here fails."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse

from chat.models import Conversation, Escalation
from facilities.models import AccessToken, AuditEvent, Facility, Membership, SiteKey, User
from facilities.services import add_owner
from faq.history import snapshot_of
from faq.models import Faq, FaqRevision, FaqSuggestion, FaqUpload
from tests.conftest import browser_of
from tests.facilities.conftest import make_rows

AT, PASSWORD = "@inn.example.com", "sakura-no-ki-2026"

PAGES = ["changelist", "add", "change", "delete", "history"]
#: What owner, staff and operator are answered on each of the pages.
ALL, NOBODY = (200, 200, 200), (403, 403, 403)
OWNER, OPERATOR = (200, 403, 200), (403, 403, 200)
#: A row that somebody may not see is not there, but its history is asked for before his rights.
HISTORY_OF_OWNERS = (200, 404, 200)
WORK = dict.fromkeys(PAGES, ALL)
READ = WORK | {"add": NOBODY, "delete": NOBODY}
SETTINGS = WORK | {"add": OWNER, "delete": OWNER}
OWNERS = dict.fromkeys(PAGES, OWNER) | {"history": HISTORY_OF_OWNERS}
MODELS: dict[str, dict[str, tuple[int, int, int]]] = {
    "faq_faq": WORK,
    "faq_faqsuggestion": READ,
    "chat_cannedreply": WORK,
    "chat_conversation": READ,
    "chat_escalation": READ,
    "nightqueue_queueentry": READ,
    "nightqueue_delivery": READ,
    "facilities_sitekey": SETTINGS,
    "facilities_staffabsence": SETTINGS,
    "facilities_escalationschedule": SETTINGS,
    "facilities_facility": WORK | {"add": OPERATOR, "delete": OPERATOR},
    "nightqueue_channel": OWNERS,
    "facilities_membership": OWNERS,
    "facilities_auditevent": OWNERS | {"add": NOBODY, "delete": NOBODY},
    "facilities_user": dict.fromkeys(PAGES, OPERATOR) | {"history": (404, 404, 200)},
}


@dataclass(frozen=True)
class Page:
    """An address of our own, or one that Django has beside those of the models."""

    #: Of owner, staff, operator, and of a member of another inn.
    states: tuple[int, int, int, int]
    #: What stands in the address, made of the rows of Sakura-ya.
    arguments: Callable[[dict[Any, Any]], list[Any]] = lambda rows: []
    #: A model stands for the number of its row.
    posted: dict[str, Any] | None = None
    #: Whoever is not signed in is led to the sign-in page; None, or answered so.
    nobody: int | None = None


def of(model: Any, *more: Any) -> Callable[[dict[Any, Any]], list[Any]]:
    return lambda rows: [rows[model].pk, *more]


def question_of_a_guest(rows: dict[Any, Any]) -> list[Any]:
    return [rows[Escalation].message_id]


ANYBODY = (200, 200, 200, 200)
IN_AN_INN = (200, 200, 200, 200)
IN_THE_INN = (200, 200, 200, 404)
DONE_IN_THE_INN = (302, 302, 302, 404)
OTHERS = {
    "admin:index": Page(ANYBODY),
    "admin:search": Page(ANYBODY),
    "admin:app_list": Page(ANYBODY, lambda rows: ["facilities"]),
    "admin:autocomplete": Page((403, 403, 403, 403)),
    "admin:view_on_site": Page((404, 404, 404, 404), lambda rows: [1, 1]),
    "admin:jsi18n": Page(ANYBODY),
    "admin:password_change": Page(ANYBODY),
    "admin:password_change_done": Page(ANYBODY),
    "admin:login": Page((302, 302, 302, 302), nobody=200),
    "admin:logout": Page((200, 200, 200, 200), posted={}),
    "admin:facilities_sitekey_download": Page(IN_THE_INN, of(SiteKey, "svg")),
    "admin:facilities_sitekey_all_posters": Page((200, 200, 200, 302)),
    "admin:facilities_sitekey_all_cards": Page((200, 200, 200, 302)),
    "admin:auth_user_password_change": Page((403, 403, 200, 403), of(User)),
    "admin:chat_conversation_live": Page(IN_THE_INN, of(Conversation)),
    "admin:chat_conversation_reply": Page(DONE_IN_THE_INN, of(Conversation), {"content": "x"}),
    "admin:chat_conversation_act": Page(DONE_IN_THE_INN, of(Conversation), {"action": "resolve"}),
    "admin:chat_conversation_try_out": Page(IN_AN_INN),
    "admin:chat_conversation_try_out_faq": Page((302, 302, 302, 302), posted={"question": "x"}),
    "admin:faq_faq_files": Page(IN_AN_INN),
    "admin:faq_faq_try_out": Page((302, 302, 302, 302)),
    "admin:faq_faq_try_question": Page(DONE_IN_THE_INN, of(Faq)),
    "admin:faq_faq_download": Page(ANYBODY),
    "admin:faq_faq_template": Page(ANYBODY),
    "admin:faq_faq_upload": Page(ANYBODY, posted={}),
    "admin:faq_faq_preview": Page((200, 404, 404, 404), of(FaqUpload)),
    "admin:faq_faq_import": Page((302, 404, 404, 404), of(FaqUpload), {}),
    "admin:faq_faq_progress": Page((200, 404, 404, 404), of(FaqUpload)),
    "admin:faq_faq_deleted": Page(ANYBODY),
    "admin:faq_faq_translate": Page(IN_THE_INN, posted={"facility": Facility}),
    "admin:faq_faq_restore": Page(DONE_IN_THE_INN, of(FaqRevision), {}),
    "admin:faq_faq_wordings": Page(ANYBODY),
    "admin:faq_faq_wordings_act": Page((302, 302, 302, 302), posted={"action": "accept"}),
    "help": Page(ANYBODY),
    "help_page": Page(ANYBODY, lambda rows: ["morning"]),
    "setup": Page((302, 302, 302, 302)),
    "setup_of": Page((200, 404, 200, 404), lambda rows: ["sakura"]),
    "admin:faq_faqsuggestion_act": Page(DONE_IN_THE_INN, of(FaqSuggestion), {"action": "reject"}),
    "admin:chat_conversation_close_gap": Page(DONE_IN_THE_INN, question_of_a_guest),
    "admin:chat_conversation_low_rated": Page(ANYBODY),
    "admin:chat_conversation_low_rated_faq": Page(IN_THE_INN, of(Faq)),
    "admin:chat_conversation_low_rated_act": Page(DONE_IN_THE_INN, of(Faq), {"action": "ignore"}),
    "health_page": Page((403, 403, 200, 403)),
    "account": Page(ANYBODY),
    "second_factor": Page(ANYBODY),
    "backup_codes": Page((302, 302, 302, 302)),
    "without_second_factor": Page(ANYBODY),
    "sign_out_device": Page((302, 404, 404, 404), of(AccessToken), {}),
    "sign_in_code": Page((302, 302, 302, 302)),
    "invitation": Page(ANYBODY, lambda rows: ["made-up"], nobody=200),
    "admin_password_reset": Page(ANYBODY, nobody=200),
    "password_reset_done": Page(ANYBODY, nobody=200),
    "password_reset_confirm": Page(ANYBODY, lambda rows: ["MQ", "made-up"], nobody=200),
    "password_reset_complete": Page(ANYBODY, nobody=200),
}
#: Without a name: what Django leads on to the page of a row, and what it answers with 404.
NAMELESS = ("<path:object_id>/", "(?P<url>.*)$", "admin/login/", "admin/password_change/")


def addresses(patterns: Any, route: str = "", space: str = "") -> Iterator[tuple[str, str]]:
    """(name, route) of every address."""
    for pattern in patterns:
        here = route + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield (f"{space}:" if space else "") + (pattern.name or ""), here
        else:
            yield from addresses(pattern.url_patterns, here, pattern.namespace or space)


IN_THE_ADMIN = [
    (name, route)
    for name, route in addresses(get_resolver().url_patterns)
    if route.startswith("admin/")
]
EVERY_PAGE = [(model, page) for model in MODELS for page in PAGES]
#: Whoever may not change everything of a model.
FORBIDDEN = [("momiji", model) for model in MODELS] + [
    ("taro", model) for model, pages in MODELS.items() if pages["delete"][1] != 200
]
EACH_MODEL = pytest.mark.parametrize("model", MODELS)
EACH_OTHER = pytest.mark.parametrize("name", OTHERS)


def test_every_address_has_a_row_here():
    named = {name for name, _route in IN_THE_ADMIN if name.removeprefix("admin:")}
    nameless = {route for name, route in IN_THE_ADMIN if not name.removeprefix("admin:")}

    assert named == set(OTHERS) | {f"admin:{model}_{page}" for model, page in EVERY_PAGE}
    assert all(route.endswith(NAMELESS) for route in nameless)


@pytest.fixture(scope="module")
def inn(kept):
    """What belongs to Sakura-ya or to its owner."""
    return kept(make_inn)


def make_inn():
    sakura, maple = (Facility.objects.get(slug=slug) for slug in ("sakura", "maple"))
    hanako = add_owner(sakura, email=f"hanako{AT}", password=PASSWORD)
    add_owner(maple, email=f"momiji{AT}", password=PASSWORD)
    User.objects.create_superuser(f"operator{AT}", PASSWORD)
    SiteKey.objects.create(facility=sakura, location="entrance")
    rows = make_rows(sakura, hanako)
    taro = User.objects.create_user(f"taro{AT}", PASSWORD)
    Membership.objects.create(facility=sakura, user=taro, role="staff")
    token, _secret = AccessToken.issue(hanako)
    faq = rows[Faq]
    return rows | {
        User: taro,
        AccessToken: token,
        FaqUpload: FaqUpload.objects.create(
            facility=faq.facility, uploaded_by=hanako, mode="add", content=b"category\n"
        ),
        FaqRevision: FaqRevision.objects.create(
            facility=faq.facility,
            faq_id=faq.pk,
            origin="page",
            before=snapshot_of(faq),
        ),
    }


@pytest.fixture
def person(inn, db):
    """Who has that name, as nobody has used him yet."""
    return lambda name: User.objects.get(email=name + AT)


@pytest.fixture
def people(person):
    return [person(name) for name in ("hanako", "taro", "operator", "momiji")]


def model_of(name):
    return apps.get_model(name.replace("_", ".", 1))


def page_of(name, page, pk):
    return reverse(f"admin:{name}_{page}", args=[pk] if page not in {"changelist", "add"} else [])


def everything(inn):
    """All rows of the inn, but the record of who looked."""
    kept = [model for model in inn if model is not AuditEvent]
    return list(itertools.chain(*(model.objects.order_by("pk").values() for model in kept)))


@EACH_MODEL
def test_each_is_answered_as_his_role_says(inn, people, model):
    row = inn[model_of(model)]
    clients = [browser_of(user) for user in people[:3]]

    for page, states in MODELS[model].items():
        address = page_of(model, page, row.pk)
        assert (page, *(each.get(address).status_code for each in clients)) == (page, *states)


@EACH_MODEL
def test_for_a_member_of_another_inn_it_is_not_there(inn, person, model):
    client = browser_of(person("momiji"))
    row = inn[model_of(model)]
    answers = {page: client.get(page_of(model, page, row.pk)) for page in PAGES}

    if answers["changelist"].status_code == 200:
        assert row.pk not in [other.pk for other in answers["changelist"].context["cl"].result_list]
    for page in ("change", "delete", "history"):
        made_up = client.get(page_of(model, page, 2**40))
        assert answers[page].status_code == made_up.status_code
        assert answers[page].status_code in {403, 404}
    assert not any("さくら屋" in answer.content.decode() for answer in answers.values())


@EACH_MODEL
def test_nobody_is_sent_to_sign_in(inn, db, model):
    before = everything(inn)

    for page in PAGES:
        address = page_of(model, page, inn[model_of(model)].pk)
        for answer in (Client().get(address), Client().post(address, {"post": "yes"})):
            assert answer.url.startswith("/admin/login/")
    assert everything(inn) == before


@pytest.mark.parametrize(("who", "model"), FORBIDDEN)
def test_whoever_may_not_change_it_changes_nothing(inn, person, model, who):
    """Forms, a confirmed deletion, and each action of the list, sent as the pages send them."""
    client = browser_of(person(who))
    row = inn[model_of(model)]
    actions = {"delete_selected", *(admin.site.get_model_admin(type(row)).actions or [])}
    pages = ["add", "change", "delete"]
    if who == "taro" and MODELS[model] is READ:  # what else there is, staff may
        actions, pages = {"delete_selected"}, ["add", "delete"]
    before = everything(inn)

    for page in pages:
        client.post(page_of(model, page, row.pk), {"post": "yes"})
    for action in actions:
        form = {"action": action, "_selected_action": [row.pk], "post": "yes"}
        client.post(page_of(model, "changelist", row.pk), form)

    assert everything(inn) == before


@EACH_OTHER
def test_every_other_page_answers_as_the_role_says(inn, people, name):
    page = OTHERS[name]
    address = reverse(name, args=page.arguments(inn))

    def ask(client):
        if page.posted is None:
            return client.get(address)
        numbers = {model: row.pk for model, row in inn.items()}
        return client.post(address, {k: numbers.get(v, v) for k, v in page.posted.items()})

    outsider, *members = [ask(browser_of(user)) for user in (people[3], *people[:3])]
    assert (*(each.status_code for each in members), outsider.status_code) == page.states
    assert "さくら屋" not in outsider.content.decode()
    nobody = ask(Client())
    if page.nobody is None:
        assert nobody.url.startswith("/admin/login/") or name == "admin:logout"
    else:
        assert nobody.status_code == page.nobody


@pytest.mark.parametrize("who", ["hanako", "taro", "operator"])
def test_the_sidebar_shows_what_the_role_may_open(person, who):
    client = browser_of(person(who))
    navigation = client.get("/admin/").context["sidebar_navigation"]
    items = [item for group in navigation for item in group["items"]]
    links = {str(item["link"]) for item in items if item["has_permission"]}

    for link in links:
        assert client.get(link, follow=True).status_code == 200
    for model in ("nightqueue_channel", "facilities_membership", "facilities_auditevent"):
        assert (reverse(f"admin:{model}_changelist") in links) == (who != "taro")
    for name in ("admin:facilities_user_changelist", "health_page"):
        assert (reverse(name) in links) == (who == "operator")


def test_whoever_works_nowhere_any_more_sees_nothing(person):
    taro = person("taro")
    client = browser_of(taro)
    Membership.objects.filter(user=taro).delete()

    for model in MODELS:
        assert client.get(reverse(f"admin:{model}_changelist")).status_code == 403
