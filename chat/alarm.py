"""How much a message sounds like danger, whatever its words: a trained second opinion.

The phrases of `chat.safety` find what somebody thought of. This finds what resembles it: a logistic
regression over the terms and concepts of `faq.understanding`, trained on the messages in
`emergencies/examples/*.toml`, with the library's phrasings as what guests write on ordinary days.
"""

import contextlib
import json
import math
import random
import tempfile
import tomllib
import zlib
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Final

from django.conf import settings

from faq.library import load_library
from faq.understanding import Model, Reader, Weights, kept, load_reader, train, version
from yadopera.languages import LANGUAGES

FOLDER: Final = Path(__file__).parent / "emergencies" / "examples"
INNOCENT: Final = "none"

#: Raised when the code below changes what is learned.
ALGORITHM: Final = 1
#: AdaGrad (Duchi, Hazan, Singer, "Adaptive Subgradient Methods", 2011), in a fixed shuffle. The
#: steps and passes were chosen on emergencies of seven inns that are not among the examples.
PASSES: Final = 4
STEP: Final = 0.5
#: What is known this well teaches nothing more.
NEGLIGIBLE: Final = 0.01
#: Smaller weights are left out: they are half of all and change nothing.
SMALLEST_WEIGHT: Final = 0.02


@dataclass(frozen=True)
class Alarm:
    intercept: float
    weights: Weights

    def chance(self, features: Weights) -> float:
        """That a message with these features tells of danger, 0 to 1."""
        return _chance(
            self.intercept + sum(self.weights.get(name, 0.0) * x for name, x in features.items())
        )


def _chance(total: float) -> float:
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, total))))


def sounds_dangerous(text: str) -> float:
    """The chance that `text` tells of a danger, 0 to 1."""
    return load_alarm().chance(load_reader().signature(text))


def likeliest_danger(text: str) -> str:
    """Which danger it is, if it is one: a list of the examples."""
    topics = _kinds().topics(_kinds().signature(text))
    return max(topics, key=topics.__getitem__, default="medical")


@cache
def load_examples() -> dict[str, dict[str, list[str]]]:
    """language -> danger, or INNOCENT -> messages."""
    return {
        language: tomllib.loads((FOLDER / f"{language}.toml").read_text(encoding="utf-8"))
        for language in LANGUAGES
    }


@cache
def _kinds() -> Reader:
    """Tells the dangers apart, as the library's classifier tells topics apart."""
    return Reader(kept(f"dangers-{alarm_version():x}", _train_kinds))


def _train_kinds() -> Model:
    kinds: dict[str, list[str]] = {}
    for lists in load_examples().values():
        for kind, messages in lists.items():
            kinds.setdefault(kind, []).extend(messages)
    del kinds[INNOCENT]
    return train(kinds)


@cache
def load_alarm() -> Alarm:
    """The alarm of this process; the first to start after a change of the data trains it, in some
    ten seconds, and leaves it in YADOPERA_HOME for the others."""
    path = settings.YADOPERA_HOME / f"alarm-{alarm_version():x}"
    try:
        return Alarm(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        alarm = train_alarm()
        with contextlib.suppress(OSError):
            _keep(alarm, path)
        return alarm


def _keep(alarm: Alarm, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
        json.dump(asdict(alarm), file)
    Path(file.name).replace(path)  # when complete: another process never sees half a file


def alarm_version() -> int:
    """Changes whenever any example does, and what they are read by."""
    texts = b"".join((FOLDER / f"{language}.toml").read_bytes() for language in LANGUAGES)
    return zlib.crc32(texts, (version() + ALGORITHM) % 2**32)


def train_alarm() -> Alarm:
    signature = load_reader().signature
    samples = [
        (signature(message), kind != INNOCENT)
        for lists in load_examples().values()
        for kind, messages in lists.items()
        for message in messages
    ]
    # Every second phrasing tells what ordinary days sound like as well as all of them do.
    ordinary = [line for lines in load_library().values() for line in lines[::2]]
    samples += [(signature(line), False) for line in ordinary]
    return fit(samples)


def fit(samples: list[tuple[Weights, bool]]) -> Alarm:
    weights: Weights = {}
    slopes: Weights = {}
    intercept, slope = 0.0, NEGLIGIBLE
    order = list(samples)
    shuffle = random.Random(1).shuffle  # noqa: S311  # nosec B311  # the same every time
    for _pass in range(PASSES):
        shuffle(order)
        for features, is_danger in order:
            total = intercept + sum(weights.get(name, 0.0) * x for name, x in features.items())
            error = _chance(total) - is_danger
            if abs(error) < NEGLIGIBLE:
                continue
            slope += error**2
            intercept -= STEP * error / math.sqrt(slope)
            for name, x in features.items():
                gradient = error * x
                slopes[name] = slopes.get(name, NEGLIGIBLE) + gradient**2
                step = STEP * gradient / math.sqrt(slopes[name])
                weights[name] = weights.get(name, 0.0) - step
    kept = {name: round(w, 3) for name, w in weights.items() if abs(w) >= SMALLEST_WEIGHT}
    return Alarm(intercept, kept)
