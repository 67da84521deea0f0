"""FAQs as a file: out and in again unchanged; nothing changes before it was shown and confirmed."""

import csv
import io
import re
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from facilities.models import Membership
from faq import services, tasks, uploads
from faq.models import OUTDATED, FaqTranslation, FaqUpload
from faq.transfer import read_faqs
from tests.conftest import Guest

HEADER = "category,intent_key,priority,language_ja_question,language_ja_answer\n"
KITE = HEADER + "basic,kite,3,凧を揚げられますか,屋上でどうぞ\n"
FILES = reverse("admin:faq_faq_files")


def address(name, *arguments):
    return reverse(f"admin:faq_faq_{name}", args=arguments)


class Desk:
    """A browser in which `user` is signed in."""

    def __init__(self, client, user, facility):
        self.client, self.facility = client, facility
        client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
        client.force_login(user)

    def export(self, **query):
        query = {
            "facility": self.facility.pk,
            "encoding": "utf-8-sig",
            "languages": ["ja", "en", "zh-TW", "zh-CN", "ko", "fr", "es"],
        } | query
        return self.client.get(address("download"), query)

    def upload(self, content, name="faqs.csv", **fields):
        raw = content if isinstance(content, bytes) else content.encode()
        fields = {"facility": self.facility.pk, "mode": "update"} | fields
        file = SimpleUploadedFile(name, raw)
        return self.client.post(address("upload"), {**fields, "file": file})

    def preview(self, content, **fields):
        """The page to which an upload leads."""
        response = self.upload(content, **fields)
        assert response.status_code == 302, response.content.decode()
        return self.client.get(response.url)

    def confirm(self, preview):
        page = preview.context
        number = page["upload"].pk
        return self.client.post(address("import", number), {"digest": page["digest"]}, follow=True)

    def bring_in(self, content, **fields):
        return self.confirm(self.preview(content, **fields))


@pytest.fixture
def desk(client, hanako, sakura):
    return Desk(client, hanako, sakura)


def rows_in(response, encoding="utf-8-sig"):
    assert response["Content-Type"] == "text/csv"
    return list(csv.DictReader(io.StringIO(response.content.decode(encoding), newline="")))


def words_of(response):
    return re.sub(r"\s+", " ", response.content.decode())


# Who ---------------------------------------------------------------------------------------------


@pytest.fixture
def kept(desk):
    """A file that Hanako has uploaded and not confirmed."""
    return desk.preview(KITE).context["upload"]


GETS = ["preview", "progress"]


def test_nobody_is_sent_to_sign_in(client, kept):
    client.logout()
    for name in ("files", "download", "template"):
        assert client.get(address(name)).url.startswith("/admin/login/")
    for name in GETS:
        assert client.get(address(name, kept.pk)).url.startswith("/admin/login/")
    assert client.post(address("import", kept.pk)).url.startswith("/admin/login/")
    assert client.post(address("upload")).url.startswith("/admin/login/")


def test_for_a_member_of_another_inn_nothing_is_there(client, kept, momiji, maple, sakura):
    theirs = Desk(client, momiji, maple)
    for number in (kept.pk, 2**40):
        assert [client.get(address(name, number)).status_code for name in GETS] == [404, 404]
        assert client.post(address("import", number)).status_code == 404

    exported = theirs.export(facility=sakura.pk)
    assert exported["Content-Type"].startswith("text/html")
    assert "さくら屋" not in exported.content.decode()
    assert theirs.upload(KITE, facility=sakura.pk).status_code == 200
    assert FaqUpload.objects.get() == kept
    assert sakura.faqs.count() == 30


def test_a_colleague_does_not_confirm_what_he_has_not_seen(client, kept, sakura, django_user_model):
    taro = django_user_model.objects.create_user("taro@sakura.example.com", "sakura-no-ki-2026")
    Membership.objects.create(facility=sakura, user=taro)
    client.force_login(taro)

    assert client.get(address("preview", kept.pk)).status_code == 404
    assert client.post(address("import", kept.pk)).status_code == 404


