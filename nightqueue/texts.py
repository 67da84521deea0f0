"""The texts of notifications: Japanese, or English for an inn whose own language is another."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Final

from facilities.models import Facility

FILE: Final = Path(__file__).with_name("texts.toml")


@cache
def _texts() -> dict[str, dict[str, str]]:
    return tomllib.loads(FILE.read_text(encoding="utf-8"))


def is_japanese(facility: Facility) -> bool:
    return facility.language == "ja"


def say(key: str, facility: Facility, **values: object) -> str:
    return _texts()[key]["ja" if is_japanese(facility) else "en"].format(**values)
