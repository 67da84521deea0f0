"""Fitting what `faq.confidence` reads: from questions whose right answers are known."""

import math
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, replace
from typing import Final

from faq.confidence import (
    NAMES,
    NOTHING,
    VIEWS,
    Calibration,
    Evidence,
    Likeness,
    Logistic,
    highest_of,
)

#: Keeps what is fitted small where the data say little (L2; the regressions' columns are
#: standardised, the views are all of one size).
RIDGE: Final = 1.0
STEPS: Final = 50
#: Newton's first steps would overshoot.
LONGEST_STEP: Final = 1.0
#: How many FAQs count as 'one of the matches'.
MATCHES: Final = 5

Row = list[float]


@dataclass(frozen=True)
class Example:
    """A question, and every FAQ of its inn: how like it is, whether it answers, whether it has a
    text in the question's language."""

    faqs: tuple[tuple[Likeness, bool, bool], ...]
    known: float


def fit(examples: Sequence[Example], *, views: Sequence[str] = VIEWS) -> Calibration:
    """The weights of `views`, then both regressions on what a ranking with them sees.

    Raises ValueError without questions of both outcomes.
    """
    weights = fit_weights(examples, views)
    unfitted = Logistic(0.0, ())
    ranked = [look(example, Calibration(weights, unfitted, unfitted)) for example in examples]
    return Calibration(
        weights,
        first=fit_logistic([(evidence, first) for evidence, first, _ in ranked]),
        any=fit_logistic([(evidence, among) for evidence, _, among in ranked]),
    )


def fit_foreign(fitted: Calibration, examples: Sequence[Example]) -> Calibration:
    """`fitted`, with FAQs that have no text in the question's language judged anew by those of
    `examples`; the others as before.

    Where FAQs have most of their languages, `fit` sees few that are written in another, and those
    are the odd ones.
    """
    foreign = [seen for each in examples if not (seen := look(each, fitted))[0].same_language]
    return replace(
        fitted,
        first=with_surplus(fitted.first, [(evidence, first) for evidence, first, _ in foreign]),
        any=with_surplus(fitted.any, [(evidence, among) for evidence, _, among in foreign]),
    )


def with_surplus(logistic: Logistic, samples: Sequence[tuple[Evidence, bool]]) -> Logistic:
    """`logistic` with the log-odds that make up for a text in another language fitted to `samples`,
    all of which lack it: one number, by Newton's method."""
    place = NAMES.index("same_language")
    own = logistic.intercept + logistic.slopes[place]
    rows = [
        (own + _product([*logistic.slopes], list(astuple(evidence))), outcome)
        for evidence, outcome in samples
    ]

    def slope_and_curve(surplus: Row) -> tuple[Row, list[Row]]:
        chances = [(1 / (1 + math.exp(-total - surplus[0])), right) for total, right in rows]
        slope = sum(right - chance for chance, right in chances)
        return [slope], [[sum(chance * (1 - chance) for chance, _ in chances)]]

    [surplus] = _newton(slope_and_curve, [0.0], [RIDGE])
    slopes = [*logistic.slopes]
    slopes[place] = -surplus
    return Logistic(own + surplus, tuple(slopes))


def look(example: Example, calibration: Calibration) -> tuple[Evidence, bool, bool]:
    """What a ranking sees; whether its first match answers, and whether one of its matches does."""
    ranked = sorted(example.faqs, key=lambda faq: -calibration.score(faq[0]))
    best, _, same_language = ranked[0]
    highest = calibration.score(best)
    share = 1 / sum(math.exp(calibration.score(faq[0]) - highest) for faq in ranked)
    evidence = calibration.evidence(
        best,
        ranked[1][0] if len(ranked) > 1 else NOTHING,
        highest_of(likeness for likeness, _, _ in ranked),
        share=share,
        same_language=same_language,
        known=example.known,
    )
    return evidence, ranked[0][1], any(right for _, right, _ in ranked[:MATCHES])


def fit_weights(examples: Sequence[Example], views: Sequence[str]) -> tuple[float, ...]:
    """What each view counts for: the softmax over an inn's FAQs that makes the right ones likeliest
    (Cao et al., "Learning to Rank: From Pairwise Approach to Listwise Approach", 2007, with the
    top one). Views that are left out count for nothing."""
    columns = [VIEWS.index(view) for view in views]
    tables = [
        ([[astuple(faq)[c] for c in columns] for faq, _, _ in example.faqs], right)
        for example in examples
        if any(right := [right for _, right, _ in example.faqs])
    ]

    def slope_and_curve(weights: Row) -> tuple[Row, list[Row]]:
        slope, curve = [0.0] * len(columns), [[0.0] * len(columns) for _ in columns]
        for rows, right in tables:
            chances = softmax([_product(weights, row) for row in rows])
            found = sum(chance for chance, is_right in zip(chances, right, strict=True) if is_right)
            mean = _mean(rows, chances)
            wanted = _mean(
                rows, [c / found if r else 0.0 for c, r in zip(chances, right, strict=True)]
            )
            for i in range(len(columns)):
                slope[i] += wanted[i] - mean[i]
                for j in range(len(columns)):
                    curve[i][j] -= mean[i] * mean[j]
            for row, chance in zip(rows, chances, strict=True):
                for i, x in enumerate(row):
                    for j, z in enumerate(row):
                        curve[i][j] += chance * x * z
        return slope, curve

    fitted = _newton(slope_and_curve, [0.0] * len(columns), [RIDGE] * len(columns))
    by_view = dict(zip(views, fitted, strict=True))
    return tuple(by_view.get(view, 0.0) for view in VIEWS)


