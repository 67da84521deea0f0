"""The staff API of FAQs: one at a time, and a file of them."""

import csv
import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from kombu.exceptions import OperationalError

from facilities.models import Membership
from faq import services, tasks, transfer
from faq.models import Faq, FaqTranslation
from tests.conftest import Guest, StaffApp
from yadopera.errors import NotFound

PATH = "/api/v1/admin/faqs"
ENGLISH = {"language": "en", "question": "May I fly a kite?", "answer": "Yes, on the roof."}
FRENCH = {"language": "fr", "question": "Un cerf-volant ?", "answer": "Oui, sur le toit."}
KITE = {"category": "facilities", "translations": [ENGLISH]}
NUL = "a\x00b"


class Desk(StaffApp):
    """Calls the FAQs as the staff app does."""

    def list(self, **query):
        return self.client.get(PATH, query)

    def add(self, **fields):
        return self.client.post(PATH, KITE | fields, content_type="application/json")

    def change(self, number, **fields):
        return self.client.put(f"{PATH}/{number}", fields, content_type="application/json")

    def delete(self, number):
        return self.client.delete(f"{PATH}/{number}")

    def upload(self, content, **fields):
        raw = content if isinstance(content, bytes) else content.encode()
        file = SimpleUploadedFile("faqs.csv", raw)
        return self.client.post(f"{PATH}/bulk-upload", {"file": file, "mode": "add"} | fields)


@pytest.fixture
def kite(desk):
    return desk.add(intent_key="kite").json()


# One FAQ ----------------------------------------------------------------------------------------


def test_what_is_made_has_the_shape_of_the_list(desk, hanako, sakura):
    response = desk.add(intent_key="kite", translations=[ENGLISH, FRENCH], is_active=False)

    body = response.json()
    assert response.status_code == 201
    assert body in desk.list().json()["faqs"]
    assert [text["language"] for text in body["translations"]] == ["en", "fr"]
    told = {key: value for key, value in body.items() if key not in {"id", "translations"}}
    assert told == {
        "facility_id": sakura.pk,
        "category": "facilities",
        "intent_key": "kite",
        "priority": 3,
        "is_active": False,
        "visibility": "anyone",
        "created_by": hanako.pk,
        "created_at": body["created_at"],
        "updated_at": body["updated_at"],
    }


def test_the_next_guest_is_answered_from_it_and_from_what_it_becomes(desk, sakura):
    def answer():
        return Guest(sakura).ask("may i fly a kite", language="en")["message"]["content"]

    assert "roof" not in answer()
    number = desk.add().json()["id"]
    assert answer() == "Yes, on the roof."
    desk.change(number, translations=[ENGLISH | {"answer": "No, the roof is closed."}])
    assert answer() == "No, the roof is closed."
    desk.delete(number)
    assert "roof" not in answer()


@pytest.mark.parametrize("missing", [{}, {"intent_key": ""}, {"intent_key": " "}])
def test_a_key_left_out_is_made_up_and_belongs_to_no_other(desk, missing):
    keys = [desk.add(**missing).json()["intent_key"] for _ in range(3)]

    first = keys[0]
    assert first.startswith("facilities_")
    assert keys == [first, f"{first}_2", f"{first}_3"]


def test_a_key_is_taken_once_a_facility(desk, theirs, kite):
    other = desk.add(intent_key="other").json()
    for refused in (desk.add(intent_key=" kite "), desk.change(other["id"], intent_key="kite")):
        assert refused.status_code == 400
        assert "has this key already" in refused.json()["detail"]

    assert Faq.objects.get(pk=other["id"]).intent_key == "other"
    assert theirs.add(intent_key="kite").status_code == 201
    assert desk.change(kite["id"], intent_key="kite").status_code == 200


def test_texts_replace_or_add_by_language_and_the_others_stay(desk, kite):
    answer = ENGLISH | {"answer": " Only by day. "}
    body = desk.change(kite["id"], translations=[answer, FRENCH]).json()

    assert [(text["language"], text["answer"]) for text in body["translations"]] == [
        ("en", "Only by day."),
        ("fr", "Oui, sur le toit."),
    ]
    assert desk.change(kite["id"], translations=[]).json()["translations"] == body["translations"]


