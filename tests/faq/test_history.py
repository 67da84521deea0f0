"""Who changed a FAQ, when and how; and how it comes back."""

import pytest
from django.urls import reverse
from django.utils.translation import override

from faq.history import differences
from faq.models import Faq, FaqRevision, FaqTranslation, FaqWording
from faq.services import (
    change_faq,
    create_faq,
    delete_faq,
    delete_faqs,
    restore,
    show_faqs,
)
from faq.transfer import add_faqs, export_folder, import_folder, read_faqs
from tests.conftest import staff_client

PAGE = FaqRevision.Origin.PAGE
ENGLISH, JAPANESE = ("Kites?", "We lend."), ("凧は?", "貸します。")


@pytest.fixture
def kite(sakura, hanako):
    return create_faq(
        facility=sakura,
        actor=hanako,
        category="facilities",
        intent_key="kite",
        texts={"en": ENGLISH, "ja": JAPANESE},
        wordings={("en", "windy?")},
        origin=PAGE,
    )


def changes_of(faq_id):
    """The oldest first."""
    return list(FaqRevision.objects.filter(faq_id=faq_id).order_by("pk"))


def state_of(faq_id):
    faq = Faq.objects.get(pk=faq_id)
    texts = {text.language: (text.question, text.answer) for text in faq.translations.all()}
    wordings = set(faq.wordings.values_list("language", "text", "origin"))
    return (faq.intent_key, faq.category, faq.priority, faq.is_active, texts, wordings)


# What is kept -----------------------------------------------------------------------------------


def test_a_new_faq_is_recorded_with_its_author(sakura, hanako, kite):
    (made,) = changes_of(kite.pk)

    assert (made.facility, made.author, made.origin) == (sakura, hanako, "page")
    assert made.before is None
    assert made.after == {
        "category": "facilities",
        "intent_key": "kite",
        "priority": 3,
        "is_active": True,
        "visibility": "anyone",
        "texts": {"en": list(ENGLISH), "ja": list(JAPANESE)},
        "wordings": {"en": ["windy?"]},
    }


def test_a_change_says_what_was_and_what_is(hanako, kite):
    change_faq(faq=kite, actor=hanako, texts={"en": ("Kites?", "No."), "ja": None}, priority=5)

    with override("en"):
        said = {(d.what, d.before, d.after) for d in differences(changes_of(kite.pk)[-1])}
    assert said == {
        ("English: answer", "We lend.", "No."),
        ("日本語: question", "凧は?", ""),
        ("日本語: answer", "貸します。", ""),
        ("priority", "3", "5"),
    }


def test_what_changes_nothing_is_not_recorded(hanako, sakura, kite):
    change_faq(faq=kite, actor=hanako, texts={"en": ENGLISH}, priority=3)
    show_faqs(Faq.objects.filter(pk=kite.pk), shown=True, actor=hanako, origin=PAGE)
    Faq.objects.filter(pk=kite.pk).update(confirmed_by=7)

    assert len(changes_of(kite.pk)) == 1


def test_what_fails_is_not_recorded(desk_app, kite):
    taken = Faq.objects.exclude(pk=kite.pk).filter(facility=kite.facility).first().intent_key
    response = desk_app.put(
        f"/api/v1/admin/faqs/{kite.pk}", {"intent_key": taken}, content_type="application/json"
    )

    assert response.status_code == 400
    assert len(changes_of(kite.pk)) == 1


def test_guests_words_are_not_kept(hanako, kite):
    FaqWording.objects.create(faq=kite, language="en", text="I am Bob, kites?", origin="guest")
    change_faq(faq=kite, actor=hanako, priority=1)
    delete_faq(faq=kite, actor=hanako)

    assert not any("Bob" in f"{r.before}{r.after}" for r in changes_of(kite.pk))


@pytest.fixture
def desk_app(hanako):
    return staff_client(hanako)


def test_the_staff_api_is_recorded(desk_app, hanako):
    text = {"language": "en", "question": "Umbrella?", "answer": "At the door."}
    body = {"category": "basic", "translations": [text]}
    path = "/api/v1/admin/faqs"
    made = desk_app.post(path, body, content_type="application/json").json()["id"]
    desk_app.put(f"{path}/{made}", {"priority": 1}, content_type="application/json")
    desk_app.delete(f"{path}/{made}")

    created, changed, deleted = changes_of(made)
    assert {(r.author, r.origin) for r in (created, changed, deleted)} == {(hanako, "api")}
    assert (created.before, deleted.after) == (None, None)
    assert (changed.before["priority"], changed.after["priority"]) == (3, 1)


