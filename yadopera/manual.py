"""The manual for staff: docs/manual, a folder a language, the same pages and sections in each.

A page is Markdown: its title, a few sentences, then a section (`##`) for each task. What staff may
ask about a task stands in a comment under its heading, a question a line; readers do not see it,
the help box does (`yadopera.help`). Links: `page.md` leads to another page, `page:` and the name of
an address to the page of the admin where the task is done.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Final

from django.conf import settings
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify
from markdown_it import MarkdownIt
from markdown_it.token import Token

FOLDER: Final = settings.BASE_DIR / "docs" / "manual"
LANGUAGES: Final = ("ja", "en")
#: The page of contents, whose links say which pages there are and in which order.
CONTENTS: Final = "README"

_COMMENT: Final = re.compile(r"<!--(.*?)-->\s*", re.DOTALL)
_PAGE_LINK: Final = re.compile(r"\(([a-z-]+)\.md\)")
_PLACE_LINK: Final = re.compile(r"\(page:([a-z_:]+)\)")
_PLACE: Final = "page:"

#: HTML in a page is shown as text: a manual needs none.
_MARKDOWN: Final = MarkdownIt("commonmark", {"html": False}).enable("table")


@dataclass(frozen=True)
class Section:
    """How one task is done."""

    title: str
    #: What staff may ask about it, in their words.
    asked: tuple[str, ...]
    text: str = field(repr=False)

    @property
    def anchor(self) -> str:
        return slugify(self.title, allow_unicode=True)

    @property
    def place(self) -> str:
        """The name of the address where it is done."""
        found = _PLACE_LINK.search(self.text)
        return found[1] if found else ""

    @cached_property
    def html(self) -> SafeString:
        return render(self.text)


@dataclass(frozen=True)
class Page:
    name: str
    language: str
    title: str
    text: str = field(repr=False)
    sections: tuple[Section, ...] = field(repr=False)

    @cached_property
    def html(self) -> SafeString:
        """What stands before the first section."""
        return render(self.text)


@cache
def load_manual(language: str) -> dict[str, Page]:
    """Name -> page, in the order of the contents, the contents first."""
    contents = read_page(FOLDER / language / f"{CONTENTS}.md")
    names = _PAGE_LINK.findall(contents.text)
    pages = [read_page(FOLDER / language / f"{name}.md") for name in names]
    return {page.name: page for page in (contents, *pages)}


def read_page(path: Path) -> Page:
    head, *parts = re.split(r"^## ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    title, _, text = head.removeprefix("# ").partition("\n")
    sections = tuple(map(read_section, parts))
    return Page(path.stem, path.parent.name, title.strip(), text.strip(), sections)


def read_section(part: str) -> Section:
    title, _, body = part.partition("\n")
    comment = _COMMENT.search(body)
    asked = comment[1].split("\n") if comment else []
    return Section(
        title.strip(),
        tuple(line.strip() for line in asked if line.strip()),
        _COMMENT.sub("", body).strip(),
    )


def render(text: str) -> SafeString:
    """`text` as HTML, its links as the admin has them. Raises NoReverseMatch for one that leads
    nowhere."""
    tokens = _MARKDOWN.parse(text)
    for token in links(tokens):
        token.attrSet("href", address_of(str(token.attrGet("href"))))
    html = _MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {})
    return mark_safe(html)  # noqa: S308  # nosec B308  # of our own files, their HTML escaped


def links(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        if token.type == "link_open":
            yield token
        yield from links(token.children or [])


def address_of(link: str) -> str:
    if link.startswith(_PLACE):
        return reverse(link.removeprefix(_PLACE))
    if link.endswith(".md"):
        return reverse("help_page", args=[link.removesuffix(".md")])
    return link
