"""Which of the seven languages a message is in."""

import re
import unicodedata
from functools import cache
from typing import Final

import hanzidentifier
from lingua import Language, LanguageDetector, LanguageDetectorBuilder

_CODES: Final = {
    Language.JAPANESE: "ja",
    Language.ENGLISH: "en",
    Language.CHINESE: "zh",
    Language.KOREAN: "ko",
    Language.FRENCH: "fr",
    Language.SPANISH: "es",
}
_KANA: Final = re.compile("[\u3041-\u30ff]")
_HANGUL: Final = re.compile("[\u1100-\u11ff\u3130-\u318f\uac00-\ud7af]")
_HAN: Final = re.compile("[\u3400-\u9fff々]")
_LETTER: Final = re.compile(r"[^\W\d_]")

#: By how much the likeliest language must lead. One word ("wifi", "taxi") is the same in several
#: languages and tells less than it seems to.
_LEAD: Final = 0.15
_LEAD_OF_ONE_WORD: Final = 0.25
_LETTERS_NEEDED: Final = 4


def detect_language(text: str, *, otherwise: str) -> str:
    """The language of `text`; `otherwise` (the conversation's) where the text does not tell."""
    text = unicodedata.normalize("NFKC", text)
    if _HANGUL.search(text):
        return "ko"
    if _KANA.search(text):
        return "ja"
    han, letters = len(_HAN.findall(text)), len(_LETTER.findall(text))
    # "Where is 京都駅?" is English: a place name in Han among other words decides nothing.
    if han and han * 3 >= letters:
        return _detect_han(text, otherwise)
    return _detect(_HAN.sub(" ", text)) or otherwise


def _detect_han(text: str, otherwise: str) -> str:
    language = _detect(text)
    if language == "ja" or (language is None and otherwise == "ja"):
        return "ja"
    return chinese_script(text) or (otherwise if otherwise.startswith("zh") else "zh-TW")


def chinese_script(text: str) -> str | None:
    """zh-TW or zh-CN by the characters that only one of the two uses; None when there are none."""
    script = hanzidentifier.identify(text)
    if script == hanzidentifier.MIXED:
        # A typo or a name in the other script: the majority decides.
        traditional = sum(hanzidentifier.identify(char) == hanzidentifier.TRAD for char in text)
        simplified = sum(hanzidentifier.identify(char) == hanzidentifier.SIMP for char in text)
        script = hanzidentifier.TRAD if traditional >= simplified else hanzidentifier.SIMP
    return {hanzidentifier.TRAD: "zh-TW", hanzidentifier.SIMP: "zh-CN"}.get(script)


def _detect(text: str) -> str | None:
    if len(_LETTER.findall(text)) < _LETTERS_NEEDED and not _HAN.search(text):
        return None
    first, second, *_ = _detector().compute_language_confidence_values(text)
    needed = _LEAD if len(text.split()) > 1 else _LEAD_OF_ONE_WORD
    return _CODES[first.language] if first.value - second.value >= needed else None


@cache
def _detector() -> LanguageDetector:
    return LanguageDetectorBuilder.from_languages(*_CODES).build()
