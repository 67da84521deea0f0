"""What the guest's page does to a fact before it shows it."""

import re
from typing import Final

from django import template
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

#: What a Japanese keyboard writes in the place of ASCII.
_PLAIN: Final = str.maketrans("０１２３４５６７８９＋（）．　－‐‑–−ー", "0123456789+(). ------")
#: Three groups of digits, or one, as people write numbers, from a zero or a country; perhaps with a
#: zero in brackets that only those dial who are in it.
_GAP: Final = r"(?: ?[-.] ?| )?"
_PHONE: Final = re.compile(
    rf"(?<!\d)(?=\+|\(?0)(\+\d{{1,3}}{_GAP}(?:\(0\){_GAP})?)?"
    rf"\(?\d{{1,5}}\)?{_GAP}\(?\d{{1,4}}\)?{_GAP}\d{{3,4}}(?!\d)"
)
#: Fewer digits are a postal code, a date or hours.
_PHONE_DIGITS: Final = 9


@register.filter
def filled(text: str, time: str) -> str:
    """`text` with `time` in the place of {time}."""
    return text.format(time=time)


@register.filter
def call_links(text: str) -> SafeString:
    """`text`, which staff wrote, with its phone numbers as links that call."""
    pieces: list[str] = []
    end = 0
    for number in _PHONE.finditer(text.translate(_PLAIN)):
        dialled = re.sub(r"[^\d+]", "", number[0].replace("(0)", ""))
        if len(dialled.lstrip("+")) < _PHONE_DIGITS:
            continue
        pieces.append(conditional_escape(text[end : number.start()]))
        written = conditional_escape(text[number.start() : number.end()])
        pieces.append(f'<a href="tel:{dialled}">{written}</a>')
        end = number.end()
    pieces.append(conditional_escape(text[end:]))
    return mark_safe("".join(pieces))  # noqa: S308  # nosec B308  # each is escaped