def test_who_works_nowhere_finds_nothing(client, django_user_model):
    client.force_login(django_user_model.objects.create_user("nobody@example.com", "x" * 20))

    assert client.get(FILES).status_code in {403, 404}
    assert client.get(address("template")).status_code == 404


def test_only_the_right_method_does_anything(desk, kept, sakura):
    assert desk.client.get(address("upload")).status_code == 405
    assert desk.client.get(address("import", kept.pk)).status_code == 405
    assert desk.client.post(address("download")).status_code == 405
    assert sakura.faqs.count() == 30


def test_a_form_of_another_site_does_nothing(kept, hanako, sakura):
    from django.test import Client

    strict = Client(enforce_csrf_checks=True)
    strict.force_login(hanako)

    assert strict.post(address("import", kept.pk)).status_code == 403
    assert strict.post(address("upload")).status_code == 403


def test_who_works_at_two_inns_chooses(desk, hanako, maple, sakura):
    Membership.objects.create(facility=maple, user=hanako)
    page = desk.client.get(FILES)
    assert {"さくら屋", "もみじ荘"} <= set(re.findall(r">([^<>]+)</option>", page.content.decode()))

    desk.bring_in(KITE, facility=maple.pk)

    assert maple.faqs.filter(intent_key="kite").exists()
    assert not sakura.faqs.filter(intent_key="kite").exists()


def test_who_works_at_one_is_not_asked(desk):
    assert (
        "<select"
        not in re.search(r'<div class="work">.*', desk.client.get(FILES).content.decode(), re.S)[0]
    )


# Out ---------------------------------------------------------------------------------------------


def test_what_is_exported_changes_nothing_when_it_is_imported(desk):
    preview = desk.preview(desk.export().content)

    found = preview.context["comparison"]
    assert (found.unchanged, found.new, found.changed) == (30, [], [])
    assert "nothing to import" in words_of(preview)
    assert "Import exactly this" not in words_of(preview)


def test_excel_in_japan_opens_it(desk):
    response = desk.export()

    assert response.content.startswith(b"\xef\xbb\xbf")
    assert 'filename="sakura-faqs.csv"' in response["Content-Disposition"]
    assert rows_in(response)[0]["language_ja_question"]


@pytest.mark.parametrize("mark", ["=", "+", "-", "@", "＝", "'=", "''@"])
def test_no_spreadsheet_calculates_a_text_and_it_comes_back_as_it_was(desk, sakura, mark):
    text = f'{mark}HYPERLINK("https://evil.example.com","さくら")'
    faq = sakura.faqs.first()
    faq.translations.filter(language="ja").update(question=text, answer=text)
    content = desk.export().content

    cells = [cell for row in csv.reader(io.StringIO(content.decode("utf-8-sig"))) for cell in row]
    assert not [cell for cell in cells if re.match("[=+@＝＋－＠-]", cell)]
    assert {text, f"'{text}"} & set(cells) == {f"'{text}"}
    assert desk.preview(content).context["comparison"].unchanged == 30
    row = next(row for row in read_faqs(content).rows if row.intent_key == faq.intent_key)
    assert row.texts["ja"] == (text, text)


def test_an_apostrophe_of_ones_own_stays(desk, sakura):
    desk.bring_in(HEADER + "basic,kite,3,'quoted' question,'s Avonds\n")

    assert sakura.faqs.get(intent_key="kite").translations.get().answer == "'s Avonds"


def test_what_shift_jis_cannot_write_is_named_and_nothing_is_lost(desk):
    response = desk.export(encoding="cp932")

    assert response["Content-Type"].startswith("text/html")
    told = words_of(response)
    assert "Shift_JIS has no characters for" in told
    assert "한국어 (" in told
    assert "Français (" in told
    assert "日本語 (" not in told


def test_what_it_can_write_leaves_the_other_languages_alone(desk, sakura):
    content = desk.export(encoding="cp932", languages=["ja", "en"]).content.decode("cp932")

    desk.bring_in(content.replace("バスタオル", "大きなタオル").encode("cp932"))

    towels = sakura.faqs.get(intent_key="facilities_towels_amenities").translations
    assert towels.get(language="ja").answer.startswith("大きなタオル")
    assert towels.count() == 7
    assert FaqTranslation.objects.for_facility(sakura).count() == 7 * 30


