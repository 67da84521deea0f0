"""Posters and cards with a place's QR code, as PDF.

Every font is in `fonts/` and is embedded in part, so that a poster looks the same wherever it is
made and printed. `facilities.poster_pdf` draws them.
"""

import enum
import tomllib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Final

from django.conf import settings
from django.urls import reverse

from facilities.models import SiteKey
from facilities.qr import STAINPROOF, qr_png, qr_svg

FONTS: Final = Path(__file__).with_name("fonts")
#: The same character is drawn differently in Japan, Taiwan, China and Korea. The Japanese font has
#: the Latin letters, and whatever names may hold.
REGIONAL: Final = ("zh-TW", "zh-CN", "ko")
#: What Japanese printers set in place of a character that they do not have.
GETA: Final = "〓"


class Paper(enum.StrEnum):
    A4 = "a4"
    A6 = "a6"
    CARD = "card"
    #: Ten cards on an A4 sheet.
    CARDS = "cards"


def picture_of(site_key: SiteKey, kind: str) -> tuple[bytes, str]:
    """The code as `png`, as `svg` or on a paper, and its MIME type."""
    if kind == "png":
        return qr_png(site_key.address, correction=STAINPROOF), "image/png"
    if kind == "svg":
        return qr_svg(site_key.address, correction=STAINPROOF), "image/svg+xml"
    return make_posters([site_key], Paper(kind)), "application/pdf"


def make_posters(site_keys: Iterable[SiteKey], paper: Paper) -> bytes:
    """A PDF with a poster of each code, a page each; cards for cutting are ten a page."""
    # What draws takes a third of a second to import, and most processes never print.
    from facilities.poster_pdf import draw_posters

    return draw_posters(site_keys, paper)


def place_on_paper(site_key: SiteKey) -> str:
    return load_words()["places"][site_key.location].format(name=site_key.name)


def typed_address(site_key: SiteKey) -> str:
    """What a guest whose camera fails can type; without the key, which nobody could."""
    path = reverse("chat:guest_page", args=[site_key.facility.slug])
    return f"{settings.PUBLIC_BASE_URL}{path}".removeprefix("https://")


def missing_characters(site_key: SiteKey) -> str:
    """What is printed as 〓, each once: emoji, say, and scripts of neither East Asia nor Europe."""
    facility = site_key.facility
    text = facility.name + facility.name_en + site_key.name
    return "".join(dict.fromkeys(c for c in " ".join(text.split()) if c not in known_characters()))


def printable(text: str) -> str:
    """`text` in one line, with a mark where a character has no font: rather a mark than a gap."""
    line = " ".join(text.split())
    return "".join(c if c in known_characters() else GETA for c in line)


@cache
def known_characters() -> frozenset[str]:
    from fontTools.ttLib import TTFont  # as slow to import

    with TTFont(FONTS / "NotoSansCJK-ja.otf", lazy=True) as font:
        return frozenset(map(chr, font.getBestCmap()))


@cache
def load_words() -> dict[str, dict[str, str]]:
    path = Path(__file__).with_name("poster_words.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))
