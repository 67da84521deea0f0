"""The page that a QR code opens: in the guest's language, with what he needs when nothing else
works, and without what is not his to know."""

import gzip
import json
import re
import struct
from html import escape, unescape
from pathlib import Path

import pytest
from django.conf import settings as configured
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils.safestring import mark_safe

from chat.manners import wants_person
from chat.templatetags.guest_page import call_links
from chat.texts import page_words
from chat.views import SAID_BY_THE_SYSTEM
from faq.models import Faq, FaqTranslation
from tests.conftest import SAKURA_FACTS, Guest
from yadopera.languages import LANGUAGES

ROOT = Path(__file__).resolve().parents[2]
PAGE = "/f/sakura"
MANIFEST = f"{PAGE}/manifest.webmanifest"
WORKER = "/f/service_worker.js"
PASSWORD = SAKURA_FACTS["wifi_password"]
TAG = '<img src=x onerror="alert(1)">&'


def phone(language="en"):
    """A browser that prefers `language` and keeps its cookies."""
    return Client(headers={"accept-language": language})


def text_of(response):
    assert response.status_code == 200
    return response.content.decode()


def language_of(response):
    return re.search(r'<html lang="(.+?)">', text_of(response))[1]


def settings_of(response):
    """What the page tells its scripts."""
    return json.loads(re.search(r'<script id="settings".*?>(.*?)</script>', text_of(response))[1])


def languages_offered(response):
    return re.findall(r'hreflang="(.+?)"', text_of(response))


def emergency_of(response):
    return re.search(r'<section id="emergency".*?</section>', text_of(response), re.DOTALL)[0]


# Language ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_is_in_the_language_of_the_phone(sakura, language):
    response = phone(language).get(PAGE)

    assert language_of(response) == language
    assert page_words()[language]["welcome"] in unescape(text_of(response))
    assert settings_of(response)["words"]["send"] == page_words()[language]["send"]


def test_a_phone_in_none_of_the_seven_reads_english(sakura):
    assert language_of(phone("de-DE,de;q=0.9").get(PAGE)) == "en"


def test_the_header_names_the_language_that_the_page_is_in(sakura):
    assert phone("fr").get(PAGE)["Content-Language"] == "fr"


def test_a_chosen_language_is_remembered(sakura):
    device = phone("en")
    assert language_of(device.get(f"{PAGE}?language=fr")) == "fr"

    again = device.get(PAGE)
    assert language_of(again) == "fr"
    assert settings_of(again)["chosenLanguage"] == "fr"


def test_answers_follow_the_question_until_a_language_is_chosen(sakura):
    device = phone("fr")
    response = device.get(PAGE)

    assert settings_of(response)["chosenLanguage"] is None
    assert not device.cookies


@pytest.mark.parametrize("https", [False, True])
def test_the_cookie_goes_to_the_guests_pages_alone(sakura, settings, https):
    settings.GUEST_COOKIE_SECURE = https
    device = phone()
    device.get(f"{PAGE}?language=fr")

    (cookie,) = device.cookies.values()
    assert cookie["httponly"] is True
    assert cookie["samesite"] == "Lax"
    assert cookie["path"] == "/f/"
    assert bool(cookie["secure"]) is https
    assert cookie["max-age"] > 30 * 24 * 3600


@pytest.mark.parametrize("unknown", ["", "xx", "english", "<script>", "ja%0D%0Aa", "%F0%9F%8D%B5"])
def test_an_unknown_language_is_ignored(sakura, unknown):
    device = phone("ko")

    assert language_of(device.get(f"{PAGE}?language={unknown}")) == "ko"
    assert not device.cookies


def test_an_unknown_language_does_not_undo_a_choice(sakura):
    device = phone("en")
    device.get(f"{PAGE}?language=fr")

    assert language_of(device.get(f"{PAGE}?language=xx")) == "fr"


def test_a_cookie_that_names_no_language_is_ignored(sakura):
    device = phone("ko")
    device.cookies["yadopera_language"] = '"><script>'

    assert language_of(device.get(PAGE)) == "ko"


@pytest.mark.parametrize(
    ("language", "offered"), [("en", ["ja", "en"]), ("ko", ["ja", "en", "ko"])]
)
def test_the_menu_offers_the_inns_languages_and_the_present_one(sakura, language, offered):
    sakura.languages = ["en", "ja"]
    sakura.save()
    response = phone(language).get(PAGE)

    assert languages_offered(response) == offered
    assert re.findall(r'lang="(\S+)" hreflang="\S+" aria-current="true"', text_of(response)) == [
        language
    ]


