"""What is printed: it reads, in every size; every font is in it; what has no font is seen."""

import ctypes
import io

import pypdfium2
import pypdfium2.raw as pdfium
import pytest
from fontTools.ttLib import TTFont
from PIL import Image, ImageDraw

from facilities.models import SiteKey
from facilities.posters import (
    FONTS,
    REGIONAL,
    Paper,
    known_characters,
    load_words,
    make_posters,
    missing_characters,
    picture_of,
)
from facilities.qr import PIXELS_A_MODULE
from tests.facilities.codes import READERS, read_codes, read_pdf, read_png
from yadopera.languages import LANGUAGES

Place = SiteKey.Place
MM_A_POINT = 25.4 / 72


@pytest.fixture
def rooms(sakura):
    return [
        SiteKey.objects.create(facility=sakura, location=Place.ROOM, name=str(number))
        for number in range(201, 214)
    ]


@pytest.fixture
def entrance(sakura):
    return SiteKey.objects.create(facility=sakura)


def texts(content):
    """Page for page: what is written, and in which font."""
    with pypdfium2.PdfDocument(content) as pdf:
        return [[(item.extract(), font_name(item)) for item in text_items(page)] for page in pdf]


def text_items(page):
    return page.get_objects([pdfium.FPDF_PAGEOBJ_TEXT], textpage=page.get_textpage())


def font_name(item):
    font = pdfium.FPDFTextObj_GetFont(item.raw)
    assert pdfium.FPDFFont_GetIsEmbedded(font) == 1
    name = ctypes.create_string_buffer(100)
    pdfium.FPDFFont_GetBaseFontName(font, name, 100)
    return name.value.decode()


@pytest.mark.parametrize("kind", ["png", "svg", "a4", "a6", "card", "cards"])
@pytest.mark.parametrize(
    ("location", "name"),
    [
        (Place.ENTRANCE, ""),
        (Place.ROOM, "201"),
        (Place.CUSTOM, "露天風呂前"),
        (Place.CUSTOM, "The terrace behind the kitchen, where the cats are"),
    ],
)
def test_every_picture_holds_the_address(sakura, kind, location, name):
    site_key = SiteKey.objects.create(facility=sakura, location=location, name=name)
    content, mime_type = picture_of(site_key, kind)

    assert READERS[mime_type](content) == [site_key.address]
    assert f"k={site_key.key}" in site_key.address


def test_a_code_reads_under_a_stain(entrance):
    content, _mime_type = picture_of(entrance, "png")
    picture = Image.open(io.BytesIO(content)).convert("L")
    width = picture.width
    ImageDraw.Draw(picture).ellipse([width * 0.45, width * 0.4, width * 0.75, width * 0.7], fill=90)

    assert read_codes(picture) == [entrance.address]


def test_a_code_has_its_quiet_zone(entrance):
    content, _mime_type = picture_of(entrance, "png")
    picture = Image.open(io.BytesIO(content)).convert("L")
    dark = picture.point(lambda value: 255 - value).getbbox()

    assert dark[:2] == (4 * PIXELS_A_MODULE, 4 * PIXELS_A_MODULE)


@pytest.mark.parametrize(
    ("paper", "size"), [(Paper.A4, (210, 297)), (Paper.A6, (105, 148)), (Paper.CARD, (91, 55))]
)
def test_each_code_has_a_page(rooms, paper, size):
    content = make_posters(rooms[:3], paper)

    assert read_pdf(content) == [[room.address] for room in rooms[:3]]
    with pypdfium2.PdfDocument(content) as pdf:
        width, height = pdf[0].get_size()
    assert (width * MM_A_POINT, height * MM_A_POINT) == pytest.approx(size, abs=0.1)


def test_cards_are_ten_on_a_sheet(rooms):
    first, second = read_pdf(make_posters(rooms, Paper.CARDS))

    assert sorted(first) == sorted(room.address for room in rooms[:10])
    assert sorted(second) == sorted(room.address for room in rooms[10:])


@pytest.mark.parametrize("paper", list(Paper))
def test_a_poster_says_everything_in_embedded_fonts(rooms, paper):
    (page,) = texts(make_posters(rooms[:1], paper))
    fonts = {text.strip(): font.partition("+")[2] for text, font in page}

    for text in ("さくら屋", "Sakura-ya", "客室 201 · Room 201", "http://localhost:8000/f/sakura"):
        assert fonts[text] == "NotoSansCJKJP"
    names = {"zh-TW": "NotoSansCJKTC", "zh-CN": "NotoSansCJKSC", "ko": "NotoSansCJKKR"}
    for language in LANGUAGES:
        text = load_words()["ask"][language]
        assert fonts[text] == names.get(language, "NotoSansCJKJP")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_font_of_a_language_has_what_is_said_in_it(language):
    file = f"NotoSansCJK-{language if language in REGIONAL else 'ja'}.otf"
    with TTFont(FONTS / file) as font:
        assert set(map(ord, load_words()["ask"][language])) <= set(font.getBestCmap())


def test_names_may_hold_what_east_asia_and_europe_write():
    names = (
        "髙﨑屋 𠮷野 彅 邉 祇園 ゐゑ ヴ ㈱ ① 〆 々 ♨ 骨直 Ryōkan Château Peña ¿? 한국 们 飯店 ～"
    )

    assert set(names) <= known_characters()


@pytest.mark.parametrize("name", ["宿🍺", "โรงแรม", "か\u3099"])
def test_what_no_font_has_is_marked_and_named(sakura, entrance, name):
    sakura.name = entrance.facility.name = name
    (page,) = texts(make_posters([entrance], Paper.A4))
    written = "".join(text for text, _font in page)

    assert "〓" in written
    assert missing_characters(entrance)
    assert not set(missing_characters(entrance)) & set(written)


def test_nothing_is_missing_from_an_ordinary_poster(entrance):
    assert missing_characters(entrance) == ""


@pytest.mark.parametrize("paper", list(Paper))
def test_the_longest_names_stay_on_the_paper(sakura, paper):
    sakura.name, sakura.name_en, sakura.slug = "湯" * 200, "Wide " * 40, "w" * 100
    longest = SiteKey(facility=sakura, location=Place.CUSTOM, name="館" * 50)
    content = make_posters([longest], paper)

    assert read_pdf(content) == [[longest.address]]
    written = "".join(text for text, _font in texts(content)[0])
    assert written.count("湯") == 200
    assert written.count("館") == 50
    with pypdfium2.PdfDocument(content) as pdf:
        width, height = pdf[0].get_size()
        for item in text_items(pdf[0]):
            left, bottom, right, top = item.get_bounds()
            assert 0 < left < right < width
            assert 0 < bottom < top < height


def test_printing_twice_gives_the_same_code(entrance):
    assert picture_of(entrance, "png") == picture_of(entrance, "png")
    assert read_png(picture_of(entrance, "png")[0]) == [entrance.address]