def test_a_file_without_languages_is_none(desk):
    response = desk.client.get(
        address("download"), {"facility": desk.facility.pk, "encoding": "cp932"}
    )

    assert response["Content-Type"].startswith("text/html")


def test_the_template_can_be_imported(desk, sakura):
    content = desk.client.get(address("template")).content
    desk.bring_in(content)

    example = sakura.faqs.get(intent_key="example")
    assert example.translations.count() == 7
    assert not example.is_active, "guests are told nothing by an example"


# What would change ------------------------------------------------------------------------------


def test_nothing_changes_before_it_is_confirmed(desk, sakura):
    preview = desk.preview(KITE)

    assert [row.intent_key for row in preview.context["comparison"].new] == ["kite"]
    assert sakura.faqs.count() == 30

    desk.confirm(preview)

    added = sakura.faqs.get(intent_key="kite")
    assert (added.created_by.email, added.translations.get().answer) == (
        "hanako@sakura.example.com",
        "屋上でどうぞ",
    )


def test_what_would_change_is_shown_before_and_after(desk, sakura):
    desk.bring_in(KITE)
    preview = desk.preview(KITE.replace("屋上", "海岸").replace("kite,3", "kite,5"))

    told = words_of(preview)
    assert all(text in told for text in ("屋上でどうぞ", "海岸でどうぞ", "kite"))
    ((shown, changes),) = preview.context["changed"]
    assert shown.settings == {"priority": (3, 5)}
    assert [(each.label, each.before, each.after) for each in changes] == [
        ("priority", "3", "5"),
        ("日本語: answer", "屋上でどうぞ", "海岸でどうぞ"),
    ]

    desk.confirm(preview)

    faq = sakura.faqs.get(intent_key="kite")
    assert (faq.priority, faq.translations.get().answer) == (5, "海岸でどうぞ")


def test_of_a_new_faq_is_shown_what_it_will_be(desk):
    told = words_of(
        desk.preview(
            "category,intent_key,is_active,visibility,language_ja_question,language_ja_answer,"
            "language_fr_question,language_fr_answer\n"
            "basic,kite,false,on_site,凧は？,屋上でどうぞ,Un cerf-volant ?,Sur le toit.\n"
        )
    )

    assert "Category: Basics" in told
    assert "Shown to guests: No" in told
    assert "Who is told: Guests who scanned a code at the inn" in told
    assert "Languages: 日本語, Français" in told


def test_only_adding_leaves_what_the_inn_has(desk, sakura):
    desk.bring_in(KITE)
    file = KITE.replace("屋上", "海岸") + "basic,boat,3,舟は,あります\n"
    preview = desk.preview(file, mode="add")
    found = preview.context["comparison"]
    assert (len(found.new), found.kept, found.changed) == (1, 1, [])

    desk.confirm(preview)

    assert sakura.faqs.get(intent_key="kite").translations.get().answer == "屋上でどうぞ"
    assert sakura.faqs.filter(intent_key="boat").exists()


def test_what_the_file_leaves_open_stays(desk, sakura):
    sakura.faqs.create(
        intent_key="kite", category="basic", priority=5, is_active=False, visibility="on_site"
    )
    desk.bring_in("category,intent_key,language_ja_question,language_ja_answer\nbasic,kite,q,a\n")

    faq = sakura.faqs.get(intent_key="kite")
    assert (faq.priority, faq.is_active, faq.visibility) == (5, False, "on_site")


def test_an_emptied_text_goes_and_a_language_without_columns_stays(desk, sakura):
    seven = ["ja", "en", "zh-TW", "zh-CN", "ko", "fr", "es"]
    rows = rows_in(desk.export(languages=["ja", "en"]))[:1]
    rows[0] |= {"language_en_question": "", "language_en_answer": ""}
    file = io.StringIO()
    writer = csv.DictWriter(file, rows[0])
    writer.writeheader()
    writer.writerows(rows)

    preview = desk.preview(file.getvalue())
    assert "is deleted" in words_of(preview)
    desk.confirm(preview)

    left = sakura.faqs.get(intent_key=rows[0]["intent_key"]).translations
    assert set(left.values_list("language", flat=True)) == {*seven} - {"en"}
    assert sakura.faqs.count() == 30


