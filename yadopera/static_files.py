"""Collecting the static files: seconds of compressing, which every start would spend again."""

import contextlib
import hashlib
from importlib.metadata import version
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command


def collect_static_files() -> None:
    """`collectstatic`, unless what lies in STATIC_ROOT was made of the same files."""
    stamp = Path(settings.STATIC_ROOT) / "made-of"
    with contextlib.suppress(OSError):
        if stamp.read_text() == _made_of(stamp.parent):
            return
    call_command("collectstatic", interactive=False, verbosity=0)
    stamp.write_text(_made_of(stamp.parent))


def _made_of(root: Path) -> str:
    """A digest of all static files, of what names and compresses them, and of the names that were
    given to them last: whoever calls `collectstatic` itself leaves no stamp."""
    digest = hashlib.sha256()
    for package in ("django", "whitenoise"):
        digest.update(version(package).encode())
    digest.update(Path(__file__).with_name("storage.py").read_bytes())
    digest.update((root / "staticfiles.json").read_bytes())
    for finder in get_finders():
        for name, storage in sorted(finder.list([]), key=lambda found: found[0]):
            with storage.open(name) as file:
                digest.update(name.encode() + hashlib.sha256(file.read()).digest())
    return digest.hexdigest()
