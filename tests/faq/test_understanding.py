"""What a text is about: its words, its concepts and its topics, in any language."""

import math
import tomllib

import pytest

from faq.library import library_files
from faq.presets import load_presets
from faq.terms import normalise, terms
from faq.understanding import Reader, features, keep, load_reader, restore, train
from faq.vectors import DIMENSIONS, to_vector
from faq.vocabulary import Vocabulary, vocabulary_files
from yadopera.languages import LANGUAGES


@pytest.mark.parametrize("path", library_files(), ids=lambda path: path.stem)
def test_an_intent_of_the_library_is_complete(path):
    data = tomllib.loads(path.read_text(encoding="utf-8"))

    assert data["about"].strip()
    for language in LANGUAGES:
        lines = [normalise(line).strip() for line in data[language]]
        assert len(lines) >= 12
        assert all(lines)
        assert len(set(lines)) == len(lines)


def test_a_concept_has_words_in_every_language():
    words = {}
    for path in vocabulary_files():
        for concept, languages in tomllib.loads(path.read_text(encoding="utf-8")).items():
            assert set(languages) <= set(LANGUAGES), f"{path.name}: {concept}"
            for language, entries in languages.items():
                assert all("*" not in entry[:-1] for entry in entries), f"{path.name}: {concept}"
                words.setdefault(concept, {}).setdefault(language, []).extend(entries)

    assert {c for c, languages in words.items() if not all(map(languages.get, LANGUAGES))} == set()


VOCABULARY = Vocabulary(
    {
        "bus": ["バス", "bus"],
        "bus_stop": ["バス停", "bus stop*", "arrêt de bus"],
        "reserve": ["reserv*", "予約"],
        "wifi": ["Wi-Fi", "wifi", "和Wi-Fi"],
        "rain": ["雨"],
    }
)


@pytest.mark.parametrize(
    ("text", "concepts"),
    [
        ("バスはどこ", {"bus"}),
        ("バス停はどこ", {"bus_stop"}),
        ("バス停からバスで", {"bus", "bus_stop"}),
        ("the BUS leaves", {"bus"}),
        ("business", set()),
        ("two bus stops", {"bus", "bus_stop"}),
        ("ARRET DE BUS ?", {"bus", "bus_stop"}),
        ("une réservation", {"reserve"}),
        ("preserve", set()),
        ("Ｗｉ－Ｆｉ", {"wifi"}),
        ("wi fi", {"wifi"}),
        ("", set()),
        ("梅雨", {"rain"}),
        ("バス 停", {"bus_stop"}),
    ],
)
def test_a_word_is_found_where_it_stands_and_nowhere_else(text, concepts):
    assert VOCABULARY.concepts(normalise(text)) == concepts


def test_spelling_that_readers_take_for_the_same_is_the_same():
    assert normalise("ＣＡＦÉ") == normalise("café") == normalise("cafe")
    assert normalise("が") != normalise("か")
    assert normalise("Wi-Fi: {wifi_ssid}").strip() == "wi-fi:"


def test_terms_survive_endings_and_typos():
    washing = {term for term, _ in terms("washing")}
    washed = {term for term, _ in terms("washinng")}

    assert len(washing & washed) >= 4


def like(left, right, view):
    left, right = getattr(left, view), getattr(right, view)
    return sum(weight * right[name] for name, weight in left.items() if name in right)


@pytest.mark.parametrize(
    ("question", "faq", "other"),
    [
        (
            "my clothes are soaked from the rain",
            "洗濯物を乾かすことはできますか？",
            "朝食はありますか？",
        ),
        ("¿dónde puedo lavar la ropa?", "洗濯機はありますか？", "駐車場はありますか？"),
        ("와이파이 비번", "What is the Wi-Fi password?", "What time is check-out?"),
        ("行李可以先放你們那邊嗎", "Can I leave my luggage before check-in?", "Is there a sauna?"),
        ("on peut se garer où", "駐車場はありますか？", "自転車を借りられますか？"),
    ],
)
def test_a_question_is_nearer_to_what_it_means_than_to_something_else(question, faq, other):
    reader = load_reader()
    asked = reader.read(question)

    assert like(asked, reader.read(faq), "topics") > 2 * like(asked, reader.read(other), "topics")


def test_the_starter_faqs_recognise_themselves():
    reader = load_reader()
    for preset in load_presets():
        for text in preset.texts.values():
            topics = reader.read(text.question).topics
            assert max(topics, key=topics.get) == preset.intent_key, text.question


@pytest.mark.parametrize("text", ["what time is breakfast", "朝ごはん何時", "조식 몇 시"])
def test_every_view_has_unit_length(text):
    meaning = load_reader().read(text, "7:30 から 9:30")

    for view in (meaning.terms, meaning.concepts):
        assert math.isclose(math.hypot(*view.values()), 1.0)
    assert 0.9 < math.hypot(*meaning.topics.values()) <= 1.0001


@pytest.mark.parametrize("text", ["", "😀", "   ", "\x00", "\ud800", "?!", "x" * 1000, "洗" * 1000])
def test_odd_texts_have_a_meaning_too(text):
    meaning = load_reader().read(text)

    for view in (meaning.terms, meaning.concepts, meaning.topics):
        assert to_vector(view).dimensions() == DIMENSIONS


def test_a_kept_model_reads_as_the_trained_one_and_half_a_file_is_no_model(tmp_path):
    model = train({"tea": ["is there tea", "お茶"], "bath": ["the bath", "お風呂"]})
    path = tmp_path / "home" / "model"
    keep(model, path)

    kept = restore(path)

    assert kept == model
    found = features("green tea")
    assert Reader(kept).topics(found) == Reader(model).topics(found)
    assert [file.name for file in path.parent.iterdir()] == ["model"]
    path.write_bytes(path.read_bytes()[:-4])
    assert restore(path) is None
    assert restore(tmp_path / "none") is None


def test_a_folder_that_cannot_be_written_is_no_obstacle(tmp_path, settings, monkeypatch):
    (tmp_path / "file").write_text("")
    settings.YADOPERA_HOME = tmp_path / "file"
    small = {"tea": ["is there tea", "お茶"], "wifi": ["the wifi password", "無線"]}
    monkeypatch.setattr("faq.understanding.load_library", lambda: small)

    assert load_reader.__wrapped__().read("wifi").topics.keys() == {"tea", "wifi"}
