"""Reads QR codes as a phone would, out of pictures and printed pages."""

import base64
import io

import pypdfium2
import zxingcpp
from fpdf import FPDF
from PIL import Image

DOTS_AN_INCH = 200


def read_codes(picture):
    # Of other kinds it sees one now and then in the pattern of a QR code.
    found = zxingcpp.read_barcodes(picture.convert("L"), formats=zxingcpp.BarcodeFormat.QRCode)
    return [code.text for code in found]


def read_png(content):
    return read_codes(Image.open(io.BytesIO(content)))


def read_svg(content):
    """Drawn by the program that draws PDFs, for want of a browser."""
    pdf = FPDF(format=(100, 100))
    pdf.add_page()
    pdf.image(io.BytesIO(content), 10, 10, 80)
    return read_pdf(bytes(pdf.output()))[0]


def read_pdf(content):
    """The codes on each page."""
    return [read_codes(page) for page in rendered(content)]


def rendered(content):
    with pypdfium2.PdfDocument(content) as pdf:
        return [page.render(scale=DOTS_AN_INCH / 72).to_pil() for page in pdf]


READERS = {
    "image/png": read_png,
    "image/svg+xml": read_svg,
    "application/pdf": lambda content: read_pdf(content)[0],
}


def read_data_url(url):
    mime_type, content = url.removeprefix("data:").split(";base64,")
    return READERS[mime_type](base64.b64decode(content))
