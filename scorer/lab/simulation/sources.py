"""The sources of rounds that a simulation may draw on, by name."""

from scorer.lab.simulation.population import make_population
from scorer.lab.simulation.rounds import Source, SyntheticSource
from scorer.protocol.rules import Rules


def make_source(rules: Rules, data: str, *, rounds: int, models: int, ids: int, seed: int) -> Source:
    """Make a source by its name: ``synthetic``, or ``demo``, which has its own models and ids.

    Raises
    ------
    scorer.data.faults.DataError
        For ``demo`` without its prices.
    """
    if data == "demo":
        from scorer.lab.simulation.real_data import DemoSource

        return DemoSource(rules, rounds=min(rounds, DemoSource.MOST), seed=seed)
    return SyntheticSource(make_population(models, seed), rules, rounds=rounds, ids=ids, seed=seed)
