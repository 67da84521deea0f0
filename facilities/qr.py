"""QR codes, as pictures that need no file."""

import base64
import re

import qrcode
from qrcode.image.svg import SvgPathFillImage


def qr_data_url(text: str) -> str:
    """An SVG picture of the code, black on white with its quiet zone, as a `data:` URL."""
    picture = qrcode.make(text, image_factory=SvgPathFillImage)
    return "data:image/svg+xml;base64," + base64.b64encode(picture.to_string()).decode()


def wifi_text(ssid: str, password: str) -> str:
    """What phones read as an invitation to a network, in the form that Android and iOS share:
    https://github.com/zxing/zxing/wiki/Barcode-Contents#wi-fi-network-config-android-ios-11
    """
    kind = "WPA" if password else "nopass"
    return f"WIFI:T:{kind};S:{_escaped(ssid)};P:{_escaped(password)};;"


def _escaped(text: str) -> str:
    return re.sub(r'([\\;,:"])', r"\\\1", text)