def test_a_change_leaves_alone_what_it_does_not_name(desk, kite):
    body = desk.change(kite["id"], priority=5, is_active=False, category=None).json()

    assert body.pop("updated_at") > kite.pop("updated_at")
    assert body == kite | {"priority": 5, "is_active": False}


def test_a_text_that_does_not_change_keeps_its_vector(desk, kite):
    rows = FaqTranslation.objects.filter(faq=kite["id"])
    rows.update(embedding=[1.0] + [0.0] * 1535)

    desk.change(kite["id"], priority=5, translations=[ENGLISH])
    assert rows.get().embedding is not None
    desk.change(kite["id"], translations=[ENGLISH | {"answer": "No."}])
    assert rows.get().embedding is None


def test_new_texts_are_queued_for_vectors(
    desk, sakura, provider, monkeypatch, django_capture_on_commit_callbacks
):
    queued = []
    monkeypatch.setattr(
        tasks.embed_texts, "apply_async", lambda args, **options: queued.append(args)
    )

    with django_capture_on_commit_callbacks(execute=True):
        desk.add()

    assert queued == [[sakura.pk]]


@pytest.mark.parametrize("answer", ["It is {wifi_password}.", "It is hanami-1234."])
def test_what_tells_the_wifi_password_is_for_guests_at_the_inn(desk, sakura, answer):
    secret = [ENGLISH | {"answer": answer}]

    assert desk.add(translations=secret).json()["visibility"] == "on_site"
    assert desk.add(translations=secret, visibility="anyone").json()["visibility"] == "anyone"
    sakura.wifi_password_visibility = "anyone"
    sakura.save()
    assert desk.add(translations=secret).json()["visibility"] == "anyone"


def test_what_is_deleted_is_gone_with_its_texts(desk, kite):
    response = desk.delete(kite["id"])

    assert (response.status_code, response.content) == (204, b"")
    assert not FaqTranslation.objects.filter(faq=kite["id"]).exists()
    assert desk.delete(kite["id"]).status_code == 404
    assert desk.change(kite["id"], priority=1).status_code == 404


@pytest.mark.parametrize("call", [services.change_faq, services.delete_faq])
def test_one_that_is_deleted_meanwhile_is_not_stored_again(desk, kite, call):
    faq = Faq.objects.get(pk=kite["id"])
    desk.delete(kite["id"])

    with pytest.raises(NotFound):
        call(faq=faq)


LIMITS = {"question": "あ" * 500, "answer": "あ" * 2000}
BAD_TEXTS = [
    *({"question": bad} for bad in ("", " ", "　", NUL, "あ" * 501, None, 1, ["x"])),
    *({"answer": bad} for bad in ("", " \n", NUL, "あ" * 2001, None, True)),
    *({"language": bad} for bad in ("", "xx", "EN", NUL, None, 1)),
]
BAD_FIELDS = [
    *(("translations", [ENGLISH | bad]) for bad in BAD_TEXTS),
    *(("translations", bad) for bad in ([ENGLISH, ENGLISH], [ENGLISH, {}], [None], "en", {})),
    *(("category", bad) for bad in ("", "basics", NUL, 1, ["basic"])),
    *(("intent_key", bad) for bad in ("x" * 101, NUL, 1, True)),
    *(("priority", bad) for bad in (0, 6, -1, 10**30, "3", 2.5, True)),
    *(("is_active", bad) for bad in ("yes", 1, NUL)),
    *(("visibility", bad) for bad in ("", "staff", NUL)),
]


@pytest.mark.parametrize(("name", "bad"), BAD_FIELDS)
def test_bad_values_are_refused_and_nothing_is_stored(desk, kite, name, bad):
    for response in (desk.add(**{name: bad}), desk.change(kite["id"], **{name: bad})):
        assert response.status_code == 422
        assert response.json()["error"]["details"]["fields"]

    assert desk.list(category="facilities").json()["faqs"].count(kite) == 1
    assert Faq.objects.filter(created_by__isnull=False).count() == 1


@pytest.mark.parametrize("bad", [{"translations": []}, {"translations": None}, {"category": None}])
def test_a_faq_needs_a_category_and_a_text(desk, bad):
    assert desk.add(**bad).status_code == 422