def test_a_long_preview_counts_what_it_does_not_show(desk):
    rows = "".join(f"basic,row_{n},3,質問{n},答え{n}\n" for n in range(1250))
    told = words_of(desk.preview(HEADER + rows))

    assert "1,250" in told
    assert "and 1,200 more" in told
    assert "row_1249" not in told


# Bad cells --------------------------------------------------------------------------------------


def test_a_bad_cell_in_row_4711_changes_nothing_and_is_named(desk, sakura):
    rows = [f"basic,row_{n},3,質問{n},答え{n}\n" for n in range(2, 4801)]
    rows[4711 - 2] = "basic,row_4711,9,質問,答え\n"
    preview = desk.preview(HEADER + "".join(rows))

    told = words_of(preview)
    assert "Row 4,711 in Excel" in told
    assert "priority" in told
    assert "must be a number from 1 to 5" in told
    assert "Import exactly this" not in told
    response = desk.confirm(preview)
    assert "Nothing was imported" in words_of(response)
    assert sakura.faqs.count() == 30


def test_a_row_is_counted_as_excel_does_and_as_the_file_does(desk):
    told = words_of(desk.preview(HEADER + 'basic,a,3,"q\nq",a\n\nbasic,b,9,q,a\n'))

    assert "Row 4 in Excel (line 5 of the file)" in told


def test_what_stands_in_a_bad_cell_is_shown_in_short(desk):
    told = words_of(desk.preview(HEADER + f"basic,kite,{'<b>' * 40},q,a\n"))

    assert "Priority (priority)" in told
    assert "&lt;b&gt;&lt;b&gt;" in told
    assert "&lt;b&gt;" * 20 not in told


def test_every_bad_cell_is_named_up_to_a_number(desk):
    preview = desk.preview(HEADER + "basic,,9,q,a\n" * 60)

    assert preview.context["problem_count"] == 60
    assert "and 10 more" in words_of(preview)


def test_the_names_of_the_columns_may_be_wrong(desk):
    told = words_of(desk.preview("category,language_de_question\nbasic,x\n"))

    assert "Row 1 in Excel" in told
    assert "language_de_question is of no language known here" in told


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_what_excel_writes_is_read(desk, encoding, delimiter):
    file = KITE.replace(",", delimiter).encode(encoding)

    assert desk.preview(file).context["comparison"].new[0].texts["ja"][1] == "屋上でどうぞ"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "the file is empty"),
        (b"\xef\xbb\xbf\n", "column category is missing"),
        (b"PK\x03\x04 and so on", "an Excel workbook"),
        (b"\xd0\xcf\x11\xe0 and so on", "an Excel workbook"),
        (b"\x89PNG\r\n\x1a\n", "a picture or a PDF"),
        (b"\xff\xd8\xff\xe0", "a picture or a PDF"),
        (b"\x80\x81\xff\xfe", "neither UTF-8 nor CP932"),
        (b"x" * (10 * 1024 * 1024 + 1), "larger than 10 MB"),
    ],
)
def test_what_is_no_table_is_told_and_what_to_do(desk, content, told):
    response = desk.upload(content)
    if response.status_code == 302:
        response = desk.client.get(response.url)
    else:
        assert not FaqUpload.objects.exists()

    assert told in words_of(response)
    assert "Import exactly this" not in words_of(response)


def test_no_file_is_told(desk):
    response = desk.client.post(address("upload"), {"facility": desk.facility.pk, "mode": "add"})

    assert "This field is required" in words_of(response)


def test_errors_are_in_the_language_of_who_reads(desk):
    desk.client.defaults["HTTP_ACCEPT_LANGUAGE"] = "ja"
    told = words_of(desk.preview(HEADER + "basic,a,9,q,a\n"))

    assert "1から5" in told
    assert "Excelの2行目" in told