# Who gets a page --------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["", "/manifest.webmanifest"])
def test_a_closed_or_unknown_inn_has_no_page(sakura, end):
    assert phone().get(f"/f/none{end}").status_code == 404
    assert phone().get(f"/f/sakura{end}").status_code == 200
    sakura.is_active = False
    sakura.save()

    assert phone().get(f"/f/sakura{end}").status_code == 404


@pytest.mark.parametrize("address", [PAGE, MANIFEST, WORKER])
def test_the_page_is_only_read(sakura, address):
    assert phone().head(address).status_code == 200
    for method in ("post", "put", "delete"):
        assert getattr(phone(), method)(address).status_code == 405


def test_the_page_is_compressed_and_kept_by_nobody_but_the_phone(sakura):
    response = phone().get(PAGE, headers={"accept-encoding": "gzip"})

    assert response["Content-Encoding"] == "gzip"
    assert b"</html>" in gzip.decompress(response.content)
    assert {"Accept-Encoding", "Accept-Language", "Cookie"} <= set(response["Vary"].split(", "))
    assert set(response["Cache-Control"].split(", ")) == {"private", "no-cache"}


# What is not for everybody ----------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_wifi_password_is_not_in_the_page_whoever_opens_it(sakura, site_key, language):
    for query in ("", f"?k={site_key}"):
        page = text_of(phone(language).get(f"{PAGE}{query}"))
        assert "Sakura-Guest" in page
        assert PASSWORD not in page


def foremost(facility, **texts):
    """A FAQ that stands first on the page."""
    faq = Faq.objects.create(facility=facility, intent_key="foremost", category="basic", priority=5)
    Faq.objects.for_facility(facility).exclude(pk=faq.pk).update(priority=1)
    texts = {"question": "Foremost?", "answer": "Yes.", "language": "en"} | texts
    FaqTranslation.objects.create(faq=faq, **texts)
    return faq


@pytest.mark.parametrize("part", ["question", "answer"])
def test_nor_where_a_faq_has_it_in_its_own_text(sakura, part):
    foremost(sakura, **{part: f"The Wi-Fi password is {PASSWORD}."})

    assert PASSWORD not in text_of(phone().get(PAGE))


def test_a_faq_for_guests_at_the_inn_is_not_on_the_page(sakura, site_key):
    faq = foremost(sakura, question="Where is the key to the back door?")
    assert "the back door" in text_of(phone().get(PAGE))
    faq.visibility = "on_site"
    faq.save()

    assert "the back door" not in text_of(phone().get(f"{PAGE}?k={site_key}"))


def test_an_inn_that_tells_nothing_to_everybody_has_no_list_of_questions(sakura):
    sakura.faqs.update(visibility="on_site")

    assert (
        page_words()["en"]["often_asked"] not in text_of(phone().get(PAGE)).split("<script id")[0]
    )


def test_the_page_knows_no_key_but_the_one_it_was_opened_with(sakura, site_key):
    other = sakura.site_keys.create(location="kitchen").key
    assert site_key not in text_of(phone().get(PAGE))

    page = text_of(phone().get(f"{PAGE}?k={site_key}"))
    assert site_key in page
    assert other not in page


# What staff and strangers write -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "language"),
    [
        ("name", "ja"),
        ("name_en", "en"),
        ("address", "en"),
        ("phone", "en"),
        ("wifi_ssid", "en"),
        ("emergency_contact", "en"),
        ("nearest_hospital", "en"),
    ],
)
def test_a_fact_is_text_and_never_html(sakura, field, language):
    setattr(sakura, field, TAG)
    sakura.save()
    page = text_of(phone(language).get(PAGE))

    assert "<img" not in page
    assert "&lt;img src=x onerror=" in page


def test_a_faq_is_text_and_never_html(sakura):
    foremost(sakura, question=f"Q {TAG}", answer=f"A {TAG}\nsecond line")
    page = text_of(phone().get(PAGE))

    assert "<img" not in page
    assert f"A {escape(TAG)}<br>second line" in page


