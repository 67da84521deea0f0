"""What every home needs and is the same in all of them: `manage.py build` makes it once."""

import shutil
from pathlib import Path

TRAINED = ("understanding-*", "alarm-*", "dangers-*")
STATIC = "static"


def lend_built(home: Path, lender: Path, *, with_static: bool = True) -> None:
    """Saves `home` half a minute, where `lender` has been built already."""
    home.mkdir(parents=True, exist_ok=True)
    for name in TRAINED:
        for trained in lender.glob(name):
            if not (home / trained.name).exists():
                shutil.copy(trained, home / trained.name)
    if with_static and is_of_another(home / STATIC / "made-of", lender / STATIC / "made-of"):
        shutil.rmtree(home / STATIC, ignore_errors=True)
        shutil.copytree(lender / STATIC, home / STATIC)


def is_of_another(stamp: Path, of: Path) -> bool:
    return of.exists() and not (stamp.exists() and stamp.read_text() == of.read_text())
