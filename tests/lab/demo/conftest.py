"""The real market and its eras, built once."""

from collections.abc import Iterator

import pytest
from threadpoolctl import threadpool_limits

from scorer.data.feature_sets import feature_sets
from scorer.data.rounds import Rebuilder
from scorer.lab.dataset import load_dataset
from scorer.lab.demo.dataset import FOLDER, Era, era_of
from scorer.lab.demo.strategies import FeatureSets


@pytest.fixture(scope="package", autouse=True)
def _one_blas_thread() -> Iterator[None]:
    """Give small matrices one thread: waiting for a second costs more than it computes."""
    with threadpool_limits(limits=1, user_api="blas"):
        yield


@pytest.fixture(scope="session")
def rebuilder() -> Rebuilder:
    return load_dataset(FOLDER)


@pytest.fixture(scope="session")
def eras(rebuilder: Rebuilder) -> tuple[Era, ...]:
    """All eras whose target is known in the end."""
    return tuple(era_of(rebuilder.of(era)) for era in rebuilder.known)


@pytest.fixture(scope="session")
def sets(rebuilder: Rebuilder) -> FeatureSets:
    return feature_sets(rebuilder.identifiers)
