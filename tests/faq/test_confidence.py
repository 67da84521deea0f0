"""The confidence is a chance, and the fit finds it."""

import math
import random

import pytest

from faq.calibration import Example, fit, fit_foreign, fit_logistic, fit_weights, look
from faq.confidence import (
    LIMIT,
    NAMES,
    PRIOR_GUESTS,
    VIEWS,
    Evidence,
    Likeness,
    Logistic,
    after_declaration,
    load_calibration,
    weigh_endings,
    weigh_votes,
)


def some_evidence(rng):
    return Evidence(**{name: rng.random() for name in NAMES})


@pytest.mark.parametrize("with_vectors", [False, True])
def test_what_is_stored_is_complete_and_favours_the_clearer_case(with_vectors):
    calibration = load_calibration(with_vectors=with_vectors)
    same = {
        "same_language": 1,
        "known": 0.9,
        "highest_concept": 0.6,
        "highest_term": 0.5,
        "highest_coverage": 1,
    }
    unclear = Evidence(lead=0, share=0.05, coverage=0.1, coverage_lead=0, **same)
    clear = Evidence(lead=8, share=0.99, coverage=1, coverage_lead=0.8, **same)

    assert len(calibration.weights) == len(VIEWS)
    assert calibration.first.chance(unclear) < 0.5 < 0.8 < calibration.first.chance(clear) < 1
    assert calibration.any.chance(unclear) >= calibration.first.chance(unclear)


def test_the_fit_finds_the_chances_that_made_the_outcomes():
    rng = random.Random(7)
    truth = Logistic(-2.0, (3.0, 0.0, 2.0, *[0.0] * (len(NAMES) - 3)))
    samples = [some_evidence(rng) for _ in range(4000)]
    outcomes = [(seen, rng.random() < truth.chance(seen)) for seen in samples]

    found = fit_logistic(outcomes)

    error = [abs(found.chance(seen) - truth.chance(seen)) for seen in samples]
    assert sum(error) / len(error) < 0.04


def some_example(rng):
    """Thirty FAQs, the right one likely to be ahead in the first view and nothing else."""
    right = rng.randrange(30)
    likenesses = []
    for number in range(30):
        views = dict.fromkeys(VIEWS, 0.0) | {view: rng.random() for view in VIEWS[:3]}
        views[VIEWS[0]] = rng.betavariate(4, 2) if number == right else rng.betavariate(2, 4)
        likenesses.append((Likeness(**views), number == right, True))
    return Example(tuple(likenesses), known=rng.random())


def test_the_view_that_tells_the_right_one_gets_the_weight():
    rng = random.Random(3)
    weights = fit_weights([some_example(rng) for _ in range(200)], VIEWS[:3])

    assert weights[0] > 5 * max(map(abs, weights[1:]))
    assert weights[3:] == (0.0,) * len(VIEWS[3:])


def test_stated_and_seen_agree_on_what_was_not_fitted():
    rng = random.Random(8)
    examples = [some_example(rng) for _ in range(1500)]
    calibration = fit(examples[:750], views=VIEWS[:3])

    judged = [look(example, calibration) for example in examples[750:]]
    checked = 0
    for low in (0.0, 0.2, 0.4, 0.6, 0.8):
        chances = [(calibration.first.chance(evidence), right) for evidence, right, _ in judged]
        fifth = [(chance, right) for chance, right in chances if low <= chance < low + 0.2]
        if len(fifth) >= 60:
            checked += 1
            stated = sum(chance for chance, _ in fifth) / len(fifth)
            seen = sum(right for _, right in fifth) / len(fifth)
            assert math.isclose(stated, seen, abs_tol=0.12)
    assert checked >= 3


def test_a_faq_in_another_language_is_as_sure_as_those_are_seen_to_be_right():
    rng = random.Random(8)
    calibration = fit([some_example(rng) for _ in range(750)], views=VIEWS[:3])
    foreign = [
        Example(tuple((likeness, right, False) for likeness, right, _ in each.faqs), each.known)
        for each in (some_example(rng) for _ in range(500))
    ]

    fitted = fit_foreign(calibration, foreign)

    judged = [look(each, fitted) for each in foreign]
    stated = sum(fitted.first.chance(evidence) for evidence, _, _ in judged) / len(judged)
    assert stated == pytest.approx(sum(right for _, right, _ in judged) / len(judged), abs=0.02)
    own, _, _ = look(some_example(rng), fitted)
    assert fitted.first.chance(own) == pytest.approx(calibration.first.chance(own))


@pytest.mark.parametrize("right", [True, False])
def test_outcomes_of_one_kind_cannot_be_fitted(right):
    rng = random.Random(9)
    with pytest.raises(ValueError, match="rightly"):
        fit_logistic([(some_evidence(rng), right) for _ in range(10)])


def test_votes_move_the_chance_by_their_number():
    assert weigh_votes(0.9, 0, 0) == 0.9
    assert weigh_votes(0.9, 0, PRIOR_GUESTS) == pytest.approx(0.45)
    assert weigh_votes(0.5, PRIOR_GUESTS, 0) == pytest.approx(0.75)
    assert weigh_votes(0.9, 1, 0) > 0.9 > weigh_votes(0.9, 0, 1)


@pytest.mark.parametrize("chance", [0.0, 0.3, 0.7, 1.0])
def test_an_inn_without_history_is_as_sure_as_the_fit_says(chance):
    assert weigh_endings(weigh_votes(chance, 0, 0), 0, 0) == chance


def test_endings_move_the_chance_little_when_few_and_never_far():
    def log_odds(chance):
        return math.log(chance / (1 - chance))

    assert weigh_endings(0.7, 85, 15) == pytest.approx(0.7), "as is usual"
    assert 0.65 < weigh_endings(0.7, 0, 1) < 0.7 < weigh_endings(0.7, 1, 0) < 0.71
    for content, unhelped, moved in ((0, 10_000, -LIMIT), (10_000, 0, LIMIT)):
        after = weigh_endings(0.7, content, unhelped)
        assert log_odds(after) - log_odds(0.7) == pytest.approx(moved)


def test_a_declaration_is_worth_more_where_there_was_reason_to_expect_it():
    assert after_declaration(0.0) == 0.0
    assert after_declaration(1.0) == 1.0
    assert after_declaration(0.02) < 0.5 < 0.7 < after_declaration(0.3)
