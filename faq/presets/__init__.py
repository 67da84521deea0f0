"""The starter FAQs: one TOML file an intent, in all seven languages.

`{placeholders}` stand for the facility's own facts (`Facility.facts`). An intent marked `fact`
states nothing else; one marked `assumes` claims something about the house that its settings do not
hold, so it waits for the inn's word before guests see it.
"""

import tomllib
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from yadopera.languages import LANGUAGES

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class PresetText:
    question: str
    answer: str
    #: Further ways in which guests ask it.
    wordings: tuple[str, ...]


@dataclass(frozen=True)
class Preset:
    intent_key: str
    category: str
    priority: int
    visibility: str
    #: The answer states nothing but the facility's own facts.
    is_fact: bool
    #: What the answer claims about the house, for the inn to confirm; may be empty.
    assumes: str
    #: By language code; all seven.
    texts: dict[str, PresetText]


@cache
def load_presets() -> tuple[Preset, ...]:
    return tuple(_read(path) for path in _files())


@cache
def presets_version() -> int:
    """Changes whenever any preset does."""
    return zlib.crc32(b"".join(path.read_bytes() for path in _files()))


def _files() -> list[Path]:
    return sorted(FOLDER.glob("*.toml"))


def _read(path: Path) -> Preset:
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    return Preset(
        intent_key=path.stem,
        category=data["category"],
        priority=data["priority"],
        visibility=data["visibility"],
        is_fact=data.get("fact", False),
        assumes=data.get("assumes", ""),
        texts={
            language: PresetText(
                question=data[language]["question"],
                answer=data[language]["answer"].strip(),
                wordings=tuple(data[language]["wordings"]),
            )
            for language in LANGUAGES
        },
    )
