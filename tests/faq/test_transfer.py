"""Inns as files: all or nothing, and every bad cell is named."""

import csv
import io
import json

import pytest
from django.core.management import CommandError, call_command

from facilities.models import Facility, Membership, User
from faq.models import Faq, FaqTranslation, FaqWording

HEADER = "category,intent_key,priority,is_active,language_ja_question,language_ja_answer\n"
GOOD = HEADER + "basic,checkin,5,true,何時から？,15時から。\n"


@pytest.fixture
def files(tmp_path, db):
    """Write an inn's files; returns the folder."""

    def write(faqs=GOOD, encoding="utf-8", **facts):
        facility = {"name": "宿", "slug": "yado", "languages": ["ja", "en"]} | facts
        (tmp_path / "facility.json").write_text(json.dumps(facility), encoding="utf-8")
        (tmp_path / "faqs.csv").write_bytes(
            faqs if isinstance(faqs, bytes) else faqs.encode(encoding)
        )
        return tmp_path

    return write


def import_facility(folder, **options):
    out = io.StringIO()
    call_command("import_facility", str(folder), stdout=out, stderr=io.StringIO(), **options)
    return Facility.objects.get(pk=int(out.getvalue()))


def test_an_inn_is_created_and_the_next_import_updates_it(files):
    first = import_facility(files())
    faq = Faq.objects.get(facility=first)
    second = import_facility(
        files(
            GOOD.replace("15時から", "16時から") + "trouble,wifi,,,繋がらない,再起動を。\n",
            phone="1",
        )
    )

    assert first == second
    assert second.phone == "1"
    assert second.faqs.get(intent_key="checkin") == faq
    assert faq.translations.get().answer == "16時から。"
    assert set(second.faqs.values_list("intent_key", "priority", "is_active")) == {
        ("checkin", 5, True),
        ("wifi", 3, True),
    }


def test_only_what_the_files_hold_is_there(files):
    assert import_facility(files()).faqs.count() == 1


