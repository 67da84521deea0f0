"""How surely the best match is right: a probability, calibrated on questions with known answers.

A logistic regression over what the retrieval saw. Its coefficients are data, in `confidence.toml`,
fitted by `manage.py fit_confidence` and stored with their date, their sets and their scores.
"""

import math
import tomllib
from dataclasses import astuple, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Final

FILE: Final = Path(__file__).with_name("confidence.toml")


@dataclass(frozen=True)
class Evidence:
    """What speaks for a match. Likenesses are 0 to 1; leads are differences to the second match."""

    #: The weighed sum of the three likenesses below.
    score: float
    #: How far the second match is behind, as a share of the score: 0, level, to 1, alone.
    lead: float
    topic: float
    topic_lead: float
    concept: float
    concept_lead: float
    term: float
    term_lead: float
    #: The probability of the question's likeliest topic: low for what the library does not know.
    certainty: float


NAMES: Final = tuple(field.name for field in fields(Evidence))


def as_numbers(evidence: Evidence) -> list[float]:
    return list(astuple(evidence))


@dataclass(frozen=True)
class Coefficients:
    intercept: float
    #: In the order of NAMES.
    slopes: tuple[float, ...]

    @classmethod
    def of(cls, intercept: float, slopes: list[float]) -> "Coefficients":
        return cls(intercept, tuple(slopes))

    def chance(self, evidence: Evidence) -> float:
        total = self.intercept + sum(
            slope * x for slope, x in zip(self.slopes, as_numbers(evidence), strict=True)
        )
        return 1 / (1 + math.exp(-total))


@cache
def load_coefficients() -> Coefficients:
    data = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return Coefficients.of(data["intercept"], [data["coefficients"][name] for name in NAMES])


def confidence(evidence: Evidence | None) -> float:
    """The chance that the match is right, 0 to 1; 0 without a match."""
    return load_coefficients().chance(evidence) if evidence else 0.0


def answerable(evidence: Evidence | None) -> float:
    """The chance that one of the matches answers the question."""
    return 1 - (1 - confidence(evidence)) ** 2


#: As many guests as the stated chance counts for when votes on a FAQ come in: after as many votes
#: both weigh the same.
PRIOR_GUESTS: Final = 8


def weigh_votes(chance: float, confirmed: int, disputed: int) -> float:
    """`chance`, after so many guests said that this FAQ's answer helped them or did not.

    The mean of a beta distribution with `chance` as its prior mean and PRIOR_GUESTS as the prior's
    weight (Gelman et al., "Bayesian Data Analysis", 2013, section 2.4).
    """
    return (chance * PRIOR_GUESTS + confirmed) / (PRIOR_GUESTS + confirmed + disputed)


#: How often a model that is given the right FAQ says that it can answer, and how often one that is
#: not says so all the same. Assumed, on the cautious side, until they are measured with a key:
#: the prompt tells the model to decline when in doubt.
DECLARES_WHEN_RIGHT: Final = 0.9
DECLARES_WHEN_WRONG: Final = 0.08


def after_declaration(answerable: float) -> float:
    """The chance that an answer is right which the model says it can give, by Bayes' rule;
    `answerable` is the chance, before it said so, that it was given what answers."""
    right = answerable * DECLARES_WHEN_RIGHT
    return right / (right + (1 - answerable) * DECLARES_WHEN_WRONG)
