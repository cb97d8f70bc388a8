"""The real market and its eras, built once."""

from collections.abc import Iterator

import pytest
from threadpoolctl import threadpool_limits

from scorer.lab.demo.eras import Era, build_eras
from scorer.lab.demo.market import PriceHistory, load_market


@pytest.fixture(scope="package", autouse=True)
def _one_blas_thread() -> Iterator[None]:
    """Give small matrices one thread: waiting for a second costs more than it computes."""
    with threadpool_limits(limits=1, user_api="blas"):
        yield


@pytest.fixture(scope="session")
def market() -> PriceHistory:
    return load_market()


@pytest.fixture(scope="session")
def eras(market: PriceHistory) -> tuple[Era, ...]:
    return build_eras(market)