def test_export_is_the_inverse_of_import(sakura, tmp_path):
    call_command("export_facility", "sakura", str(tmp_path / "a"), stdout=io.StringIO())
    before = snapshot(sakura)
    sakura.delete()

    again = import_facility(tmp_path / "a")
    call_command("export_facility", "sakura", str(tmp_path / "b"), stdout=io.StringIO())

    assert snapshot(again) == before
    for name in ("facility.json", "faqs.csv", "wordings.csv"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_the_nearest_hospital_is_exported_and_imported(sakura, tmp_path):
    sakura.nearest_hospital = "桜病院, 075-751-3111"
    sakura.save()
    call_command("export_facility", "sakura", str(tmp_path), stdout=io.StringIO())
    sakura.delete()

    assert import_facility(tmp_path).nearest_hospital == "桜病院, 075-751-3111"


def test_a_file_of_v03_has_no_hospital_and_takes_none_away(files):
    assert import_facility(files()).nearest_hospital == ""
    import_facility(files(nearest_hospital="桜病院"))

    assert import_facility(files()).nearest_hospital == "桜病院"


def snapshot(facility):
    return (
        set(
            FaqTranslation.objects.for_facility(facility).values_list(
                "faq__intent_key",
                "faq__category",
                "faq__priority",
                "faq__visibility",
                "language",
                "question",
                "answer",
            )
        ),
        set(
            FaqWording.objects.for_facility(facility).values_list(
                "faq__intent_key", "language", "text", "origin"
            )
        ),
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
def test_what_excel_in_japan_writes_is_read(files, encoding):
    facility = import_facility(files(encoding=encoding))

    assert facility.faqs.get().translations.get().question == "何時から？"


def test_quotes_commas_and_line_breaks_in_a_cell_are_kept(files):
    answer = '15時から、"21時"まで,\n正面玄関へ。'
    row = io.StringIO()
    csv.writer(row).writerow(["basic", "checkin", "5", "true", "何時から？", answer])

    facility = import_facility(files(HEADER + row.getvalue()))

    assert facility.faqs.get().translations.get().answer == answer


def test_a_text_that_goes_from_the_file_goes_from_the_inn(files):
    english = (
        "category,intent_key,language_en_question,language_en_answer\nbasic,checkin,When?,3.\n"
    )
    import_facility(files())
    facility = import_facility(files(english))

    assert facility.faqs.get().translations.get().language == "en"


def test_a_row_without_a_key_is_the_same_faq_at_the_next_import(files):
    rows = HEADER + "basic,,5,true,何時から？,15時から。\n"

    assert import_facility(files(rows)).faqs.get() == import_facility(files(rows)).faqs.get()


def test_the_wifi_password_is_on_site_unless_the_file_says_otherwise(files):
    row = "facilities,wifi,5,true,パスワードは？,hanami-12です。\n"
    secret = import_facility(files(HEADER + row, wifi_password="hanami-12"))
    assert secret.faqs.get().visibility == "on_site"

    header = HEADER.replace("is_active", "is_active,visibility")
    opened = row.replace("true,", "true,anyone,")
    assert import_facility(files(header + opened)).faqs.get().visibility == "anyone"


@pytest.mark.parametrize(
    ("faqs", "message"),
    [
        (HEADER + "basics,a,5,true,q,a\n", "line 2, column category"),
        (HEADER + "basic,a,6,true,q,a\n", "line 2, column priority"),
        (HEADER + "basic,a,x,true,q,a\n", "line 2, column priority"),
        (HEADER + "basic,a,5,maybe,q,a\n", "line 2, column is_active"),
        (HEADER + "basic,a,5,true,q,\n", "line 2, column language_ja_answer"),
        (HEADER + "basic,a,5,true,,a\n", "line 2, column language_ja_question"),
        (HEADER + "basic,a,5,true,,\n", "line 2, column language_…"),
        (HEADER + f"basic,a,5,true,{'q' * 501},a\n", "column language_ja_question: is longer"),
        (HEADER + f"basic,a,5,true,q,{'a' * 2001}\n", "column language_ja_answer: is longer"),
        (HEADER + 'basic,a,5,true,"q\nq",a\nbasic,b,9,true,q,a\n', "line 4, column priority"),
        (
            HEADER + "basic,a,5,true,q,a\nbasic,a,5,true,q,a\n",
            "line 3, column intent_key: the same",
        ),
        (HEADER + "basic,,5,true,q,a\nbasic,,5,true,q,b\n", "the same FAQ as on line 2"),
        (HEADER + "basic,a,5,true,q,a,b\n", "line 2: 7 cells"),
        (HEADER + 'basic,a,5,true,"q,a\n', "line 2: not CSV"),
        ("intent_key,language_ja_question,language_ja_answer\n", "column category is missing"),
        ("category,category\n", "column category is there twice"),
        (HEADER.replace("ja_answer", "de_answer"), "language_de_answer"),
        (b"\x80\x81\xff\xfe", "neither UTF-8 nor CP932"),
        ("", "the file is empty"),
    ],
)
def test_a_bad_file_is_refused_by_line_and_column_and_changes_nothing(files, faqs, message):
    with pytest.raises(CommandError, match=message):
        import_facility(files(faqs))

    assert not Facility.objects.filter(slug="yado").exists()


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"slug": "no good"}, "slug"),
        ({"slug": ""}, "slug is missing"),
        ({"name": ["x"]}, "name must be a text"),
        ({"name": "a\x00b"}, "name must be a text"),
        ({"name": "\ud800"}, "name must be a text"),
        ({"languages": "ja"}, "languages must be a list"),
        ({"languages": ["xx"]}, "languages"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"check_in_time": "25:00"}, "check_in_time"),
        ({"email": "nobody"}, "email"),
        ({"nearest_hospital": "x" * 201}, "nearest_hospital"),
        ({"nearest_hospital": ["x"]}, "nearest_hospital must be a text"),
    ],
)
def test_bad_facts_are_refused_by_name(files, facts, message):
    before = set(Facility.objects.values_list("pk", flat=True))
    with pytest.raises(CommandError, match=message):
        import_facility(files(**facts))

    assert set(Facility.objects.values_list("pk", flat=True)) == before


def test_a_missing_folder_is_named(db, tmp_path):
    with pytest.raises(CommandError, match="cannot read"):
        import_facility(tmp_path / "nowhere")


def test_an_owner_is_made_or_found(files):
    options = {"owner_email": "Hanako@example.com", "owner_password": "sakura-no-ki-2026"}
    facility = import_facility(files(), **options)
    import_facility(files(), **options | {"owner_password": "another-one-2026"})

    member = Membership.objects.get(facility=facility)
    assert (member.user.email, member.role) == ("hanako@example.com", "owner")
    assert member.user.check_password("sakura-no-ki-2026")


def test_a_weak_password_imports_nothing(files):
    with pytest.raises(CommandError, match="owner"):
        import_facility(files(), owner_email="a@example.com", owner_password="1234")

    assert not Facility.objects.filter(slug="yado").exists()
    assert not User.objects.exists()


def test_unchanged_texts_keep_their_vectors_and_changed_ones_lose_them(files):
    facility = import_facility(files())
    FaqTranslation.objects.for_facility(facility).update(embedding=[1.0] + [0.0] * 1535)

    import_facility(files())
    assert FaqTranslation.objects.for_facility(facility).get().embedding is not None
    import_facility(files(GOOD.replace("15時", "16時")))
    assert FaqTranslation.objects.for_facility(facility).get().embedding is None
