"""A devnet's rounds are about eras of a synthetic market, which its models predict from features alone."""

import numpy as np
import pytest

from scorer.data.rounds import Rebuilder
from scorer.lab.dataset import load_dataset
from scorer.lab.devnet.layout import DATA, Settings
from scorer.lab.devnet.simulator import EXAMPLE_MODEL, predicted


@pytest.fixture(scope="module")
def rebuilder() -> Rebuilder:
    return load_dataset(DATA)


def correlation(rebuilder: Rebuilder, model: int) -> float:
    tables = [rebuilder.of(era).table for era in rebuilder.known[::6]]
    found = [np.corrcoef(predicted(table, model), table.targets["20d2l"])[0, 1] for table in tables]
    return float(np.mean(found))


def test_some_models_know_a_little_and_others_the_contrary(rebuilder: Rebuilder) -> None:
    assert correlation(rebuilder, 1) > 0.02
    assert correlation(rebuilder, EXAMPLE_MODEL) > 0.02
    assert correlation(rebuilder, 4) < -0.02


def test_predictions_are_ranks_and_the_same_again(rebuilder: Rebuilder) -> None:
    table = rebuilder.of(rebuilder.known[7]).table
    one = predicted(table, 3)
    assert np.array_equal(one, predicted(table, 3))
    assert not np.array_equal(one, predicted(table, 2))
    assert sorted(one.tolist()) == ((np.arange(200) + 0.5) / 200).tolist()


@pytest.mark.parametrize("in_the_clear", [True, False])
def test_the_rules_of_its_rounds_name_the_recipe(rebuilder: Rebuilder, in_the_clear: bool) -> None:
    rules = Settings(in_the_clear=in_the_clear).rules
    assert rules.data == rebuilder.recipe.hash()
    assert rules.is_encrypted != in_the_clear
