"""The made-up market is the same everywhere, and its models know as much as they are said to."""

import numpy as np

from scorer.lab.market import LARGEST_SKILL, SyntheticMarket
from scorer.lab.population import submission_csv
from scorer.submission.file import read_table
from scorer.submission.table import ID_AND_PREDICTION

MARKET = SyntheticMarket(size=2000)


def correlation(model: int) -> float:
    rounds = range(1, 6)
    found = [np.corrcoef(MARKET.predictions(n, model), MARKET.target(n))[0, 1] for n in rounds]
    return float(np.mean(found))


def test_the_same_seed_makes_the_same_round() -> None:
    again = SyntheticMarket(size=2000)
    assert np.array_equal(again.target(3), MARKET.target(3))
    assert np.array_equal(again.predictions(3, 7), MARKET.predictions(3, 7))
    assert not np.array_equal(MARKET.target(3), MARKET.target(4))


def test_targets_have_five_values_of_which_the_middle_is_the_most_frequent() -> None:
    values, counts = np.unique(MARKET.target(1), return_counts=True)
    assert values.tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert counts.argmax() == 2


def test_some_models_know_something_and_others_the_contrary() -> None:
    assert correlation(1) > LARGEST_SKILL / 2
    assert correlation(4) < -LARGEST_SKILL / 2


def test_a_file_is_a_submission_that_is_valid() -> None:
    predictions = MARKET.predictions(1, 1)
    content = submission_csv(MARKET.universe, predictions)
    table = read_table(content, ID_AND_PREDICTION, "1.csv", ids=0)
    assert tuple(table.ids) == MARKET.universe
    assert np.array_equal(table.predictions, predictions)
    assert 0 < predictions.min() <= predictions.max() < 1
