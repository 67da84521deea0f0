"""The month of tests/month.py as a picture: an SVG on a light ground of its own, so that it can be
read on a dark page, too."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tests.month import Day, Tally

WIDTH, HEIGHT, LEFT, RIGHT = 880, 640, 64, 24
WEEK: Final = 7
BLUE, RED, ORANGE, GREEN, VIOLET = "#1d4ed8", "#c81e1e", "#b45309", "#15803d", "#7e22ce"
INK, LINES = "#1f2937", "#d1d5db"

Points = Iterable[tuple[float, float]]


@dataclass(frozen=True)
class Panel:
    """A diagram over the days, from 0 to `highest`."""

    days: int
    top: float
    bottom: float
    highest: float

    def at(self, day: float, value: float) -> tuple[float, float]:
        x = LEFT + (WIDTH - LEFT - RIGHT) * day / self.days
        return round(x, 1), round(self.bottom - (self.bottom - self.top) * value / self.highest, 1)

    def frame(self, title: str, marks: Mapping[float, str]) -> Iterator[str]:
        yield text(LEFT, self.top - 34, title, "start", weight="bold")
        for value, label in marks.items():
            left, right = self.at(0, value), self.at(self.days, value)
            yield line([left, right], LINES, width=1)
            yield text(LEFT - 8, left[1] + 4, label, "end")
        for day in range(0, self.days + 1, WEEK):
            yield line([self.at(day, 0), self.at(day, self.highest)], LINES, width=1)
            yield text(self.at(day, 0)[0], self.bottom + 18, f"day {day}", "middle")

    def line(self, points: Points, colour: str, *, dots: bool = False) -> Iterator[str]:
        placed = [self.at(*point) for point in points]
        yield line(placed, colour, width=2.5)
        if dots:
            yield from (circle(x, y, 4.5, colour) for x, y in placed)

    def dots(self, points: Points, colour: str) -> Iterator[str]:
        yield from (circle(*self.at(*point), 3, colour, opacity=0.45) for point in points)

    def legend(self, entries: Mapping[str, str]) -> Iterator[str]:
        x = float(LEFT)
        for label, colour in entries.items():
            yield circle(x + 5, self.top - 16, 5, colour)
            yield text(x + 16, self.top - 12, label, "start")
            x += 34 + 7.2 * len(label)


def draw(days: Sequence[Day], measured: Mapping[int, Tally]) -> str:
    """`days` are the days of the month; `measured` what the questions held out gave, by the number
    of days that had passed."""
    numbered = list(enumerate(days, 1))
    rates = Panel(len(days), 72, 320, 1)
    highest = 50 * (max(max(day.wordings, day.faqs) for day in days) // 50 + 1)
    counts = Panel(len(days), 416, 596, highest)
    asked = [(number, day.tally) for number, day in numbered if day.tally.questions]
    parts = [
        *rates.frame(
            "Questions answered without a person",
            {part / 5: f"{part * 20} %" for part in range(6)},
        ),
        *rates.legend({"answered": BLUE, "of these wrongly (of all questions)": RED}),
        text(
            WIDTH - RIGHT,
            rates.top - 12,
            "line: questions never asked before; dots: each day",
            "end",
        ),
        *rates.dots(((n, tally.automatic / tally.questions) for n, tally in asked), BLUE),
        *rates.dots(((n, tally.wrong / tally.questions) for n, tally in asked), RED),
        *rates.line(((n, t.automatic / t.questions) for n, t in measured.items()), BLUE, dots=True),
        *rates.line(((n, t.wrong / t.questions) for n, t in measured.items()), RED, dots=True),
        *counts.frame("What the inn has", {v: str(v) for v in range(0, highest + 1, 50)}),
        *counts.legend({"open suggestions": ORANGE, "FAQs": GREEN, "wordings": VIOLET}),
        *counts.line(((n, day.suggestions) for n, day in numbered), ORANGE),
        *counts.line(((n, day.faqs) for n, day in numbered), GREEN),
        *counts.line(((n, day.wordings) for n, day in numbered), VIOLET),
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
            'font-family="system-ui, sans-serif" font-size="13">',
            "<title>A month at an inn: how much is answered, and how much wrongly</title>",
            f'<rect width="{WIDTH}" height="{HEIGHT}" rx="12" fill="#ffffff"/>',
            *parts,
            "</svg>\n",
        ]
    )


def line(points: Iterable[tuple[float, float]], colour: str, *, width: float) -> str:
    drawn = " ".join(f"{x},{y}" for x, y in points)
    return f'<polyline points="{drawn}" fill="none" stroke="{colour}" stroke-width="{width}"/>'


def circle(x: float, y: float, radius: float, colour: str, *, opacity: float = 1) -> str:
    return f'<circle cx="{x}" cy="{y}" r="{radius}" fill="{colour}" fill-opacity="{opacity}"/>'


def text(x: float, y: float, words: str, anchor: str, *, weight: str = "normal") -> str:
    return (
        f'<text x="{x}" y="{y}" fill="{INK}" text-anchor="{anchor}" '
        f'font-weight="{weight}">{words}</text>'
    )