# Confirming -------------------------------------------------------------------------------------


def test_a_double_click_imports_once(desk, sakura):
    preview = desk.preview(KITE)
    first, second = desk.confirm(preview), desk.confirm(preview)

    assert sakura.faqs.filter(intent_key="kite").count() == 1
    assert first.context["upload"].added == second.context["upload"].added == 1
    assert "is imported" in words_of(second)


def test_what_changed_since_the_preview_is_previewed_again(desk, sakura):
    desk.bring_in(KITE)
    preview = desk.preview(KITE.replace("屋上", "海岸"))
    text = FaqTranslation.objects.get(faq__intent_key="kite", faq__facility=sakura)
    text.answer = "庭でどうぞ"
    text.save()

    again = desk.confirm(preview)

    text.refresh_from_db()
    assert text.answer == "庭でどうぞ"
    assert "have changed since this preview" in words_of(again)
    assert "庭でどうぞ" in words_of(again)
    desk.confirm(again)
    text.refresh_from_db()
    assert text.answer == "海岸でどうぞ"


def test_so_is_a_faq_that_somebody_has_added_since(desk, sakura):
    preview = desk.preview(KITE)
    sakura.faqs.create(intent_key="kite", category="basic")

    assert "have changed since this preview" in words_of(desk.confirm(preview))
    assert not sakura.faqs.get(intent_key="kite").translations.exists()


def test_a_change_elsewhere_is_no_reason_to_look_again(desk, sakura):
    preview = desk.preview(KITE)
    sakura.faqs.create(intent_key="boat", category="basic")

    assert "is imported" in words_of(desk.confirm(preview))


def test_all_or_nothing(desk, sakura, monkeypatch):
    def breaks(facility, changed):
        raise RuntimeError("the machine stops")

    preview = desk.preview(KITE)
    monkeypatch.setattr(uploads, "change_faqs", breaks)
    with pytest.raises(RuntimeError):
        desk.confirm(preview)

    assert sakura.faqs.count() == 30
    assert FaqUpload.objects.get().imported_at is None


@pytest.mark.parametrize("digest", ["", "0" * 64])
def test_what_was_not_shown_is_not_imported(desk, kept, sakura, digest):
    desk.client.post(address("import", kept.pk), {"digest": digest})

    assert sakura.faqs.count() == 30


def test_a_file_is_kept_for_a_day_and_no_longer(desk, kept, at):
    at(timezone.now() + timedelta(hours=25))
    assert desk.client.get(address("preview", kept.pk)).status_code in {302, 404}
    tasks.drop_expired_uploads()

    assert not FaqUpload.objects.exists()


def test_a_file_that_is_imported_or_replaced_is_not_kept(desk):
    desk.preview(KITE)
    desk.bring_in(KITE)

    (upload,) = FaqUpload.objects.all()
    assert bytes(upload.content) == b""


def test_uploads_of_others_stay(desk, kept, client, momiji, maple):
    Desk(client, momiji, maple).preview(KITE)

    assert FaqUpload.objects.count() == 2


# Until guests find it ---------------------------------------------------------------------------


@pytest.fixture
def calls(monkeypatch):
    """Of the worker, for an index; of more than three texts it makes it."""
    made = []
    monkeypatch.setattr("faq.transfer.INDEXED_AT_ONCE", 3)
    monkeypatch.setattr(uploads, "INDEXED_AT_ONCE", 3)
    monkeypatch.setattr(tasks.index_texts, "apply_async", lambda args, **_: made.append(args))
    return made


MANY = HEADER + "".join(f"basic,row_{n},3,質問{n}は,答え{n}\n" for n in range(5))