def test_a_file_is_recorded_by_faq(sakura, hanako):
    rows = read_faqs(
        b"category,intent_key,language_en_question,language_en_answer\n"
        b"basic,one,One?,1\nbasic,two,Two?,2\n"
    ).rows
    add_faqs(facility=sakura, actor=hanako, rows=rows)

    one, two = FaqRevision.objects.filter(facility=sakura).order_by("pk")
    assert {(r.author, r.origin, r.before) for r in (one, two)} == {(hanako, "file", None)}
    assert two.after["texts"] == {"en": ["Two?", "2"]}


def test_an_import_records_only_what_it_changes(sakura, kite, tmp_path):
    export_folder(sakura, tmp_path)
    change_faq(faq=kite, texts={"en": ("Kites?", "No.")}, wordings=set())
    before = FaqRevision.objects.count()
    import_folder(tmp_path)

    made = FaqRevision.objects.order_by("pk")[before:]
    assert {(r.faq_id, r.origin, r.author) for r in made} == {(kite.pk, "file", None)}
    assert state_of(kite.pk)[4]["en"] == ENGLISH


def test_many_are_recorded_in_a_few_statements(sakura, hanako, django_assert_max_num_queries):
    with django_assert_max_num_queries(15):
        show_faqs(Faq.objects.for_facility(sakura), shown=False, actor=hanako, origin=PAGE)

    assert FaqRevision.objects.filter(facility=sakura).count() == 30


# Coming back ------------------------------------------------------------------------------------


def test_a_change_is_taken_back_and_that_is_a_change_too(hanako, kite):
    before = state_of(kite.pk)
    change_faq(
        faq=kite,
        actor=hanako,
        texts={"en": ("Kites?", "No."), "ja": None, "ko": ("연?", "네.")},
        wordings={("ja", "風")},
        priority=5,
        is_active=False,
    )
    restore(revision=changes_of(kite.pk)[-1], actor=hanako)

    assert state_of(kite.pk) == before
    back = changes_of(kite.pk)[-1]
    assert (back.origin, back.author, len(changes_of(kite.pk))) == ("history", hanako, 3)


def test_a_text_that_comes_back_is_searched_anew_and_the_others_keep_their_vectors(hanako, kite):
    change_faq(faq=kite, actor=hanako, texts={"en": ("Kites?", "No.")})
    FaqTranslation.objects.filter(faq=kite).update(embedding=[1.0] + [0.0] * 1535)
    restore(revision=changes_of(kite.pk)[-1], actor=hanako)

    vectors = dict(FaqTranslation.objects.filter(faq=kite).values_list("language", "embedding"))
    assert vectors["en"] is None
    assert vectors["ja"] is not None


def test_what_guests_taught_stays_when_a_change_is_taken_back(hanako, kite):
    change_faq(faq=kite, actor=hanako, priority=5)
    FaqWording.objects.create(faq=kite, language="en", text="kite flying", origin="guest")
    restore(revision=changes_of(kite.pk)[-1], actor=hanako)

    assert ("en", "kite flying", "guest") in state_of(kite.pk)[5]


def test_a_deleted_faq_comes_back_under_its_number_and_answers_again(guest, hanako, sakura):
    faq = Faq.objects.get(facility=sakura, intent_key="basic_check_in_time")
    number, before = faq.pk, state_of(faq.pk)
    delete_faq(faq=faq, actor=hanako)
    deletion = FaqRevision.objects.for_user(hanako).of_deleted().get()
    restore(revision=deletion, actor=hanako)

    assert state_of(number) == before
    answer = guest.ask("What time can I check in?", language="en")["message"]["content"]
    assert answer.startswith(before[4]["en"][1].split("{")[0])
    assert not FaqRevision.objects.of_deleted().exists()


def test_restored_twice_it_is_there_once(hanako, kite):
    number = kite.pk
    delete_faqs(Faq.objects.filter(pk=number), actor=hanako, origin=PAGE)
    deletion = FaqRevision.objects.of_deleted().get()
    for _time in range(2):
        restore(revision=deletion, actor=hanako)

    assert len(changes_of(number)) == 3


def test_another_faq_keeps_the_key_that_it_has_taken(sakura, hanako, kite):
    number = kite.pk
    delete_faq(faq=kite, actor=hanako)
    other = create_faq(
        facility=sakura, actor=hanako, category="basic", intent_key="kite", texts={"en": ENGLISH}
    )
    restore(revision=FaqRevision.objects.of_deleted().get(), actor=hanako)

    assert Faq.objects.get(pk=other.pk).intent_key == "kite"
    assert Faq.objects.get(pk=number).intent_key.startswith("facilities_")


