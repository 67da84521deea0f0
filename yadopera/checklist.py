"""What commands of operators print: a line for each step or check, with the time it took."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final


class Failed(Exception):
    """`args[0]` says what is wrong and, where that is known, what to do."""


class NotChecked(Exception):
    """`args[0]` says why nothing can be said."""


STATES: Final = {True: "ok", False: "FAILED", None: "-"}


@dataclass(frozen=True)
class Outcome:
    name: str
    #: None: not checked.
    ok: bool | None
    milliseconds: int
    detail: str

    def __str__(self) -> str:
        return f"{STATES[self.ok]:6}  {self.milliseconds:6} ms  {self.name}: {self.detail}"


def outcome_of(name: str, step: Callable[[], str]) -> Outcome:
    """Do `step`, which returns what it found."""
    started = time.perf_counter()
    ok: bool | None
    try:
        ok, detail = True, step()
    except Failed as problem:
        ok, detail = False, str(problem)
    except NotChecked as reason:
        ok, detail = None, str(reason)
    return Outcome(name, ok, round((time.perf_counter() - started) * 1000), detail)
