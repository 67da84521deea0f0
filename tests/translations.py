"""Every text of the staff's pages is in Japanese, and compiled. `python -m tests.translations` says
what is missing and exits with 1; with `--compile` it writes the .mo files, which no bare machine
could make and which are therefore kept in the repository."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import polib

ROOT = Path(__file__).resolve().parent.parent
OURS = ROOT / "locale/ja/LC_MESSAGES/django.po"
THEME = ROOT / "yadopera/theme_locale/ja/LC_MESSAGES/django.po"
#: What marks a text in Python, and which of its arguments are texts.
MARKS = {
    "_": slice(1),
    "gettext": slice(1),
    "gettext_lazy": slice(1),
    "ngettext": slice(2),
    "ngettext_lazy": slice(2),
    "pgettext_lazy": slice(1, 2),
}

QUOTED = r"""(?:'(?:\\.|[^'])*'|"(?:\\.|[^"])*")"""


def tracked(pattern: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", pattern], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / name for name in listed.stdout.splitlines() if not name.startswith("tests/")]


def texts_in_python(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        for argument in node.args[MARKS.get(name, slice(0))]:
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                yield argument.value


def texts_in_template(source: str) -> Iterator[str]:
    from django.utils.translation.template import templatize

    for mark in re.finditer(rf"n?gettext\((u?{QUOTED})(?:, (u?{QUOTED}))?", templatize(source)):
        for text in filter(None, mark.groups()):
            yield ast.literal_eval(text.removeprefix("u"))


def marked_texts() -> set[str]:
    found = {text for path in tracked("*.py") for text in texts_in_python(path.read_text())}
    for path in tracked("templates/*"):
        found |= set(texts_in_template(path.read_text()))
    return found


def problems() -> Iterator[str]:
    ours = polib.pofile(str(OURS))
    known = {
        text for entry in ours if not entry.obsolete for text in (entry.msgid, entry.msgid_plural)
    } - {""}
    for text in sorted(marked_texts() - known):
        yield f"not in {OURS.relative_to(ROOT)}: {text!r}"
    for text in sorted(known - marked_texts()):
        yield f"used nowhere: {text!r}"
    for catalogue in (OURS, THEME):
        texts = polib.pofile(str(catalogue))
        for entry in texts.untranslated_entries() + texts.fuzzy_entries():
            yield f"no Japanese: {entry.msgid!r}"
        compiled = catalogue.with_suffix(".mo")
        if not compiled.exists() or compiled.read_bytes() != texts.to_binary():
            yield f"{compiled.relative_to(ROOT)} is not what its .po says: make messages"


if __name__ == "__main__":
    if "--compile" in sys.argv:
        for catalogue in (OURS, THEME):
            polib.pofile(str(catalogue)).save_as_mofile(str(catalogue.with_suffix(".mo")))
    found = list(problems())
    print("\n".join(found) or "Every text of the staff's pages is in Japanese.")
    sys.exit(bool(found))
