"""What the system itself says to guests, from `texts.toml`."""

import tomllib
from functools import cache
from pathlib import Path

from facilities.hours import StaffHours
from yadopera.languages import DEFAULT_LANGUAGE


def say(key: str, language: str) -> str:
    """The text `key` in `language`. Raises KeyError for a key that `texts.toml` does not have."""
    translations = load_texts()[key]
    return translations.get(language, translations[DEFAULT_LANGUAGE])


def say_by_hours(key: str, hours: StaffHours) -> str:
    """The text `key`, or the one for hours in which nobody at the inn is awake."""
    if hours.back_at is None:
        return say(key, hours.language)
    return say(f"{key}_absent", hours.language).format(time=hours.back_at_text)


@cache
def load_texts() -> dict[str, dict[str, str]]:
    return tomllib.loads(Path(__file__).with_name("texts.toml").read_text(encoding="utf-8"))


@cache
def page_words() -> dict[str, dict[str, str]]:
    """language -> the words on the guest's page."""
    return tomllib.loads(Path(__file__).with_name("page_words.toml").read_text(encoding="utf-8"))
