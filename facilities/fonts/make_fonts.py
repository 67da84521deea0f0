"""Makes the fonts beside it: Noto Sans CJK, cut down to what posters need.

    python facilities/fonts/make_fonts.py path/to/NotoSansCJK-Regular.ttc

The collection is in Debian's package fonts-noto-cjk (made with 1:20220127+repack1-1).
"""

import sys
import tomllib
import unicodedata
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

HERE = Path(__file__).parent
#: Which font of the collection draws characters as readers of the language write them.
FACES = {"ja": 0, "ko": 1, "zh-CN": 2, "zh-TW": 3}
#: What a name may hold: everything that Japan, China, Taiwan and Korea have a standard for ...
STANDARDS = ("euc_jis_2004", "cp932", "gb2312", "big5", "euc_kr")
#: ... and kanji of names that none of them has.
NAME_KANJI = "𠮷𠘑𩵋"


def is_for_names(character: str) -> bool:
    if unicodedata.category(character).startswith("M"):
        return False  # would stand beside its letter instead of on it
    latin = character < "\u0250" or "\u1e00" <= character < "\u2070"
    return latin or character in NAME_KANJI or any(has(name, character) for name in STANDARDS)


def has(standard: str, character: str) -> bool:
    try:
        # Python's euc_kr spells rare syllables in eight bytes, which the standard does not have.
        return len(character.encode(standard)) <= 4
    except UnicodeEncodeError:
        return False


def make_fonts(collection: Path) -> None:
    words = tomllib.loads(HERE.with_name("poster_words.toml").read_text(encoding="utf-8"))
    for language, face in FACES.items():
        font = TTFont(collection, fontNumber=face)
        if language == "ja":
            wanted = [code for code in font.getBestCmap() if is_for_names(chr(code))]
        else:
            wanted = [ord(character) for character in words["ask"][language]]
        cut_down(font, wanted)
        font.save(HERE / f"NotoSansCJK-{language}.otf")


def cut_down(font: TTFont, wanted: list[int]) -> None:
    options = subset.Options(hinting=False, layout_features=[], name_IDs=["*"], notdef_outline=True)
    options.drop_tables += ["BASE", "GDEF", "GPOS", "GSUB", "VORG", "vhea", "vmtx"]
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=wanted)
    subsetter.subset(font)


if __name__ == "__main__":
    make_fonts(Path(sys.argv[1]))
