"""What reads questions is trained by the first process of a home, and is the same in every home."""

import shutil
from pathlib import Path

TRAINED = ("understanding-*", "alarm-*")


def lend_trained_models(home: Path, lender: Path) -> None:
    """Saves `home` the 20 seconds, where `lender` has them already."""
    home.mkdir(parents=True, exist_ok=True)
    for name in TRAINED:
        for trained in lender.glob(name):
            if not (home / trained.name).exists():
                shutil.copy(trained, home / trained.name)