@pytest.mark.parametrize("name", ["location", "k", "token", "x%22%3E%3Cimg"])
def test_nothing_of_the_address_becomes_html(sakura, name):
    page = text_of(phone().get(f"{PAGE}?{name}=%22%3E%3Cimg%20onerror=x%3E</script>"))

    assert "<img" not in page
    assert page.count("</script>") == 2


# Phone numbers ----------------------------------------------------------------------------------


def numbers_in(html):
    return re.findall(r'<a href="tel:(.*?)">', html)


def shown(html):
    return unescape(re.sub(r'<a href="tel:[^"<>]*">|</a>', "", html))


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("075-000-0000", ["0750000000"]),
        ("0750000000", ["0750000000"]),
        ("075 000 0000", ["0750000000"]),
        ("075.000.0000", ["0750000000"]),
        ("075 - 000 - 0000", ["0750000000"]),
        ("(075) 000-0000", ["0750000000"]),
        ("075(000)0000", ["0750000000"]),
        ("090-1234-5678", ["09012345678"]),
        ("0120-123-456", ["0120123456"]),
        ("+81 75-000-0000", ["+81750000000"]),
        ("+81-75-000-0000", ["+81750000000"]),
        ("フロント：075-000-0000まで", ["0750000000"]),
        ("桜病院 075-751-3111、夜間は075-751-3222", ["0757513111", "0757513222"]),
        ("Sakura Hospital, 075-751-3111.", ["0757513111"]),
        # What people put behind a number does not belong to it.
        ("075-000-0000 / 090-1111-2222", ["0750000000", "09011112222"]),
        ("075-000-0000 090-1111-2222", ["0750000000", "09011112222"]),
        ("075-000-0000 (24時間)", ["0750000000"]),
        ("桜病院 075-000-0000 9:00-17:00", ["0750000000"]),
        ("〒606-8507 京都市左京区 075-751-3111", ["0757513111"]),
        ("〒6068507 075-751-3111", ["0757513111"]),
        # Nobody abroad can dial the 0 in brackets.
        ("+81 (0)75-000-0000", ["+81750000000"]),
        # As a Japanese keyboard writes them.
        ("０７５０００００００", ["0750000000"]),
        ("０７５－０００－００００", ["0750000000"]),
        ("075（000）0000", ["0750000000"]),
        ("075‐000‐0000", ["0750000000"]),
        ("075−000−0000", ["0750000000"]),
        ("075ー000ー0000", ["0750000000"]),
        # No number.
        ("", []),
        ("フロントまで", []),
        ("room 201, 2nd floor", []),
        ("24h, 8:00-22:00", []),
        # No way in.
        ("<script>alert(1)</script>075-000-0000", ["0750000000"]),
        ('"><img src=x onerror=alert(1)> 075-000-0000', ["0750000000"]),
        ('075-000-0000" onclick="alert(1)', ["0750000000"]),
        ("javascript:alert(0750000000)", ["0750000000"]),
        (mark_safe("<b>075-000-0000</b>"), ["0750000000"]),
    ],
)
def test_the_phone_numbers_in_a_text_are_links_that_call(text, numbers):
    html = call_links(text)

    assert numbers_in(html) == numbers
    assert shown(html) == text
    assert "<" not in re.sub(r'<a href="tel:\+?[0-9]*">|</a>', "", html)


def test_the_inns_number_calls_from_among_its_facts(sakura):
    page = text_of(phone().get(PAGE))

    assert f'<dd><a href="tel:0750000000">{SAKURA_FACTS["phone"]}</a></dd>' in page


# Emergencies ------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_whom_to_call_in_an_emergency_is_there_without_any_script(sakura, language):
    sakura.nearest_hospital = "桜病院 075-751-3111"
    sakura.save()
    block = emergency_of(phone(language).get(PAGE))

    words = page_words()[language]
    assert numbers_in(block) == ["119", "110", "0750000000", "0757513111", "05038162787"]
    for name in ("emergency", "emergency_intro", "ambulance", "police", "hospital", "hotline"):
        assert words[name] in unescape(block)
    assert "050-3816-2787" in block
    assert "桜病院" in block


def test_the_emergency_contact_stands_above_the_inns_phone(sakura):
    sakura.emergency_contact = "夜間は女将 090-1111-2222"
    sakura.save()

    block = emergency_of(phone().get(PAGE))

    assert "夜間は女将" in block
    assert numbers_in(block) == ["119", "110", "09011112222", "05038162787"]