def test_the_progress_is_true(desk, sakura, calls, monkeypatch, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        page = desk.bring_in(MANY)
    assert "30 of 35 FAQs can be found by guests" in words_of(page)
    assert "cannot be answered from yet" in words_of(desk.client.get(address("changelist")))
    progress = address("progress", page.context["upload"].pk)
    assert desk.client.get(progress).json()["done"] is False
    assert calls == [[sakura.pk]]

    monkeypatch.setattr(tasks, "INDEXED_A_RUN", 2)
    monkeypatch.setattr(services, "BATCH", 2)
    tasks.index_texts(*calls.pop())
    assert desk.client.get(progress).json()["lines"] == ["32 of 35 FAQs can be found by guests."]
    while calls:
        tasks.index_texts(*calls.pop())

    assert desk.client.get(progress).json()["done"] is True
    assert "can be found by guests" in words_of(desk.client.get(page.redirect_chain[-1][0]))
    assert "cannot be answered from yet" not in words_of(desk.client.get(address("changelist")))


def test_few_are_found_at_once(desk, guest):
    desk.bring_in(
        "category,language_en_question,language_en_answer\nbasic,May I fly a kite?,Yes!\n"
    )

    assert guest.ask("may i fly a kite", language="en")["message"]["content"] == "Yes!"


def test_a_new_answer_to_the_same_question_is_given_before_the_worker_comes(desk, sakura, calls):
    questions = [("kite", "May I fly a kite?"), ("boat", "Is there a rowing boat?")] + [
        (f"row_{n}", f"Where is hall number {n}?") for n in range(4)
    ]
    header = "category,intent_key,language_en_question,language_en_answer\n"
    first = header + "".join(f"basic,{key},{text},Old\n" for key, text in questions)
    desk.bring_in(first)
    services.reindex(sakura)

    desk.bring_in(first.replace("Old", "New").replace("rowing boat", "sailing dinghy"))

    assert Guest(sakura).ask("may i fly a kite", language="en")["message"]["content"] == "New"
    texts = FaqTranslation.objects.filter(faq__facility=sakura)
    assert texts.get(faq__intent_key="kite").index_version == OUTDATED
    assert texts.get(faq__intent_key="boat").index_version is None, "it would be found as another"
    services.reindex(sakura)
    assert not texts.filter(index_version__in=[None, OUTDATED]).exists()


def test_unchanged_texts_keep_their_vectors_and_changed_ones_lose_them(desk, sakura):
    two = HEADER + "basic,a,3,q,a\nbasic,b,3,q,a\n"
    desk.bring_in(two)
    vector = [1.0] + [0.0] * 1535
    texts = FaqTranslation.objects.filter(faq__facility=sakura, faq__intent_key__in=["a", "b"])
    texts.update(embedding=vector, embedding_model="m")

    desk.bring_in(two.replace("b,3,q,a", "b,3,q,new"))

    assert {t.faq.intent_key: bool(t.embedding_model) for t in texts.select_related("faq")} == {
        "a": True,
        "b": False,
    }


def test_with_an_ai_service_its_vectors_are_waited_for_too(desk, provider):
    page = desk.bring_in(KITE)

    assert "0 of 31 FAQs are ready for the AI search" in words_of(page)


def test_thousands_are_imported_by_a_few_statements(
    desk, sakura, hanako, django_assert_max_num_queries
):
    rows = "".join(f"basic,row_{n},3,質問{n},答え{n}\n" for n in range(3000))
    for file in (HEADER + rows, HEADER + rows.replace("答え", "返事").replace(",3,", ",4,")):
        shown = desk.preview(file).context
        with django_assert_max_num_queries(40):
            uploads.import_upload(shown["upload"], actor=hanako, digest=shown["digest"])

    assert sakura.faqs.filter(priority=4, intent_key__startswith="row_").count() == 3000
    assert FaqTranslation.objects.filter(faq__facility=sakura, answer="返事2999").exists()


def test_the_pages_are_linked_from_the_list_and_from_a_faq(desk, sakura):
    listed = words_of(desk.client.get(address("changelist")))
    faq = sakura.faqs.first()
    page = desk.client.get(address("change", faq.pk))

    assert FILES in listed
    assert address("try_out") in listed
    assert address("try_question", faq.pk) in words_of(page)
    led = desk.client.get(address("try_question", faq.pk), follow=True)
    question = faq.translations.get(language="ja").question
    assert led.context["form"]["question"].value() == question