def test_texts_may_be_as_long_as_the_contract_says(desk):
    (text,) = desk.add(translations=[ENGLISH | LIMITS]).json()["translations"]

    assert (text["question"], text["answer"]) == tuple(LIMITS.values())


@pytest.mark.parametrize("number", ["0", "-1", "x", "1.5", str(2**63), "9" * 40, "%00"])
def test_what_is_no_id_is_refused(desk, number):
    assert desk.change(number).status_code == 422
    assert desk.delete(number).status_code == 422


# Lists ------------------------------------------------------------------------------------------


def test_a_part_of_the_list_is_asked_for_and_the_total_is_true(desk):
    whole = desk.list().json()
    part = desk.list(limit=2, offset=3).json()

    assert part["faqs"] == whole["faqs"][3:5]
    assert part["total"] == whole["total"] == 30
    assert desk.list(offset=2**63 - 1).json() == {"faqs": [], "total": 30, "is_initializing": False}


@pytest.mark.parametrize("bad", [{"limit": 0}, {"limit": 1001}, {"offset": -1}, {"limit": "x"}])
def test_what_is_no_part_of_a_list_is_refused(desk, bad):
    assert desk.list(**bad).status_code == 422


def test_a_longer_list_takes_no_more_queries_and_reads_no_vectors(desk):
    def queries(**query):
        with CaptureQueriesContext(connection) as taken:
            assert desk.list(**query).status_code == 200
        assert not any("embedding" in query["sql"] for query in taken)
        return len(taken)

    assert queries() == queries(limit=1)


# Several facilities -----------------------------------------------------------------------------


def test_for_another_inn_a_faq_is_not_there(desk, theirs, kite):
    for call in (lambda number: theirs.change(number, priority=1), theirs.delete):
        found, made_up = call(kite["id"]), call(2**40)
        assert found.status_code == made_up.status_code == 404
        assert found.content == made_up.content

    assert kite in desk.list().json()["faqs"]


def test_nothing_is_added_to_another_inn(theirs, sakura):
    for call in (
        lambda number: theirs.add(facility_id=number),
        lambda number: theirs.upload(file_of(2), facility_id=number),
    ):
        found, made_up = call(sakura.pk), call(2**40)
        assert found.status_code == made_up.status_code == 404
        assert found.content == made_up.content

    assert sakura.faqs.count() == 30


def test_who_works_at_two_inns_chooses(desk, hanako, sakura, maple):
    Membership.objects.create(facility=maple, user=hanako)

    assert desk.add().json()["facility_id"] == sakura.pk
    assert desk.add(facility_id=maple.pk).json()["facility_id"] == maple.pk
    assert desk.upload(file_of(2), facility_id=maple.pk).json()["success_count"] == 2
    assert maple.faqs.count() == 33


# A file -----------------------------------------------------------------------------------------

HEADER = "category,intent_key,priority,language_ja_question,language_ja_answer\n"


def file_of(rows):
    return HEADER + "".join(f"basic,row_{n},3,質問{n},答え{n}\n" for n in range(rows))


def test_a_file_is_added_and_the_report_has_the_shape_of_the_contract(desk, sakura, hanako):
    response = desk.upload(file_of(2))

    body = response.json()
    assert response.status_code == 201
    assert 0 <= body.pop("processing_time_seconds") < 30
    assert body.pop("uploaded_at")
    assert body == {
        "success_count": 2,
        "failure_count": 0,
        "total_count": 2,
        "skipped_count": 0,
        "uploaded_by": hanako.pk,
        "errors": [],
        "warnings": [],
    }
    added = sakura.faqs.get(intent_key="row_1")
    assert (added.created_by, added.translations.get().answer) == (hanako, "答え1")


def test_what_was_added_is_found_at_once(desk, guest):
    desk.upload("category,language_en_question,language_en_answer\nbasic,May I fly a kite?,Yes!\n")

    assert guest.ask("may i fly a kite", language="en")["message"]["content"] == "Yes!"