def test_an_inn_that_has_entered_nothing_still_shows_119_110_and_the_hotline(sakura):
    sakura.phone = sakura.emergency_contact = sakura.nearest_hospital = ""
    sakura.save()

    block = emergency_of(phone().get(PAGE))

    assert numbers_in(block) == ["119", "110", "05038162787"]
    assert block.count("<li>") == 3
    assert page_words()["en"]["hospital"] not in block


# Frames -----------------------------------------------------------------------------------------


def policy_of(response):
    directives = response["Content-Security-Policy"].split("; ")
    return {words[0]: words[1:] for words in map(str.split, directives)}


def test_no_site_may_show_the_page_in_a_frame(sakura):
    response = phone().get(PAGE)

    assert policy_of(response)["frame-ancestors"] == ["'none'"]
    assert response["X-Frame-Options"] == "DENY"


def test_the_sites_that_an_inn_names_may_and_nothing_else_changes(sakura):
    closed = policy_of(phone().get(PAGE))
    sakura.frame_origins = ["https://www.example.com", "http://localhost:8080"]
    sakura.save()

    response = phone().get(PAGE)

    allowed = ["'self'", "https://www.example.com", "http://localhost:8080"]
    assert policy_of(response) == closed | {"frame-ancestors": allowed}
    assert "X-Frame-Options" not in response


def test_one_inns_sites_show_no_other_page(sakura, maple):
    sakura.frame_origins = ["https://www.example.com"]
    sakura.save()

    for address in ("/f/maple", "/f/none", "/admin/login/"):
        response = phone().get(address)
        assert policy_of(response)["frame-ancestors"] == ["'none'"]
        assert response["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize(
    "origin", ["https://www.example.com", "http://localhost:8080", "https://xn--49jv46l.jp"]
)
def test_the_address_of_a_site_is_accepted(sakura, origin):
    sakura.frame_origins = [origin]

    sakura.full_clean()


@pytest.mark.parametrize(
    "bad",
    [
        "*",
        "https://*",
        "https://*.example.com",
        "'self'",
        "https:",
        "https://",
        "www.example.com",
        "//www.example.com",
        "https://www.example.com/",
        "https://www.example.com/path",
        "https://www.example.com?a",
        "https://www.example.com#a",
        "https://me@www.example.com",
        "https://www.example.com:port",
        "https://www.example.com https://evil.example.com",
        "https://www.example.com; script-src *",
        "https://www.example.com;",
        "https://www.example.com,https://evil.example.com",
        "https://www.example.com'",
        'https://www.example.com"',
        "https://www.example.com\n",
        "https://www.example.com\r\nX-Evil: 1",
        " https://www.example.com",
        "javascript:alert(1)",
        "data:text/html,x",
        "https://宿.jp",
        "https://" + "a" * 200,
        "",
    ],
)
def test_what_is_no_address_of_a_site_is_refused(sakura, bad):
    sakura.frame_origins = ["https://good.example.com", bad]

    with pytest.raises(ValidationError) as refused:
        sakura.full_clean()

    assert set(refused.value.message_dict) == {"frame_origins"}


# On the home screen, and without a connection ---------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_manifest_is_in_the_language_of_the_page(sakura, language):
    response = phone(language).get(MANIFEST)
    name = "さくら屋" if language == "ja" else "Sakura-ya"

    assert response["Content-Type"] == "application/manifest+json"
    body = response.json()
    assert body["lang"] == language
    assert body["name"] == body["short_name"] == name
    description = page_words()[language]["install_description"]
    assert body["description"] == description.replace("{inn}", name)


def test_the_page_links_to_the_manifest_in_its_own_language(sakura):
    device = phone("en")
    page = text_of(device.get(f"{PAGE}?language=fr"))
    address = re.search(r'<link rel="manifest" href="(.+?)"', page)[1]

    assert address.partition("?")[0] == MANIFEST
    assert phone("en").get(unescape(address)).json()["lang"] == "fr"
    assert device.get(MANIFEST).json()["lang"] == "fr"


def test_the_manifest_is_kept_by_nobody_but_the_phone(sakura):
    response = phone().get(MANIFEST)

    assert {"Accept-Language", "Cookie"} <= set(response["Vary"].split(", "))
    assert set(response["Cache-Control"].split(", ")) == {"private", "no-cache"}


