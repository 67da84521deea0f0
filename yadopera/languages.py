"""The seven languages that guests write and read."""

from typing import Final

#: code -> the language's own name, in the order in which they are offered.
LANGUAGES: Final[dict[str, str]] = {
    "ja": "日本語",
    "en": "English",
    "zh-TW": "繁體中文",
    "zh-CN": "简体中文",
    "ko": "한국어",
    "fr": "Français",
    "es": "Español",
}
LANGUAGE_CHOICES: Final = list(LANGUAGES.items())
DEFAULT_LANGUAGE: Final = "en"

#: Which language to read instead when a text does not exist in one's own, nearest first.
_NEAREST: Final[dict[str, tuple[str, ...]]] = {
    "ja": ("en", "zh-TW", "zh-CN"),
    "en": ("ja",),
    "zh-TW": ("zh-CN", "en", "ja"),
    "zh-CN": ("zh-TW", "en", "ja"),
    "ko": ("en", "ja"),
    "fr": ("en", "es", "ja"),
    "es": ("en", "fr", "ja"),
}


def nearest_languages(language: str) -> list[str]:
    """All languages, `language` first, then those its readers most likely understand."""
    order = [language, *_NEAREST.get(language, ("en", "ja")), *LANGUAGES]
    return list(dict.fromkeys(code for code in order if code in LANGUAGES))


def match_language(tag: str) -> str | None:
    """The offered language for a BCP 47 tag such as ``zh-Hant-HK`` or ``fr_CA``, or None."""
    subtags = tag.strip().replace("_", "-").lower().split("-")
    if subtags[0] == "zh":
        traditional = {"hant", "tw", "hk", "mo"} & set(subtags)
        return "zh-TW" if traditional and "hans" not in subtags else "zh-CN"
    return subtags[0] if subtags[0] in LANGUAGES else None


def negotiate_language(accept_language: str) -> str:
    """The best offered language for an ``Accept-Language`` header; English when none fits."""
    ranked: list[tuple[float, str]] = []
    for part in accept_language.split(",")[:20]:
        tag, _, quality = part.partition(";q=")
        language = match_language(tag)
        if language:
            try:
                ranked.append((float(quality or 1), language))
            except ValueError:
                continue
    # max() keeps the first of equals, which is the browser's own order.
    return max(ranked, key=lambda entry: entry[0])[1] if ranked else DEFAULT_LANGUAGE