def test_what_the_inn_has_is_skipped_and_named(desk, sakura):
    desk.upload(file_of(2))
    sakura.faqs.filter(intent_key="row_0").update(priority=5)

    body = desk.upload(file_of(3)).json()

    assert (body["success_count"], body["skipped_count"], body["total_count"]) == (1, 2, 3)
    assert [(each["line"], each["intent_key"]) for each in body["warnings"]] == [
        (2, "row_0"),
        (3, "row_1"),
    ]
    assert sakura.faqs.get(intent_key="row_0").priority == 5


def test_the_same_file_twice_adds_nothing_even_without_keys(desk):
    rows = "category,language_en_question,language_en_answer\nbasic,Q?,A.\n"

    assert desk.upload(rows).json()["success_count"] == 1
    assert desk.upload(rows).json()["skipped_count"] == 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
def test_what_excel_in_japan_writes_is_read(desk, sakura, encoding):
    assert desk.upload(file_of(1).encode(encoding)).json()["success_count"] == 1
    assert sakura.faqs.get(intent_key="row_0").translations.get().question == "質問0"


def test_with_a_bad_row_nothing_is_added_and_each_bad_cell_is_named(desk, sakura):
    row = io.StringIO()
    csv.writer(row).writerow(["basic", "lines", 3, "二行の\n質問", "答え"])
    bad = "basics,a,9,q,a\nbasic,b,3,q,\nbasic,row_1,3,q,a\nbasic,c,3,q,a,more\n"

    body = desk.upload(file_of(2) + row.getvalue() + bad).json()

    assert [(each["line"], each["column"]) for each in body["errors"]] == [
        (6, "category"),
        (6, "priority"),
        (7, "language_ja_answer"),
        (8, "intent_key"),
        (9, ""),
    ]
    assert all(each["message"] for each in body["errors"])
    counts = [body[f"{name}_count"] for name in ("success", "failure", "total", "skipped")]
    assert counts == [0, 4, 7, 0]
    assert sakura.faqs.count() == 30


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\x80\x81\xff\xfe", "neither UTF-8 nor CP932"),
        (file_of(1).encode("utf-16")[:-1], "neither UTF-8 nor CP932"),
        (b"", "the file is empty"),
        (b"intent_key\nx\n", "column category is missing"),
        (b"category,category\n", "is there twice"),
        (b"category,language_de_question\n", "no language known here"),
        (b'category,"x\n', "line 1: not CSV"),
        (b"category," + b"x" * 200_000 + b"\n", "line 1: not CSV"),
    ],
)
def test_what_is_no_table_of_faqs_is_refused_in_words(desk, sakura, content, told):
    response = desk.upload(content)

    assert response.status_code == 400
    assert told in response.json()["detail"]
    assert sakura.faqs.count() == 30


def test_a_table_that_breaks_off_adds_nothing(desk, sakura):
    body = desk.upload(file_of(1) + 'basic,x,3,"no end').json()

    assert (body["success_count"], body["failure_count"]) == (0, 1)
    assert body["errors"][0]["line"] == 3
    assert sakura.faqs.count() == 30


def test_a_file_without_rows_adds_nothing(desk):
    body = desk.upload(HEADER + ",,,,\n\n").json()

    assert (body["success_count"], body["failure_count"], body["total_count"]) == (0, 0, 0)


def multipart(*parts):
    return b"".join(b"--x\r\n" + part + b"\r\n" for part in parts) + b"--x--\r\n"


def form_field(name, value=b"1"):
    return b'Content-Disposition: form-data; name="' + name + b'"\r\n\r\n' + value


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", "multipart/form-data"),
        (b"x", "multipart/form-data; boundary=x"),
        (b"--x\r\nfoo", "multipart/form-data; boundary=x"),
        (multipart(form_field(b"file")), "multipart/form-data; boundary=x"),
        (multipart(*[form_field(b"a")] * 1200), "multipart/form-data; boundary=x"),
        (multipart(form_field(b"mode", b"a" * 3_000_000)), "multipart/form-data; boundary=x"),
        (b"a=1&" * 2000, "application/x-www-form-urlencoded"),
        (b"{}", "application/json"),
        (b"", "text/csv"),
    ],
)
def test_what_is_no_upload_is_refused(desk, body, content_type):
    response = desk.client.generic("POST", f"{PATH}/bulk-upload", body, content_type=content_type)

    assert response.status_code in {400, 422}
    assert set(response.json()) == {"error", "detail"}