def test_the_manifest_opens_the_inns_own_page(sakura):
    body = phone().get(MANIFEST).json()

    assert body["id"] == body["start_url"] == PAGE
    assert body["start_url"].startswith(body["scope"])
    assert body["display"] == "standalone"


def test_a_name_with_braces_is_a_name(sakura):
    sakura.name_en = "{inn} {0}"
    sakura.save()

    assert "{inn} {0}" in phone("en").get(MANIFEST).json()["description"]


def test_the_manifests_icons_are_pictures_of_the_size_it_says(sakura):
    icons = phone().get(MANIFEST).json()["icons"]

    assert {icon["purpose"] for icon in icons} == {"any", "maskable"}
    for icon in icons:
        picture = stored(icon["src"]).read_bytes()
        assert picture.startswith(b"\x89PNG")
        width, height = struct.unpack(">II", picture[16:24])
        assert icon["sizes"] == f"{width}x{height}"
        assert icon["type"] == "image/png"


def stored(address):
    """The collected static file at `address`."""
    assert address.startswith(configured.STATIC_URL)
    return configured.STATIC_ROOT / address.removeprefix(configured.STATIC_URL)


def test_every_file_that_the_page_names_is_there(sakura):
    named = re.findall(r'(?:href|src)="(/static/.+?)"', text_of(phone().get(PAGE)))

    assert len(named) > len(list((ROOT / "static/chat/guest").glob("*.js")))
    assert [address for address in named if not stored(address).is_file()] == []


def test_the_service_worker_is_a_script_that_may_act_on_every_guest_page(sakura, client):
    response = client.get(WORKER)

    assert response["Content-Type"].split(";")[0] == "text/javascript"
    # A worker acts below the folder of its own address, unless this header says otherwise.
    assert "Service-Worker-Allowed" not in response
    assert PAGE.startswith(WORKER.rpartition("/")[0] + "/")
    assert settings_of(phone().get(PAGE))["serviceWorker"] == WORKER


def test_the_service_worker_is_asked_for_anew_and_needs_no_database(client):
    """Without the `db` fixture any query raises."""
    response = client.get(WORKER)

    assert "no-cache" in response["Cache-Control"]
    assert 'addEventListener("fetch"' in response.content.decode()
    assert not re.search(r"{[{%#]", response.content.decode())


# Words ------------------------------------------------------------------------------------------


def placeholders(text):
    return sorted(re.findall(r"{(\w*)}", text))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_words_and_places_to_fill_in(language):
    words, english = page_words()[language], page_words()["en"]

    assert list(words) == list(english)
    assert [key for key, text in words.items() if not text.strip()] == []
    for key, text in words.items():
        assert (key, placeholders(text)) == (key, placeholders(english[key]))


def test_the_words_are_those_of_the_seven_languages():
    assert set(page_words()) == set(LANGUAGES)


def words_asked_for():
    """What the template and the scripts look up in the tables."""
    template = (ROOT / "templates/chat/guest_page.html").read_text()
    scripts = "".join(path.read_text() for path in (ROOT / "static/chat/guest").glob("*.js"))
    sure = {*re.findall(r"words\.(\w+)", template), *re.findall(r'\bsay\("(\w+)"', scripts)}
    return sure, sure | set(re.findall(r'"(\w+)"', scripts))


def test_every_word_that_the_page_asks_for_is_in_the_tables():
    asked, _ = words_asked_for()

    assert asked - set(page_words()["en"]) - set(SAID_BY_THE_SYSTEM) == set()


def test_no_word_is_kept_that_nothing_asks_for():
    _, perhaps = words_asked_for()

    assert set(page_words()["en"]) - perhaps - {"install_description"} == set()


def test_french_punctuation_does_not_stand_at_the_beginning_of_a_line():
    broken = [text for text in page_words()["fr"].values() if re.search(r" [:;?!»]|« ", text)]

    assert broken == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_the_button_for_a_person_says_calls_one(sakura, language):
    phrase = page_words()[language]["ask_person_phrase"]
    body = Guest(sakura, language).ask(phrase)

    assert wants_person(phrase)
    assert body["message"]["language"] == language
    assert body["is_escalated"] is True
    assert body["escalation"]["trigger_type"] == "staff_mode"