def test_a_renamed_faq_keeps_its_new_key_when_the_old_one_is_taken(sakura, hanako, kite):
    change_faq(faq=kite, actor=hanako, intent_key="dragon")
    create_faq(
        facility=sakura, actor=hanako, category="basic", intent_key="kite", texts={"en": ENGLISH}
    )
    restore(revision=changes_of(kite.pk)[-1], actor=hanako)

    assert Faq.objects.get(pk=kite.pk).intent_key == "dragon"


def test_the_history_goes_with_the_inn(maple, momiji):
    create_faq(facility=maple, actor=momiji, category="basic", texts={"en": ENGLISH})
    maple.delete()

    assert not FaqRevision.objects.exists()


# The pages --------------------------------------------------------------------------------------

DELETED = reverse("admin:faq_faq_deleted")


def history_of(number):
    return reverse("admin:faq_faq_history", args=[number])


def restore_page(revision):
    return reverse("admin:faq_faq_restore", args=[revision.pk])


@pytest.fixture
def staff(client, hanako):
    client.force_login(hanako)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


def test_staff_read_who_changed_what_and_take_it_back(staff, hanako, kite):
    change_faq(faq=kite, actor=hanako, texts={"en": ("Kites?", "No <b>kites</b>.")})
    page = staff.get(history_of(kite.pk)).content.decode()

    assert "hanako@sakura.example.com" in page
    assert "English: answer" in page
    assert "No &lt;b&gt;kites" in page
    assert staff.post(restore_page(changes_of(kite.pk)[-1])).status_code == 302
    assert state_of(kite.pk)[4]["en"] == ENGLISH


def test_times_are_those_of_the_inn(staff, sakura, kite):
    sakura.timezone = "Pacific/Honolulu"
    sakura.save()
    FaqRevision.objects.update(created_at="2026-01-01T05:00:00Z")

    assert "2025-12-31 19:00" in staff.get(history_of(kite.pk)).content.decode()


def test_staff_restore_a_deleted_faq_from_the_list(staff, hanako, kite):
    number = kite.pk
    staff.post(reverse("admin:faq_faq_delete", args=[number]), {"post": "yes"})
    page = staff.get(DELETED).content.decode()
    deletion = FaqRevision.objects.of_deleted().get()

    assert "凧は?" in page
    assert restore_page(deletion) in page
    assert "hanako" in staff.get(history_of(number)).content.decode()
    assert staff.post(restore_page(deletion)).url == reverse("admin:faq_faq_change", args=[number])
    assert "凧は?" not in staff.get(DELETED).content.decode()
    assert Faq.objects.filter(pk=number).exists()


def test_a_creation_cannot_be_taken_back(staff, kite):
    (made,) = changes_of(kite.pk)

    assert staff.post(restore_page(made)).status_code == 404


def test_looking_restores_nothing(staff, hanako, kite):
    delete_faq(faq=kite, actor=hanako)

    assert staff.get(restore_page(FaqRevision.objects.of_deleted().get())).status_code == 405
    assert not Faq.objects.filter(intent_key="kite").exists()


def test_for_another_inn_there_is_no_such_history(client, momiji, hanako, kite):
    number = kite.pk
    delete_faq(faq=kite, actor=hanako)
    deletion = FaqRevision.objects.of_deleted().get()
    client.force_login(momiji)

    assert "凧は?" not in client.get(DELETED).content.decode()
    assert client.get(history_of(number)).status_code == 404
    assert client.post(restore_page(deletion)).status_code == 404
    # Nor does a form of it become one of one's own.
    page = reverse("admin:faq_faq_change", args=[number])
    form = {"category": "basic", "question_ja": "傘は?", "answer_ja": "はい。"}
    client.post(page, form)
    assert not Faq.objects.filter(translations__question="傘は?").exists()


def test_nobody_is_sent_to_sign_in(client, hanako, kite):
    change_faq(faq=kite, actor=hanako, priority=5)

    for response in (
        client.get(DELETED),
        client.get(history_of(kite.pk)),
        client.post(restore_page(changes_of(kite.pk)[-1])),
    ):
        assert response.url.startswith("/admin/login/")
    assert Faq.objects.get(pk=kite.pk).priority == 5


def test_a_long_history_comes_in_pages(staff, kite, hanako):
    for number in range(25):
        change_faq(faq=kite, actor=hanako, texts={"en": ("Kites?", f"Number {number}.")})

    newest, oldest = (
        staff.get(history_of(kite.pk), {"page": page}).content.decode() for page in (1, 2)
    )
    assert "Number 24." in newest
    assert "Number 0." not in newest
    assert "Number 0." in oldest
