"""The real market and its eras, built once."""

import pytest

from scorer.demo.eras import Era, build_eras
from scorer.demo.market import Market, load_market


@pytest.fixture(scope="session")
def market() -> Market:
    return load_market()


@pytest.fixture(scope="session")
def eras(market: Market) -> tuple[Era, ...]:
    return build_eras(market)
