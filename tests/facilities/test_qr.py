"""The code that joins a phone to the inn's Wi-Fi says what was entered, whatever was entered."""

import base64
import re
from xml.etree import ElementTree

import pytest
from qrcode import QRCode

from facilities.qr import data_url, qr_svg, wifi_text

SVG = "{http://www.w3.org/2000/svg}"
QUIET_ZONE = 4


@pytest.mark.parametrize(
    ("ssid", "password", "text"),
    [
        ("Sakura", "hanami-12", "WIFI:T:WPA;S:Sakura;P:hanami-12;;"),
        ("a;b", "c,d", r"WIFI:T:WPA;S:a\;b;P:c\,d;;"),
        ("a:b", 'c"d', r"WIFI:T:WPA;S:a\:b;P:c\"d;;"),
        ("a\\b", "c\\;d", r"WIFI:T:WPA;S:a\\b;P:c\\\;d;;"),
        ("さくら屋", "パス", "WIFI:T:WPA;S:さくら屋;P:パス;;"),
        ("open", "", "WIFI:T:nopass;S:open;P:;;"),
    ],
)
def test_the_text_is_what_phones_read(ssid, password, text):
    assert wifi_text(ssid, password) == text


def read(text):
    """As a phone reads it: fields end at a semicolon that no backslash stands before."""
    fields = re.findall(r"(\w):((?:\\.|[^\\;])*);", text.removeprefix("WIFI:"))
    return {name: re.sub(r"\\(.)", r"\1", value) for name, value in fields}


@pytest.mark.parametrize(
    "odd",
    [
        "\\",
        "\\\\",
        ";;",
        ":",
        ",",
        '"quoted"',
        ";T:nopass;",
        "\\;P:x;",
        "a b",
        "P:",
        "&<'%",
        "桜;花",
    ],
)
def test_no_name_or_password_is_read_as_another(odd):
    assert read(wifi_text(odd, "p" + odd)) == {"T": "WPA", "S": odd, "P": "p" + odd}
    assert read(wifi_text("s", odd)) == {"T": "WPA", "S": "s", "P": odd}


def picture(text):
    kind, _, data = data_url(qr_svg(text), "image/svg+xml").partition(",")
    assert kind == "data:image/svg+xml;base64"
    return ElementTree.fromstring(base64.b64decode(data, validate=True))  # noqa: S314  our own


def dark_squares(svg):
    return {
        (int(x), int(y)) for x, y in re.findall(r"M(\d+),(\d+)", svg.find(f"{SVG}path").get("d"))
    }


def test_the_picture_is_the_code_of_the_text_with_room_around_it():
    code = QRCode(border=QUIET_ZONE)
    code.add_data("WIFI:T:WPA;S:a;P:b;;")
    rows = code.get_matrix()

    svg = picture("WIFI:T:WPA;S:a;P:b;;")

    dark = {(x, y) for y, row in enumerate(rows) for x, is_dark in enumerate(row) if is_dark}
    assert dark_squares(svg) == dark
    assert min(x for x, _y in dark) == min(y for _x, y in dark) == QUIET_ZONE


def test_the_picture_is_black_on_white_in_dark_mode_too():
    svg = picture("x")

    assert svg.find(f"{SVG}rect").get("fill") == "white"
    assert svg.find(f"{SVG}path").get("fill") == "#000000"


def test_another_text_is_another_picture():
    assert dark_squares(picture("WIFI:T:WPA;S:a;P:b;;")) != dark_squares(
        picture("WIFI:T:WPA;S:a;P:c;;")
    )


@pytest.mark.parametrize("letter", ["a", ";", "桜"])
def test_the_longest_name_and_password_still_fit(letter):
    """Both columns hold a hundred characters."""
    assert dark_squares(picture(wifi_text(letter * 100, letter * 100)))