@pytest.mark.parametrize("bad", [{"mode": "replace"}, {"mode": NUL}, {"facility_id": "x"}])
def test_other_ways_to_add_are_refused(desk, bad):
    assert desk.upload(file_of(1), **bad).status_code == 422


def test_five_thousand_rows_are_added_by_a_few_statements(desk, sakura, monkeypatch):
    queued = []
    monkeypatch.setattr(transfer, "bulk_create_texts", watched(queued))
    with CaptureQueriesContext(connection) as taken:
        body = desk.upload(file_of(5000)).json()

    assert body["success_count"] == 5000
    assert len(taken) < 40
    assert queued == [False], "their index is left to the worker"
    assert sakura.faqs.count() == 5030


def watched(seen):
    def bulk_create_texts(texts, *, index_now):
        seen.append(index_now)
        services.bulk_create_texts(texts, index_now=index_now)

    return bulk_create_texts


def test_one_row_more_is_one_too_many(desk, sakura):
    body = desk.upload(file_of(5001)).json()

    assert (body["success_count"], body["failure_count"]) == (0, 1)
    assert body["errors"][0]["line"] == 5002
    assert sakura.faqs.count() == 30


def test_of_very_many_errors_some_are_listed_and_all_counted(desk):
    body = desk.upload(HEADER + "x,,9,q,a\n" * 1500).json()

    assert body["failure_count"] == body["total_count"] == 1500
    assert len(body["errors"]) == 1000


def test_a_faq_that_somebody_adds_at_the_same_moment_stops_the_whole_file(
    desk, sakura, monkeypatch
):
    def also_in_the_admin(faq, row):
        faq.intent_key = sakura.faqs.first().intent_key  # not there when it was looked for
        return transfer_fill(faq, row)

    transfer_fill = transfer.fill
    monkeypatch.setattr(transfer, "fill", also_in_the_admin)

    response = desk.upload(file_of(1))

    assert response.status_code == 400
    assert "at the same moment" in response.json()["detail"]
    assert sakura.faqs.count() == 30


# The index of many ------------------------------------------------------------------------------


@pytest.fixture
def many(desk, monkeypatch, django_capture_on_commit_callbacks):
    """A file with more texts than are indexed at once; the calls of the worker it leads to."""
    calls = []
    monkeypatch.setattr(transfer, "INDEXED_AT_ONCE", 3)
    monkeypatch.setattr(tasks.index_texts, "apply_async", lambda args, **_: calls.append(args))
    with django_capture_on_commit_callbacks(execute=True):
        assert desk.upload(file_of(5)).json()["success_count"] == 5
    return calls


def unindexed():
    return FaqTranslation.objects.filter(index_version=None).count()


def test_the_index_of_many_is_made_by_the_worker_a_part_at_a_time(many, sakura, monkeypatch):
    monkeypatch.setattr(tasks, "INDEXED_A_RUN", 2)
    monkeypatch.setattr(services, "BATCH", 2)
    assert (many, unindexed()) == ([[sakura.pk]], 5)

    while many:
        tasks.index_texts(*many.pop())

    assert unindexed() == 0


def test_what_the_worker_lost_is_found_by_the_sweep(many, maple):
    tasks.index_texts(maple.pk)
    tasks.index_texts(2**40)
    assert unindexed() == 5

    tasks.index_texts()

    assert unindexed() == 0


def test_without_redis_the_file_is_added_all_the_same(
    desk, monkeypatch, django_capture_on_commit_callbacks
):
    def away(*args, **options):
        raise OperationalError("no broker")

    monkeypatch.setattr(transfer, "INDEXED_AT_ONCE", 0)
    monkeypatch.setattr(tasks.index_texts, "apply_async", away)

    with django_capture_on_commit_callbacks(execute=True):
        assert desk.upload(file_of(1)).json()["success_count"] == 1


def test_a_guest_is_not_answered_from_what_is_not_indexed_yet(many, sakura):
    body = Guest(sakura).ask("質問3", language="ja")

    assert sakura.faqs.get(intent_key="row_3").pk not in body["message"]["matched_faq_ids"]
