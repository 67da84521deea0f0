"""QR codes as pictures, black on white with their quiet zone."""

import base64
import io
import re
from typing import Final

import qrcode
from qrcode.constants import ERROR_CORRECT_H, ERROR_CORRECT_M
from qrcode.image.pil import PilImage
from qrcode.image.svg import SvgPathFillImage

#: For what hangs in a kitchen: reads with nearly a third of it stained or torn.
STAINPROOF: Final = ERROR_CORRECT_H
#: Enough for a sharp print as wide as a hand, and still only a few kilobytes.
PIXELS_A_MODULE: Final = 20


def qr_svg(text: str, *, correction: int = ERROR_CORRECT_M) -> bytes:
    picture = qrcode.make(text, error_correction=correction, image_factory=SvgPathFillImage)
    return picture.to_string()


def qr_png(text: str, *, correction: int = ERROR_CORRECT_M) -> bytes:
    picture = qrcode.make(
        text, error_correction=correction, image_factory=PilImage, box_size=PIXELS_A_MODULE
    )
    file = io.BytesIO()
    picture.save(file)
    return file.getvalue()


def data_url(content: bytes, mime_type: str) -> str:
    """A picture that needs no file."""
    return f"data:{mime_type};base64,{base64.b64encode(content).decode()}"


def wifi_text(ssid: str, password: str) -> str:
    """What phones read as an invitation to a network, in the form that Android and iOS share:
    https://github.com/zxing/zxing/wiki/Barcode-Contents#wi-fi-network-config-android-ios-11
    """
    kind = "WPA" if password else "nopass"
    return f"WIFI:T:{kind};S:{_escaped(ssid)};P:{_escaped(password)};;"


def _escaped(text: str) -> str:
    return re.sub(r'([\\;,:"])', r"\\\1", text)
