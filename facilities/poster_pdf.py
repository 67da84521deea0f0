"""Draws posters and cards. Lengths are millimetres from the upper left corner; sizes of text are
points."""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, cast

from fpdf import FPDF

from facilities.models import SiteKey
from facilities.posters import (
    FONTS,
    REGIONAL,
    Paper,
    load_words,
    place_on_paper,
    printable,
    typed_address,
)
from facilities.qr import STAINPROOF, qr_svg
from yadopera.languages import LANGUAGES

INK: Final = (30, 30, 30)
ACCENT: Final = (31, 95, 91)  # as on the guest's page
FAINT: Final = (105, 105, 105)
LINE_HEIGHT: Final = 1.3
SMALLEST_POINTS: Final = 3.0
#: A text is rather set smaller than broken, down to this part of its size.
STILL_ONE_LINE: Final = 0.6


class Area(NamedTuple):
    x: float
    y: float
    width: float
    height: float
    #: At most, in points.
    size: float = 0

    def placed(self, x: float, y: float, scale: float) -> "Area":
        width, height, size = self.width * scale, self.height * scale, self.size * scale
        return Area(x + self.x * scale, y + self.y * scale, width, height, size)


@dataclass(frozen=True)
class Layout:
    """Where on a poster what stands."""

    align: Literal["C", "L"]
    name: Area
    latin_name: Area
    code: Area
    #: Seven lines, a language each.
    words: Area
    place: Area
    address: Area


POSTER: Final = Layout(
    align="C",
    name=Area(15, 16, 180, 22, 46),
    latin_name=Area(15, 38, 180, 10, 20),
    code=Area(53, 54, 104, 104),
    words=Area(15, 163, 180, 84, 23),
    place=Area(15, 258, 180, 9, 15),
    address=Area(15, 268, 180, 8, 13),
)
CARD: Final = Layout(
    align="L",
    name=Area(47.5, 4.5, 40, 6.5, 12),
    latin_name=Area(47.5, 11, 40, 3.5, 7),
    code=Area(3.5, 6, 43, 43),
    words=Area(47.5, 16.5, 40, 25.2, 6.8),
    place=Area(47.5, 43.5, 40, 3.5, 6),
    address=Area(47.5, 47, 40, 3.5, 5.5),
)
#: Width and height, the layout, and how large it is.
SHEETS: Final[dict[Paper, tuple[tuple[float, float], Layout, float]]] = {
    Paper.A4: ((210, 297), POSTER, 1),
    Paper.A6: ((105, 148), POSTER, 0.5),
    Paper.CARD: ((91, 55), CARD, 1),
}
#: As on the ready-cut sheets that are sold in Japan: 2 by 5, without gaps.
CARD_WIDTH, CARD_HEIGHT = SHEETS[Paper.CARD][0]
CARD_COLUMNS: Final = 2
CARD_ROWS: Final = 5
SHEET_LEFT: Final = 14.0
SHEET_TOP: Final = 11.0


def draw_posters(site_keys: Iterable[SiteKey], paper: Paper) -> bytes:
    """A PDF with a poster of each code, a page each; cards for cutting are ten a page."""
    if paper == Paper.CARDS:
        return draw_card_sheets(list(site_keys))
    page, layout, scale = SHEETS[paper]
    pdf = PosterPdf(page)
    for site_key in site_keys:
        pdf.add_page()
        pdf.draw(site_key, layout, scale=scale)
    return bytes(pdf.output())


def draw_card_sheets(site_keys: list[SiteKey]) -> bytes:
    pdf = PosterPdf(SHEETS[Paper.A4][0])
    for number, site_key in enumerate(site_keys):
        row, column = divmod(number, CARD_COLUMNS)
        row %= CARD_ROWS
        if row == column == 0:
            pdf.add_page()
            pdf.draw_cutting_marks()
        x, y = SHEET_LEFT + column * CARD_WIDTH, SHEET_TOP + row * CARD_HEIGHT
        pdf.draw(site_key, CARD, x=x, y=y)
    return bytes(pdf.output())


class PosterPdf(FPDF):
    def __init__(self, page: tuple[float, float]) -> None:
        super().__init__(unit="mm", format=page)
        self.set_auto_page_break(False)
        self.c_margin = 0
        for language in ("ja", *REGIONAL):
            self.add_font(language, fname=FONTS / f"NotoSansCJK-{language}.otf")

    def draw(
        self, site_key: SiteKey, layout: Layout, *, x: float = 0, y: float = 0, scale: float = 1
    ) -> None:
        facility = site_key.facility

        def placed(area: Area) -> Area:
            return area.placed(x, y, scale)

        code = placed(layout.code)
        picture = io.BytesIO(qr_svg(site_key.address, correction=STAINPROOF))
        self.image(picture, code.x, code.y, code.width)
        self.write_in(placed(layout.name), facility.name, layout.align, color=ACCENT)
        if facility.name_en != facility.name:
            self.write_in(placed(layout.latin_name), facility.name_en, layout.align, color=FAINT)
        words = placed(layout.words)
        height = words.height / len(LANGUAGES)
        for number, language in enumerate(LANGUAGES):
            line = words._replace(y=words.y + number * height, height=height)
            font = language if language in REGIONAL else "ja"
            self.write_in(line, load_words()["ask"][language], layout.align, font=font)
        self.write_in(placed(layout.place), place_on_paper(site_key), layout.align)
        self.write_in(placed(layout.address), typed_address(site_key), layout.align, color=FAINT)

    def write_in(
        self,
        area: Area,
        text: str,
        align: Literal["C", "L"],
        *,
        font: str = "ja",
        color: tuple[int, int, int] = INK,
    ) -> None:
        """`text` in the middle of the area's height, as large as it fits."""
        text = printable(text)
        self.set_text_color(*color)
        self.set_font(font, size=area.size)
        while self.font_size_pt > SMALLEST_POINTS and not self.fits(area, text):
            self.set_font_size(self.font_size_pt - 0.25)
        lines = self.lines_of(area, text)
        leading = self.font_size * LINE_HEIGHT
        self.set_xy(area.x, area.y + (area.height - lines * leading) / 2)
        self.multi_cell(area.width, leading, text, align=align)

    def fits(self, area: Area, text: str) -> bool:
        lines = self.lines_of(area, text)
        if lines > 1 and self.font_size_pt > area.size * STILL_ONE_LINE:
            return False
        return lines * self.font_size * LINE_HEIGHT <= area.height

    def lines_of(self, area: Area, text: str) -> int:
        lines = self.multi_cell(area.width, text=text, dry_run=True, output="LINES")
        return len(cast(list[str], lines))

    def draw_cutting_marks(self) -> None:
        """Outside the cards, so that none is left on a card that is cut a little off."""
        self.set_draw_color(*FAINT)
        self.set_line_width(0.1)
        right = SHEET_LEFT + CARD_COLUMNS * CARD_WIDTH
        bottom = SHEET_TOP + CARD_ROWS * CARD_HEIGHT
        for column in range(CARD_COLUMNS + 1):
            x = SHEET_LEFT + column * CARD_WIDTH
            self.line(x, SHEET_TOP - 5, x, SHEET_TOP - 1)
            self.line(x, bottom + 1, x, bottom + 5)
        for row in range(CARD_ROWS + 1):
            y = SHEET_TOP + row * CARD_HEIGHT
            self.line(SHEET_LEFT - 5, y, SHEET_LEFT - 1, y)
            self.line(right + 1, y, right + 5, y)
