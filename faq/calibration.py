"""Fitting the confidence to questions with known answers."""

import math
from collections.abc import Sequence
from typing import Final

from faq.confidence import Coefficients, Evidence, as_numbers

#: Keeps coefficients small where the data say little (L2, on standardised columns).
RIDGE: Final = 1.0
STEPS: Final = 50

Row = list[float]


def fit(samples: Sequence[tuple[Evidence, bool]]) -> Coefficients:
    """The logistic regression of 'the match was right' on its evidence.

    Newton's method (Hastie, Tibshirani, Friedman, "The Elements of Statistical Learning", 2009,
    section 4.4.1) on columns scaled to mean 0 and deviation 1. Raises ValueError without samples
    of both outcomes.
    """
    if len({right for _, right in samples}) < 2:
        raise ValueError("needs questions answered rightly and questions answered wrongly")
    rows = [as_numbers(evidence) for evidence, _ in samples]
    means, deviations = _moments(rows)
    scaled = [[1.0, *_scale(row, means, deviations)] for row in rows]
    weights = _newton(scaled, [float(right) for _, right in samples])
    slopes = [weight / deviation for weight, deviation in zip(weights[1:], deviations, strict=True)]
    shift = sum(slope * mean for slope, mean in zip(slopes, means, strict=True))
    return Coefficients.of(weights[0] - shift, slopes)


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


def _newton(rows: list[Row], outcomes: Row) -> Row:
    size = len(rows[0])
    weights = [0.0] * size
    for _step in range(STEPS):
        gradient = [-RIDGE * w if i else 0.0 for i, w in enumerate(weights)]
        hessian = [[RIDGE * (i == j > 0) for j in range(size)] for i in range(size)]
        for row, outcome in zip(rows, outcomes, strict=True):
            chance = 1 / (1 + math.exp(-sum(w * x for w, x in zip(weights, row, strict=True))))
            for i, x in enumerate(row):
                gradient[i] += (outcome - chance) * x
                for j, z in enumerate(row):
                    hessian[i][j] += chance * (1 - chance) * x * z
        step = _solve(hessian, gradient)
        weights = [w + s for w, s in zip(weights, step, strict=True)]
        if max(map(abs, step)) < 1e-9:
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
