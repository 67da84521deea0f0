"""What guests ask at small inns: intents, each with guest-like phrasings in seven languages.

One TOML file an intent: `about` says what it is and what it is not, then one list a language. The
first few lines of a list are how inns would title it, the others how guests type it. A new intent
is a new file; after a change run `manage.py reindex`. The starter FAQs (`faq.presets`) are intents
of the library too.
"""

import tomllib
import zlib
from functools import cache
from pathlib import Path
from typing import Final

from faq.presets import load_presets, presets_version
from yadopera.languages import LANGUAGES

FOLDER: Final = Path(__file__).parent


@cache
def load_library() -> dict[str, list[str]]:
    """intent -> every phrasing of it, in all languages."""
    intents = {path.stem: _read(path) for path in library_files()}
    for preset in load_presets():
        phrasings = intents.setdefault(preset.intent_key, [])
        for text in preset.texts.values():
            phrasings += [text.question, *text.wordings]
    return intents


@cache
def intent_titles() -> dict[str, dict[str, str]]:
    """intent -> language -> how an inn would title it."""
    titles = {}
    for path in library_files():
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        titles[path.stem] = {language: data[language][0] for language in LANGUAGES}
    for preset in load_presets():
        titles[preset.intent_key] = {code: text.question for code, text in preset.texts.items()}
    return titles


def _read(path: Path) -> list[str]:
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    return [line for language in LANGUAGES for line in data[language]]


def library_files() -> list[Path]:
    return sorted(FOLDER.glob("*.toml"))


@cache
def library_version() -> int:
    """Changes whenever any phrasing does."""
    texts = b"".join(path.read_bytes() for path in library_files())
    return zlib.crc32(texts, presets_version())
