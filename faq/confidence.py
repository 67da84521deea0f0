"""How surely the best match is right: a probability, calibrated on questions with known answers.

Everything fitted is data, in `confidence.toml`: what each view of a text counts for when matches
are ranked, and two logistic regressions over what the ranking saw. `manage.py fit_confidence`
writes it, with its date, its sets and its scores; once for searches without an AI provider's
vectors and once for searches with them.
"""

import math
import tomllib
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, Final

FILE: Final = Path(__file__).with_name("confidence.toml")


@dataclass(frozen=True)
class Likeness:
    """How like a question and a FAQ are in each view, 0 to 1 but for the last."""

    topic: float
    answer_topic: float
    concept: float
    term: float
    #: The share of what the question is about that the FAQ speaks of.
    coverage: float
    #: Of the provider's vectors: standard deviations above the mean of the inn's FAQs, which says
    #: the same whichever model made them. 0 without vectors.
    standing: float = 0.0


@dataclass(frozen=True)
class Evidence:
    """What speaks for the best match."""

    #: How far its score is ahead of the second match's.
    lead: float
    #: Its part of exp(score), summed over all FAQs of the inn: 0 to 1.
    share: float
    coverage: float
    #: How much more of the question it speaks of than the second match does.
    coverage_lead: float
    #: 1 when it has a text in the question's language.
    same_language: float
    #: How much of the question's wording the library has ever seen, 0 to 1.
    known: float
    #: The highest of these views among all FAQs of the inn: one that speaks more of the question
    #: than the best match does speaks against that match.
    highest_concept: float
    highest_term: float
    highest_coverage: float


NOTHING: Final = Likeness(0.0, 0.0, 0.0, 0.0, 0.0)
VIEWS: Final = tuple(field.name for field in fields(Likeness))
NAMES: Final = tuple(field.name for field in fields(Evidence))


@dataclass(frozen=True)
class Logistic:
    intercept: float
    #: In the order of NAMES.
    slopes: tuple[float, ...]

    def chance(self, evidence: Evidence) -> float:
        numbers = astuple(evidence)
        total = self.intercept + sum(s * x for s, x in zip(self.slopes, numbers, strict=True))
        return 1 / (1 + math.exp(-total))


@dataclass(frozen=True)
class Calibration:
    #: What each view counts for, in the order of VIEWS.
    weights: tuple[float, ...]
    #: The chance that the first match answers the question.
    first: Logistic
    #: The chance that one of the matches does.
    any: Logistic

    def score(self, likeness: Likeness) -> float:
        return sum(w * x for w, x in zip(self.weights, astuple(likeness), strict=True))

    def evidence(
        self,
        best: Likeness,
        second: Likeness,
        highest: Likeness,
        *,
        share: float,
        same_language: bool,
        known: float,
    ) -> Evidence:
        """`highest` holds the highest value of each view among all FAQs of the inn."""
        return Evidence(
            lead=self.score(best) - self.score(second),
            share=share,
            coverage=best.coverage,
            coverage_lead=best.coverage - second.coverage,
            same_language=float(same_language),
            known=known,
            highest_concept=highest.concept,
            highest_term=highest.term,
            highest_coverage=highest.coverage,
        )


def highest_of(likenesses: Iterable[Likeness]) -> Likeness:
    return Likeness(*map(max, zip(*map(astuple, likenesses), strict=True)))


@cache
def load_calibration(*, with_vectors: bool) -> Calibration:
    data = tomllib.loads(FILE.read_text(encoding="utf-8"))
    part = data["with_vectors" if with_vectors else "without_vectors"]
    return Calibration(
        tuple(part["weights"].get(view, 0.0) for view in VIEWS),
        _logistic(part["first"]),
        _logistic(part["any"]),
    )


def _logistic(part: dict[str, Any]) -> Logistic:
    return Logistic(part["intercept"], tuple(part[name] for name in NAMES))


# After the search -------------------------------------------------------------------------------

#: As many guests as the stated chance counts for when votes on a FAQ come in: after as many votes
#: both weigh the same.
PRIOR_GUESTS: Final = 8


def weigh_votes(chance: float, confirmed: int, disputed: int) -> float:
    """`chance`, after so many guests said that this FAQ's answer helped them or did not.

    The mean of a beta distribution with `chance` as its prior mean and PRIOR_GUESTS as the prior's
    weight (Gelman et al., "Bayesian Data Analysis", 2013, section 2.4).
    """
    return (chance * PRIOR_GUESTS + confirmed) / (PRIOR_GUESTS + confirmed + disputed)


#: More guests against an answer than one guest can pass for: of a network two are counted a week,
#: and he may come by the inn's and by his phone's, before a Monday and after it.
ONE_GUESTS_MOST: Final = 8

#: How guests go on who were told what they asked and do not vote: of so many, this share asks no
#: more. What an inn has seen is set against it. Both are assumed, and so is WEIGHT: there is no
#: data from inns to fit them with. Silence says less than a vote, so it counts for less.
PRIOR_ENDINGS: Final = 10
USUALLY_CONTENT: Final = 0.85
WEIGHT: Final = 0.3
#: In log-odds, the most that endings move a chance: 0.70 becomes 0.61 at the least, 0.78 at most.
LIMIT: Final = 0.4


def weigh_endings(chance: float, content: int, unhelped: int) -> float:
    """`chance`, after so many guests asked no more when they had this FAQ's answer, or asked the
    same again or for a person: their smoothed log-odds against the usual ones, weighed and bounded.
    """
    if not content + unhelped or not 0 < chance < 1:
        return chance
    prior = PRIOR_ENDINGS * USUALLY_CONTENT, PRIOR_ENDINGS * (1 - USUALLY_CONTENT)
    seen = math.log((content + prior[0]) / (unhelped + prior[1])) - math.log(prior[0] / prior[1])
    moved = max(-LIMIT, min(LIMIT, WEIGHT * seen))
    return 1 / (1 + math.exp(-math.log(chance / (1 - chance)) - moved))


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
