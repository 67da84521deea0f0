"""The confidence is a chance, and the fit finds it."""

import math
import random
from dataclasses import astuple

import pytest

from faq.calibration import fit
from faq.confidence import NAMES, Coefficients, Evidence, confidence, load_coefficients


def some_evidence(rng):
    return Evidence(**{name: rng.random() for name in NAMES})


def test_without_a_match_there_is_no_confidence():
    assert confidence(None) == 0.0


def test_the_stored_coefficients_are_complete_and_favour_the_likelier():
    weak = Evidence(**dict.fromkeys(NAMES, 0.1))
    strong = Evidence(**dict.fromkeys(NAMES, 0.9))

    assert len(load_coefficients().slopes) == len(NAMES)
    assert 0 < confidence(weak) < 0.5 < confidence(strong) < 1


def test_the_fit_finds_the_chances_that_made_the_outcomes():
    rng = random.Random(7)
    truth = Coefficients.of(-2.0, [3.0, 0.0, 2.0, *[0.0] * (len(NAMES) - 3)])
    samples = [some_evidence(rng) for _ in range(4000)]
    outcomes = [(seen, rng.random() < truth.chance(seen)) for seen in samples]

    found = fit(outcomes)

    error = [abs(found.chance(seen) - truth.chance(seen)) for seen in samples]
    assert sum(error) / len(error) < 0.04


def test_stated_and_seen_agree_on_what_was_not_fitted():
    rng = random.Random(8)
    truth = Coefficients.of(-3.0, [1.0] * len(NAMES))
    draw = [(seen, rng.random() < truth.chance(seen)) for seen in map(some_evidence, [rng] * 6000)]
    found = fit(draw[:3000])

    for low in (0.0, 0.2, 0.4, 0.6, 0.8):
        fifth = [(found.chance(e), y) for e, y in draw[3000:] if low <= found.chance(e) < low + 0.2]
        if len(fifth) >= 100:
            stated = sum(chance for chance, _ in fifth) / len(fifth)
            seen = sum(right for _, right in fifth) / len(fifth)
            assert math.isclose(stated, seen, abs_tol=0.08)


@pytest.mark.parametrize("right", [True, False])
def test_outcomes_of_one_kind_cannot_be_fitted(right):
    rng = random.Random(9)
    with pytest.raises(ValueError, match="rightly"):
        fit([(some_evidence(rng), right) for _ in range(10)])


def test_evidence_is_read_in_the_order_of_its_names():
    values = [n / 10 for n in range(len(NAMES))]

    assert list(astuple(Evidence(**dict(zip(NAMES, values, strict=True))))) == values