def softmax(scores: Row) -> Row:
    highest = max(scores)
    powers = [math.exp(score - highest) for score in scores]
    total = sum(powers)
    return [power / total for power in powers]


def _mean(rows: list[Row], weights: Row) -> Row:
    columns = zip(*rows, strict=True)
    return [sum(w * x for w, x in zip(weights, column, strict=True)) for column in columns]


def fit_logistic(samples: Sequence[tuple[Evidence, bool]]) -> Logistic:
    """The logistic regression of an outcome on its evidence.

    Newton's method (Hastie, Tibshirani, Friedman, "The Elements of Statistical Learning", 2009,
    section 4.4.1) on columns scaled to mean 0 and deviation 1. Raises ValueError without samples
    of both outcomes.
    """
    if len({outcome for _, outcome in samples}) < 2:
        raise ValueError("needs questions answered rightly and questions answered wrongly")
    rows = [list(astuple(evidence)) for evidence, _ in samples]
    means, deviations = _moments(rows)
    scaled = [[1.0, *_scale(row, means, deviations)] for row in rows]
    outcomes = [float(outcome) for _, outcome in samples]

    def slope_and_curve(weights: Row) -> tuple[Row, list[Row]]:
        slope, curve = [0.0] * len(weights), [[0.0] * len(weights) for _ in weights]
        for row, outcome in zip(scaled, outcomes, strict=True):
            chance = 1 / (1 + math.exp(-_product(weights, row)))
            for i, x in enumerate(row):
                slope[i] += (outcome - chance) * x
                for j, z in enumerate(row):
                    curve[i][j] += chance * (1 - chance) * x * z
        return slope, curve

    width = len(scaled[0])
    weights = _newton(slope_and_curve, [0.0] * width, [0.0, *[RIDGE] * (width - 1)])
    slopes = [weight / deviation for weight, deviation in zip(weights[1:], deviations, strict=True)]
    return Logistic(weights[0] - _product(slopes, means), tuple(slopes))


def _moments(rows: list[Row]) -> tuple[Row, Row]:
    columns = list(zip(*rows, strict=True))
    means = [sum(column) / len(column) for column in columns]
    deviations = [
        math.sqrt(sum((x - mean) ** 2 for x in column) / len(column)) or 1.0
        for column, mean in zip(columns, means, strict=True)
    ]
    return means, deviations


def _scale(row: Row, means: Row, deviations: Row) -> Row:
    return [(x - m) / d for x, m, d in zip(row, means, deviations, strict=True)]


def _product(left: Row, right: Row) -> float:
    return sum(x * z for x, z in zip(left, right, strict=True))


def _newton(
    slope_and_curve: Callable[[Row], tuple[Row, list[Row]]], weights: Row, ridge: Row
) -> Row:
    """Where the likelihood, less the ridge, is highest. `slope_and_curve` gives its gradient and
    its negated second derivatives (or what bounds them)."""
    for _step in range(STEPS):
        slope, curve = slope_and_curve(weights)
        for i, keep_small in enumerate(ridge):
            slope[i] -= keep_small * weights[i]
            curve[i][i] += keep_small
        step = [max(-LONGEST_STEP, min(LONGEST_STEP, s)) for s in _solve(curve, slope)]
        weights = [w + s for w, s in zip(weights, step, strict=True)]
        if max(map(abs, step)) < 1e-6:
            break
    return weights


def _solve(matrix: list[Row], right: Row) -> Row:
    """Gaussian elimination with pivoting; the matrix is small and regular."""
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    size = len(rows)
    for column in range(size):
        pivot = max(range(column, size), key=lambda r: abs(rows[r][column]))
        rows[column], rows[pivot] = rows[pivot], rows[column]
        for r in range(size):
            if r != column:
                factor = rows[r][column] / rows[column][column]
                rows[r] = [x - factor * y for x, y in zip(rows[r], rows[column], strict=True)]
    return [rows[i][size] / rows[i][i] for i in range(size)]
