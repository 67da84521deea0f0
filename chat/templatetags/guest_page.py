"""What the guest's page does to a fact before it shows it."""

import re
from typing import Final

from django import template
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

#: A number as people write it: seven digits or more with their usual separators.
_PHONE: Final = re.compile(r"\+?\d[\d\-() ./]{5,}\d")


@register.filter
def filled(text: str, time: str) -> str:
    """`text` with `time` in the place of {time}."""
    return text.format(time=time)


@register.filter
def call_links(text: str) -> SafeString:
    """`text`, which staff wrote, with its phone numbers as links that call."""
    pieces: list[str] = []
    end = 0
    for number in _PHONE.finditer(text):
        dialled = re.sub(r"[^\d+]", "", number[0])
        pieces.append(conditional_escape(text[end : number.start()]))
        pieces.append(f'<a href="tel:{dialled}">{conditional_escape(number[0])}</a>')
        end = number.end()
    pieces.append(conditional_escape(text[end:]))
    return mark_safe("".join(pieces))  # noqa: S308  every piece is escaped
