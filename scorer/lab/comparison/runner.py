"""Many markets, one process a core."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context

from threadpoolctl import threadpool_limits

from scorer.lab.comparison.market import Market
from scorer.lab.comparison.play import play_market
from scorer.lab.comparison.rules import candidates
from scorer.protocol.rules import Rules
from scorer.scoring.threads import usable_cores

Outcome = Mapping[str, Mapping[str, float]]
"""Percent by rule and kind."""


@dataclass(frozen=True)
class Markets:
    """A maker of markets, and what they are made of.

    Attributes
    ----------
    make
        Makes the market of a seed. It is called in worker processes, to which it is pickled.
    data
        What they are made of, in words.
    rounds, models, ids
        Of each market.
    """

    make: Callable[[int], Market]
    data: str
    rounds: int
    models: int
    ids: int


@dataclass(frozen=True)
class AttackComparison:
    """The outcomes of all markets.

    Attributes
    ----------
    rules
        As they were compared, by name, the shipped ones first.
    outcomes
        One a seed.
    """

    rules: Mapping[str, Rules]
    markets: Markets
    outcomes: Sequence[Outcome]


def compare(
    shipped: Rules, markets: Markets, seeds: int, tick: Callable[[], None] = lambda: None
) -> AttackComparison:
    """Play attackers against rules in as many markets as there are seeds.

    The same arguments give the same figures on the same machine.

    Parameters
    ----------
    tick
        Called after each market.
    """
    rules = candidates(shipped)
    with _workers() as pool:
        outcomes = []
        for outcome in _played(pool, rules, markets, range(1, seeds + 1)):
            outcomes.append(outcome)
            tick()
    return AttackComparison(rules, markets, outcomes)


@contextmanager
def _workers() -> Iterator[Executor]:
    # Each worker imports numpy anew: a fork would copy locks that other threads hold.
    with ProcessPoolExecutor(usable_cores(), mp_context=get_context("spawn")) as pool:
        yield pool


def _played(pool: Executor, rules: Mapping[str, Rules], markets: Markets, seeds: range) -> Iterator[Outcome]:
    documents = {name: document.model_dump_json() for name, document in rules.items()}
    yield from pool.map(partial(_play_alone, documents, markets), seeds)


def _play_alone(documents: Mapping[str, str], markets: Markets, seed: int) -> Outcome:
    """Play a market in a worker, which has one core to itself."""
    rules = {name: Rules.model_validate_json(text) for name, text in documents.items()}
    with threadpool_limits(limits=1, user_api="blas"):
        return play_market(rules, markets.make(seed), markets.rounds)
