"""`{placeholders}` in answers: the facility's own facts, put in at the moment of answering.

Filling them in late keeps every answer true when the inn changes its check-in time.
"""

import re
from typing import Final

from facilities.models import Facility

PLACEHOLDERS: Final = (
    "facility_name",
    "check_in_time",
    "check_out_time",
    "wifi_ssid",
    "wifi_password",
    "address",
    "phone",
    "email",
    "house_rules",
    "local_info",
    "prohibited_items",
)
_PLACEHOLDER: Final = re.compile("{(" + "|".join(PLACEHOLDERS) + ")}")
_LIKE_ONE: Final = re.compile("{[A-Za-z0-9_ ]*}")


class MissingFact(Exception):
    """The text needs a fact that the facility has not filled in; `args[0]` names it."""


def fill_in(text: str, facility: Facility, language: str) -> str:
    """`text` with the facility's facts. Raises MissingFact rather than leave a hole."""
    return _filled(text, facility.facts(language))


def fill_in_public(text: str, facility: Facility, language: str) -> str:
    """`text` for readers outside the inn, an AI provider above all: secrets stay {placeholders},
    wherever in the text somebody wrote them. Raises MissingFact."""
    facts = facility.facts(language)
    if facts["wifi_password"]:
        facts["wifi_password"] = facility.WIFI_PASSWORD
    return facility.without_secrets(_filled(text, facts))


def placeholders_in(text: str) -> list[str]:
    """Everything in braces that is a {placeholder} or was meant as one, sorted."""
    return sorted(_LIKE_ONE.findall(text))


def unknown_placeholders(text: str) -> list[str]:
    """Those that stand for no fact: a guest would read the braces."""
    return [found for found in placeholders_in(text) if not _PLACEHOLDER.fullmatch(found)]


def public_facts(facility: Facility, language: str) -> dict[str, str]:
    """The facts that are filled in, secrets as {placeholders}."""
    return {
        name: fill_in_public(f"{{{name}}}", facility, language)
        for name, fact in facility.facts(language).items()
        if fact
    }


def _filled(text: str, facts: dict[str, str]) -> str:
    def fact(match: re.Match[str]) -> str:
        value = facts[match[1]]
        if not value:
            raise MissingFact(match[1])
        return value

    return _PLACEHOLDER.sub(fact, text)
