"""The markets of a comparison by the name of their data."""

from functools import partial
from typing import Final

from scorer.lab.comparison.market import SignalMarket
from scorer.lab.comparison.runner import Markets

SYNTHETIC: Final = "synthetic"
DEMO: Final = "demo"


def make_markets(data: str, *, rounds: int, models: int, ids: int) -> Markets:
    """Return the markets of a data set; of the demo's real prices after minutes, since its models predict.

    Parameters
    ----------
    models, ids
        Of synthetic markets.
    """
    if data == SYNTHETIC:
        make = partial(SignalMarket, models=models, ids=ids, rounds=rounds)
        return Markets(make, "signals and noise that are made up", rounds, models, ids)
    # The demo's packages are an extra, which synthetic markets do without.
    from scorer.lab.comparison.prices import BLOCK_WEEKS, PriceMarket, load_history

    history = load_history()
    weeks, models, ids = history.predictions.shape
    words = f"{weeks} weeks of real prices, in blocks of {BLOCK_WEEKS} whose order is drawn"
    return Markets(partial(PriceMarket, history=history, rounds=rounds), words, rounds, models, ids)
